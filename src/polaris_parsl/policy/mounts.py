"""Which mounted file system a path lies on, and whether other machines can have it, too."""

from dataclasses import dataclass
from pathlib import Path

# Kinds that only one machine mounts, by their names in mountinfo; of unknown ones nothing is said.
_LOCAL = frozenset(
    {
        *("tmpfs", "ramfs", "overlay", "squashfs", "erofs", "iso9660", "vfat"),
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs"),
    }
)


@dataclass(frozen=True)
class Mount:
    """A mounted filesystem: where, and of which type."""

    point: Path
    kind: str

    @property
    def is_local(self) -> bool:
        """Whether only this machine has it."""
        return self.kind in _LOCAL


def mount_of(path: Path) -> Mount:
    """The filesystem that a path lies on, whether or not the path exists.

    Source: /proc/self/mountinfo, see proc(5).
    """
    found = Mount(Path("/"), "unknown")
    real = path.resolve()
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        # blanks and the like are written as octal numbers
        point = Path(before.split()[4].encode("latin-1", "replace").decode("unicode_escape"))
        if real.is_relative_to(point) and len(point.parts) >= len(found.point.parts):
            found = Mount(point, kind=after.split()[0])
    return found

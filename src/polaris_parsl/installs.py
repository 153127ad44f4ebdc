"""The names of everything below a prefix, and how an environment points to an install in it.

    PREFIX/defaults.toml              options for all users of the prefix
    PREFIX/queues.json                queues that PBS was found to have
    PREFIX/state/                     which version is the default, deprecated, withdrawn
    PREFIX/modulefiles[-tcl]/         what `module use` takes
    PREFIX/versions/VERSION/          an install: bin, overlay, tools, receipt.json
    PREFIX/bases/KEY/                 a Python of our own, shared by the versions that are locked alike

`polaris-parsl venv` makes environments on top of an install. One `.pth` file ties them to
it: Python reads that file at each start, and its first path is the overlay's site-packages.
"""

import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from polaris_parsl.files import read_regular, regular
from polaris_parsl.version import NAME

# in a prefix
VERSIONS, BASES, STATE, INSTALL_FILE = "versions", "bases", "state", "defaults.toml"
QUEUES_FILE = "queues.json"
LUA_TREE, TCL_TREE = "modulefiles", "modulefiles-tcl"
MODULE_FOLDERS = (f"{LUA_TREE}/{NAME}", f"{TCL_TREE}/{NAME}")
# in an install
OVERLAY, TOOLS, BIN, SHARE, RECEIPT = "overlay", "tools", "bin", "share", "receipt.json"
IMAGE, LOCAL = "workers.image", "workers.tar.gz"
# what is being made, what is being deleted: the starts of their names
STAGING, REMOVED = ".staging-", ".removed-"
# makes a directory the group's; whether others may read it is its owner's choice
GROUP_MODE = stat.S_ISGID | stat.S_IRWXG
# what --base calls the Python of conda-lock.yml
LOCKED = "locked"
# for messages
INSTALL_PATH = f"PREFIX/{VERSIONS}/VERSION"
INSTALL_COMMAND = f"{VERSIONS}/VERSION/{BIN}/{NAME}"

# about ten times those of ours
_RECEIPT_BYTES_MAX = 50_000_000
# as env.receipt writes them: the files come last
_FILES, _END, _NO_FILES = b',\n "links": {', b"}\n", b', "links": {}, "files": {}'
_PIECE_BYTES = 1 << 16

LINK = "polaris-parsl.pth"
_LINK_BYTES_MAX = 1 << 16
# how many directories the site-packages of an install lie below it
_PARTS_BELOW = 3
_KEY = re.compile(r"[0-9a-f]{16}")
# In a run directory: the packages that the user's environment added for that run.
PACKAGES = "environment.txt"


def is_locked(base: Path | None) -> bool:
    """Whether the base that a user asked for is the locked one."""
    return str(base) == LOCKED


def version_root(prefix: Path, version: str) -> Path:
    """The install of a version in a prefix."""
    return prefix / VERSIONS / version


def base_root(prefix: Path, key: str) -> Path:
    """The locked base of a key in a prefix."""
    return prefix / BASES / key


def is_base_key(name: object) -> bool:
    """Whether something is the name of a locked base, and so one part of a path."""
    return isinstance(name, str) and _KEY.fullmatch(name) is not None


def lies_in_a_prefix(root: Path) -> bool:
    """Whether an install lies under the versions of a prefix, by its path; a copy does not."""
    return root.parent.name == VERSIONS


def prefix_of(root: Path) -> Path:
    """The prefix that holds an install."""
    return root.parents[1]


def group_of(prefix: Path) -> int | None:
    """Number of the group that a prefix belongs to; None if it is personal, or does not exist."""
    try:
        status = prefix.stat()
    except OSError:
        return None
    return status.st_gid if status.st_mode & GROUP_MODE == GROUP_MODE else None


def overlay_of(root: Path) -> Path:
    """The environment of an install that users get."""
    return root / OVERLAY


def overlay_python(root: Path) -> Path:
    """The Python that users get."""
    return overlay_of(root) / BIN / "python"


def tools_of(root: Path) -> Path:
    """The environment of an install that its command runs in."""
    return root / TOOLS


def image_of(root: Path) -> Path:
    """The byte code of what workers import, in one file."""
    return root / IMAGE


def archive_of(root: Path) -> Path:
    """What nodes unpack to start workers from their own disk; its digest lies beside it."""
    return root / LOCAL


def command_of(root: Path) -> Path:
    """The command of an install."""
    return root / BIN / NAME


def rebase_command(root: Path) -> str:
    """Shell text that builds a version again on the locked base; it works without the version's base."""
    return f"{shlex.quote(str(command_of(root)))} rebase --base {LOCKED}"


def receipt_of(root: Path) -> Path:
    """The receipt of an install."""
    return root / RECEIPT


def content_of_receipt(root: Path, *, with_files: bool = True) -> bytes:
    """The receipt of an install, as JSON.

    Args:
        root: the install.
        with_files: whether the files and links stand in it, which are nearly all of it.

    Raises:
        OSError: it is missing, a link, not a regular file, or very large.
    """
    path = receipt_of(root)
    whole = None if with_files else _without_files(path)
    return whole or read_regular(path, most_bytes=_RECEIPT_BYTES_MAX, through_link=False)


def _without_files(path: Path) -> bytes | None:
    """What stands before the files; None if no such part is found, or the end is missing."""
    with regular(path, through_link=False) as stream:
        head, begin = bytearray(), 0
        # each byte is looked at once, however large somebody has made it
        while (
            head.find(_FILES, begin) < 0
            and (more := stream.read(_PIECE_BYTES))
            and len(head) < _RECEIPT_BYTES_MAX
        ):
            begin = max(0, len(head) - len(_FILES))
            head += more
        stream.seek(-min(len(head), len(_END)), os.SEEK_END)
        is_whole = stream.read() == _END
    first, files, _ = head.partition(_FILES)
    return b"%s%s}" % (first, _NO_FILES) if files and is_whole else None


def install_of(folder: Path) -> Path | None:
    """The install that an environment was made on, as PREFIX/versions/VERSION.

    Args:
        folder: any directory.

    Returns:
        The recorded path, whether or not it still exists; None if the directory is not such
        an environment.
    """
    for link in sorted(folder.glob(f"lib/python3.*/site-packages/{LINK}")):
        try:
            # FOLDER may be anybody's
            lines = os.fsdecode(read_regular(link, most_bytes=_LINK_BYTES_MAX)).splitlines()
        except OSError:
            continue
        # an install lies below the directory of the versions
        for line in lines:
            if line.startswith("/") and len(Path(line).parents) > _PARTS_BELOW:
                return _root(Path(line))
    return None


def own_packages() -> tuple[str, ...]:
    """The packages that the user's environment adds to the install, as requirements.

    Empty outside of such an environment. Modules that no installer put there are not listed.
    """
    if install_of(Path(sys.prefix)) is None:
        return ()
    return tuple(sorted(set(_requirements(Path(sys.prefix)))))


def _requirements(folder: Path) -> Iterator[str]:
    from importlib.metadata import distributions  # noqa: PLC0415 - it takes its time

    places = [str(path) for path in folder.glob("lib/python3.*/site-packages")]
    for each in distributions(path=places):
        if not each.read_text("METADATA"):
            continue  # left by an installation that was interrupted
        # for a package that did not come from an index, pip records its origin (PEP 610)
        origin = json.loads(each.read_text("direct_url.json") or "{}")
        if "vcs_info" in origin:
            vcs = origin["vcs_info"]
            yield f"{each.name} @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"
        elif origin:
            yield f"{each.name} @ {origin['url']}"
        else:
            yield f"{each.name}=={each.version}"


def own_install() -> Path | None:
    """The install that this package was imported from; None if it was not."""
    site_packages = Path(__file__).parents[1]
    # in a source tree close to the root of the file system there are fewer parents
    if not {OVERLAY, TOOLS} & {each.name for each in site_packages.parents[2:3]}:
        return None
    root = _root(site_packages)
    return root if command_of(root).is_file() else None


def own_package() -> Path:
    """This package as the users' Python has it, also where the command of an install runs in its tools."""
    here, root = Path(__file__).parent, own_install()
    found = root and overlay_of(root).glob(f"lib/python3.*/site-packages/{here.name}")
    return next(iter(found or ()), here)


def is_same_place(one: Path, other: Path) -> bool:
    """Whether two paths lead to one directory."""
    return one == other or (one.exists() and other.exists() and one.samefile(other))


def _root(site_packages: Path) -> Path:
    # ROOT/OVERLAY/lib/python3.12/site-packages
    return site_packages.parents[_PARTS_BELOW]

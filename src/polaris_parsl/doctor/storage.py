"""Checks the run directory: its filesystem, whether it is writable, and its clock."""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.doctor.findings import DoctorFinding, note, ok, problem
from polaris_parsl.doctor.here import Here
from polaris_parsl.doctor.machine import is_login_node
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.pbs.directives import read_scheduler_options, resources

# A driver writes logs, job scripts and checkpoints.
_LEAST_FREE_BYTES = 100 << 20
# A larger offset would confuse readers who compare times in logs.
CLOCK_SECONDS = 5.0
# Filesystems that several machines mount, by their names in mountinfo.
_SHARED = ("lustre", "nfs", "nfs4", "gpfs", "beegfs", "ceph", "cifs", "smb3", "9p", "fuse.sshfs")
_IN_MEMORY = ("tmpfs", "ramfs")


@dataclass(frozen=True)
class Mount:
    """A mounted filesystem: where, and of which type."""

    point: Path
    kind: str


def mount_of(path: Path) -> Mount:
    """The filesystem that a path lies on.

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


def look_at_run_dir(here: Here) -> Iterator[DoctorFinding]:
    """The run directory is writable and has space, and compute nodes see it."""
    run_dir = _run_dir(here)
    place = _nearest(run_dir)
    try:
        with tempfile.NamedTemporaryFile(prefix=".polaris-parsl-doctor-", dir=place) as file:
            file.write(bytes(1 << 16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield problem(
            f"cannot write to {place}, for run_dir={run_dir}: {error.strerror}",
            "choose another run_dir, or free space there",
        )
        return
    mount = mount_of(place)
    free = shutil.disk_usage(place).free
    where = f"{run_dir} on {mount.kind} ({mount.point}), {_size(free)} free"
    found = list(_not_seen(here, run_dir, mount))
    if free < _LEAST_FREE_BYTES:
        found.append(
            problem(f"{where}: too little for logs and checkpoints", "free space, or move run_dir")
        )
    yield from found or [ok(where)]
    if _filesystem(place) == "home":
        yield note(
            f"{run_dir} is in your home, whose quota is {polaris().home_quota_gb} GB "
            f"[{source('filesystems')}]; logs grow with the tasks",
            "choose a run_dir in the directory of your project",
        )


def _not_seen(here: Here, run_dir: Path, mount: Mount) -> Iterator[DoctorFinding]:
    """Reasons why the system's compute nodes would not see the run directory."""
    options = here.planned.requests[0].options
    if options.mode != "blocks" or not is_login_node(socket.gethostname()):
        return
    name = _filesystem(run_dir)
    if mount.kind in _IN_MEMORY or (name is None and mount.kind not in _SHARED):
        known = ", ".join(map(str, polaris().mounts.values()))
        yield problem(
            f"{run_dir} is on {mount.kind} of this node only; compute nodes do not see it",
            f"choose a run_dir below {known}",
        )
    asked = resources(read_scheduler_options("scheduler_options", options.scheduler_options)).get(
        "filesystems", ""
    )
    if name and name not in asked.split(":"):
        yield problem(
            f"{run_dir} is on {name}, and the blocks request filesystems={asked}",
            f'scheduler_options="#PBS -l filesystems={asked}:{name}"',
        )


def _filesystem(path: Path) -> str | None:
    """PBS's name of the filesystem of a path; None if it is not one of the system's."""
    real = path.resolve()
    for name, point in polaris().mounts.items():
        if real.is_relative_to(point.resolve()):
            return name
    return None


def look_at_clock(here: Here) -> Iterator[DoctorFinding]:
    """The clock of this node agrees with that of the run directory's filesystem."""
    place = _nearest(_run_dir(here))
    with tempfile.NamedTemporaryFile(prefix=".polaris-parsl-doctor-", dir=place) as file:
        before = time.time()
        file.write(b"1")
        file.flush()
        os.fsync(file.fileno())
        after = time.time()
        theirs = os.fstat(file.fileno()).st_mtime
    offset = max(before - theirs, theirs - after, 0.0)
    if offset > CLOCK_SECONDS:
        yield problem(
            f"the clock of this node and that of the filesystem of {place} are {offset:.0f} s apart",
            "report it to the site's support; until then, do not compare times in logs of several nodes",
        )
    else:
        yield ok(f"within {max(offset, 0.1):.1f} s of the filesystem of {place}")


def _run_dir(here: Here) -> Path:
    return here.planned.requests[0].options.run_dir


def _nearest(path: Path) -> Path:
    """The path, or the first existing directory above it: Parsl makes the others."""
    return next(place for place in (path, *path.parents) if place.exists())


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.0f} TB"

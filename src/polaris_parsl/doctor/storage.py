"""Checks the run directory: its filesystem, whether it is writable, and its clock."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from polaris_parsl.doctor.findings import DoctorFinding, note, ok, problem
from polaris_parsl.doctor.here import Here
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.policy.mounts import mount_of
from polaris_parsl.policy.run_dir import filesystem_of

# A driver writes logs, job scripts and checkpoints.
_LEAST_FREE_BYTES = 100 << 20
# A larger offset would confuse readers who compare times in logs.
CLOCK_SECONDS = 5.0


def look_at_run_dir(here: Here) -> Iterator[DoctorFinding]:
    """The run directory is writable and has space."""
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
    if free < _LEAST_FREE_BYTES:
        yield problem(
            f"{where}: too little for logs and checkpoints", "free space, or move run_dir"
        )
    else:
        yield ok(where)
    if filesystem_of(place.resolve()) == "home":
        yield note(
            f"{run_dir} is in your home, whose quota is {polaris().home_quota_gb} GB "
            f"[{source('filesystems')}]; logs grow with the tasks",
            "choose a run_dir in the directory of your project",
        )


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

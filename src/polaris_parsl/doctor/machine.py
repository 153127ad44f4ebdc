"""Checks this node: its system, the remaining tasks, the programs, and TMPDIR."""

import os
import platform
import re
import resource
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from polaris_parsl.doctor.findings import DoctorFinding, note, ok, problem, unknown
from polaris_parsl.doctor.here import Here
from polaris_parsl.env.prefix.permissions import user_name
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.process import run

# Python's multiprocessing makes TMPDIR/pymp-xxxxxxxx/listener-xxxxxxxx.
_SOCKET_FOLDER, _SOCKET = "pymp-", "listener-xxxxxxxx"
# Words in the version of other launchers called mpiexec; conda packages install them.
_OTHER_MPIS = {
    "HYDRA": "MPICH",
    "Intel(R) MPI": "Intel MPI",
    "OpenRTE": "Open MPI",
    "prterun": "Open MPI",
}
_ANSWER_SECONDS = 30
_CGROUPS = Path("/sys/fs/cgroup")


def look_at_system(here: Here) -> Iterator[DoctorFinding]:
    """The node, its kernel and its C library."""
    name = socket.gethostname()
    libc, version = platform.libc_ver()
    yield ok(f"{name}, {_kind(here, name)}; Linux {platform.release()}, {libc} {version}")


def is_compute_node(name: str) -> bool:
    """Whether a host name is one of the system's compute nodes."""
    return re.match(polaris().node.hostname_pattern, name.partition(".")[0]) is not None


def _kind(here: Here, name: str) -> str:
    where = "of the sandbox" if here.command.in_sandbox else f"of {polaris().system}"
    if polaris().is_login_node(name):
        return f"a login node {where}"
    if is_compute_node(name):
        return f"a compute node {where}"
    return f"not a node of {polaris().system} by its name"


def look_at_tasks(here: Here) -> Iterator[DoctorFinding]:
    """The user's limit of processes and threads leaves enough tasks for a driver."""
    needed = polaris().parsl.driver_tasks
    used = _tasks_of_user()
    limits = list(_limits(used))
    known = polaris().login.tasks_per_user
    is_login = polaris().is_login_node(socket.gethostname()) and not here.command.in_sandbox
    if not limits and is_login:
        limits = [(known, used, f"by {source('login')}")]
    if not limits:
        yield ok(f"{used} tasks of yours, and no limit; a driver needs {needed}")
        return
    left, limit, taken, place = min((limit - taken, limit, taken, p) for limit, taken, p in limits)
    text = f"{taken} of {limit} tasks are taken ({place}), {max(left, 0)} left"
    if left < needed:
        yield problem(
            f"{text}, and a driver with one executor needs {needed} [{source('parsl.driver')}]",
            "end what you no longer need (`ps -u $USER -L`); "
            "`export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1` keeps libraries from taking "
            "a thread for each core",
        )
    else:
        yield ok(f"{text}; a driver needs {needed}")
    if is_login and limit != known:
        yield note(f"the facts have a limit of {known} [{source('login')}]")


def _limits(used: int) -> Iterator[tuple[int, int, str]]:
    """Each limit on this process: its value, the tasks that count against it, and its place."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    # it does not limit root
    if soft != resource.RLIM_INFINITY and os.getuid() != 0:
        yield soft, used, "RLIMIT_NPROC, `ulimit -u`"
    own = Path(polaris().login.tasks_file.format(user=user_name(os.getuid())))
    for file in dict.fromkeys([own, *_cgroup_files()]):
        try:
            limit = file.read_text().strip()
            taken = int(file.with_name("pids.current").read_text())
        except OSError:
            continue
        if limit.isdigit():
            yield int(limit), taken, str(file)


def _cgroup_files() -> Iterator[Path]:
    """pids.max of this process's control group and of all above it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers not in {"", "pids"}:
            continue
        own = _CGROUPS / controllers / place.lstrip("/")
        for folder in (own, *own.parents):
            if folder == _CGROUPS.parent:
                break
            yield folder / "pids.max"


def _tasks_of_user() -> int:
    """The user's processes and threads that /proc shows."""
    count = 0
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and folder.stat().st_uid == os.getuid():
                count += sum(1 for _ in (folder / "task").iterdir())
        except OSError:
            continue
    return count


def look_at_mpiexec(here: Here) -> Iterator[DoctorFinding]:
    """Jobs have the system's mpiexec; login nodes may have none."""
    found = here.which("mpiexec")
    inside = here.command.job is not None
    if found is None and inside:
        yield problem(
            "there is no mpiexec on PATH in this job; the workers need it to start",
            "`module load cray-pals`, or begin the job script with `#!/bin/bash -l`; "
            "launcher='gnu_parallel' needs none",
        )
    elif found is None:
        yield unknown("no mpiexec on PATH here; jobs need one, see --on-node")
    else:
        # the sandbox's takes what the system's takes
        other = None if here.command.in_sandbox else _other_mpi(found, here)
        text = f"{found} of {other}" if other else str(found)
        if other and inside:
            yield problem(
                f"{text} is first on PATH, and refuses --cpu-bind of the system's own mpiexec",
                "remove its directory from PATH, or load the system's module (cray-pals) last",
            )
        elif inside:
            yield ok(text)
        else:
            yield ok(f"{text} here; --on-node shows what jobs have")


def _other_mpi(mpiexec: Path, here: Here) -> str | None:
    """The MPI of a mpiexec, if it is one without --cpu-bind; else None."""
    try:
        done = run([mpiexec, "--version"], env=here.env, timeout_seconds=_ANSWER_SECONDS)
    except (OSError, UnicodeDecodeError):
        return None
    text = done.stdout + done.stderr
    return next((name for word, name in _OTHER_MPIS.items() if word in text), None)


def look_at_parallel(here: Here) -> Iterator[DoctorFinding]:
    """GNU Parallel is on PATH if launcher='gnu_parallel' needs it."""
    found = here.which("parallel")
    wanted = any(each.options.launcher == "gnu_parallel" for each in here.planned.requests)
    if found is not None:
        yield ok(str(found.resolve()))
    elif wanted:
        yield problem(
            "there is no GNU Parallel on PATH, and launcher='gnu_parallel' needs it",
            "use launcher='mpiexec', or load a module that has GNU Parallel",
        )
    else:
        yield note("no GNU Parallel on PATH; only launcher='gnu_parallel' needs it")


def look_at_tmpdir(here: Here) -> Iterator[DoctorFinding]:
    """TMPDIR is writable, and short enough for the path of a socket in it."""
    folder = Path(here.env.get("TMPDIR") or tempfile.gettempdir())
    length = len(os.fsencode(folder))
    try:
        _bind_in(folder)
    except OSError as error:
        node = polaris().node.tmpdir
        if "AF_UNIX" in str(error):
            text = f"TMPDIR has {length} characters ({folder}), too many for the "
            text += "path of a socket of Python's multiprocessing in it"
        else:
            text = f"cannot write to TMPDIR, {folder}: {error.strerror}"
        yield problem(text, f"`export TMPDIR={node}`; workers get {node} in any case")
        return
    yield ok(f"{folder} takes files and sockets")


def _bind_in(folder: Path) -> None:
    """Make a socket as multiprocessing does, and remove it."""
    with (
        tempfile.TemporaryDirectory(prefix=_SOCKET_FOLDER, dir=folder) as place,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        listener.bind(f"{place}/{_SOCKET}")

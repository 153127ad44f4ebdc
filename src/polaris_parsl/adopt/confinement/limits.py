"""How much the process may use, on any Linux."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

CPU_SECONDS = 60
MEMORY_BYTES = 4 << 30
# threads of numerical libraries reserve much that they never use
ADDRESS_SPACE_BYTES = 64 << 30
FILE_BYTES = 1 << 20
OPEN_FILES = 256
MORE_THREADS = 256

_LIMITS = {
    resource.RLIMIT_CPU: CPU_SECONDS,
    resource.RLIMIT_DATA: MEMORY_BYTES,
    resource.RLIMIT_AS: ADDRESS_SPACE_BYTES,
    resource.RLIMIT_FSIZE: FILE_BYTES,
    resource.RLIMIT_NOFILE: OPEN_FILES,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_MSGQUEUE: 0,
    resource.RLIMIT_MEMLOCK: 0,
}


def limit_resources() -> None:
    """Lower each limit, soft and hard; one that is lower already stays."""
    # the kernel counts all threads of the user, not of this process
    limits = {**_LIMITS, resource.RLIMIT_NPROC: sum(_threads_of_user()) + MORE_THREADS}
    for kind, most in limits.items():
        allowed = [most, *(each for each in resource.getrlimit(kind) if each >= 0)]
        resource.setrlimit(kind, (min(allowed), min(allowed)))


def _threads_of_user() -> Iterator[int]:
    for place in Path("/proc").iterdir():
        # a process may end meanwhile
        with contextlib.suppress(OSError):
            if place.name.isdigit() and place.stat().st_uid == os.getuid():
                yield len(list((place / "task").iterdir()))

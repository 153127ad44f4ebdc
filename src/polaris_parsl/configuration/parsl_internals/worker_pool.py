"""Our pool of workers: Parsl's, which also says what ended a worker, and starts none for ever.

Its processes start with less work than Parsl's.

It runs as a program on the nodes. Parsl reports a task whose worker has died as WorkerLost, with the
worker's number and node; what killed it is known only there.
"""

import functools
import importlib.metadata
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from multiprocessing import spawn, util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from polaris_parsl.configuration.parsl_internals.lean import image_finder, lean_imports

with lean_imports():
    import parsl.executors.high_throughput.errors as parsl_errors

    from polaris_parsl.configuration.parsl_internals.forks import fork_workers
    from polaris_parsl.configuration.parsl_internals.logs import make_what_is_logged
    from polaris_parsl.configuration.parsl_internals.pool import FORK, GPU_COUNT, PARSLS_POOL
    from polaris_parsl.configuration.parsl_internals.running import share_running_tasks
    from polaris_parsl.configuration.parsl_internals.worker_starts import watch_workers

_CHILD = "polaris_parsl.configuration.parsl_internals.child"
_START = "polaris_parsl.configuration.node.start"
_NONE = "-"


def main() -> None:
    """Run Parsl's pool in this process."""
    make_what_is_logged()
    finder = image_finder()
    _spawn_leanly(finder)
    forks = sys.argv[1:2] == [FORK]
    del sys.argv[1 : 1 + forks]
    # early: it imports Parsl while this process sets up its connections
    workers = watch_workers(fork_workers() if forks else None)
    share_running_tasks()
    parsl_errors.WorkerLost = workers.lost  # type: ignore[assignment,misc]
    if finder is not None:
        importlib.metadata.distributions = functools.partial(_recorded, finder.image)
    runpy.run_module(PARSLS_POOL, run_name="__main__", alter_sys=True)


def _spawn_leanly(finder: Any) -> None:
    """Let all processes that this one spawns start as it did itself."""
    processes: Any = util
    spawn_process: Callable[..., int] = processes.spawnv_passfds
    prepare: Callable[[str], dict[str, Any]] = spawn.get_preparation_data
    start = find_spec(_START)
    assert start is not None, "it lies beside"
    image = finder.image.path if finder else _NONE
    local = finder.python if finder else ""
    program = f"{Path(image).parent}/start.py" if local else str(start.origin)

    def spawn_leanly(path: bytes, words: Sequence[Any], descriptors: Sequence[int]) -> int:
        at = words.index("-c")
        ours = [program, image, _NONE, "--", _CHILD, _gpus()]
        python = os.fsencode(local) if local else path
        return spawn_process(python, [python, *words[1:at], *ours, *words[at + 1 :]], descriptors)

    def prepare_leanly(name: str) -> dict[str, Any]:
        data = prepare(name)
        if name.startswith("SyncManager"):
            # it keeps what workers give it, and needs nothing of Parsl's pool for that
            data.pop("init_main_from_name", None)
        return data

    processes.spawnv_passfds = spawn_leanly
    spawn.get_preparation_data = prepare_leanly


@functools.cache
def _gpus() -> str:
    """How many GPUs nvidia-smi lists, as a worker of Parsl would ask."""
    if "--available-accelerators" not in sys.argv:
        return _NONE
    done = subprocess.run(GPU_COUNT, shell=True, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else _NONE


def _recorded(image: Any) -> Iterator[Any]:
    """The packages of the environment; those that the image lists, where nothing has changed."""
    real = importlib.metadata.Distribution.discover
    numbers = {root: number for number, root in enumerate(image.roots)}
    for folder in sys.path:
        changed, packages = image.distributions.get(numbers.get(folder), (None, []))
        if changed is not None and changed in (0, _time_of_change(folder)):
            for name, version in packages:
                yield SimpleNamespace(metadata={"Name": name}, version=version)
        else:
            yield from real(path=[folder])


def _time_of_change(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return -1


if __name__ == "__main__":
    main()

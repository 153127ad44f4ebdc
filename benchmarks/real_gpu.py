"""What only a real NVIDIA GPU can show: Parsl's pinning, our wrapper for MPS, the fork server.

    python benchmarks/real_gpu.py

Needs one GPU, its driver, CuPy and Parsl; nothing is fetched, and no setting of the GPU is
changed. Each check prints what it saw and ok or FAILED; the exit code counts the failures.
The workers are Parsl's own, started on this node under the wrapper that workers_per_gpu=2
brings. The configuration as a whole is for nodes of Polaris, which have four GPUs.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import parsl
from parsl.app.app import python_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider

import polaris_parsl
from polaris_parsl.configuration import job_script

WITH_MPS = Path(job_script.__file__).parent / "node" / "with_mps.sh"
HTEX = "parsl.executors.high_throughput"
WORKERS = 2


def compute(folder: str, together: int) -> dict[str, Any]:
    """Sum up numbers on the GPU that is visible, while as many others do so as are named."""
    import os
    import subprocess
    import time
    from pathlib import Path

    import cupy

    count = 1 << 20
    total = int(cupy.arange(count, dtype=cupy.int64).sum())
    Path(folder, str(os.getpid())).touch()
    latest = time.monotonic() + 60
    while len([*Path(folder).iterdir()]) < together and time.monotonic() < latest:
        time.sleep(0.05)
    total += int(cupy.arange(count, dtype=cupy.int64).sum())
    clients = []
    if "CUDA_MPS_PIPE_DIRECTORY" in os.environ:
        control = "nvidia-cuda-mps-control"
        done = subprocess.run(control, input="ps\n", capture_output=True, text=True, check=True)
        # PID, ID, SERVER, DEVICE, ...
        clients = [line.split()[:3:2] for line in done.stdout.splitlines()[1:]]
        # nobody leaves before all have asked
        Path(folder).with_name(f"done-{os.getpid()}").touch()
        while len([*Path(folder).parent.glob("done-*")]) < together and time.monotonic() < latest:
            time.sleep(0.05)
    return {
        "pid": os.getpid(),
        "visible": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "gpus": cupy.cuda.runtime.getDeviceCount(),
        "gpu": cupy.cuda.Device(0).pci_bus_id,
        "right": total == count * (count - 1),
        "together": len([*Path(folder).iterdir()]),
        "mps": clients,
    }


def on_workers(
    work: Callable[..., Any], arguments: list[tuple[Any, ...]], folder: Path, *, prefix: str = ""
) -> list[Any]:
    """Run calls on as many of Parsl's workers, which share the first GPU."""
    executor = HighThroughputExecutor(
        label="gpu",
        interchange_launch_cmd=[sys.executable, "-m", f"{HTEX}.interchange"],
        address="127.0.0.1",
        available_accelerators=[str(number) for number in range(WORKERS)],
        max_workers_per_node=WORKERS,
        provider=LocalProvider(
            launcher=SimpleLauncher(),
            init_blocks=1,
            max_blocks=1,
            worker_init=f"export PATH={Path(sys.executable).parent}:$PATH",
        ),
    )
    # by module, not by a name on PATH, as polaris_parsl has it
    pool = f"{sys.executable} -m {HTEX}.process_worker_pool"
    executor.launch_cmd = prefix + executor.launch_cmd.replace("process_worker_pool.py", pool)
    with parsl.load(Config(executors=[executor], run_dir=str(folder / "runs"))):
        app = python_app(work)
        return [future.result() for future in [app(*each) for each in arguments]]


def listing(_: Path) -> bool:
    """nvidia-smi's listing, counted as Parsl's workers count it: by its lines."""
    done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    print("  " + "\n  ".join(line.partition(" (UUID")[0] for line in lines))
    return bool(lines) and all(line.startswith("GPU ") for line in lines)


def pinned(_: Path) -> bool:
    """A process sees the GPU that CUDA_VISIBLE_DEVICES names, and none if it names none."""
    code = "import cupy; print(cupy.cuda.runtime.getDeviceCount())"
    seen = {}
    for devices in ("0", ""):
        env = {**os.environ, "CUDA_VISIBLE_DEVICES": devices}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
        )
        seen[devices] = done.stdout.strip() or done.stderr.strip().splitlines()[-1]
        print(f"  CUDA_VISIBLE_DEVICES={devices!r}: {seen[devices]}")
    return seen["0"] == "1" and "cudaErrorNoDevice" in seen[""]


def shared(folder: Path) -> bool:
    """Two workers of Parsl on one GPU without MPS: both see it, both compute."""
    found = _on_two_workers(folder)
    return _both_compute(found) and not any(each["mps"] for each in found)


def shared_by_mps(folder: Path) -> bool:
    """The same under our wrapper: both are clients of one MPS server, which ends after them."""
    pipes = folder / "pipes"
    found = _on_two_workers(folder, prefix=f"sh {WITH_MPS} {pipes} {folder / 'logs'} -- ")
    clients = {tuple(client) for each in found for client in each["mps"]}
    ends = _service_ends(pipes)
    print(f"  the service after the workers: {'ended' if ends else 'still there'}")
    return (
        _both_compute(found)
        and {int(pid) for pid, _ in clients} == {each["pid"] for each in found}
        and len({server for _, server in clients}) == 1
        and ends
    )


def _service_ends(pipes: Path) -> bool:
    """Whether NVIDIA's service for a directory of pipes ends within seconds."""
    env = {**os.environ, "CUDA_MPS_PIPE_DIRECTORY": str(pipes)}
    latest = time.monotonic() + 20
    while time.monotonic() < latest:
        done = subprocess.run(
            "nvidia-cuda-mps-control",
            env=env,
            input="get_server_list\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if "annot" in done.stdout + done.stderr:  # Cannot find, cannot send
            return True
        time.sleep(0.2)
    return False


def _on_two_workers(folder: Path, *, prefix: str = "") -> list[dict[str, Any]]:
    meeting = folder / "meeting"
    meeting.mkdir()
    found = on_workers(compute, [(str(meeting), WORKERS)] * WORKERS, folder, prefix=prefix)
    for each in found:
        print(f"  {each}")
    return found


def _both_compute(found: list[dict[str, Any]]) -> bool:
    return (
        len({each["pid"] for each in found}) == WORKERS
        and len({each["gpu"] for each in found}) == 1
        and all(each["right"] and each["visible"] == "0" for each in found)
        and all(each["together"] == WORKERS for each in found)
    )


def fork_server(folder: Path) -> bool:
    """Processes of a fork server that has imported Parsl and CuPy make contexts of their own."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["parsl", "cupy"])
    meeting = folder / "meeting"
    meeting.mkdir()
    with server.Pool(WORKERS) as pool:
        found = pool.starmap(compute, [(str(meeting), WORKERS)] * WORKERS, chunksize=1)
    for each in found:
        print(f"  {each}")
    return len({each["pid"] for each in found}) == WORKERS and all(each["right"] for each in found)


def fork_after_context(folder: Path) -> bool:
    """A process that is forked after a context was made cannot use the GPU: the known limit."""
    import cupy

    cupy.arange(1).sum()
    meeting = folder / "meeting"
    meeting.mkdir()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        try:
            pool.apply(compute, (str(meeting), 1))
        except Exception as error:  # noqa: BLE001 - CuPy's, which may not be imported to be named
            print(f"  {type(error).__name__}: {str(error).splitlines()[0]}")
            return "initialization error" in str(error) or "NotInitialized" in str(error)
    print("  the forked process could use the GPU")
    return False


CHECKS = (listing, pinned, shared, shared_by_mps, fork_server, fork_after_context)


def main() -> int:
    """Run each check and count the failures."""
    card = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,driver_version,compute_mode", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=True,
    )
    print(
        f"{card.stdout.strip()}; Parsl {parsl.__version__}; polaris_parsl {polaris_parsl.__version__}"
    )
    failed = 0
    for check in CHECKS:
        print(f"\n{check.__name__}: {(check.__doc__ or '').splitlines()[0]}")
        with tempfile.TemporaryDirectory() as folder:
            try:
                fits = check(Path(folder))
            except Exception as error:  # noqa: BLE001 - the other checks go on
                print(f"  {type(error).__name__}: {error}")
                fits = False
        print("ok" if fits else "FAILED")
        failed += not fits
    return failed


if __name__ == "__main__":
    sys.exit(main())

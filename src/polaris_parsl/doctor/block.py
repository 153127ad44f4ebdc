"""Runs the node part in a block with the provider, launcher and worker_init of a run."""

import json
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parsl.jobs.states import JobState, JobStatus
from parsl.providers import LocalProvider, PBSProProvider
from parsl.providers.errors import SubmitException

from polaris_parsl.configuration.addresses import addresses_for_workers
from polaris_parsl.configuration.executor import PolarisExecutor, build_executor
from polaris_parsl.configuration.record.run_record import RunRecord
from polaris_parsl.configuration.settings import executor_settings
from polaris_parsl.configuration.workers import cpu_numbers
from polaris_parsl.doctor.here import Here
from polaris_parsl.doctor.listener import listening
from polaris_parsl.driver import Driver
from polaris_parsl.errors import PolarisParslError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.paths import interpreter, run_dir

_PROBES = ("node_probe.py", "python_probe.py")
_FILE_POLL_SECONDS = 0.2
# the longer a job waits, the less often PBS is asked
_JOB_POLL_SECONDS = (2.0, 60.0)
_JOB_POLL_SHARE = 0.1
_STDERR_CHARACTERS = 600


@dataclass(frozen=True)
class Block:
    """The answers of the nodes of a block.

    Attributes:
        options: the options of the block.
        answers: what each node wrote (node_probe.py).
        complaint: the job's standard error, if nodes did not answer.
    """

    options: ExecutorOptions
    answers: tuple[Mapping[str, Any], ...]
    complaint: str


def ask_nodes(here: Here) -> Block:
    """Run the node part on each node of one block, and wait for it.

    The block is that of the first executor, with the queue's shortest walltime if the call
    gives none. The job is always deleted and its files removed.

    Args:
        here: a place whose request `config` accepts, with an account.

    Raises:
        PolarisParslError: PBS refuses or holds the block, or it cannot be requested from here.
    """
    options = _options(here)
    addresses = addresses_for_workers(options)
    with _folder(options.run_dir) as folder:
        options = replace(options, run_dir=run_dir("run_dir", folder))
        settings = executor_settings(options, here.driver, addresses)
        executor = build_executor(settings, options.mode, RunRecord({}))
        assert isinstance(executor, PolarisExecutor), "these options are for no MPI tasks"
        ports = executor.worker_port_range
        assert ports, "Parsl's own default"
        with listening(addresses, ports) as (token, reachable):
            question = [token, _cpus(executor), *reachable]
            command = _command(here.driver, folder, question)
            complaint = _run(executor, command, folder, options)
        answers = [json.loads(file.read_bytes()) for file in sorted(folder.glob("*.json"))]
        return Block(options, tuple(answers), complaint)


def _options(here: Here) -> ExecutorOptions:
    options = here.planned.requests[0].options
    # a pool of MPI tasks runs on the first node alone
    changes: dict[str, Any] = {"max_workers_per_block": None, "init_blocks": 1, "max_blocks": 1}
    queue = polaris().queues.get(options.queue)
    if queue and "walltime" not in here.user_opts:
        changes["walltime"] = queue.walltime_min
    return replace(options, drain_period=None, **changes)


@contextmanager
def _folder(place: Path) -> Iterator[Path]:
    """A directory for the job in the run directory; everything made is removed."""
    missing = [each for each in (place, *place.parents) if not each.exists()]
    try:
        place.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="doctor-", dir=place))
    except OSError as error:
        raise PolarisParslError(
            f"cannot write to run_dir={place}: {error.strerror}", remedy="choose another run_dir"
        ) from error
    try:
        for name in _PROBES:
            shutil.copy(Path(__file__).with_name(name), folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # somebody else has begun to use it
            for each in missing:
                each.rmdir()


def _cpus(executor: PolarisExecutor) -> str:
    """The CPUs of each worker of a node, as JSON."""
    entries = executor.cpu_affinity.removeprefix("list:").split(":")
    return json.dumps([cpu_numbers(entry) for entry in entries], separators=(",", ":"))


def _command(driver: Driver, folder: Path, question: list[str]) -> str:
    """The shell text of one node, for the same template of Parsl as that of the workers."""
    node = polaris().node
    python = str(interpreter(driver.python))
    words = [python, "-P", str(folder / _PROBES[0]), str(folder), node.tmpdir, node.local_scratch]
    return f"exec {shlex.join([*words, *question])}"


def _run(executor: PolarisExecutor, command: str, folder: Path, options: ExecutorOptions) -> str:
    """Submit, wait until all nodes have answered or the job has ended, and return its errors."""
    provider = executor.provider
    assert isinstance(provider, PBSProProvider | LocalProvider), "build_executor gives no other"
    provider.script_dir = str(folder)
    try:
        job = str(provider.submit(command, 1, "polaris-parsl-doctor"))  # type: ignore[no-untyped-call]
    except SubmitException as error:
        raise PolarisParslError(
            f"no block: {error.message}: {(error.stderr or '').strip()}",
            remedy="see the message; `polaris-parsl script` shows the job script",
        ) from error
    try:
        _say(f"job {job}, nodes_per_block={options.nodes_per_block}; Ctrl-C deletes it")
        status = _wait(provider, job, folder, options.nodes_per_block)
    finally:
        provider.cancel([job])  # type: ignore[no-untyped-call]
    stderr = " ".join((status.stderr or "").split())[-_STDERR_CHARACTERS:]
    return stderr or f"nothing; it ended as {status.status_name}"


def _wait(
    provider: PBSProProvider | LocalProvider, job: str, folder: Path, nodes: int
) -> JobStatus:
    """The status of the job when it has ended, or soon after all nodes have answered."""
    least, most = _JOB_POLL_SECONDS
    said, began, ask_at = "", time.monotonic(), 0.0
    while True:
        has_all = len(list(folder.glob("*.json"))) == nodes
        if has_all or time.monotonic() >= ask_at:
            status: JobStatus = provider.status([job])[0]  # type: ignore[no-untyped-call]
            waited = time.monotonic() - began
            ask_at = time.monotonic() + min(max(least, waited * _JOB_POLL_SHARE), most)
            if status.terminal or has_all:
                return status
            if status.state is JobState.HELD:
                raise PolarisParslError(
                    f"job {job} is held", remedy=f"`qstat -f {job}` says why; then try again"
                )
            if status.status_name != said:
                said = status.status_name
                _say(f"job {job}: {said.lower()}")
        time.sleep(_FILE_POLL_SECONDS)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()

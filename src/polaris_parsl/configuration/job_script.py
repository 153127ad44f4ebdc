"""The job scripts that Parsl would submit, made by Parsl's own provider and launcher."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parsl.dataflow.rundirs import make_rundir
from parsl.providers import LocalProvider, PBSProProvider

from polaris_parsl.configuration.config import config
from polaris_parsl.configuration.executor import PolarisExecutor, PolarisMPIExecutor

WORKER_PORT = "WORKER_PORT"


@dataclass(frozen=True)
class JobScript:
    """The first block of an executor.

    Attributes:
        executor: label of the executor.
        command: the command that submits it; "" inside a job, where bash runs the script.
        text: the script.
    """

    executor: str
    command: str
    text: str


class _WrittenError(Exception):
    """Stops a provider that would go on to run what it has written."""


def job_scripts(**user_opts: Any) -> list[JobScript]:
    """What would be submitted for the first block of each executor.

    Nothing is submitted, and no file is left. Two things are decided only when the
    run starts: the port of the driver, which stands here as WORKER_PORT, and the time in
    the job's name, which is now.

    Args:
        **user_opts: as for `polaris_parsl.config`.

    Raises:
        OptionError: as `polaris_parsl.config` would.
    """
    made = config(**user_opts)
    run = Path(made.run_dir, _next_run(Path(made.run_dir)))
    scripts = []
    for executor in made.executors:
        assert isinstance(executor, PolarisExecutor | PolarisMPIExecutor), "config makes no other"
        scripts.append(_script_of(executor, run))
    return scripts


def _next_run(run_dir: Path) -> str:
    """The name that Parsl gives to the next run, asked of Parsl over an empty copy."""
    with tempfile.TemporaryDirectory() as copy:
        for entry in run_dir.glob("[0-9]*[0-9]"):
            Path(copy, entry.name).mkdir()
        return Path(make_rundir(copy)).name


def _script_of(executor: PolarisExecutor | PolarisMPIExecutor, run: Path) -> JobScript:
    # What Parsl's start would set, but for the sockets, certificates and directories.
    executor.run_dir = str(run)
    certificates = f"{executor.logdir}/certificates" if executor.encrypted else None
    for name, value in {
        "worker_port": WORKER_PORT,
        "logconf_path": None,
        "cert_dir": certificates,
    }.items():
        setattr(executor, name, value)
    executor.initialize_scaling()  # type: ignore[no-untyped-call]
    provider = executor.provider
    assert isinstance(provider, PBSProProvider | LocalProvider), "config makes no other"
    provider.script_dir = str(run / "submit_scripts")
    with _recorded(provider) as record:
        executor._launch_block("0")
    return JobScript(executor.label, record["command"], record["text"])


@contextmanager
def _recorded(provider: PBSProProvider | LocalProvider) -> Iterator[dict[str, str]]:
    """Let a provider write its script to a temporary file, and run nothing."""
    record = {"command": "", "text": ""}
    write = provider._write_submit_script

    def write_elsewhere(template: str, _path: str, *more: Any) -> None:
        with tempfile.NamedTemporaryFile("r", prefix="polaris-parsl-") as file:
            write(template, file.name, *more)
            record["text"] = file.read()
        if isinstance(provider, LocalProvider):
            raise _WrittenError

    def run_nothing(command: str, _timeout: float | None = None) -> tuple[int, str, str]:
        record["command"] = " ".join(command.split())
        return 0, "not submitted", ""

    vars(provider).update(_write_submit_script=write_elsewhere, execute_wait=run_nothing)
    with suppress(_WrittenError):
        yield record

"""The script of a block, made by Parsl's own executor, provider and launcher without a run."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from parsl.dataflow.rundirs import make_rundir
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider, PBSProProvider

from polaris_parsl.configuration.parsl_internals.internal import Internal

_EXECUTOR = "parsl.executors.high_throughput.executor.HighThroughputExecutor"
_BLOCKS = "parsl.executors.status_handling.BlockProviderExecutor"
_CLUSTER = "parsl.providers.cluster_provider.ClusterProvider"
_PBSPRO = "parsl.providers.pbspro.pbspro.PBSProProvider"
_LOCAL = "parsl.providers.local.local.LocalProvider"
_STANDS_IN = "stands in a job script that is shown and not submitted"
_COMPOSE = (f"{_EXECUTOR}.initialize_scaling",)

INTERNALS = (
    Internal(
        _EXECUTOR,
        "initialize_scaling",
        "composes the command of the workers in a job script that is shown",
        "2023.2.27",
        (f"{_EXECUTOR}.start",),
    ),
    Internal(_EXECUTOR, "worker_port", _STANDS_IN, "2023.2.27", _COMPOSE, f"{_EXECUTOR}.__init__"),
    Internal(_EXECUTOR, "cert_dir", _STANDS_IN, "2024.2.5", _COMPOSE, f"{_EXECUTOR}.__init__"),
    Internal(_EXECUTOR, "logconf_path", _STANDS_IN, "2026.6.1", _COMPOSE, f"{_EXECUTOR}.start"),
    Internal(
        _BLOCKS,
        "_launch_block",
        "gives a block to the provider, for a job script that is shown",
        "2023.2.27",
        (f"{_BLOCKS}.scale_out_facade",),
    ),
    Internal(
        _CLUSTER,
        "_write_submit_script",
        "is replaced, to show a job script of PBS and leave no file",
        "2023.2.27",
        (f"{_PBSPRO}.submit",),
    ),
    Internal(
        _LOCAL,
        "_write_submit_script",
        "is replaced, to show the script of a block inside a job and leave no file",
        "2023.2.27",
        (f"{_LOCAL}.submit",),
    ),
    Internal(
        _CLUSTER,
        "execute_wait",
        "is replaced, to show the command that submits a block and run nothing",
        "2023.2.27",
        (f"{_PBSPRO}.submit",),
    ),
    Internal(
        "parsl.dataflow.rundirs",
        "make_rundir",
        "names the run directory that a job script would be written to",
        "2023.2.27",
        ("parsl.dataflow.dflow.DataFlowKernel.__init__",),
    ),
)


class _WrittenError(Exception):
    """Stops a provider that would go on to run what it has written."""


def next_run(run_dir: Path) -> str:
    """The name that Parsl gives to the next run, asked of Parsl over an empty copy."""
    with tempfile.TemporaryDirectory() as copy:
        for entry in run_dir.glob("[0-9]*[0-9]"):
            Path(copy, entry.name).mkdir()
        return Path(make_rundir(copy)).name


def first_block(executor: HighThroughputExecutor, run: Path, *, port: str) -> tuple[str, str]:
    """The command that would submit the first block of an executor, and its script.

    Nothing is submitted, and no file is left. The executor cannot be started afterwards.

    Args:
        executor: with a provider of PBS, or a local one, whose command is "".
        run: the run directory, which need not exist.
        port: stands for the port of the driver, which is known only when a run starts.
    """
    # What Parsl's start would set, but for the sockets, certificates and directories.
    executor.run_dir = str(run)
    certificates = f"{executor.logdir}/certificates" if executor.encrypted else None
    stand_ins = {"worker_port": port, "logconf_path": None, "cert_dir": certificates}
    for name, value in stand_ins.items():
        setattr(executor, name, value)
    executor.initialize_scaling()
    provider = executor.provider
    assert isinstance(provider, PBSProProvider | LocalProvider), "config makes no other"
    provider.script_dir = str(run / "submit_scripts")
    with _recorded(provider) as record:
        executor._launch_block("0")
    return record["command"], record["text"]


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
        return 0, "0.not-submitted", ""

    vars(provider).update(_write_submit_script=write_elsewhere, execute_wait=run_nothing)
    with suppress(_WrittenError):
        yield record

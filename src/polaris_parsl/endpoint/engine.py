"""Makes the engine of an endpoint from the settings of Parsl's own objects."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from shlex import quote
from typing import Any, Union

from polaris_parsl.configuration.settings import (
    CLASSES,
    Setting,
    Settings,
    executor_settings,
    mps_prefix,
)
from polaris_parsl.driver import Driver
from polaris_parsl.endpoint.environment import PROGRAM, Environment
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.options.options import ExecutorOptions

# The content of the template: settings, and tables of them.
Table = Mapping[str, Union[Setting, "Table"]]

_ENGINES = {"htex": "GlobusComputeEngine", "mpi": "GlobusMPIEngine"}
# The engine always sets these: globus-compute-endpoint's own command starts both.
_ENGINE_SETS = frozenset(["launch_cmd", "interchange_launch_cmd"])
# Marks the place of the text of an endpoint's user; no option can contain it.
_MARK = "\0"


@dataclass(frozen=True)
class Choice:
    """A value that a user of the endpoint may set.

    Attributes:
        name: name of the variable.
        default: the value if the user sets none.
        before: text before a text value.
        after: text after a text value.
    """

    name: str
    default: Any
    before: str = ""
    after: str = ""


def configuration(
    options: ExecutorOptions, driver: Driver, environment: Environment, *, choices: frozenset[str]
) -> Table:
    """The configuration of the process that runs tasks: its engine and its idle times.

    Args:
        options: the request, for blocks.
        driver: the process that writes the template, whose module the workers load.
        environment: the environment of the endpoint and the workers.
        choices: options that users of the endpoint may set.

    Raises:
        OptionError: the engine does not support the options.
    """
    _refuse_no_blocks(options)
    return {**_idle(options, choices), "engine": _engine(options, driver, environment, choices)}


def _idle(options: ExecutorOptions, choices: frozenset[str]) -> Settings:
    """Heartbeats after which the process of a user ends, and its blocks with it."""
    facts = polaris().globus_compute
    before_blocks_go = ceil(options.max_idletime / facts.heartbeat_seconds) + 1
    lengths = [options.walltime]
    if "walltime" in choices:
        lengths += [queue.walltime_max for queue in polaris().queues.values()]
    return {
        "idle_heartbeats_soft": Setting(
            0 if options.min_blocks else max(facts.idle_heartbeats_soft, before_blocks_go),
            ("min_blocks", "max_idletime"),
            "heartbeats without work after which the process of a user ends, and its blocks with "
            "it: not before max_idletime; 0 means never, to keep min_blocks",
            source("globus_compute"),
        ),
        "idle_heartbeats_hard": Setting(
            facts.idle_heartbeats_hard
            + ceil(max(lengths) / timedelta(seconds=facts.heartbeat_seconds)),
            ("walltime",),
            "heartbeats without a finished task after which it ends although there is work: long "
            "enough for a task that takes a whole block",
            source("globus_compute"),
        ),
    }


def _engine(
    options: ExecutorOptions, driver: Driver, environment: Environment, choices: frozenset[str]
) -> Table:
    in_endpoint = replace(driver, python=environment.python, parsl=environment.parsl)
    # its workers are the engine's, started where they are installed
    asked = replace(options, stage=False)
    if "worker_init" in choices:
        asked = replace(asked, worker_init=_MARK)
    found = executor_settings(asked, in_endpoint, [])
    kept = {name: each for name, each in found.executor.items() if name not in _ENGINE_SETS}
    return {
        "type": Setting(_ENGINES[found.executor_kind]),
        **kept,
        **_mps(options),
        "address": _address(options),
        "working_dir": Setting(
            str(options.start_dir or options.run_dir), ("run_dir", "start_dir"), "tasks start in it"
        ),
        "max_retries_on_system_failure": Setting(
            options.retries, ("retries",), "for tasks that were lost with their node"
        ),
        "job_status_kwargs": {
            "strategy": Setting(options.strategy),
            "max_idletime": Setting(options.max_idletime),
        },
        "provider": {
            "type": Setting(CLASSES[found.provider_kind]),
            **_provider(found.provider, options, environment, choices),
            "launcher": {"type": Setting(CLASSES[found.launcher_kind]), **found.launcher},
        },
    }


def _provider(
    provider: Settings, options: ExecutorOptions, environment: Environment, choices: frozenset[str]
) -> Settings:
    made = dict(provider)
    worker_init = _worker_init(provider["worker_init"].value, options, environment)
    made["worker_init"] = replace(provider["worker_init"], value=worker_init)
    for name in choices:
        if name == "worker_init":
            before, _, after = worker_init.partition(_MARK)
            choice = Choice(name, options.worker_init, before=before, after=after)
        else:
            choice = Choice(name, made[name].value)
        made[name] = replace(made[name], value=choice)
    return made


def _worker_init(text: str, options: ExecutorOptions, environment: Environment) -> str:
    """Our worker_init, which makes the run directory and checks the program on PATH."""
    program = quote(str(environment.program))
    stop = (
        f"polaris_parsl_stop {quote(f'{PROGRAM} on PATH is not {environment.program}')} "
        f"{quote('leave the environment to polaris-parsl: worker_init changes PATH')}"
    )
    return (
        f"mkdir -p {quote(str(options.run_dir))}\n\n{text}\n\n"
        f'[ "$(command -v {PROGRAM})" = {program} ] || {stop}'
    )


def _mps(options: ExecutorOptions) -> Table:
    """NVIDIA MPS around the pool on each node, through the engine's hook for custom containers."""
    prefix = mps_prefix(options)
    if not prefix:
        return {}
    if "'" in prefix:
        raise OptionError(
            f"workers_per_gpu={options.workers_per_gpu} needs a script whose path the engine "
            f"would split: {prefix.strip()}",
            remedy="install polaris-parsl in a path of letters, digits and . _ / @ % + = , - only",
        )
    return {
        "container_type": Setting("custom"),
        "container_cmd_options": Setting(
            f"{prefix}{{EXECUTOR_LAUNCH_CMD}}",
            ("workers_per_gpu",),
            "NVIDIA MPS runs on every node, around the workers",
            source("node.mps"),
        ),
    }


def _address(options: ExecutorOptions) -> Setting | Table:
    if options.address is not None:
        return Setting(options.address, ("address",))
    return {
        "type": Setting(
            "address_by_interface", (), "address of the login node that runs the endpoint"
        ),
        "ifname": Setting(
            options.interface or polaris().interfaces[0],
            ("interface",),
            "" if options.interface else "the engine takes one; this is the best known one",
            source("network"),
        ),
    }


def _refuse_no_blocks(options: ExecutorOptions) -> None:
    if options.strategy == "none" and options.init_blocks == 0:
        raise OptionError(
            "strategy='none' with init_blocks=0 would never request a block from PBS",
            remedy="leave strategy out, or give init_blocks=",
        )

"""The job scripts that Parsl would submit, made by Parsl's own provider and launcher."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from polaris_parsl.configuration.config import build
from polaris_parsl.configuration.executor import PolarisExecutor, PolarisMPIExecutor
from polaris_parsl.configuration.parsl_internals.submission import first_block, next_run
from polaris_parsl.configuration.plan import PlannedExecutor, plan
from polaris_parsl.driver import Driver
from polaris_parsl.options.table import UserOpts

WORKER_PORT = "WORKER_PORT"
DRIVER_ADDRESS = "DRIVER_ADDRESS"


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


def job_scripts(**user_opts: Unpack[UserOpts]) -> list[JobScript]:
    """What would be submitted for the first block of each executor.

    Nothing is submitted, and no file is left. Two things are decided only when the
    run starts: the port of the driver, which stands here as WORKER_PORT, and the time in
    the job's name, which is now. Where this node has no address that compute nodes reach,
    DRIVER_ADDRESS stands for it.

    Args:
        **user_opts: as for `polaris_parsl.config`.

    Raises:
        OptionError: as `polaris_parsl.explain` would.
    """
    driver = Driver.current()
    planned = plan(user_opts, driver)
    executors = tuple(_with_an_address(executor) for executor in planned.executors)
    made = build(replace(planned, executors=executors), driver)
    run_dir = Path(made.run_dir)
    run = run_dir / next_run(run_dir)
    scripts = []
    for executor in made.executors:
        assert isinstance(executor, PolarisExecutor | PolarisMPIExecutor), "config makes no other"
        command, text = first_block(executor, run, port=WORKER_PORT)
        scripts.append(JobScript(executor.label, command, text))
    return scripts


def _with_an_address(planned: PlannedExecutor) -> PlannedExecutor:
    """The same; with DRIVER_ADDRESS where this node has none, unless an interface is asked for."""
    if planned.address_error is None:
        return planned
    if planned.options.interface is not None:
        raise planned.address_error
    settings = planned.settings
    stand_in = replace(settings.addresses, value=[DRIVER_ADDRESS])
    return replace(planned, settings=replace(settings, addresses=stand_in))

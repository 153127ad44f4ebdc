"""`polaris_parsl.config`: from account, queue, nodes and walltime to a parsl.Config."""

import logging
from collections.abc import Sequence
from typing import Any, Unpack

from parsl.config import Config

from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.configuration.blocks.losses import Losses
from polaris_parsl.configuration.checkpoints.memoizer import CheckpointMemoizer
from polaris_parsl.configuration.executor import PolarisExecutor, PolarisMPIExecutor, build_executor
from polaris_parsl.configuration.explain import explain_plan
from polaris_parsl.configuration.monitoring import hub
from polaris_parsl.configuration.parsl_log import leaves_out_debug, log_of
from polaris_parsl.configuration.plan import Plan, PlannedExecutor, plan
from polaris_parsl.configuration.record.run_record import RunRecord
from polaris_parsl.configuration.retries import RetryHandler
from polaris_parsl.configuration.settings import values
from polaris_parsl.configuration.task_errors import TaskPlace
from polaris_parsl.driver import Driver
from polaris_parsl.errors import warn
from polaris_parsl.installs import PACKAGES, own_packages
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.reference import takes_user_opts
from polaris_parsl.options.sources import PROJECT_FILE
from polaris_parsl.options.table import UserOpts

_LOGGER = logging.getLogger(__name__)


@takes_user_opts
def config(**user_opts: Unpack[UserOpts]) -> Config:
    """A parsl.Config for Polaris, with one task per GPU by default.

    It accepts the `user_opts` of ALCF's page on Parsl unchanged, and more by
    keyword. What is not given comes from the environment (POLARIS_PARSL_QUEUE and the
    like), the nearest polaris-parsl.toml upwards of the working directory, the defaults.toml
    of the install, and last from the facts; `polaris_parsl.explain` shows which. None counts as
    not given.

    The workers run in the environment of the calling process: its module where the
    polaris-parsl module is loaded, else its interpreter. Results of apps with cache=True
    are checkpointed when their task ends, and found again by the next run with the same run_dir,
    unless the app's code has changed.

    Args:
        **user_opts: {user_opts}

    Returns:
        A parsl.Config for the installed Parsl, for one parsl.load.

    Raises:
        OptionError: an option is unknown, its value cannot work on the system, or PBS would
            refuse or lose such a job.

    Source: facts/polaris.toml, which names its sources; ALCF's page "Parsl on Polaris".
    """
    driver = Driver.current()
    planned = plan(user_opts, driver)
    for executor in planned.executors:
        if executor.address_error:
            raise executor.address_error
    _warn_of_open_ports(planned.executors)
    return build(planned, driver)


def build(planned: Plan, driver: Driver) -> Config:
    """The parsl.Config of a call that is worked out.

    Args:
        planned: with an address for each executor.
        driver: the process that builds it.
    """
    first = planned.executors[0]
    _LOGGER.info("%s (%s)", first.options.mode, first.mode_reason)
    # for the run directory, beside the record
    files = {**explain_plan(planned).as_files(), **_project_file(planned.executors)}
    if packages := own_packages():
        files[PACKAGES] = "".join(f"{each}\n" for each in packages)
    job = driver.job if first.options.mode == "inside_job" else None
    record = RunRecord(files, job=job, keeps_tasks=first.options.record)
    place = TaskPlace(first.options.start_dir or first.options.run_dir, driver.beside)
    losses = Losses(Lines(), record.task_lost)
    version = first.options.checkpoint_version
    memoizer = CheckpointMemoizer(record, version, place, losses.report)
    executors = [_executor(executor, record, losses) for executor in planned.executors]
    for each in executors:
        each.may_find_results = lambda: memoizer.has_earlier_results
    made = Config(
        executors=executors,
        retry_handler=RetryHandler(
            losses, {each.label: each for each in executors}, record.attempts
        ),
        memoizer=memoizer,
        **_with_objects(values(planned.settings), first.options),
    )

    def describe() -> str | None:
        # executors that were put into another Config run without our memoizer, which stays here
        is_in_use = record.counts_tasks or made.memoizer is not memoizer
        return repr(made) if is_in_use else None

    record.describe = describe
    return made


def _with_objects(arguments: dict[str, Any], options: ExecutorOptions) -> dict[str, Any]:
    """The arguments with Parsl's objects, which the settings only name."""
    logging_of_parsl = log_of(options.value("initialize_logging"))
    hubs = {"monitoring": hub()} if "monitoring" in arguments else {}
    return {**arguments, "initialize_logging": logging_of_parsl, **hubs}


def _executor(
    planned: PlannedExecutor, record: RunRecord, losses: Losses
) -> PolarisExecutor | PolarisMPIExecutor:
    mode = f"{planned.options.mode} ({planned.mode_reason})"
    executor = build_executor(planned.settings, mode, record, losses)
    executor.leaves_out_debug = leaves_out_debug(planned.options)
    return executor


def _project_file(executors: Sequence[PlannedExecutor]) -> dict[str, str]:
    """The polaris-parsl.toml that set an option, as it is now; empty if there was none."""
    for source in (each for executor in executors for each in executor.sources.values()):
        if source.file is not None and source.file.name == PROJECT_FILE:
            text = source.file.read_text(encoding="utf-8", errors="surrogateescape")
            return {PROJECT_FILE: text}
    return {}


def _warn_of_open_ports(executors: Sequence[PlannedExecutor]) -> None:
    for each in executors:
        if not each.settings.executor["encrypted"].value:
            warn(
                "encrypted=False: every process that reaches the port of this run, of whichever user, can "
                "run code as you; leave encrypted out"
            )
            return

"""Where the workers run: in blocks through PBS, in the running job, or in the sandbox."""

from pathlib import Path
from typing import NoReturn, get_args

from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError
from polaris_parsl.options.checks import Mode, choice

_INSIDE = "PBS_JOBID and PBS_NODEFILE are set"
_OUTSIDE = "PBS_JOBID and PBS_NODEFILE are not both set"


def choose_mode(asked: object, driver: Driver) -> tuple[Mode, str]:
    """The mode that is asked for, or the one that fits the place, and the reason.

    Args:
        asked: one of the modes, None to choose.
        driver: the process that builds the configuration.

    Raises:
        OptionError: there is no such mode, or it cannot be had here.
    """
    inside = driver.job is not None and driver.nodefile is not None
    if asked is None:
        if inside:
            return "inside_job", f"{_INSIDE}: this is job {driver.job}"
        if driver.job or driver.nodefile:
            _refuse_half_a_job(driver)
        if driver.in_sandbox:
            return "sandbox", "qsub here is the sandbox's"
        return "blocks", f"{_OUTSIDE}: blocks come from PBS"
    mode: Mode = choice(Mode)("mode", asked)
    if mode == "inside_job" and not inside:
        raise OptionError(
            f"mode='inside_job', but this is not a PBS job: {_OUTSIDE}",
            remedy="call it in the script of a job, or leave mode out to ask PBS for blocks",
        )
    if mode == "sandbox" and not driver.in_sandbox:
        raise OptionError(
            "mode='sandbox', but this is not the sandbox",
            remedy="run `polaris-parsl sandbox -- COMMAND`, or leave mode out",
        )
    return mode, f"asked for; {' and '.join(get_args(Mode))} can be"


def _refuse_half_a_job(driver: Driver) -> NoReturn:
    """Refuse to guess: this may be a job, and asking for more of them from inside costs node-hours."""
    there, missing = "PBS_NODEFILE", "PBS_JOBID"
    if driver.job:
        there, missing = missing, there
    raise OptionError(
        f"{there} is set, as in a job, and {missing} is not: where the workers should run is not clear",
        remedy=f"pass {missing} on to this process to use the nodes of the job, or pass mode='blocks' "
        "to ask PBS for others",
    )


def nodes_of_job(driver: Driver) -> tuple[str, ...]:
    """The nodes of the running job, each once, in the order of PBS.

    Raises:
        OptionError: the file that names them is not readable, or empty.
    """
    nodefile = driver.nodefile or Path()
    try:
        nodes = tuple(dict.fromkeys(nodefile.read_text().split()))
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(
            f"cannot read the nodes of job {driver.job}: {error}",
            remedy="call it on the first node of the job, where PBS_NODEFILE is, or leave "
            "PBS_JOBID and PBS_NODEFILE unset",
        ) from error
    if not nodes:
        raise OptionError(
            f"PBS_NODEFILE={nodefile} names no node",
            remedy="call it in a running PBS job",
        )
    return nodes

"""The PBS job of `polaris-parsl submit`: it runs the driver, and the workers, on its own nodes.

What the options ask for as a block is asked for as this job. The driver then finds itself inside a
job, and its call of `polaris_parsl.config` gets the same options from its environment.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from shlex import quote

from polaris_parsl.configuration.worker_init import enter, environment_of_driver
from polaris_parsl.driver import Driver
from polaris_parsl.errors import MissingToolError, OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import START_OF_BLOCK, ExecutorOptions
from polaris_parsl.options.resolve import resolve
from polaris_parsl.options.sources import parse, variable
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.pbs.directives import read_scheduler_options, resources
from polaris_parsl.pbs.walltime import write_walltime
from polaris_parsl.policy.policy import check_policy
from polaris_parsl.policy.run_dir import check_folder
from polaris_parsl.version import NAME, VERSION

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._+-]")
_PYTHON = re.compile(r"python[0-9.]*")


@dataclass(frozen=True)
class DriverJob:
    """A job that can be submitted.

    Attributes:
        name: of the job.
        account: project that it is charged to.
        queue: where it waits.
        nodes: how many it has.
        walltime: how long it may run.
        folder: directory in which the command starts, and in which PBS leaves the output.
        script: what qsub gets.
        cmd_timeout: seconds that qsub may take.
    """

    name: str
    account: str
    queue: str
    nodes: int
    walltime: timedelta
    folder: Path
    script: str
    cmd_timeout: float

    def output(self, job: str) -> Path:
        """Where PBS writes what the job prints.

        Args:
            job: its id.
        """
        return self.folder / f"{self.name}.o{job.partition('.')[0]}"


def driver_job(texts: Mapping[str, str], command: Sequence[str], driver: Driver) -> DriverJob:
    """The job that runs a command, the driver of a workflow, on its nodes.

    Args:
        texts: options as they were typed, by name.
        command: program and arguments.
        driver: the process that submits; the job gets its environment.

    Raises:
        OptionError: PBS would refuse or lose the job, an option has no meaning for it, or this is a
            job already.
        MissingToolError: there is no such command.
    """
    _refuse_in_a_job(driver)
    _check_command(command, driver)
    options = _request(texts, driver)
    assert options.account, "resolve refuses a block without one"
    name = _name(command)
    return DriverJob(
        name=name,
        account=options.account,
        queue=options.queue,
        nodes=options.nodes_per_block,
        walltime=options.walltime,
        folder=driver.folder,
        script=_script(name, options, _variables(texts, driver), command, driver),
        cmd_timeout=options.value("cmd_timeout"),
    )


def _refuse_in_a_job(driver: Driver) -> None:
    if driver.job or driver.nodefile:
        raise OptionError(
            f"this is job {driver.job or driver.nodefile} already",
            remedy="run the command as it is: it uses the nodes of this job",
        )


def _check_command(command: Sequence[str], driver: Driver) -> None:
    """Refuse what would wait in the queue only to fail."""
    program = command[0]
    place = driver.folder / program if "/" in program else None
    if not (shutil.which(place) if place else _on_path(program, driver)):
        raise MissingToolError(
            f"there is no program {program}", remedy="give the command that runs the workflow here"
        )
    script = command[1] if len(command) > 1 and _PYTHON.fullmatch(Path(program).name) else "-"
    if not script.startswith("-") and not (driver.folder / script).exists():
        raise OptionError(
            f"there is no file {script} in {driver.folder}",
            remedy="`cd` to the directory of the workflow, or give its path",
        )


def _on_path(program: str, driver: Driver) -> str | None:
    return shutil.which(program, path=str(driver.python.parent)) or shutil.which(program)


def _request(texts: Mapping[str, str], driver: Driver) -> ExecutorOptions:
    """The job as one block that has the nodes of all executors, checked as blocks are."""
    given = {name: parse(name, text) for name, text in texts.items()}
    if given.pop("mode", "inside_job") != "inside_job":
        raise OptionError(
            f"mode={texts['mode']!r}, and submit makes a job for mode='inside_job'",
            remedy="leave mode out; for blocks through PBS run the command as it is",
        )
    mode = "sandbox" if driver.in_sandbox else "blocks"
    requests = [each.options for each in resolve({**given, "mode": mode}, driver)]
    for each in requests:
        _refuse_outside_a_job(each)
    options = replace(
        requests[0],
        nodes_per_block=sum(each.nodes_per_block for each in requests),
        max_blocks=1,
    )
    check_policy(options)
    asked = resources(read_scheduler_options("scheduler_options", options.scheduler_options))
    what = f"the working directory {str(driver.folder)!r}"
    check_folder(what, driver.folder, options, asked["filesystems"])
    return options


def _refuse_outside_a_job(options: ExecutorOptions) -> None:
    """Refuse what the driver in its job would refuse."""
    if options.task_walltime is not None:
        left = options.walltime - options.task_walltime - START_OF_BLOCK
        raise OptionError(
            f"task_walltime={write_walltime(options.task_walltime)!r} inside a job, whose rest of time "
            "is not known",
            remedy=f"leave it out, and give drain_period={left.total_seconds():.0f}",
        )
    if options.address is not None and options.mode == "blocks":
        raise OptionError(
            f"address={options.address!r} is one of this node, and the driver will run on another",
            remedy="leave it out, or give interface=",
        )


def _variables(texts: Mapping[str, str], driver: Driver) -> dict[str, str]:
    """The options that this process has from its command line and environment, for the driver."""
    here = {name: driver.variables.get(name.upper()) for name in OPTIONS} | dict(texts)
    options = {variable(name): text for name, text in here.items() if text is not None}
    # what it prints is seen while it runs
    return {**options, variable("mode"): "inside_job", "PYTHONUNBUFFERED": "1"}


def _name(command: Sequence[str]) -> str:
    """The name of the job: that of the script, or of the program."""
    program = Path(command[0]).name
    is_python = len(command) > 1 and _PYTHON.fullmatch(program)
    said = Path(command[1]).name if is_python and command[1][0:1] != "-" else program
    name = _NOT_IN_NAMES.sub("-", said).lstrip("._-")[: polaris().pbs_name_length_max]
    return name or NAME


def _script(
    name: str,
    options: ExecutorOptions,
    variables: Mapping[str, str],
    command: Sequence[str],
    driver: Driver,
) -> str:
    gpus = len(polaris().node.accelerators)
    inside = enter(
        driver.folder,
        "the directory",
        "submit it in a directory that the nodes mount and scheduler_options names",
    )
    return f"""\
#!/bin/bash
# Runs a workflow on the nodes of this job; made by {NAME} submit {VERSION}
#PBS -S /bin/bash
#PBS -N {name}
#PBS -A {options.account}
#PBS -q {options.queue}
#PBS -l select={options.nodes_per_block}:ncpus={options.cpus_per_node}:ngpus={gpus}
#PBS -l walltime={write_walltime(options.walltime)}
#PBS -j oe
{options.scheduler_options.strip()}

{environment_of_driver(driver, variables)}

{inside}
exec {" ".join(quote(word) for word in command)} </dev/null
"""

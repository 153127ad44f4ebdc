"""`polaris-parsl submit`: a workflow in a PBS job of its own, driver and workers."""

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from polaris_parsl.cli.say import say
from polaris_parsl.cli.user_opts import apart, complete, texts_of
from polaris_parsl.driver import Driver
from polaris_parsl.errors import BlockError, MissingToolError
from polaris_parsl.pbs.walltime import write_walltime
from polaris_parsl.process import run
from polaris_parsl.text import plural

if TYPE_CHECKING:
    from polaris_parsl.configuration.driver_job import DriverJob

_QSUB = "qsub"


def submit(
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]... -- COMMAND",
            help="Options of polaris_parsl.config, for the job and for the workflow; behind --, the "
            "command that runs the workflow.",
            autocompletion=complete,
            show_default=False,
        ),
    ] = None,
    *,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Wait until the job has ended, print its output and return its exit code.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the script of the job; submit nothing.")
    ] = False,
) -> None:
    """Run a workflow in a PBS job of its own, driver and workers on the nodes of the job.

    The session in which you submit may end. In the workflow, polaris_parsl.config() finds that it is
    inside a job, and gets the options that are given here unless the call itself sets them.
    """
    from polaris_parsl.configuration.driver_job import driver_job  # noqa: PLC0415 - parsl takes its time

    words, command = apart(given or [], sys.argv)
    if not command:
        raise typer.BadParameter("give the command behind --, as in: -- python workflow.py")
    driver = Driver.current()
    job = driver_job(texts_of(words), command, driver)
    if dry_run:
        say(job.script, end="")
        say(f"next: the same command without --dry-run; it gives this to {_QSUB}", to_errors=True)
        return
    if wait:
        raise typer.Exit(_waited(job))
    done = run([_program(), "-"], stdin=job.script, cwd=job.folder, timeout_seconds=job.cmd_timeout)
    if done.returncode != 0 or not done.stdout.strip():
        raise _refused(done.stderr)
    identifier = done.stdout.strip()
    _tell(job, identifier)
    if driver.in_sandbox:
        say("note: the sandbox ends its jobs when its own command ends; --wait waits for this one")
    short = identifier.partition(".")[0]
    say(f"next: qstat {short}; tail -F {job.output(identifier)}; to end the job: qdel {short}")


def _waited(job: "DriverJob") -> int:
    """Submit a job and wait for it; its exit code."""
    command = [_program(), "-W", "block=true", "-"]
    with subprocess.Popen(
        command,
        cwd=job.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as qsub:
        assert qsub.stdin
        assert qsub.stdout
        assert qsub.stderr
        qsub.stdin.write(job.script)
        qsub.stdin.close()
        identifier = qsub.stdout.readline().strip()
        if not identifier:
            raise _refused(qsub.stderr.read())
        _tell(job, identifier)
        try:
            code = qsub.wait()
        except KeyboardInterrupt:
            say(f"the job goes on; to end it: qdel {identifier.partition('.')[0]}", to_errors=True)
            raise
    output = job.output(identifier)
    if output.is_file():
        say(output.read_text(encoding="utf-8", errors="replace"), end="")
    say(f"{identifier} ended with exit code {code}")
    return code


def _tell(job: "DriverJob", identifier: str) -> None:
    nodes = f"{job.nodes} {plural(job.nodes, 'node')}"
    say(
        f"submitted {identifier}: {nodes} of {job.queue} for {write_walltime(job.walltime)}, charged "
        f"to {job.account}"
    )
    say(f"  output: {job.output(identifier)}")


def _program() -> str:
    program = shutil.which(_QSUB)
    if program is None:
        raise MissingToolError(
            f"there is no {_QSUB} on PATH",
            remedy="run it on a login node of the system, rehearse with `polaris-parsl sandbox -- "
            "COMMAND`, or look at the script with --dry-run",
        )
    return program


def _refused(words: str) -> BlockError:
    said = " ".join(words.split()) or "it printed no job id"
    return BlockError(
        f"{_QSUB} did not take the job: {said}",
        remedy="see the script with --dry-run, and the limits with `polaris-parsl queues`",
    )

"""qhold, qrls, qrerun, qsig, qmove and qalter: what a user does to a job after its submission."""

import getopt
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from polaris_parsl.sandbox.pbs.call import CommandCall, CommandResult
from polaris_parsl.sandbox.pbs.identifier import read_key
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.limits import check_queue, find_queue
from polaris_parsl.sandbox.pbs.options import check_name, read_resources
from polaris_parsl.sandbox.pbs.refusal import (
    BAD_STATE,
    FINISHED,
    RUNS_ALREADY,
    UNAUTHORIZED,
    USAGE,
    Refusal,
)
from polaris_parsl.sandbox.pbs.resources import check_names, check_place, read_select, read_walltime
from polaris_parsl.sandbox.pbs.server import Server

_USAGES = {
    "qhold": "usage: qhold [-h hold_list] job_identifier...",
    "qrls": "usage: qrls [-h hold_list] job_identifier...",
    "qrerun": "usage: qrerun [-W force] job_identifier...",
    "qsig": "usage: qsig [-s signal] job_identifier...",
    "qmove": "usage: qmove destination job_identifier...",
    "qalter": "usage: qalter [-A account] [-l resources] [-N name] job_identifier...",
}


def qhold(server: Server, call: CommandCall) -> CommandResult:
    """Hold jobs; of the letters only u is for users."""

    def change(job: Job, options: Mapping[str, str]) -> None:
        _check_letters(options.get("-h", "u"))
        _refuse_subjob(job)
        # only a running job says so
        words = f"Job held by {_user(call)} on {time.ctime()}" if job.state == "R" else None
        server.hold(job, types="u", comment=words)

    return _each_job("qhold", call, "h:", server, change)


def qrls(server: Server, call: CommandCall) -> CommandResult:
    """Take the user's hold from jobs; those of the system stay."""

    def change(job: Job, options: Mapping[str, str]) -> None:
        _check_letters(options.get("-h", "u"))
        _refuse_subjob(job)
        server.release(job, types="u")

    return _each_job("qrls", call, "h:", server, change)


def qrerun(server: Server, call: CommandCall) -> CommandResult:
    """Users may not: recorded for the job's own owner."""

    def change(job: Job, _: Mapping[str, str]) -> None:
        raise Refusal(UNAUTHORIZED, f"Unauthorized Request  {job.id}")

    return _each_job("qrerun", call, "W:", server, change)


def qsig(server: Server, call: CommandCall) -> CommandResult:
    """Send running jobs a signal; an unknown one is dropped, as recorded."""

    def change(job: Job, options: Mapping[str, str]) -> None:
        name = options.get("-s", "TERM")
        if name in {"suspend", "resume", "admin-suspend", "admin-resume"}:
            raise Refusal(UNAUTHORIZED, f"Unauthorized Request  {job.id}")
        server.signal(job, _signal_number(name))

    return _each_job("qsig", call, "s:", server, change)


def _signal_number(name: str) -> int | None:
    if name.isdigit():
        return int(name)
    found = getattr(signal, f"SIG{name.removeprefix('SIG')}", None)
    return int(found) if isinstance(found, signal.Signals) else None


def qmove(server: Server, call: CommandCall) -> CommandResult:
    """Move waiting jobs to another queue, which must take them."""
    name, *ids = call.argv or [""]

    def change(job: Job, _: Mapping[str, str]) -> None:
        _refuse_subjob(job)
        if job.state not in "QHW":
            raise Refusal(BAD_STATE, f"Request invalid for state of job {job.id}")
        others = [each for each in server.jobs() if each is not job]
        queue = find_queue(name, server.queues)
        moved = replace(job, queue=queue.name)
        check_queue(moved, queue, others, server.minimum)
        job.queue = moved.queue
        server.saved(job)

    rest = CommandCall(ids, call.cwd, call.environment)
    return _each_job("qmove", rest, "", server, change)


def qalter(server: Server, call: CommandCall) -> CommandResult:
    """Change the name, account, or resources of jobs; of running ones no resource."""

    def change(job: Job, options: Mapping[str, str]) -> None:
        _refuse_subjob(job)
        resources = read_resources(options["-l"]) if "-l" in options else {}
        if resources and job.state not in "QHW":
            name = next(iter(resources))
            problem = "Cannot modify attribute while job running "
            raise Refusal(RUNS_ALREADY, f"{problem} Resource_List.{name} {job.id}")
        changed = _altered(job, options, resources)
        if resources:
            others = [each for each in server.jobs() if each is not job]
            queue = find_queue(job.queue, server.queues)
            check_queue(changed, queue, others, server.minimum)
        vars(job).update(vars(changed))
        server.saved(job)

    return _each_job("qalter", call, "A:l:N:", server, change)


def _altered(job: Job, options: Mapping[str, str], resources: dict[str, str]) -> Job:
    check_names(resources)
    if "-N" in options:
        check_name(options["-N"])
    select = resources.get("select", job.select)
    read_select(select)
    place = resources.get("place", job.place)
    check_place(place)
    seconds = job.walltime_seconds
    if "walltime" in resources:
        seconds = read_walltime(resources["walltime"])
    return replace(
        job,
        name=options.get("-N", job.name),
        account=options.get("-A", job.account),
        select=select,
        place=place,
        filesystems=resources.get("filesystems", job.filesystems),
        walltime_seconds=seconds,
    )


def _each_job(
    tool: str,
    call: CommandCall,
    letters: str,
    server: Server,
    change: Callable[[Job, Mapping[str, str]], None],
) -> CommandResult:
    """Change each job that a command line names; the last that cannot be changed decides the code."""
    try:
        pairs, names = getopt.getopt(list(call.argv), letters)
    except getopt.GetoptError as error:
        problem = f"{tool}: invalid option -- '{error.opt}'\n"
        return CommandResult(USAGE, stderr=f"{problem}{_USAGES[tool]}\n")
    if not names:
        return CommandResult(USAGE, stderr=f"{_USAGES[tool]}\n")
    result = CommandResult()
    for name in names:
        try:
            change(_unfinished(server, name), dict(pairs))
        except Refusal as refusal:
            result.refuse(tool, refusal)
    return result


def _unfinished(server: Server, name: str) -> Job:
    job = server.find(read_key(name))
    if job.is_finished:
        raise Refusal(FINISHED, f"Job has finished {job.id}")
    return job


def _refuse_subjob(job: Job) -> None:
    """What waits of an array is changed with it."""
    if job.index is not None:
        raise Refusal(BAD_STATE, f"Request invalid for state of job {job.id}")


def _check_letters(letters: str) -> None:
    if set(letters) - {"u", "n"}:
        raise Refusal(UNAUTHORIZED, "Unauthorized Request ")


def _user(call: CommandCall) -> str:
    return call.environment.get("LOGNAME", "user")


CHANGES: Sequence[Callable[[Server, CommandCall], CommandResult]] = (
    qhold,
    qrls,
    qrerun,
    qsig,
    qmove,
    qalter,
)

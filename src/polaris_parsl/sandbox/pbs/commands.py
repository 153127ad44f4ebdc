"""qsub, qstat, qselect and qdel: turns a command line into output and an exit code; all commands."""

import getopt
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.pbs.arrays import with_subjobs
from polaris_parsl.sandbox.pbs.call import CommandCall, CommandResult
from polaris_parsl.sandbox.pbs.changes import CHANGES
from polaris_parsl.sandbox.pbs.identifier import each_subjob, key_in, read_key
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.pbsnodes import pbsnodes
from polaris_parsl.sandbox.pbs.queue_status import show_queues, show_server
from polaris_parsl.sandbox.pbs.refusal import FINISHED, UNKNOWN_QUEUE, USAGE, Refusal
from polaris_parsl.sandbox.pbs.server import Server
from polaris_parsl.sandbox.pbs.show import as_json, as_long, as_table, as_wide_table
from polaris_parsl.sandbox.pbs.submit import read_script, script_operand, waits

_QSTAT_USAGE = (
    "usage:\n\tqstat [-a] [-f [-F json]] [-t] [-u user] [-x] [job_identifier... | queue...]\n"
    "\tqstat -Q [-f [-F json]] [queue...]\n\tqstat -B [-f [-F json]]"
)
_QSELECT_USAGE = "usage:\n\tqselect [-J] [-t] [-N name] [-q queue] [-s states] [-u user_list] [-x]"
_QDEL_USAGE = "usage:\n\tqdel [-W force] [-x] job_identifier..."


def qsub(server: Server, call: CommandCall) -> CommandResult:
    """Submit a script."""
    result = CommandResult()
    try:
        operand = script_operand(call.argv)
        if operand is None and call.stdin is None:
            return CommandResult(wants_stdin=True)
        script = call.stdin or "" if operand is None else read_script(operand, call.cwd)
        job_id = server.submit(call.argv, script=script, cwd=call.cwd, environment=call.environment)
        result.stdout = job_id + "\n"
        result.waits_for = job_id if waits(call.argv, script) else ""
    except Refusal as refusal:
        result.refuse("qsub", refusal)
    return result


def qdel(server: Server, call: CommandCall) -> CommandResult:
    """Delete jobs; one that cannot be deleted does not prevent deleting the others."""
    result = CommandResult()
    try:
        pairs, names = getopt.getopt(list(call.argv), "W:x")
    except getopt.GetoptError as error:
        return CommandResult(
            USAGE, stderr=f"qdel: invalid option -- '{error.opt}'\n{_QDEL_USAGE}\n"
        )
    if not names:
        return CommandResult(USAGE, stderr=f"{_QDEL_USAGE}\n")
    user = call.environment.get("LOGNAME", "user")
    by = f"{user}@{polaris().login_fqdn}"
    for name in (each for given in names for each in each_subjob(given)):
        try:
            server.delete(read_key(name), by=by, from_history=("-x", "") in pairs)
        except Refusal as refusal:
            result.refuse("qdel", refusal)
    return result


def qstat(server: Server, call: CommandCall) -> CommandResult:
    """Show jobs, queues or the server; unknown names do not hide the known ones."""
    try:
        pairs, names = getopt.getopt(list(call.argv), "1aBfF:HinQrsTtu:wx")
    except getopt.GetoptError as error:
        return CommandResult(
            USAGE, stderr=f"qstat: invalid option -- '{error.opt}'\n{_QSTAT_USAGE}\n"
        )
    options = dict(pairs)
    if options.get("-F", "json") != "json" or ("-F" in options and "-f" not in options):
        return CommandResult(USAGE, stderr=f"qstat: conflicting options.\n{_QSTAT_USAGE}\n")
    result = CommandResult()
    if "-Q" in options:
        show_queues(server.queues, server.jobs(), names, options, result)
        return result
    if "-B" in options:
        show_server(server.jobs(), options, result)
        return result
    jobs = _chosen(server, names, options, result)
    result.stdout = _writer(options)(jobs)
    return result


def qselect(server: Server, call: CommandCall) -> CommandResult:
    """Print the ids of the jobs that match all options."""
    try:
        pairs, _ = getopt.getopt(list(call.argv), "JN:q:s:tu:x")
    except getopt.GetoptError as error:
        return CommandResult(
            USAGE, stderr=f"qselect: invalid option -- '{error.opt}'\n{_QSELECT_USAGE}\n"
        )
    options = dict(pairs)
    known = [
        job for job in server.jobs() if job.index is None and ("-J" not in options or job.array)
    ]
    jobs = [
        job
        for job in (with_subjobs(known, server.jobs()) if "-t" in options else known)
        if ("-x" in options or not job.is_finished)
        and options.get("-N", job.name) == job.name
        and options.get("-q", job.queue) == job.queue
        and job.state in options.get("-s", job.state)
        and job.owner in options.get("-u", job.owner).split(",")
    ]
    return CommandResult(stdout="".join(f"{job.id}\n" for job in jobs))


_IN_WIDE = {"-a", "-u", "-n", "-s", "-i", "-r", "-H", "-w"}


def _writer(options: Mapping[str, str]) -> Callable[[Sequence[Job]], str]:
    if "-F" in options:
        return as_json
    if "-f" in options:
        return as_long
    if options.keys() & _IN_WIDE:
        return partial(as_wide_table, options=options.keys())
    return as_table


def _chosen(
    server: Server, names: Sequence[str], options: Mapping[str, str], result: CommandResult
) -> list[Job]:
    history = bool(options.keys() & {"-x", "-H"})
    jobs = [j for j in server.jobs() if j.index is None and (history or not j.is_finished)]
    if names:
        jobs = []
        for name in names:
            try:
                jobs += [job for job in _named(server, name, history) if job not in jobs]
            except Refusal as refusal:
                result.refuse("qstat", refusal)
    if "-t" in options:
        jobs = list(with_subjobs(jobs, server.jobs()))
    if "-r" in options:
        jobs = [job for job in jobs if job.state in "RE"]
    if "-i" in options:
        jobs = [job for job in jobs if job.state in "QHW"]
    if "-u" in options:
        users = options["-u"].split(",")
        jobs = [job for job in jobs if job.owner in users]
    return jobs


def _named(server: Server, name: str, history: bool) -> list[Job]:
    key = key_in(name)
    if key is None:
        if name not in server.queues:
            raise Refusal(UNKNOWN_QUEUE, f"Unknown queue destination {name}")
        there = [j for j in server.jobs() if j.queue == name and j.index is None]
        return [j for j in there if history or not j.is_finished]
    job = server.find(key)
    if job.state == "F" and not history:
        problem = "Job has finished, use -x or -H to obtain historical job information"
        raise Refusal(FINISHED, f"{job.id} {problem}")
    return [job]


COMMANDS = {
    "qsub": qsub,
    "qstat": qstat,
    "qselect": qselect,
    "qdel": qdel,
    "pbsnodes": pbsnodes,
    **{change.__name__: change for change in CHANGES},
}


def carry_out(tool: str, server: Server, call: CommandCall) -> CommandResult:
    """Run a command by its name; each knows --version."""
    if call.argv == ["--version"]:
        return CommandResult(stdout=f"pbs_version = {polaris().pbs_version}\n")
    return COMMANDS[tool](server, call)

"""pbsnodes: the pretended nodes as PBS shows them."""

import getopt
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.linux.nodes import SandboxNode
from polaris_parsl.sandbox.pbs.call import CommandCall, CommandResult
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.placement import COUNTED, capacity
from polaris_parsl.sandbox.pbs.refusal import USAGE, Refusal
from polaris_parsl.sandbox.pbs.server import DOWN, Server
from polaris_parsl.sandbox.pbs.show import json_document

_USAGE = "usage:\n\tpbsnodes -a [-F json]\n\tpbsnodes -S -j -a\n\tpbsnodes -l\n\tpbsnodes [-F json] host..."
_HEAD = """\
                                                        mem       ncpus   nmics   ngpus
vnode           state           njobs   run   susp      f/t        f/t     f/t     f/t   jobs
--------------- --------------- ------ ----- ------ ------------ ------- ------- ------- -------
"""
_UNKNOWN = "Unknown node "


def pbsnodes(server: Server, call: CommandCall) -> CommandResult:
    """Show all nodes, the named ones, or those that are down (-l)."""
    try:
        pairs, names = getopt.getopt(list(call.argv), "aF:jlS")
    except getopt.GetoptError as error:
        return CommandResult(USAGE, stderr=f"pbsnodes: invalid option -- '{error.opt}'\n{_USAGE}\n")
    options = dict(pairs)
    is_whole = bool(names or options.keys() & {"-a", "-l"})
    if (
        not is_whole
        or options.get("-F", "json") != "json"
        or ("-S" in options) != ("-j" in options)
    ):
        return CommandResult(USAGE, stderr=f"{_USAGE}\n")
    if "-l" in options:
        down = [name for name, state in server.out.items() if state == DOWN]
        return CommandResult(stdout="".join(f"{name:<20} {DOWN}\n" for name in down))
    chosen = list(server.nodes) if "-a" in options else names
    known = [name for name in chosen if name in server.nodes]
    if "-S" in options:
        return CommandResult(stdout=_HEAD + "".join(_row(server, name) for name in known))
    found = {name: _attributes(server, server.nodes[name]) for name in known}
    if "-F" in options:
        unknown = {name: {name: _UNKNOWN} for name in chosen if name not in found}
        return CommandResult(stdout=json_document("nodes", {**found, **unknown}) + "\n")
    result = CommandResult(stdout="".join(_long(name, found[name]) for name in found))
    for name in chosen:
        if name not in found:
            result.refuse("Node", Refusal(1, f"{name},  Error: {_UNKNOWN}"))
    return result


def _attributes(server: Server, node: SandboxNode) -> dict[str, Any]:
    facts = polaris()
    job = server.job_on(node.name)
    entries = {
        "Mom": node.fqdn,
        "ntype": "PBS",
        "state": server.out.get(node.name, "free" if job is None else "job-exclusive"),
        "pcpus": facts.node.threads,
        "jobs": [] if job is None else [job.id],
        "resources_available": {
            "arch": "linux",
            "host": node.name,
            "mem": f"{facts.node.pbs_mem_kb}kb",
            **capacity(),
            "system": facts.system.lower(),
            "vnode": node.name,
        },
        "resources_assigned": {} if job is None else _assigned(job, node.name),
        "resv_enable": "True",
        "sharing": "force_exclhost",
        "license": "l",
        "last_state_change_time": int(_changed(server, node.name)),
    }
    return {name: value for name, value in entries.items() if value != []}


def _row(server: Server, name: str) -> str:
    """A node in the table of -S -j: f/t is free of total."""
    job = server.job_on(name)
    state = server.out.get(name, "free" if job is None else "job-exclusive")
    taken = {} if job is None else _assigned(job, name)
    total = capacity()
    memory = "/".join([f"{polaris().node.pbs_mem_kb >> 20}gb"] * 2)
    cells = [f"{total[each] - taken.get(each, 0)}/{total[each]}" for each in ("ncpus", "ngpus")]
    count = int(job is not None)
    return (
        f"{name:<15} {state:<15} {count:>6} {count:>5} {0:>6} {memory:>12} "
        f"{cells[0]:>7} {'0/0':>7} {cells[1]:>7} {job.key if job else '--'}\n"
    )


def _assigned(job: Job, node: str) -> dict[str, int]:
    taken: Counter[str] = Counter()
    for host, chunk in zip(job.hosts, job.chunks, strict=False):
        if host == node:
            taken.update({name: chunk.amount(name) for name in COUNTED})
    return dict(taken)


def _long(name: str, attributes: Mapping[str, Any]) -> str:
    lines = [name]
    for key, value in attributes.items():
        if isinstance(value, dict):
            lines += [f"     {key}.{entry} = {amount}" for entry, amount in value.items()]
        elif isinstance(value, list):
            lines.append(f"     {key} = {', '.join(f'{job}/0' for job in value)}")
        else:
            shown = time.ctime(value) if key.endswith("_time") else value
            lines.append(f"     {key} = {shown}")
    return "\n".join(lines) + "\n\n"


def _changed(server: Server, node: str) -> float:
    """When a node last became free or busy, in seconds of the clock."""
    there = [job for job in server.jobs() if node in job.hosts]
    times = [at for job in there for at in (job.stime, job.obittime) if at is not None]
    return max([server.began, *times])

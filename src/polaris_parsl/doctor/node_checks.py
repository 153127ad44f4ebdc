"""What the answer of a node of a block means."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.doctor.block import Block, ask_nodes
from polaris_parsl.doctor.findings import Finding, Result, Status, note, ok, problem, unknown
from polaris_parsl.doctor.here import Answer, Here
from polaris_parsl.doctor.storage import CLOCK_SECONDS
from polaris_parsl.errors import PolarisParslError
from polaris_parsl.facts.polaris import polaris

Told = Mapping[str, Any]
_NEEDED = ("tasks", "python", "options", "interfaces", "run_dir")
_GIGA = 1_000_000_000


@dataclass(frozen=True)
class NodeCheck:
    """A promise about each node of a block; look gets the block, the answer and the place."""

    name: str
    look: Callable[[Block, Told, Here], Iterator[Finding]]


def examine_nodes(here: Here, before: Iterable[Result]) -> Iterator[Result]:
    """Ask the nodes of a block.

    Args:
        here: what to ask for it with.
        before: results of the checks of this node; where they say why there can be no block,
            none is asked for.
    """
    ill = [each.check for each in before if each.finding.status is Status.PROBLEM]
    cause = next((name for name in ill if name in _NEEDED), None)
    if cause:
        yield Result("block", unknown(f"not asked for: it hangs on {cause!r}, see there"))
    elif not here.planned.has_account:
        yield Result("block", problem("not asked for: no account is given", "add account=PROJECT"))
    else:
        try:
            yield from examine_block(ask_nodes(here), here)
        except PolarisParslError as error:
            yield Result("block", problem(error.problem, error.remedy))


def examine_block(block: Block, here: Here) -> Iterator[Result]:
    """The results of all nodes, and of those that did not answer."""
    for told in block.answers:
        for check in NODE_CHECKS:
            for finding in check.look(block, told, here):
                yield Result(check.name, finding, told["host"])
    yield Result("block", _of_block(block))


def _of_block(block: Block) -> Finding:
    wanted, came = block.options.nodes_per_block, len(block.answers)
    if came == wanted:
        return ok(f"{came} of {wanted} nodes answered")
    return problem(
        f"{came} of {wanted} nodes answered; the job says: {block.complaint}",
        "mend what it says; `polaris-parsl script` shows the job script",
    )


def look_at_python(_block: Block, told: Told, here: Here) -> Iterator[Finding]:
    """The node has the interpreter, the Parsl and the polaris_parsl of the driver."""
    answer = Answer(**told["python"])
    mine = here.answer
    place = f"Python {answer.version}, {told['executable']},"
    for name, theirs in (("parsl", answer.parsl), ("polaris_parsl", answer.polaris_parsl)):
        if "error" in theirs:
            yield problem(
                f"{place} does not import {name} there: {theirs['error']}",
                "install on a filesystem that the nodes mount",
            )
            return
    if isinstance(mine, Answer) and _versions(mine) != _versions(answer):
        yield problem(
            f"{place} has {_shown(answer)} there; here it has {_shown(mine)}",
            "let both see the same files; Parsl refuses workers of another version",
        )
        return
    yield ok(f"{place} imports {_shown(answer)} of {Path(answer.parsl['file']).parents[1]}")


def look_at_gpus(block: Block, told: Told, _here: Here) -> Iterator[Finding]:
    """The node has the GPUs that its workers get."""
    wanted = [each.gpu for each in block.options.available_accelerators]
    lines = told["gpus"].get("lines", [])
    found = [line for line in lines if line.startswith("GPU ")]
    if not wanted:
        yield ok(f"{len(found)} GPUs, and none is asked for")
    elif "error" in told["gpus"]:
        yield problem(
            f"nvidia-smi: {told['gpus']['error']}; the workers want {len(wanted)} GPUs",
            "tell the site's support the node's name; available_accelerators=0 needs no GPU",
        )
    elif max(wanted) >= len(found):
        yield problem(
            f"{len(found)} GPUs; available_accelerators names GPU {max(wanted)}",
            "give fewer available_accelerators, or tell the site's support the node's name",
        )
    else:
        yield ok(f"{len(found)} GPUs")
        if len(lines) > len(found):
            yield note(
                f"{len(lines) - len(found)} MIG instances: Parsl counts them as GPUs, too",
                "submit without mig_config, or name the instances as available_accelerators",
            )


def look_at_cpus(_block: Block, told: Told, _here: Here) -> Iterator[Finding]:
    """The kernel lets the workers be bound to their CPUs."""
    if told["unbound"]:
        lacking = ", ".join(map(str, told["unbound"]))
        yield problem(
            f"workers cannot be bound to the CPUs {lacking}: they would end without a word, again "
            "and again, or do without them",
            "see that the launcher binds nothing (`--cpu-bind none`) and that cpus_per_node is all",
        )
    else:
        yield ok(f"{len(told['cpus'])} CPUs, and each worker can be bound to its own")


def look_at_reach(_block: Block, told: Told, _here: Here) -> Iterator[Finding]:
    """The node reaches an address of the driver, at a port such as Parsl takes."""
    reached = [name for name, each in told["reached"].items() if "error" not in each]
    failed = {name: each["error"] for name, each in told["reached"].items() if "error" in each}
    why = "; ".join(f"{name}: {error}" for name, error in failed.items())
    interfaces = ", ".join(told["interfaces"])
    if not reached:
        yield problem(
            f"no address of the driver is reached: {why}; the node has {interfaces}",
            "pass interface= or address= of one that the nodes reach",
        )
    elif failed:
        yield note(f"reaches {', '.join(reached)}, but not {why}; workers try each")
    else:
        yield ok(f"reaches {', '.join(reached)}; it has {interfaces}")


def look_at_clock(_block: Block, told: Told, _here: Here) -> Iterator[Finding]:
    """The node's clock is the driver's."""
    known = [each for each in told["reached"].values() if "error" not in each]
    if not known:
        yield unknown("the driver was not reached")
        return
    best = min(known, key=lambda each: float(each["within"]))
    shown = f"{abs(best['ahead']):.2f} s from the driver's, measured to {best['within']:.2f} s"
    if abs(best["ahead"]) - best["within"] > CLOCK_SECONDS:
        yield problem(shown, "tell the site's support the node's name")
    else:
        yield ok(shown)


def look_at_tmpdir(_block: Block, told: Told, _here: Here) -> Iterator[Finding]:
    """TMPDIR of the workers takes files, and sockets with their long names."""
    place = told["tmpdir"]
    if "error" in place:
        yield problem(
            f"TMPDIR={place['folder']}: {place['error']}",
            f"`export TMPDIR={polaris().node.tmpdir}` at the end of worker_init",
        )
    else:
        yield ok(f"{place['folder']}, {place['free'] / _GIGA:.0f} GB free")


def look_at_scratch(_block: Block, told: Told, _here: Here) -> Iterator[Finding]:
    """The node has its own disk."""
    place = told["scratch"]
    if "error" in place:
        yield note(f"no {place['folder']}: {place['error']}")
    else:
        yield ok(f"{place['folder']}, {place['free'] / _GIGA:.0f} GB free")


def look_at_system(_block: Block, told: Told, _here: Here) -> Iterator[Finding]:
    """Which kernel and C library the node has, and how many files a process may open."""
    yield ok(f"{told['system']}; {told['open_files']} open files a process")


def _versions(answer: Answer) -> tuple[str, str, str]:
    minor = answer.version.rpartition(".")[0]
    return minor, answer.parsl.get("version", ""), answer.polaris_parsl.get("version", "")


def _shown(answer: Answer) -> str:
    _, parsl, own = _versions(answer)
    return f"parsl {parsl} and polaris_parsl {own}"


NODE_CHECKS = (
    NodeCheck("python", look_at_python),
    NodeCheck("gpus", look_at_gpus),
    NodeCheck("cpus", look_at_cpus),
    NodeCheck("reach", look_at_reach),
    NodeCheck("clock", look_at_clock),
    NodeCheck("tmpdir", look_at_tmpdir),
    NodeCheck("scratch", look_at_scratch),
    NodeCheck("system", look_at_system),
)

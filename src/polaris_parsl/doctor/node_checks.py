"""Checks the answer of each node of a block."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.doctor.block import Block, ask_nodes
from polaris_parsl.doctor.findings import DoctorFinding, Result, Status, note, ok, problem, unknown
from polaris_parsl.doctor.here import Here, PythonIdentity
from polaris_parsl.doctor.storage import CLOCK_SECONDS
from polaris_parsl.errors import PolarisParslError
from polaris_parsl.facts.polaris import polaris

NodeAnswer = Mapping[str, Any]
_NEEDED = ("tasks", "python", "options", "interfaces", "run_dir")
_GIGA = 1_000_000_000


@dataclass(frozen=True)
class NodeCheck:
    """A promise about each node of a block; look gets the block, the answer and the place."""

    name: str
    look: Callable[[Block, NodeAnswer, Here], Iterator[DoctorFinding]]


def examine_nodes(here: Here, before: Iterable[Result]) -> Iterator[Result]:
    """Ask the nodes of a block.

    Args:
        here: the place and the options of the block.
        before: results of the checks of this node; if one of them prevents a block, no block
            is requested.
    """
    ill = [each.check for each in before if each.finding.status is Status.PROBLEM]
    cause = next((name for name in ill if name in _NEEDED), None)
    if cause:
        yield Result("block", unknown(f"skipped: depends on {cause!r} (see above)"))
    elif missing := here.planned.no_account:
        yield Result("block", problem(f"no block requested: {missing.problem}", missing.remedy))
    else:
        try:
            yield from examine_block(ask_nodes(here), here)
        except PolarisParslError as error:
            yield Result("block", problem(error.problem, error.remedy))


def examine_block(block: Block, here: Here) -> Iterator[Result]:
    """The results of all nodes, and of those that did not answer."""
    for answer in block.answers:
        for check in NODE_CHECKS:
            for finding in check.look(block, answer, here):
                yield Result(check.name, finding, answer["host"])
    yield Result("block", _of_block(block))


def _of_block(block: Block) -> DoctorFinding:
    wanted, came = block.options.nodes_per_block, len(block.answers)
    if came == wanted:
        return ok(f"{came} of {wanted} nodes answered")
    return problem(
        f"{came} of {wanted} nodes answered; the job says: {block.complaint}",
        "correct what it reports; `polaris-parsl script` shows the job script",
    )


def look_at_python(_block: Block, answer: NodeAnswer, here: Here) -> Iterator[DoctorFinding]:
    """The node has the interpreter, the Parsl and the polaris_parsl of the driver."""
    identity = PythonIdentity(**answer["python"])
    mine = here.answer
    place = f"Python {identity.version}, {answer['executable']},"
    for name, theirs in (("parsl", identity.parsl), ("polaris_parsl", identity.polaris_parsl)):
        if "error" in theirs:
            yield problem(
                f"{place} does not import {name} there: {theirs['error']}",
                "install on a filesystem that the nodes mount",
            )
            return
    if isinstance(mine, PythonIdentity) and _versions(mine) != _versions(identity):
        yield problem(
            f"{place} has {_shown(identity)} there; here it has {_shown(mine)}",
            "let both see the same files; Parsl refuses workers of another version",
        )
        return
    yield ok(f"{place} imports {_shown(identity)} of {Path(identity.parsl['file']).parents[1]}")


def look_at_gpus(block: Block, answer: NodeAnswer, _here: Here) -> Iterator[DoctorFinding]:
    """The node has the GPUs that its workers get."""
    wanted = [each.gpu for each in block.options.available_accelerators]
    lines = answer["gpus"].get("lines", [])
    found = [line for line in lines if line.startswith("GPU ")]
    if not wanted:
        yield ok(f"{len(found)} GPUs, and the options request none")
    elif "error" in answer["gpus"]:
        yield problem(
            f"nvidia-smi: {answer['gpus']['error']}; the workers need {len(wanted)} GPUs",
            "report the node's name to the site's support; available_accelerators=0 needs no GPU",
        )
    elif max(wanted) >= len(found):
        yield problem(
            f"{len(found)} GPUs; available_accelerators names GPU {max(wanted)}",
            "give fewer available_accelerators, or report the node's name to the site's support",
        )
    else:
        yield ok(f"{len(found)} GPUs")
        if len(lines) > len(found):
            yield note(
                f"{len(lines) - len(found)} MIG instances: Parsl counts them as GPUs, too",
                "submit without mig_config, or name the instances as available_accelerators",
            )


def look_at_cpus(_block: Block, answer: NodeAnswer, _here: Here) -> Iterator[DoctorFinding]:
    """The workers can be bound to their CPUs."""
    if answer["unbound"]:
        lacking = ", ".join(map(str, answer["unbound"]))
        yield problem(
            f"workers cannot be bound to the CPUs {lacking}: they would end without a "
            "message and restart for ever, or run unbound",
            "make the launcher bind nothing (`--cpu-bind none`), and set cpus_per_node to all CPUs",
        )
    else:
        yield ok(f"{len(answer['cpus'])} CPUs, and each worker can be bound to its own")


def look_at_reach(_block: Block, answer: NodeAnswer, _here: Here) -> Iterator[DoctorFinding]:
    """The node reaches an address of the driver, at a port in Parsl's range."""
    reached = [name for name, each in answer["reached"].items() if "error" not in each]
    failed = {name: each["error"] for name, each in answer["reached"].items() if "error" in each}
    why = "; ".join(f"{name}: {error}" for name, error in failed.items())
    interfaces = ", ".join(answer["interfaces"])
    if not reached:
        yield problem(
            f"cannot reach any address of the driver: {why}; the node has {interfaces}",
            "pass an interface= or address= that the nodes reach",
        )
    elif failed:
        yield note(f"reaches {', '.join(reached)}, but not {why}; workers try each")
    else:
        yield ok(f"reaches {', '.join(reached)}; it has {interfaces}")


def look_at_clock(_block: Block, answer: NodeAnswer, _here: Here) -> Iterator[DoctorFinding]:
    """The node's clock agrees with the driver's."""
    known = [each for each in answer["reached"].values() if "error" not in each]
    if not known:
        yield unknown("the node does not reach the driver")
        return
    best = min(known, key=lambda each: float(each["within"]))
    shown = f"{abs(best['ahead']):.2f} s from the driver's, measured to {best['within']:.2f} s"
    if abs(best["ahead"]) - best["within"] > CLOCK_SECONDS:
        yield problem(shown, "report the node's name to the site's support")
    else:
        yield ok(shown)


def look_at_tmpdir(_block: Block, answer: NodeAnswer, _here: Here) -> Iterator[DoctorFinding]:
    """The workers can make files and sockets in TMPDIR, whose path is short enough."""
    place = answer["tmpdir"]
    if "error" in place:
        yield problem(
            f"TMPDIR={place['folder']}: {place['error']}",
            f"`export TMPDIR={polaris().node.tmpdir}` at the end of worker_init",
        )
    else:
        yield ok(f"{place['folder']}, {place['free'] / _GIGA:.0f} GB free")


def look_at_scratch(_block: Block, answer: NodeAnswer, _here: Here) -> Iterator[DoctorFinding]:
    """The node has a local disk."""
    place = answer["scratch"]
    if "error" in place:
        yield note(f"no {place['folder']}: {place['error']}")
    else:
        yield ok(f"{place['folder']}, {place['free'] / _GIGA:.0f} GB free")


def look_at_system(_block: Block, answer: NodeAnswer, _here: Here) -> Iterator[DoctorFinding]:
    """Which kernel and C library the node has, and how many files a process may open."""
    yield ok(f"{answer['system']}; {answer['open_files']} open files a process")


def _versions(identity: PythonIdentity) -> tuple[str, str, str]:
    minor = identity.version.rpartition(".")[0]
    return minor, identity.parsl.get("version", ""), identity.polaris_parsl.get("version", "")


def _shown(identity: PythonIdentity) -> str:
    _, parsl, own = _versions(identity)
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

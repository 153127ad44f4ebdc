"""Puts the chunks of a job on nodes; jobs do not share nodes."""

from collections import Counter
from collections.abc import Sequence

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.pbs.resources import Chunk

COUNTED = ("ncpus", "ngpus")


def capacity() -> dict[str, int]:
    """What one node has of each counted resource."""
    node = polaris().node
    return {"ncpus": node.threads, "ngpus": len(node.accelerators)}


def place(chunks: Sequence[Chunk], how: str, nodes: Sequence[str]) -> list[str] | None:
    """The node of each chunk, or None if the nodes do not suffice.

    Args:
        chunks: the chunks of the job.
        how: the job's `place`; free fills a node before it takes the next.
        nodes: the free nodes, in the order in which to take them.
    """
    arrangement = how.split(":", maxsplit=1)[0]
    one_each = arrangement in {"scatter", "vscatter"}
    used: dict[str, Counter[str]] = {}
    placed: list[str] = []
    for chunk in chunks:
        candidates = list(nodes)
        if one_each:
            candidates = [name for name in nodes if name not in used]
        elif arrangement == "pack":
            candidates = list(nodes[:1])
        chosen = next((n for n in candidates if _fits(chunk, used.get(n, Counter()), n)), None)
        if chosen is None:
            return None
        placed.append(chosen)
        taken = used.setdefault(chosen, Counter())
        for name in COUNTED:
            taken[name] += chunk.amount(name)
    return placed


def _fits(chunk: Chunk, taken: Counter[str], node: str) -> bool:
    wanted = dict(chunk.resources)
    host = wanted.get("host", wanted.get("vnode", node))
    has = capacity()
    return host.split(".")[0] == node and all(
        taken[name] + chunk.amount(name) <= has[name] for name in COUNTED
    )


def why_never(chunks: Sequence[Chunk], nodes: int) -> str:
    """The comment of a job that would not fit even if all nodes were free."""
    has = capacity()
    for name in reversed(COUNTED):
        wanted = [chunk.amount(name) for chunk in chunks]
        if max(wanted) > has[name] or sum(wanted) > nodes * has[name]:
            return f"Not Running: Insufficient amount of resource: {name} "
    return "Not Running: Not enough total nodes available"

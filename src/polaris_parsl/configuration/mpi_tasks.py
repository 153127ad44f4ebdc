"""What an MPI task says of its nodes and ranks, checked against its block and completed."""

import operator
from collections.abc import Mapping
from typing import Any

from polaris_parsl.errors import OptionError

_NAME = "parsl_resource_specification"
_COUNTS = ("num_nodes", "num_ranks", "ranks_per_node")
_REMEDY = f'give two of {", ".join(_COUNTS)}, such as {{"num_nodes": 2, "num_ranks": 8}}'
_OR_ELSEWHERE = (
    f"{_REMEDY}; if it is no MPI task, name its executor in the decorator: executors=[...]"
)


def complete_specification(given: Mapping[str, Any], *, nodes_per_block: int) -> dict[str, Any]:
    """A task's parsl_resource_specification with all three counts, as mpiexec takes them.

    Parsl fills in a missing count itself, but as "4.0", which PALS refuses; and a task without
    num_nodes, or of more nodes than its block has, waits for ever, as does what is behind it.

    Args:
        given: two or three of num_nodes, num_ranks and ranks_per_node; others are Parsl's to check.
        nodes_per_block: nodes of the blocks that the task may run in.

    Raises:
        OptionError: a count is missing or none, or they do not fit each other or the block.
    """
    counts = {name: _count(name, given[name]) for name in _COUNTS if given.get(name) is not None}
    if len(counts) < 2:
        if not given:
            raise OptionError(f"a task of an MPI executor has no {_NAME}", remedy=_OR_ELSEWHERE)
        raise OptionError(
            f"an MPI task needs nodes and ranks; {_NAME}={dict(given)!r} says too little",
            remedy=_REMEDY,
        )
    nodes = counts.get("num_nodes") or -(-counts["num_ranks"] // counts["ranks_per_node"])
    ranks = counts.get("num_ranks") or nodes * counts["ranks_per_node"]
    each = counts.get("ranks_per_node") or -(-ranks // nodes)
    _refuse_misfits(nodes, ranks, each, nodes_per_block)
    return {**given, "num_nodes": nodes, "num_ranks": ranks, "ranks_per_node": each}


def _count(name: str, value: Any) -> int:
    try:
        count = int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        count = 0
    if count < 1 or isinstance(value, bool):
        raise OptionError(
            f"{name}={value!r} in {_NAME} is not a whole number from 1", remedy=_REMEDY
        )
    return count


def _refuse_misfits(nodes: int, ranks: int, each: int, nodes_per_block: int) -> None:
    if nodes > nodes_per_block:
        raise OptionError(
            f"an MPI task asks for num_nodes={nodes}, and its block has "
            f"nodes_per_block={nodes_per_block}: it would wait for ever, with all that is behind it",
            remedy=f"give at most num_nodes={nodes_per_block}, or more nodes_per_block",
        )
    if ranks > nodes * each:
        raise OptionError(
            f"num_ranks={ranks} do not fit on num_nodes={nodes} with ranks_per_node={each}",
            remedy=f"leave one of the three out, or give num_ranks={nodes * each}",
        )
    used = -(-ranks // each)
    if used < nodes:
        raise OptionError(
            f"num_ranks={ranks} with ranks_per_node={each} fill {used} of num_nodes={nodes}, and "
            "the others would idle",
            remedy=f"give num_nodes={used}, or a num_ranks that fills each node",
        )

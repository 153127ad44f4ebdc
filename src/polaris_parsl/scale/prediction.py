"""What a block of any size asks of shared file systems until its workers have started.

counts.toml holds what was measured on one and on two nodes; calls and bytes grow with nodes and workers. How long
a file system takes to answer is not known of the system: the rates are assumed, and anybody can give others.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_COUNTS = Path(__file__).with_name("counts.toml")
_BYTES_OF_GB = 1e9


@dataclass(frozen=True)
class Rates:
    """How fast a shared file system is for all nodes together."""

    calls_per_second: float
    gigabytes_per_second: float


@dataclass(frozen=True)
class Prediction:
    """What one block asks.

    Attributes:
        recipe: the page's, ours with stage=False, or ours.
        nodes: of the block.
        calls: path calls on shared places, of all nodes.
        size: bytes of the shared files that nodes read, each file once a node.
        own_seconds: CPU of a node until its first worker has started, and until the archive has come to the last node.
        waiting_seconds: how long the file system takes for these calls and bytes.
    """

    recipe: str
    nodes: int
    calls: int
    size: int
    own_seconds: float
    waiting_seconds: float

    @property
    def seconds(self) -> float:
        """From the start of the pools to that of the last worker."""
        return self.own_seconds + self.waiting_seconds


@cache
def counts() -> dict[str, Any]:
    """What was measured: the file, with `measured`, `assumed` and a `recipe` for each."""
    return tomllib.loads(_COUNTS.read_text(encoding="utf-8"))


def assumed_rates() -> Rates:
    """The rates that are taken where none are given."""
    return Rates(**counts()["assumed"])


def predict(nodes: int, *, workers: int, rates: Rates | None = None) -> list[Prediction]:
    """What a block asks, by each recipe.

    Args:
        nodes: of the block.
        workers: on each node.
        rates: of the file system; None for those that are assumed.
    """
    rates = rates or assumed_rates()
    return [_by_recipe(each, nodes, workers, rates) for each in counts()["recipe"]]


def _by_recipe(recipe: dict[str, Any], nodes: int, workers: int, rates: Rates) -> Prediction:
    a_node = recipe["node_calls"] + workers * recipe["worker_calls"]
    calls = recipe["block_calls"] + nodes * a_node
    size = recipe["block_bytes"] + nodes * recipe["node_bytes"]
    own = recipe["cpu_seconds"]
    if fanout := recipe.get("fanout"):
        own += recipe["unpack_seconds"] * (1 + levels(nodes, fanout))
    waiting = max(
        calls / rates.calls_per_second, size / (rates.gigabytes_per_second * _BYTES_OF_GB)
    )
    return Prediction(recipe["name"], nodes, calls, size, own, waiting)


def levels(nodes: int, fanout: int) -> int:
    """How often the archive is handed on until the last node has it, each node giving it to so many."""
    node, count = nodes - 1, 0
    while node > 0:
        node, count = (node - 1) // fanout, count + 1
    return count

"""`polaris-parsl scale`: what the start of a block asks of shared file systems."""

import dataclasses
import json
from typing import Annotated

import typer

from polaris_parsl.cli.say import say
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.checks import WholeNumber, number
from polaris_parsl.report.as_text import table
from polaris_parsl.report.words import duration
from polaris_parsl.scale.prediction import Prediction, Rates, assumed_rates, counts, predict

_FASTEST = 1e9


def scale(
    *,
    nodes: Annotated[
        list[int] | None,
        typer.Option(
            "--nodes",
            help="Nodes of the block; may be repeated. [default: 10, 100, and as many as a queue takes]",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Workers on each node. [default: one for each GPU]"),
    ] = None,
    calls_per_second: Annotated[
        float | None,
        typer.Option(
            "--calls-per-second", help="Path calls that the file system answers to all nodes."
        ),
    ] = None,
    gigabytes_per_second: Annotated[
        float | None,
        typer.Option("--gigabytes-per-second", help="What all nodes together can read."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Predict what the start of a block asks of shared file systems.

    By the recipe of ALCF's page, by ours, and by ours with stage=False, from counts that were measured.
    """
    facts, assumed = polaris(), assumed_rates()
    some_nodes = WholeNumber(1, facts.node_count, "system")
    largest = max(each.nodes_max for each in facts.queues.values())
    sizes = [some_nodes("nodes", each) for each in nodes or (10, 100, largest)]
    each_node = WholeNumber(1, facts.node.threads, "node")
    count = each_node("workers", workers if workers is not None else len(facts.node.accelerators))
    rates = Rates(
        _rate("calls_per_second", calls_per_second, assumed.calls_per_second),
        _rate("gigabytes_per_second", gigabytes_per_second, assumed.gigabytes_per_second),
    )
    found = [each for size in sizes for each in predict(size, workers=count, rates=rates)]
    if as_json:
        rows = [dataclasses.asdict(each) | {"seconds": each.seconds} for each in found]
        answer = {"measured": counts()["measured"], "workers": count, "rates": vars(rates)}
        say(json.dumps({**answer, "predicted": rows}, indent=1, default=str))
        return
    heads = ["nodes", "recipe", "path calls", "MB read", "start-up"]
    say("\n".join(table([heads, *map(_row, found)])))
    measured = counts()["measured"]
    say(
        f"{count} workers on each node; from counts of {measured['date']}: Parsl {measured['parsl']}, "
        f"Python {measured['python']}, a base of {measured['base_packages']} packages\n"
        "start-up: CPU of a node, and the time of a file system that answers "
        f"{rates.calls_per_second:,.0f} calls and reads {rates.gigabytes_per_second:g} GB in a second"
        + (" (assumed)" if rates == assumed else "")
    )


def _rate(name: str, given: float | None, assumed: float) -> float:
    checked: float = number(1e-3, _FASTEST)(name, assumed if given is None else given)
    return checked


def _row(found: Prediction) -> list[str]:
    size = f"{found.size / 1e6:,.0f}"
    return [str(found.nodes), found.recipe, f"{found.calls:,}", size, duration(found.seconds)]

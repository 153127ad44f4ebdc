"""`polaris-parsl queues`: the queues of the facts; --refresh compares them with PBS."""

import datetime
from typing import Annotated

import typer

from polaris_parsl.cli.say import say
from polaris_parsl.errors import ExitCode, PrefixError
from polaris_parsl.facts.conflicting_sources import show
from polaris_parsl.facts.learned_queues import file_of_learned_queues, write_learned_queues
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.facts.queues import Queue
from polaris_parsl.pbs.learn_queues import learn_queues
from polaris_parsl.pbs.queue_listing import Listing, ask_pbs, differences
from polaris_parsl.pbs.walltime import write_walltime
from polaris_parsl.policy.job_size import destinations
from polaris_parsl.text import plural

_ROW = "{:<15} {:>8}  {:<20} {:<11} {:<12} {}"


def queues(
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Ask PBS, and print where its queues differ from the facts."
        ),
    ] = False,
    save: Annotated[
        bool,
        typer.Option(
            "--save",
            help="With --refresh: keep what PBS has for all users of this install, whose requests "
            "are then compared with it.",
        ),
    ] = False,
) -> None:
    """List the queues with their limits, or compare them with PBS.

    The list names the source of each limit, and where sources conflict.
    """
    if save and not refresh:
        raise typer.BadParameter("--save keeps what --refresh finds: give both")
    if refresh:
        listing = ask_pbs()
        if save:
            _save(listing)
        else:
            _compare(listing)
        return
    known = polaris().queues.values()
    say(_ROW.format("queue", "nodes", "walltime", "running", "in queue", "remarks"))
    for queue in known:
        say(_row(queue))
    for citation in sorted({queue.citation for queue in known}):
        say(f"source: {citation.strip('[]')}")
    for queue in known:
        for conflict in queue.conflicting_sources:
            used = show(getattr(queue, conflict.fact)) or "none"
            say(f"conflicting sources: {queue.name}, {conflict.fact} = {used}, but {conflict}")


def _row(queue: Queue) -> str:
    return _ROW.format(
        queue.name,
        f"{queue.nodes_min}-{queue.nodes_max}",
        f"{write_walltime(queue.walltime_min)} to {write_walltime(queue.walltime_max)}",
        show(queue.max_run),
        show(queue.jobs_held),
        "; ".join(_remarks(queue)),
    ).rstrip()


def _remarks(queue: Queue) -> list[str]:
    remarks = {
        f"routes to {', '.join(each.name for each in destinations(queue))}": bool(queue.routes_to),
        "reached by routing only": queue.only_by_routing,
        "for projects with a negative balance": queue.negative_balance,
        "jobs may be killed for others": queue.preemptible,
        "open on request only": queue.by_request,
        f"{queue.nodes_in_use_max} nodes for all jobs": queue.nodes_in_use_max is not None,
        f"at most {_span(queue.nodes_recommended_max)} nodes are recommended": bool(
            queue.nodes_recommended_max
        ),
    }
    return [text for text, applies in remarks.items() if applies]


def _span(limits: tuple[int, ...] | None) -> str:
    return " to ".join(map(str, limits or ()))


def _save(listing: Listing) -> None:
    """Keep what PBS has in the prefix of this install."""
    file = file_of_learned_queues()
    if file is None:
        raise PrefixError(
            "this command belongs to no install, which would keep the queues",
            remedy="load the module polaris-parsl and run it again, or correct polaris.toml as "
            "docs/queues.md says",
        )
    learned = learn_queues(listing, datetime.datetime.now(tz=datetime.UTC).date())
    try:
        write_learned_queues(learned, file)
    except OSError as error:
        raise PrefixError(
            f"{file} cannot be written: {error.strerror}",
            remedy="let its owner run this, or a member of its group",
        ) from error
    for name, fields in learned.queues.items():
        said = ", ".join(f"{field} = {show(value)}" for field, value in fields.items())
        say(f"{name}: {said or 'no limits'}")
    count = len(learned.queues)
    noun = plural(count, "queue")
    say(f"{count} {noun} of {listing.server} that the facts lack or have otherwise: {file}")


def _compare(listing: Listing) -> None:
    """Print where PBS and the facts differ; exit with ExitCode.QUEUES if they do."""
    found = differences(listing)
    asked = f"{listing.server} (PBS {listing.version})"
    if not found:
        say(f"all {len(polaris().documented_queues)} queues of the facts agree with {asked}")
        return
    for each in found:
        say(str(each))
    noun = plural(len(found), "difference")
    say(f"{len(found)} {noun} between {asked} and the facts; to correct these see docs/queues.md")
    raise typer.Exit(ExitCode.QUEUES)

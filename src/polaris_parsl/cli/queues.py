"""`polaris-parsl queues`: the queues that the policy knows, with their limits."""

from polaris_parsl.facts import Queue, polaris
from polaris_parsl.policy import clock

_ROW = "{:<15} {:>8}  {:<20} {:<9} {}"


def queues() -> None:
    """Print the queues with their limits, and where these are written."""
    print(_ROW.format("queue", "nodes", "walltime", "jobs/user", "remarks").rstrip())
    for queue in polaris().queues.values():
        print(_row(queue))
    pages = {(queue.source, queue.checked) for queue in polaris().queues.values()}
    for source, checked in sorted(pages):
        print(f"source: {source}, read {checked}")
    for queue in polaris().queues.values():
        if queue.doubt:
            print(f"in doubt, {queue.name}: {queue.doubt}")


def _row(queue: Queue) -> str:
    remarks = ""
    if queue.routes_to:
        remarks = f"routes to {', '.join(queue.routes_to)}"
    elif queue.only_by_routing:
        remarks = "reached by routing only"
    return _ROW.format(
        queue.name,
        f"{queue.nodes_min}-{queue.nodes_max}",
        f"{clock(queue.walltime_min_minutes)} to {clock(queue.walltime_max_minutes)}",
        queue.jobs_per_user_max or "",
        remarks,
    ).rstrip()

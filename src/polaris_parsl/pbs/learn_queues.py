"""From what PBS lists to the queues that an install learns."""

import datetime
import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from polaris_parsl.facts.learned_queues import LearnedQueues
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.pbs.queue_listing import SCOPES, Listing
from polaris_parsl.pbs.walltime import read_walltime

_LIMITS = ("max_run", "max_queued", "queued_jobs_threshold")
_GENERIC = re.compile(r"\[([up]):PBS_GENERIC=(\d+)\]")
_BY_LETTER = {letter: scope for scope, letter in SCOPES.items()}


def learn_queues(listing: Listing, today: datetime.date) -> LearnedQueues:
    """What PBS says of queues that the facts lack, and where it differs from the facts.

    Reservations are left out, because they end; so are queues that are closed, and routes
    among queues. Walltimes are rounded to the whole minutes within.

    Args:
        listing: what qstat printed.
        today: the day on which it did.
    """
    facts = polaris()
    learned = {}
    for name, attributes in listing.queues.items():
        is_reservation = re.fullmatch(facts.reservation_pattern, name)
        if is_reservation or attributes.get("enabled", "True") != "True":
            continue
        fields, known = _fields(attributes), facts.queues.get(name)
        if known:
            fields = {key: value for key, value in fields.items() if getattr(known, key) != value}
        if fields or not known:
            learned[name] = fields
    return LearnedQueues(listing.server, today, learned)


def _fields(attributes: Mapping[str, Any]) -> dict[str, Any]:
    least = _table(attributes, "resources_min")
    most = _table(attributes, "resources_max")
    found: dict[str, Any] = {}
    if str(least.get("nodect", "")).isdecimal():
        found["nodes_min"] = int(least["nodect"])
    if str(most.get("nodect", "")).isdecimal():
        found["nodes_max"] = int(most["nodect"])
    if "walltime" in least:
        found["walltime_min_minutes"] = math.ceil(_minutes(least["walltime"]))
    if "walltime" in most:
        found["walltime_max_minutes"] = math.floor(_minutes(most["walltime"]))
    for name in _LIMITS:
        jobs = {
            _BY_LETTER[who]: int(count)
            for who, count in _GENERIC.findall(str(attributes.get(name, "")))
        }
        found |= {name: jobs} if jobs else {}
    if attributes.get("from_route_only") == "True":
        found["only_by_routing"] = True
    if "True" in (attributes.get("acl_user_enable"), attributes.get("acl_group_enable")):
        found["by_request"] = True
    return found


def _table(attributes: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = attributes.get(name)
    return value if isinstance(value, Mapping) else {}


def _minutes(walltime: Any) -> float:
    return read_walltime(str(walltime)) / timedelta(minutes=1)

"""Queues in PBS's own words: as qstat lists them, as the facts have them, and where both differ."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from polaris_parsl.errors import MissingToolError, PolarisParslError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.facts.queues import Jobs, Queue
from polaris_parsl.pbs.walltime import read_walltime, write_padded_walltime
from polaris_parsl.process import NoAnswerError, run

QSTAT = ("qstat", "-Q", "-f", "-F", "json")
NONE = "none"
SCOPES = {"user": "u", "project": "p"}
_COMPARED = re.compile(
    r"queue_type|enabled|started|from_route_only|route_destinations|acl_(user|group)_enable"
    r"|resources_(min|max)\.(nodect|walltime)|max_(run|queued)(_res\..*)?|queued_jobs_threshold"
    r"|max_(running|user_run|group_run|queuable)"
)
# [u:PBS_GENERIC=1]: what holds for each user, as o: for all together, p: for each project.
_LIMIT = re.compile(r"\[([ougp]:PBS_(?:GENERIC|ALL))=(\d+)\]")
# What PBS does also where it is not said.
_WITHOUT_SAYING = {
    "resources_min.nodect": "1",
    "from_route_only": "False",
    "acl_user_enable": "False",
    "acl_group_enable": "False",
}


@dataclass(frozen=True)
class Listing:
    """What `qstat -Q -f -F json` prints: the server, its version, and attributes of its queues."""

    server: str
    version: str
    queues: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Difference:
    """An attribute of a queue that differs; "queue" where one side has no such queue at all.

    Attributes:
        queue: its name.
        attribute: PBS's name of it.
        facts: the value of the facts, "none" where they have none.
        system: the value of the system that was asked, "none" where it has none.
        note: the other source, where the system has what a conflicting source says.
    """

    queue: str
    attribute: str
    facts: str
    system: str
    note: str = ""

    def __str__(self) -> str:
        text = f"{self.queue}, {self.attribute}: {self.facts} in the facts, {self.system} here"
        return f"{text}, {self.note}" if self.note else text


def ask_pbs(env: Mapping[str, str] | None = None) -> Listing:
    """What PBS says of its queues.

    Args:
        env: environment of qstat; None passes on our own.

    Raises:
        MissingToolError: there is no qstat on PATH.
        PolarisParslError: it fails, does not answer, or prints what is not a listing.
    """
    command = " ".join(QSTAT)
    seconds = polaris().defaults["cmd_timeout"]
    try:
        done = run(QSTAT, env=env, timeout_seconds=seconds)
    except FileNotFoundError as error:
        raise MissingToolError(
            "no qstat on PATH, which knows the queues of PBS",
            remedy=f"run this on a login node of {polaris().system}, or behind "
            "`polaris-parsl sandbox --`",
        ) from error
    except NoAnswerError as error:
        raise PolarisParslError(
            f"`{command}`: {error}", remedy="try again when PBS answers"
        ) from error
    except UnicodeDecodeError as error:
        raise PolarisParslError(
            f"`{command}` printed what is not text: {error}", remedy=f"look at it: {command}"
        ) from error
    if done.returncode != 0:
        raise PolarisParslError(
            f"`{command}` failed with exit code {done.returncode}: {done.stderr.strip()}",
            remedy="try again when PBS answers",
        )
    return read_listing(done.stdout)


def read_listing(text: str) -> Listing:
    """What qstat printed.

    Args:
        text: output of QSTAT.

    Raises:
        PolarisParslError: it is not what qstat prints.

    Source: recorded on OpenPBS 23.06.06.
    """
    remedy = f"look at the output of `{' '.join(QSTAT)}`"
    try:
        data = json.loads(text)
    except ValueError as error:
        raise PolarisParslError(f"qstat printed no valid JSON: {error}", remedy=remedy) from error
    found = data.get("Queue") if isinstance(data, dict) else None
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise PolarisParslError('qstat printed JSON without a table "Queue"', remedy=remedy)
    return Listing(str(data.get("pbs_server", "?")), str(data.get("pbs_version", "?")), found)


def as_pbs(queue: Queue) -> dict[str, Any]:
    """The attributes that PBS would print of a queue such as the facts describe."""
    entries = {
        "queue_type": "Route" if queue.routes_to else "Execution",
        "from_route_only": "True" if queue.only_by_routing else "",
        **({} if queue.routes_to else _sizes(queue)),
        "route_destinations": ",".join(queue.routes_to),
        "max_run": _limits(queue.max_run),
        "enabled": "True",
        "started": "True",
        "max_queued": _limits(queue.max_queued),
        "queued_jobs_threshold": _limits(queue.queued_jobs_threshold),
    }
    return {name: value for name, value in entries.items() if value}


def differences(listing: Listing) -> list[Difference]:
    """Where the queues of a system are not as in the facts.

    Reservations and the queues of invited users are passed by, and so are exceptions
    that PBS makes for a user or project by name.
    """
    facts = polaris()
    found: list[Difference] = []
    for name, queue in facts.documented_queues.items():
        if name in listing.queues:
            found += _differences_of(queue, listing.queues[name])
        else:
            kind = str(as_pbs(queue)["queue_type"])
            found.append(Difference(name, "queue", kind, NONE))
    for name, attributes in listing.queues.items():
        if name not in facts.queues and not facts.is_closed_or_reserved(name):
            found.append(Difference(name, "queue", NONE, str(attributes.get("queue_type", "?"))))
    return found


def _differences_of(queue: Queue, attributes: Mapping[str, Any]) -> Iterator[Difference]:
    ours, theirs = _comparable(as_pbs(queue)), _comparable(attributes)
    # What the facts know and PBS need not print counts only where it is printed.
    known = {name: value for name, value in _unprinted(queue).items() if name in theirs}
    ours = {**known, **ours}
    for name in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(name, NONE), theirs.get(name, NONE)
        if one != other:
            yield Difference(queue.name, name, one, other, _who_else(queue, name, other))


def _unprinted(queue: Queue) -> dict[str, str]:
    """Facts that PBS may keep in another place: in a hook, or in the destinations of a route."""
    known = _comparable(_sizes(queue)) if queue.routes_to else {}
    if queue.nodes_in_use_max is not None:
        known["max_run_res.nodect"] = f"[o:PBS_ALL={queue.nodes_in_use_max}]"
    if queue.by_request:
        known |= {"acl_user_enable": "True", "acl_group_enable": "True"}
    return known


def _who_else(queue: Queue, attribute: str, value: str) -> str:
    """The source that conflicts with the facts and is right on this system."""
    for conflict in queue.conflicting_sources:
        theirs = _comparable(as_pbs(queue.according_to(conflict)))
        if theirs.get(attribute, NONE) == value:
            return f"as in {conflict.source}"
    return ""


def _comparable(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that are compared, each in one spelling."""
    flat: dict[str, str] = {}
    for name, value in attributes.items():
        entries = value.items() if isinstance(value, Mapping) else [("", value)]
        for resource, entry in entries:
            full = f"{name}.{resource}" if resource else name
            flat[full] = _spelled(name, str(entry))
    return {
        name: value
        for name, value in flat.items()
        if _COMPARED.fullmatch(name) and value and _WITHOUT_SAYING.get(name) != value
    }


def _spelled(name: str, value: str) -> str:
    if name == "route_destinations":
        return ",".join(each.partition("@")[0].strip() for each in value.split(","))
    if value.startswith("["):
        limits = sorted(f"[{who}={count}]" for who, count in _LIMIT.findall(value))
        return ",".join(limits)
    if re.fullmatch(r"\d+:\d\d:\d\d", value):
        return write_padded_walltime(read_walltime(value))
    return value


def _sizes(queue: Queue) -> dict[str, Any]:
    return {
        "resources_max": _size(queue.nodes_max, queue.walltime_max),
        "resources_min": _size(queue.nodes_min, queue.walltime_min),
    }


def _size(nodes: int, walltime: timedelta) -> dict[str, Any]:
    return {"nodect": nodes, "walltime": write_padded_walltime(walltime)}


def _limits(jobs: Jobs) -> str:
    return ",".join(f"[{SCOPES[scope]}:PBS_GENERIC={count}]" for scope, count in jobs.items())

"""Checks the site's services: the proxy, and PBS with its queues."""

import datetime
from collections.abc import Iterator
from urllib.parse import urlsplit

from polaris_parsl.doctor.findings import DoctorFinding, note, ok, problem, unknown
from polaris_parsl.doctor.here import Here
from polaris_parsl.env.network import chosen_proxies
from polaris_parsl.facts.polaris import polaris, source
from polaris_parsl.pbs.queue_listing import ask_pbs, differences

_SCHEMES = ("http_proxy", "https_proxy")
_SHOWN = 3


def look_at_proxy(here: Here) -> Iterator[DoctorFinding]:
    """The proxy is a usable address, and no_proxy exempts the system's hosts. Nothing is sent."""
    known = polaris().proxy
    given = chosen_proxies(here.env)
    found: dict[str, str] = {}
    for name in _SCHEMES:
        values = {given[each] for each in (name, name.upper()) if each in given}
        if len(values) > 1:
            yield problem(
                f"{name} and {name.upper()} differ: {' and '.join(sorted(values))}",
                "set both to the same, or unset one",
            )
        found |= dict.fromkeys(values, name)
    for value, name in found.items():
        if not _is_proxy(value):
            yield problem(
                f"{name} is {value!r}, which is not an address of a proxy",
                f"export {name}={known.url}",
            )
            return
    for name in given:
        if not _is_proxy(here.env[name]):
            yield problem(
                f"{name} has a user or password with characters that end it early",
                "write such characters as in an address: %2F for /, %3F for ?, %23 for #",
            )
            return
    if not found:
        yield note(
            f"none is set; where downloads need one, ALCF's is {known.url} [{source('proxy')}]"
        )
    elif not here.env.get("no_proxy") and not here.env.get("NO_PROXY"):
        yield note(
            f"{', '.join(found)}, and no_proxy is not set: traffic between nodes takes it, too",
            f"export no_proxy='{known.no_proxy}'",
        )
    else:
        yield ok(", ".join(found))


def _is_proxy(value: str) -> bool:
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        has_port = parts.port is not None
    except ValueError:
        return False
    return has_port and parts.hostname is not None


def look_at_queues(here: Here) -> Iterator[DoctorFinding]:
    """The facts about the queues are those of PBS."""
    checked = min(queue.checked for queue in polaris().documented_queues.values())
    age = (datetime.datetime.now(tz=datetime.UTC).date() - checked).days
    facts = f"the facts are of {checked}, {age} days old"
    if here.which("qstat") is None:
        yield unknown(f"{facts}; there is no qstat on PATH to compare them with PBS")
        return
    # raises where PBS does not answer
    listing = ask_pbs(here.env)
    found = differences(listing)
    asked = f"{listing.server} (PBS {listing.version})"
    if not found:
        yield ok(f"all {len(polaris().documented_queues)} are as {asked} has them; {facts}")
        return
    shown = "; ".join(map(str, found[:_SHOWN]))
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    yield note(
        f"{asked} has other queues than the facts, which are {age} days old: {shown}{more}",
        "`polaris-parsl queues --refresh` lists all; ask for no more than both allow",
    )

"""The proxy variables of a node: what a task needs to reach the internet, and what must not take it."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from polaris_parsl.driver import NO_PROXY, PROXIES
from polaris_parsl.errors import warn
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.checks import Proxy

_LOOPBACK = "localhost,127.0.0.1"


def proxy_variables(choice: Proxy, of_driver: Mapping[str, str]) -> dict[str, str]:
    """Proxy variables for the tasks, in lower case and in upper case, as programs read either.

    Traffic within the system is spared: it takes no proxy, whatever the driver's no_proxy lacks.

    Args:
        choice: the option.
        of_driver: the proxy variables of the driver.
    """
    if choice == "none":
        return {}
    known = polaris().proxy
    found = (
        dict.fromkeys(PROXIES[:3], known.url) if choice == "site" else _without_passwords(of_driver)
    )
    if not found.keys() - {NO_PROXY}:
        return {}
    # a user's own names come first; the others follow once
    spared = [
        *of_driver.get(NO_PROXY, "").split(","),
        *known.no_proxy.split(","),
        *_LOOPBACK.split(","),
    ]
    found[NO_PROXY] = ",".join(dict.fromkeys(name.strip() for name in spared if name.strip()))
    return {**found, **{name.upper(): value for name, value in found.items()}}


def _without_passwords(given: Mapping[str, str]) -> dict[str, str]:
    """The driver's, without those that name a user: the job script can be read by others."""
    kept = {}
    for name, value in given.items():
        address = value if "://" in value else f"//{value}"
        if name == NO_PROXY or "@" not in address:
            kept[name] = value
            continue
        warn(
            f"{name} has a user or a password, and is not carried to the workers, whose job script "
            f"others may read: {_shown(address)}\n"
            f"  fix: set it in worker_init from a file of yours; proxy='none' ends this warning"
        )
    return kept


def _shown(address: str) -> str:
    """An address without its user."""
    return urlsplit(address).netloc.rpartition("@")[2]

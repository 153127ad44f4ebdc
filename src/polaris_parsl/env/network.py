"""How a download reaches the network: directly, or through a proxy where there must be one.

A proxy that the user has set is taken as it is. The site's own is tried where none is
set and the direct way fails; on nodes that reach the network it stays unused. What lies
on this machine is never asked for through a proxy.
"""

import logging
import re
import socket
from collections.abc import Mapping
from http.client import HTTPResponse
from typing import cast
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from polaris_parsl.facts.polaris import polaris

_SCHEMES = ("https_proxy", "http_proxy", "all_proxy")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ANSWER_TIMEOUT_SECONDS = 2.0

logger = logging.getLogger(__name__)


def chosen_proxies(env: Mapping[str, str]) -> dict[str, str]:
    """The proxies that the user has set, by variable; without passwords."""
    names = [each for name in _SCHEMES for each in (name, name.upper())]
    return {name: _bare(env[name]) for name in names if env.get(name)}


def sparing_loopback(env: Mapping[str, str]) -> dict[str, str]:
    """Variables that add this machine to the names for which there is no proxy; none without one."""
    if not chosen_proxies(env):
        return {}
    given = env.get("no_proxy") or env.get("NO_PROXY") or ""
    spared = ",".join(dict.fromkeys([*filter(None, given.split(",")), *_LOOPBACK]))
    return {"no_proxy": spared, "NO_PROXY": spared}


def site_proxy(env: Mapping[str, str]) -> dict[str, str]:
    """Variables for the site's proxy; none where the user has set one, or where it does not answer.

    Source: [proxy] in facts/polaris.toml.
    """
    known = polaris().proxy
    place = urlsplit(known.url)
    if chosen_proxies(env) or place.hostname is None:
        return {}
    try:
        socket.create_connection(
            (place.hostname, place.port or 80), timeout=_ANSWER_TIMEOUT_SECONDS
        ).close()
    except OSError:
        return {}
    found = {"http_proxy": known.url, "https_proxy": known.url, "no_proxy": known.no_proxy}
    return {**found, **sparing_loopback(found)}


def say_through(env: Mapping[str, str]) -> None:
    """Tell the user that the site's proxy is used.

    Args:
        env: variables from site_proxy.
    """
    logger.warning("the direct way fails; through the site's proxy %s", env["https_proxy"])


def open_url(
    url: str, *, env: Mapping[str, str], timeout_seconds: float, method: str = "GET"
) -> HTTPResponse:
    """Ask for a URL, in the way that the module describes.

    Args:
        url: http, https or file.
        env: environment variables.
        timeout_seconds: of each attempt, until it answers.
        method: of HTTP.

    Raises:
        OSError: nobody answers, or with an error.
        ValueError: it is no URL.
    """
    request = Request(url, method=method)
    if urlsplit(url).hostname in _LOOPBACK:
        return _open(request, {}, timeout_seconds)
    try:
        return _open(request, None, timeout_seconds)
    except OSError:
        spare = site_proxy(env)
        if not spare:
            raise
        say_through(spare)
        proxies = {"http": spare["http_proxy"], "https": spare["https_proxy"]}
        return _open(request, proxies, timeout_seconds)


def _open(request: Request, proxies: dict[str, str] | None, timeout_seconds: float) -> HTTPResponse:
    """Open a request; None takes the proxies of the process's own environment."""
    opener = build_opener(ProxyHandler(proxies))
    return cast("HTTPResponse", opener.open(request, timeout=timeout_seconds))


def _bare(address: str) -> str:
    # not by urlsplit, which raises for some
    return re.sub(r"^([\w+.-]+://)?[^/?#]*@", r"\1", address)

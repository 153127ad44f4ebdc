"""How a download reaches the network: directly, or through a proxy if it must.

A proxy that the user has set is used unchanged. If none is set and the direct
connection fails, the site's own is tried; on nodes that reach the network it stays
unused. Requests to this machine never go through a proxy.
"""

import logging
import socket
import ssl
from collections.abc import Mapping
from http.client import HTTPResponse, InvalidURL
from typing import cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPSHandler,
    ProxyHandler,
    Request,
    build_opener,
)

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.text import shown_url

_SCHEMES = ("https_proxy", "http_proxy", "all_proxy")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ANSWER_TIMEOUT_SECONDS = 2.0

logger = logging.getLogger(__name__)


def chosen_proxies(env: Mapping[str, str]) -> dict[str, str]:
    """The proxies that the user has set, by variable, without passwords."""
    names = [each for name in _SCHEMES for each in (name, name.upper())]
    return {name: shown_url(env[name]) for name in names if env.get(name)}


def no_proxy_for_loopback(env: Mapping[str, str]) -> dict[str, str]:
    """Variables that add this machine to no_proxy; none if no proxy is set."""
    if not chosen_proxies(env):
        return {}
    given = env.get("no_proxy") or env.get("NO_PROXY") or ""
    names = ",".join(dict.fromkeys([*filter(None, given.split(",")), *_LOOPBACK]))
    return {"no_proxy": names, "NO_PROXY": names}


def site_proxy(env: Mapping[str, str]) -> dict[str, str]:
    """Variables for the site's proxy; none if the user has set one, or if it does not answer.

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
    return {**found, **no_proxy_for_loopback(found)}


def log_site_proxy(env: Mapping[str, str]) -> None:
    """Log that the site's proxy is used.

    Args:
        env: variables from site_proxy.
    """
    logger.warning("direct connection failed; using the site proxy %s", env["https_proxy"])


def open_url(
    url: str, *, env: Mapping[str, str], timeout_seconds: float, method: str = "GET"
) -> HTTPResponse:
    """Open a URL, through a proxy if it must.

    Args:
        url: http, https or file.
        env: environment variables.
        timeout_seconds: limit for each attempt to connect.
        method: HTTP method.

    Raises:
        OSError: the server does not answer, or answers with an error; it says so in words.
        ValueError: it is not a URL.
    """
    request = Request(url, method=method)
    try:
        return _open(request, env, timeout_seconds)
    except HTTPError:
        # it was reached, and answers
        raise
    except OSError:
        site = {} if urlsplit(url).hostname in _LOOPBACK else site_proxy(env)
        if not site:
            raise
        log_site_proxy(site)
        return _open(request, {**env, **site}, timeout_seconds)


def _open(request: Request, env: Mapping[str, str], timeout_seconds: float) -> HTTPResponse:
    context = ssl.create_default_context(cafile=env.get("SSL_CERT_FILE") or None)
    opener = build_opener(ProxyHandler(_proxies(request, env)), HTTPSHandler(context=context))
    try:
        return cast("HTTPResponse", opener.open(request, timeout=timeout_seconds))
    except InvalidURL:
        # its words may quote a part of a password
        raise OSError("a proxy or the address is no URL") from None
    except HTTPError:
        # it was reached, and answers
        raise
    except URLError as error:
        raise _no_connection(error.reason, request, env, timeout_seconds) from error


def _no_connection(
    reason: object, request: Request, env: Mapping[str, str], timeout_seconds: float
) -> OSError:
    """Why a server was not reached, in words: urllib's are `<urlopen error [Errno 111] ...>`."""
    why = (reason.strerror if isinstance(reason, OSError) else None) or str(reason)
    if request.type == "file":
        return OSError(why)
    through = "".join(f" through {shown_url(proxy)}" for proxy in _proxies(request, env).values())
    host = urlsplit(request.full_url).netloc.rpartition("@")[2]
    return OSError(f"no connection to {host}{through} within {timeout_seconds:g} s: {why}")


def _proxies(request: Request, env: Mapping[str, str]) -> dict[str, str]:
    """The proxy for a request by its scheme, as pip would take it; none if it must go without."""
    names = (f"{request.type}_proxy", "all_proxy")
    found = [env[each] for name in names for each in (name, name.upper()) if env.get(each)]
    host = urlsplit(request.full_url).hostname or ""
    spared = (env.get("no_proxy") or env.get("NO_PROXY") or "").replace(" ", "").split(",")
    is_spared = any(
        name == "*" or f".{host}".endswith(f".{name.lstrip('*.')}")
        for name in (*filter(None, spared), *_LOOPBACK)
    )
    return {request.type: found[0]} if found and not is_spared else {}

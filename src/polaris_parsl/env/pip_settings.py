"""How pip is set up on this machine, for the programs that are not pip: uv, py-rattler and Python itself.

A laboratory tells pip once which index, proxy and certificates to use, in pip.conf or in PIP_*.
Every other download follows the same settings.
"""

import os
import shlex
import ssl
import sys
from collections.abc import Mapping
from configparser import Error as ConfigParserError
from configparser import RawConfigParser
from pathlib import Path

# what pip reads for `pip download`, the strongest last
_SECTIONS = ("global", "download", ":env:")
# variables that pip's own library for https reads, too
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def set_up_like_pip(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of the user, with pip's settings as variables that the other programs read.

    Args:
        env: environment variables; those that the user set for uv stay.
    """
    settings = pip_settings(env)
    index, more = settings.get("index-url", ""), settings.get("extra-index-url", "").split()
    hosts = settings.get("trusted-host", "").split()
    # with several indexes pip takes the best version of all, uv that of the first
    strategy = "unsafe-best-match" if more else ""
    found = {
        "UV_DEFAULT_INDEX": index,
        "UV_INDEX": " ".join(more),
        "UV_INDEX_STRATEGY": strategy,
        "UV_INSECURE_HOST": " ".join(hosts),
    }
    own = {name: value for name, value in found.items() if value and name not in env}
    certificates = settings.get("cert") or _certificates(env)
    if certificates:
        own |= {"SSL_CERT_FILE": certificates, "REQUESTS_CA_BUNDLE": certificates}
    if proxy := settings.get("proxy"):
        own |= {"http_proxy": proxy, "https_proxy": proxy}
    return {**env, **own}


def pip_settings(env: Mapping[str, str]) -> dict[str, str]:
    """What pip has from its files and variables, by the names of its options; {} if it could not read them.

    Read here, because pip needs a second of a processor to start. Source: the topic "Configuration" of
    pip's documentation; tests/install/test_pip_settings.py compares with `pip config list`.
    """
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    try:
        for file in _files(env):
            parser = RawConfigParser()
            parser.read(file, encoding="utf-8")
            for section in parser.sections():
                if section in found:
                    found[section] |= {_option(name): text for name, text in parser.items(section)}
    except (ConfigParserError, UnicodeDecodeError):
        return {}
    found[":env:"] = {
        _option(name.removeprefix("PIP_")): text
        for name, text in env.items()
        if name.startswith("PIP_")
    }
    return {name: value for section in _SECTIONS for name, value in found[section].items()}


def _option(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _files(env: Mapping[str, str]) -> list[Path]:
    """The files that pip reads, the strongest last."""
    named = env.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = env.get("HOME", "/")
    folders = [Path(each, "pip") for each in _words(env.get("XDG_CONFIG_DIRS") or "/etc/xdg")]
    folders.append(Path("/etc"))
    if not (named and Path(named).exists()):
        folders += [
            Path(home, ".pip"),
            Path(env.get("XDG_CONFIG_HOME") or f"{home}/.config", "pip"),
        ]
    # pip is the base's, not that of our tools environment
    folders.append(Path(sys.base_prefix))
    return [each / "pip.conf" for each in folders] + ([Path(named)] if named else [])


def _words(paths: str) -> list[str]:
    return [each for each in paths.split(":") if each]


def shell_lines(env: Mapping[str, str]) -> str:
    """The variables that set_up_like_pip adds or changes, as lines for a shell."""
    changed = {
        name: value for name, value in set_up_like_pip(env).items() if env.get(name) != value
    }
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in changed.items())


def _certificates(env: Mapping[str, str]) -> str | None:
    """The authorities that this machine trusts: uv and py-rattler bring others of their own."""
    given = next((env[name] for name in _CERTIFICATES if env.get(name)), None)
    return given or ssl.get_default_verify_paths().cafile

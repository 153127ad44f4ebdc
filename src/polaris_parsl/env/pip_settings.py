"""How pip is set up on this machine, for the programs that are not pip: uv, py-rattler and Python itself.

A laboratory tells pip once which index, proxy and certificates to use, in pip.conf or in PIP_*.
Every other download follows the same settings.
"""

import ast
import shlex
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

from polaris_parsl.process import run

_ANSWER_TIMEOUT_SECONDS = 60
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
    """What pip has from its files and variables, by the names of its options; {} without a pip."""
    python = Path(
        sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}"
    )
    command: list[str | Path] = [python, "-I", "-m", "pip", "config", "list"]
    try:
        done = run(command, env=env, timeout_seconds=_ANSWER_TIMEOUT_SECONDS)
    except OSError:
        return {}
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in done.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found:
            found[section][name] = str(ast.literal_eval(value))
    return {name: value for section in _SECTIONS for name, value in found[section].items()}


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

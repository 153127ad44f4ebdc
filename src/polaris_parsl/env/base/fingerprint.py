"""The fingerprint of a base: everything of it that an install stands on, or may notice.

The same base gives the same fingerprint, whoever asks, and from wherever.
"""

import json
import subprocess
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.process import run

_PROBE = Path(__file__).with_name("probe.py")
_ANSWER_TIMEOUT_SECONDS = 120
_COMPARED = ("version", "sha256", "modules", "files", "files_sha256")


def ask(
    python: Path, *, names: Iterable[str], quick: bool, env: Mapping[str, str]
) -> dict[str, Any]:
    """What a Python says of itself; it is started once.

    Args:
        python: the interpreter.
        names: distributions to look at closely.
        quick: of distributions that are not named, read no file.
        env: environment variables.

    Raises:
        BaseEnvironmentError: it does not start, or is no Python.
    """
    command: list[str | Path] = [python, "-I", _PROBE, *(["--quick"] if quick else []), *names]
    try:
        done = run(
            command, env=for_python(env), cwd=Path("/"), timeout_seconds=_ANSWER_TIMEOUT_SECONDS
        )
        # a .pth file may have printed something before
        answer = json.loads(done.stdout.strip().rpartition("\n")[2])
        _ = answer["interpreter"], answer["distributions"]
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _silent(python, str(error)) from error
    except (ValueError, LookupError, TypeError) as error:
        told = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        raise _silent(python, told) from error
    return dict(answer)


def fingerprint(
    executable: Path,
    answer: Mapping[str, Any],
    *,
    leans_on: Collection[str],
    module: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The base as it is written into a receipt, in an order that does not depend on anything.

    Args:
        executable: the interpreter that the install links to.
        answer: from ask.
        leans_on: distributions that the overlay imports from the base.
        module: the module that holds the base, as from modules.describe; None without one.
    """
    return {
        "executable": str(executable),
        "prefix": answer["prefix"],
        "interpreter": dict(answer["interpreter"]),
        "start_files": _relative(answer["start_files"], answer["prefix"]),
        "conda": answer["conda"],
        "module": module,
        "distributions": {
            name: _distribution(entry, name in leans_on)
            for name, entry in sorted(answer["distributions"].items())
        },
    }


def leaned_on(known: Mapping[str, Any]) -> list[str]:
    """Names of the distributions that a fingerprint marks."""
    return [name for name, entry in known["distributions"].items() if entry.get("leaned_on")]


def _distribution(entry: Mapping[str, Any], is_leaned_on: bool) -> dict[str, Any]:
    kept = _COMPARED if is_leaned_on else _COMPARED[:2]
    told = {key: entry[key] for key in kept if key in entry}
    return {**told, "leaned_on": True} if is_leaned_on else told


def _relative(files: Mapping[str, str | None], prefix: str) -> dict[str, str | None]:
    start = prefix.rstrip("/") + "/"
    return {path.removeprefix(start): digest for path, digest in sorted(files.items())}


def _silent(python: Path, told: str) -> BaseEnvironmentError:
    return BaseEnvironmentError(
        f"{python} does not answer like a Python: {told}",
        remedy="choose another base with --base: a conda prefix, or an interpreter",
    )

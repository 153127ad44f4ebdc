"""The fingerprint of a base: everything in it that an install depends on, or may notice.

The same base gives the same fingerprint to every user, on every node.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.process import run

_PROBE = Path(__file__).with_name("probe.py")
_ANSWER_TIMEOUT_SECONDS = 120
# the mark of a dependency in a receipt
_MARK = "leaned_on"
_ANSWER_BYTES = 64 << 20
# normalised names; none can be read as an option
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_COMPARED = ("version", "sha256", "modules", "files", "files_sha256")


def ask(
    python: Path,
    *,
    names: Iterable[str],
    quick: bool,
    env: Mapping[str, str],
    requires: bool = False,
) -> dict[str, Any]:
    """Start a Python once, and return its report on itself (probe.py).

    Args:
        python: the interpreter.
        names: distributions to look at closely.
        quick: read no file of the distributions that are not named.
        env: environment variables.
        requires: also tell what each distribution requires, which its metadata says.

    Raises:
        BaseEnvironmentError: it does not start, or is not a working Python.
    """
    names = [*names]
    if odd := [name for name in names if not _NAME.fullmatch(name)]:
        raise BaseEnvironmentError(
            f"{odd[0]!r} is not the name of a distribution",
            remedy="do not use this receipt: it was not written by polaris-parsl",
        )
    words = [*(["--quick"] if quick else []), *(["--requires"] if requires else [])]
    command: list[str | Path] = [python, "-I", "-B", _PROBE, *words, *names]
    try:
        done = run(
            command,
            env=for_python(env),
            cwd=Path("/"),
            timeout_seconds=_ANSWER_TIMEOUT_SECONDS,
            output_bytes=_ANSWER_BYTES,
        )
        # a .pth file may have printed something before
        answer = json.loads(done.stdout.strip().rpartition("\n")[2])
        _ = answer["interpreter"], answer["distributions"]
    except OSError as error:
        raise _not_working(python, str(error)) from error
    except (ValueError, LookupError, TypeError) as error:
        reason = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        raise _not_working(python, reason) from error
    return dict(answer)


def fingerprint(
    executable: Path,
    answer: Mapping[str, Any],
    *,
    depends_on: Collection[str],
    module: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The base as a receipt records it, always in the same order.

    Args:
        executable: the interpreter that the install links to.
        answer: from ask.
        depends_on: distributions of the base that the overlay imports.
        module: the module that provides the base, from base_module.describe; None without one.
    """
    return {
        "executable": str(executable),
        "prefix": answer["prefix"],
        "interpreter": dict(answer["interpreter"]),
        "start_files": _relative(answer["start_files"], answer["prefix"]),
        "conda": answer["conda"],
        "module": module,
        "distributions": {
            name: _distribution(entry, name in depends_on)
            for name, entry in sorted(answer["distributions"].items())
        },
    }


def is_dependency(entry: Mapping[str, Any]) -> bool:
    """Whether the overlay depends on a distribution of the base, by its entry in a fingerprint."""
    return bool(entry.get(_MARK))


def base_dependencies(known: Mapping[str, Any]) -> list[str]:
    """Names of the distributions of the base that the overlay depends on."""
    return [name for name, entry in known["distributions"].items() if is_dependency(entry)]


def _distribution(entry: Mapping[str, Any], is_needed: bool) -> dict[str, Any]:
    keys = _COMPARED if is_needed else _COMPARED[:2]
    recorded = {key: entry[key] for key in keys if key in entry}
    return {**recorded, _MARK: True} if is_needed else recorded


def _relative(files: Mapping[str, str | None], prefix: str) -> dict[str, str | None]:
    start = prefix.rstrip("/") + "/"
    return {path.removeprefix(start): digest for path, digest in sorted(files.items())}


def _not_working(python: Path, reason: str) -> BaseEnvironmentError:
    return BaseEnvironmentError(
        f"{python} is not a working Python: {reason}",
        remedy="choose another base with --base: a conda prefix, or an interpreter",
    )

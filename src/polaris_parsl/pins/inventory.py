"""What is imported: every distribution that a Python finds first, with its licence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.process import run

_PROBE = Path(__file__).with_name("inventory_probe.py")
_LICENSE_LENGTH_MAX = 100


@dataclass(frozen=True)
class Distribution:
    """One distribution.

    Attributes:
        name: as its metadata spells it.
        version: its version.
        folder: the directory on sys.path that holds it.
        summary: what it says of itself.
        license: an SPDX expression, or the words of its metadata; "" where it says none.
        is_spdx: whether license is an SPDX expression.
        requires: its requirements, as they stand there.
    """

    name: str
    version: str
    folder: str
    summary: str
    license: str
    is_spdx: bool
    requires: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its name as names are compared."""
        return str(canonicalize_name(self.name))


def imported(python: Path, env: Mapping[str, str]) -> dict[str, Distribution]:
    """What an interpreter imports, by normalised name: of several, the one it finds first.

    Args:
        python: the interpreter, of a base or of an overlay.
        env: environment variables.

    Raises:
        BaseEnvironmentError: it does not start or cannot tell.
    """
    remedy = "`polaris-parsl verify` says what has become of the install and its base"
    try:
        done = run([python, "-I", _PROBE], env=for_python(env), cwd=Path("/"))
        told = json.loads(done.stdout.strip().rpartition("\n")[2])
    except OSError as error:
        raise BaseEnvironmentError(f"{python} does not start: {error}", remedy=remedy) from error
    except ValueError as error:
        why = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        raise BaseEnvironmentError(
            f"{python} does not tell what it imports: {why}", remedy=remedy
        ) from error
    found: dict[str, Distribution] = {}
    for entry in told:
        words, is_spdx = _license(entry)
        each = Distribution(
            entry["name"],
            entry["version"],
            entry["folder"],
            " ".join(entry["summary"].split()),
            words,
            is_spdx,
            tuple(entry["requires"]),
        )
        found.setdefault(each.key, each)
    return dict(sorted(found.items()))


def _license(entry: Mapping[str, str]) -> tuple[str, bool]:
    if entry["license_expression"]:
        return entry["license_expression"].strip(), True
    # the field holds whole texts in some, and "UNKNOWN" in others
    words = " ".join(entry["license"].split())
    if words and len(words) <= _LICENSE_LENGTH_MAX and words != "UNKNOWN":
        return words, False
    classes = [text.rpartition(" :: ")[2] for text in entry["classifiers"] if _names_one(text)]
    return ", ".join(classes), False


def _names_one(classifier: str) -> bool:
    return classifier.startswith("License ::") and not classifier.endswith(":: OSI Approved")

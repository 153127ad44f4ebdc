"""The distributions that a Python imports (of each name the first), with their licences."""

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
class ImportedDistribution:
    """A distribution that a Python imports.

    Attributes:
        name: its name, spelled as in its metadata.
        version: its version.
        folder: the directory on sys.path that holds it.
        summary: the summary in its metadata.
        license: an SPDX expression, or the words of its metadata; "" if they name none.
        is_spdx: whether license is an SPDX expression.
        requires: the requirements in its metadata, unchanged.
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
        """Its normalised name."""
        return str(canonicalize_name(self.name))


def imported(python: Path, env: Mapping[str, str]) -> dict[str, ImportedDistribution]:
    """The distributions that an interpreter imports, by normalised name; of several the first.

    Args:
        python: the interpreter, of a base or of an overlay.
        env: environment variables.

    Raises:
        BaseEnvironmentError: it does not start or does not list them.
    """
    remedy = "run `polaris-parsl verify` to check the install and its base"
    try:
        done = run([python, "-I", "-B", _PROBE], env=for_python(env), cwd=Path("/"))
        entries = json.loads(done.stdout.strip().rpartition("\n")[2])
    except OSError as error:
        raise BaseEnvironmentError(f"{python} does not start: {error}", remedy=remedy) from error
    except ValueError as error:
        why = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        raise BaseEnvironmentError(
            f"{python} cannot list its distributions: {why}", remedy=remedy
        ) from error
    found: dict[str, ImportedDistribution] = {}
    for entry in entries:
        words, is_spdx = _license(entry)
        each = ImportedDistribution(
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
    # some distributions have a whole licence in this field, others "UNKNOWN"
    words = " ".join(entry["license"].split())
    if words and len(words) <= _LICENSE_LENGTH_MAX and words != "UNKNOWN":
        return words, False
    classes = [text.rpartition(" :: ")[2] for text in entry["classifiers"] if _names_one(text)]
    return ", ".join(classes), False


def _names_one(classifier: str) -> bool:
    return classifier.startswith("License ::") and not classifier.endswith(":: OSI Approved")

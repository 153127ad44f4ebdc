"""Where option values come from, and which one wins.

argument > environment > project file > install-wide file > facts. The last is
filled in by `options`; this module gathers the others and remembers for each
value who set it.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError, warn
from polaris_parsl.installs import INSTALL_FILE, lies_in_a_prefix, prefix_of, receipt_of
from polaris_parsl.options.options import REPLACED
from polaris_parsl.options.table import OPTIONS

PROJECT_FILE = "polaris-parsl.toml"

_NAMES = ("argument", "environment", "project file", "install")

# Of each of these pairs a stronger source's choice overrules the other in a weaker one.
_ALTERNATIVES = {"address": "interface", "interface": "address"}


# Variables of the module, of tasks and of the sandbox.
_OF_OTHER_USE = re.compile("MODULE.*|ROOT|VERSION|SITE_TREE|REQUIRE|RANK|GPU_CPUS|SANDBOX.*")


def variable(option: str) -> str:
    """The environment variable that sets an option."""
    return f"POLARIS_PARSL_{option.upper()}"


@dataclass(frozen=True)
class Source:
    """Values that one place sets.

    Attributes:
        name: "argument", "environment", "project file" or "install".
        file: where the values stand, None for arguments and environment variables.
        values: option names and values.
    """

    name: str
    file: Path | None
    values: Mapping[str, Any]

    @property
    def rank(self) -> int:
        """Place in the order of sources; the strongest has the lowest."""
        return _NAMES.index(self.name)

    def place(self, option: str) -> str:
        """What to look at to change an option: a variable or a file, "" for an argument."""
        if self.name == "environment":
            return variable(option)
        return "" if self.file is None else str(self.file)


@dataclass(frozen=True)
class Given:
    """A value that somebody set, with the source that did."""

    value: Any
    source: Source


def gather(arguments: Mapping[str, Any], driver: Driver) -> list[Source]:
    """All sources that set a value, the strongest first.

    Args:
        arguments: what the caller of `polaris_parsl.config` gave.
        driver: whose environment, working directory and install count.

    Raises:
        OptionError: a file of options is not readable as TOML.
    """
    sources = [Source("argument", None, arguments)]
    environment = {
        name: parse(name, driver.variables[name.upper()])
        for name in OPTIONS
        if name.upper() in driver.variables
    }
    sources.append(Source("environment", None, environment))
    _warn_of_misspelt(driver)
    for name, file in (
        ("project file", _nearest(driver.folder)),
        ("install", _of_install(driver.python)),
    ):
        if file is not None:
            sources.append(Source(name, file, _read(file)))
    return sources


def merge(sources: list[Source]) -> dict[str, Given]:
    """The strongest value of each option."""
    merged: dict[str, Given] = {}
    for source in sources:
        # None stands for "left out", as everywhere in Python.
        new = {
            name: Given(value, source) for name, value in source.values.items() if value is not None
        }
        for name, given in new.items():
            other = merged.get(_ALTERNATIVES.get(name, ""))
            if name not in merged and (other is None or other.source is source):
                merged[name] = given
    return merged


def parse(name: str, text: str) -> Any:
    """The value that a text from the environment or a command line stands for.

    Options that are text stay unchanged, others are read as in TOML: 4, true,
    [0, 3]. What is not TOML stays text, for the option's own check to refuse.
    """
    if name in OPTIONS and OPTIONS[name].is_text:
        return text
    try:
        read = tomllib.loads(f"value = {text.lower() if text in ('True', 'False') else text}")
    except (ValueError, RecursionError):  # a number of more than 4300 digits, too
        return text
    # A text of several lines could hold more than the value.
    return read["value"] if read.keys() == {"value"} else text


def _warn_of_misspelt(driver: Driver) -> None:
    # other variables POLARIS_PARSL_* mean something else
    options = {name.upper() for name in OPTIONS}
    for name in sorted(driver.variables.keys() - options):
        if _OF_OTHER_USE.fullmatch(name):
            continue
        if name.lower() in REPLACED:
            warn(f"{variable(name)} is set and stands for no option; {REPLACED[name.lower()]}")
            continue
        near = difflib.get_close_matches(name, options, n=1, cutoff=0.7)
        if near:
            warn(
                f"{variable(name)} is set and stands for no option; did you mean {variable(near[0])}?"
            )


def _nearest(folder: Path) -> Path | None:
    places = (place / PROJECT_FILE for place in (folder, *folder.parents))
    return next((file for file in places if _is_there(file)), None)


def _is_there(file: Path) -> bool:
    # a directory or a dangling link of that name is read, and refused; one above may be closed to us
    return os.path.lexists(file)


def _of_install(python: Path) -> Path | None:
    """The defaults.toml of the prefix that this package, or the interpreter, is installed in."""
    for start in (Path(__file__), python):
        for place in start.parents:
            if receipt_of(place).is_file() and lies_in_a_prefix(place):
                file = prefix_of(place) / INSTALL_FILE
                return file if file.is_file() else None
    return None


def _read(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        default = OPTIONS["walltime"].default_value
        raise OptionError(
            f"{file} is not readable as a file of options: {error}",
            remedy=f'write lines such as walltime = "{default}" into it, or move it away',
        ) from error

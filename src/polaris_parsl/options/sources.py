"""Where option values come from, and which one wins.

argument > environment > project file > install-wide file > preset > facts. The last is
filled in by `options`; this module gathers the others and remembers for each
value who set it.
"""

import difflib
import logging
import os
import re
import shlex
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError, set_in, warn
from polaris_parsl.installs import (
    INSTALL_FILE,
    group_of,
    lies_in_a_prefix,
    prefix_of,
    receipt_of,
)
from polaris_parsl.options.lookup import check_value
from polaris_parsl.options.options import REPLACED
from polaris_parsl.options.preset import PRESETS
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.trusted import ForeignFileError, read_trusted

PROJECT_FILE = "polaris-parsl.toml"

_FILE_BYTES_MAX = 1 << 20
# what runs, who pays, who can listen: a project file that sets one is named
_NAMED = {"account", "encrypted", "worker_init"}

logger = logging.getLogger(__name__)

_NAMES = ("argument", "environment", "project file", "install", "preset")

# Of each of these pairs a stronger source's choice overrules the other in a weaker one.
_ALTERNATIVES = {"address": "interface", "interface": "address"}


# Misspelt variables, and settings of project files, that this process has named.
_named: set[str] = set()

# Variables of the module, of tasks and of the sandbox.
_OF_OTHER_USE = re.compile(
    "MODULE.*|ROOT|VERSION|SITE_TREE|REQUIRE|RANK|GPU_CPUS|IDENTITY|BLOCK_NODES|SANDBOX.*"
)


def variable(option: str) -> str:
    """The environment variable that sets an option."""
    return f"POLARIS_PARSL_{option.upper()}"


@dataclass(frozen=True)
class Source:
    """Values that one place sets.

    Attributes:
        name: "argument", "environment", "project file", "install" or "preset".
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
    prefix = _prefix(driver.python)
    sources += _of_project(driver.folder, prefix)
    sources += _of_install(prefix)
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


def merge_with_preset(sources: list[Source]) -> dict[str, Given]:
    """The same, with what the preset that one of them asks for sets, unless any of them sets it.

    Raises:
        OptionError: there is no such preset.
    """
    merged = merge(sources)
    asked = merged.get("preset")
    if asked is None:
        return merged
    with set_in(asked.source.place("preset")):
        name = check_value("preset", asked.value)
    return merge([*sources, Source("preset", None, PRESETS[name].values)])


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
    """Warn of variables that stand for no option, of each once in a process."""
    # other variables POLARIS_PARSL_* mean something else
    options = {name.upper() for name in OPTIONS}
    for name in sorted(driver.variables.keys() - options - _named):
        if _OF_OTHER_USE.fullmatch(name):
            continue
        near = difflib.get_close_matches(name, options, n=1, cutoff=0.7)
        if name.lower() in REPLACED:
            remedy = REPLACED[name.lower()]
        elif near:
            remedy = f"did you mean {variable(near[0])}?"
        else:
            continue
        _named.add(name)
        warn(f"{variable(name)} is set and stands for no option; {remedy}")


def _of_project(folder: Path, prefix: Path | None) -> Iterator[Source]:
    """The nearest project file upwards that nobody but trusted users can have written."""
    group = group_of(prefix) if prefix else None
    for file in (place / PROJECT_FILE for place in (folder, *folder.parents)):
        if not _is_there(file):
            continue
        try:
            values = _read(file, owners=(os.geteuid(),), group=group)
        except ForeignFileError as error:
            warn(
                f"{file} is ignored: {error.strerror}; a project file counts where it and its directory "
                "are yours, root's or of the group of the install, and nobody else can write them"
            )
            continue
        if named := sorted(_NAMED & {*_option_names(values)}):
            _name_once(f"polaris_parsl: {file} sets {', '.join(named)}")
        yield Source("project file", file, values)
        return


def _name_once(line: str) -> None:
    if line not in _named:
        _named.add(line)
        logger.warning(line)


def _option_names(values: Mapping[str, Any]) -> Iterator[str]:
    """Names of the options that a file sets, for one executor or for all."""
    for name, value in values.items():
        yield name
        if isinstance(value, Mapping):
            yield from _option_names(value)


def _is_there(file: Path) -> bool:
    # a directory or a dangling link of that name is read, and refused; one above may be closed to us
    return os.path.lexists(file)


def _prefix(python: Path) -> Path | None:
    """The prefix that this package, or the interpreter, is installed in."""
    for start in (Path(__file__), python):
        for place in start.parents:
            if receipt_of(place).is_file() and lies_in_a_prefix(place):
                return prefix_of(place)
    return None


def _of_install(prefix: Path | None) -> Iterator[Source]:
    """The defaults.toml of a prefix; its owner, whose programs run here anyway, is trusted."""
    file = prefix / INSTALL_FILE if prefix else None
    if prefix is None or file is None or not file.is_file():
        return
    owners = (os.geteuid(), prefix.stat().st_uid)
    try:
        yield Source("install", file, _read(file, owners=owners, group=group_of(prefix)))
    except ForeignFileError as error:
        warn(f"{file} is ignored: {error.strerror}; only those who look after the install may")


def _read(file: Path, *, owners: Collection[int], group: int | None) -> Mapping[str, Any]:
    try:
        text = read_trusted(file, owners=owners, group=group, most_bytes=_FILE_BYTES_MAX)
        return tomllib.loads(text.decode("utf-8"))
    except ForeignFileError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        problem, remedy = _not_readable(file, error)
        raise OptionError(
            f"{file} is not readable as a file of options: {problem}", remedy=remedy
        ) from error


def _not_readable(file: Path, error: Exception) -> tuple[str, str]:
    """What is wrong with a file of options, and the remedy."""
    if isinstance(error, FileNotFoundError) and file.is_symlink():
        return (
            f"it is a link to {file.readlink()}, which does not exist",
            "let it lead to a file of options, or remove it",
        )
    if isinstance(error, PermissionError):
        return (
            f"{error.strerror}: its mode, or that of a directory above, keeps you out",
            f"let its owner open it: chmod a+r {shlex.quote(str(file))}",
        )
    default = OPTIONS["walltime"].default_value
    remedy = f'write lines such as walltime = "{default}" into it, or move it away'
    return str(error), remedy

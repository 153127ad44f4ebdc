"""A directory with a small workflow that runs as it is: a copy of one of the examples."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.env.prefix.staging import write_atomically
from polaris_parsl.errors import OptionError, PrefixError
from polaris_parsl.files import shipped
from polaris_parsl.options.lookup import check_value
from polaris_parsl.options.options import refuse_unknown
from polaris_parsl.options.sources import PROJECT_FILE, parse
from polaris_parsl.options.table import OPTIONS

NOTEBOOK = "workflow.ipynb"
_WORKFLOWS = ("workflow.py", NOTEBOOK)


@dataclass(frozen=True)
class Project:
    """A directory that can be written.

    Attributes:
        folder: the directory.
        workflow: name of the file to run.
        files: contents by name.
    """

    folder: Path
    workflow: str
    files: Mapping[str, str]


def templates() -> dict[str, Path]:
    """The examples by name."""
    folders = sorted(shipped("examples").iterdir())
    return {each.name: each for each in folders if _workflow(each)}


def plan_project(folder: Path, template: str, texts: Mapping[str, str]) -> Project:
    """The files of a project. Writes nothing.

    Args:
        folder: the directory, which may exist.
        template: name of an example.
        texts: options for its polaris-parsl.toml as they were typed, by name.

    Raises:
        OptionError: there is no such example, or an option cannot have such a value.
        PrefixError: a file of one of the names exists.
    """
    known = templates()
    if template not in known:
        raise OptionError(f"there is no template {template!r}", remedy=f"choose {', '.join(known)}")
    source = known[template]
    files = {each.name: each.read_text(encoding="utf-8") for each in sorted(_files(source))}
    files[PROJECT_FILE] = _with_options(files[PROJECT_FILE], texts)
    for name in files:
        if (folder / name).exists() or (folder / name).is_symlink():
            raise PrefixError(
                f"{folder / name} exists", remedy="choose another directory, or move it away"
            )
    return Project(folder, _workflow(source), files)


def write_project(project: Project) -> None:
    """Write the files.

    Raises:
        PrefixError: the directory cannot be made or written.
    """
    try:
        for name, text in project.files.items():
            write_atomically(project.folder / name, text)
    except OSError as error:
        raise PrefixError(
            f"cannot write {project.folder}: {error.strerror}", remedy="choose another directory"
        ) from error


def _files(folder: Path) -> list[Path]:
    """The files of an example, without what a run has left there."""
    suffixes = {".py", ".sh", ".toml", ".ipynb"}
    return [each for each in folder.iterdir() if each.is_file() and each.suffix in suffixes]


def _workflow(folder: Path) -> str:
    return next((name for name in _WORKFLOWS if (folder / name).is_file()), "")


def _as_toml(typed: str) -> str:
    return typed.lower() if typed in ("True", "False") else typed


def _with_options(text: str, texts: Mapping[str, str]) -> str:
    """A file of options with these in place of its own, or before them."""
    refuse_unknown(texts, known=OPTIONS)
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    for name, typed in texts.items():
        if OPTIONS[name].check:
            check_value(name, parse(name, typed))
        line = f"{name} = {json.dumps(typed) if OPTIONS[name].is_text else _as_toml(typed)}"
        own = [number for number, each in enumerate(lines) if each.startswith(f"{name} = ")]
        if own:
            lines[own[0]] = line
        else:
            lines.insert(first, line)
    made = "\n".join(lines) + "\n"
    try:
        tomllib.loads(made)
    except ValueError as error:
        raise OptionError(
            f"{PROJECT_FILE} cannot hold {', '.join(texts)}: {error}",
            remedy="leave out what the template sets in tables, and edit the file instead",
        ) from error
    return made

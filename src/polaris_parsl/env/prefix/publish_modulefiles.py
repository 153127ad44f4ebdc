"""Publish the modulefiles of a prefix, made from its receipts and its state.

Each command that changes the state renders them again from the newest generation and
replaces each file atomically. If it finds a newer generation before one of its steps,
it starts again: the last command to look has rendered the newest generation, even if
another was killed meanwhile.
"""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from polaris_parsl import below
from polaris_parsl.env.modules.modulefile import render_defaults, render_modulefiles, values_of
from polaris_parsl.env.prefix.permissions import make_folders
from polaris_parsl.env.prefix.releases import Release, default_of, find_releases, hidden
from polaris_parsl.env.prefix.staging import replace, staged_file
from polaris_parsl.env.prefix.state import State, history, read_state
from polaris_parsl.errors import PrefixError, ReceiptError
from polaris_parsl.installs import MODULE_FOLDERS, command_of, version_root
from polaris_parsl.version import NAME, VERSION

_MADE_BY = f"made by {NAME} "
_MADE_BY_VERSION = re.compile(rf"{_MADE_BY}([0-9][0-9a-zA-Z.+]*)[, ]")
# those of ours have some thousand bytes
_BYTES_MAX = 1_000_000


class _OutdatedError(Exception):
    """The state changed meanwhile: what was rendered may be outdated."""


def publish_modulefiles(prefix: Path) -> list[str]:
    """Bring the modulefiles of a prefix up to date with its receipts and its state.

    Returns:
        What was written or removed, a line each.

    Raises:
        PrefixError: they cannot be written; users see the old ones.
        VersionError: the state is damaged.
    """
    changed: list[str] = []
    while True:
        state = read_state(prefix)
        try:
            for line in _render(prefix, state):
                changed.append(line)  # noqa: PERF402  # one by one: the rest may be outdated
            _refuse_outdated(prefix, state)
        except _OutdatedError:
            continue
        except OSError as error:
            raise PrefixError(
                f"the modulefiles of {prefix} cannot be written: {error.strerror}: "
                f"{error.filename}",
                remedy="see the message; then run `polaris-parsl repair`",
            ) from error
        return list(dict.fromkeys(changed))


def is_ours(release: Release) -> bool:
    """Whether this polaris-parsl renders the modulefile: an older one does not know its format."""
    return Version(release.version.public) <= Version(VERSION)


def _render(prefix: Path, state: State) -> Iterator[str]:
    """Write what has changed. The order keeps the default complete between any two steps."""
    # listed first: a version that is published after find_releases must not look removed
    names_of = {path: path.name.removesuffix(".lua") for path in _module_paths(prefix)}
    releases = find_releases(prefix, state)
    names = {each.name for each in releases}
    modulefiles, defaults = _texts(releases, state)
    if releases:
        yield from _write(prefix, state, modulefiles)
        yield from _write(prefix, state, defaults)
    # the old default is removed last: until then an unversioned load means the same
    last = next((each.default for each in history(prefix) if each.default), None)
    gone = [path for path, name in names_of.items() if name not in names]
    for path in sorted(gone, key=lambda each: (names_of[each] == last, each)):
        yield from _remove(prefix, state, path)
    if not releases:
        for name in defaults:
            yield from _remove(prefix, state, prefix / name)


def _texts(releases: list[Release], state: State) -> tuple[dict[Path, str], dict[Path, str]]:
    """The modulefiles, and the files that name the default, by their paths below the prefix."""
    default = default_of(releases, state)
    modulefiles: dict[Path, str] = {}
    for release in releases:
        if is_ours(release) and not isinstance(receipt := release.read, ReceiptError):
            notice = deprecation_notice(release.name, state, default)
            modulefiles |= render_modulefiles(values_of(receipt, deprecation=notice))
    return modulefiles, render_defaults(default=default, hidden=hidden(releases, state))


@dataclass(frozen=True)
class ChangedFile:
    """A modulefile that differs from what receipts and state give.

    Attributes:
        path: which.
        version: whose it is; None for one that names the default.
        text: how it differs.
        remedy: what to do.
        made_by: another version of the prefix that says to have made it, whose command knows
            how it should be; "" otherwise.
    """

    path: Path
    version: str | None
    text: str
    remedy: str
    made_by: str = ""


def find_changed(prefix: Path) -> Iterator[ChangedFile]:
    """The modulefiles of a prefix that are not what its receipts and its state give.

    Raises:
        PrefixError: the prefix cannot be read, or holds a link.
        VersionError: the state is damaged.
    """
    state = read_state(prefix)
    releases = find_releases(prefix, state)
    modulefiles, defaults = _texts(releases, state)
    other = _other_writer(prefix, releases)
    for name, text in {**modulefiles, **defaults}.items() if releases else ():
        path = prefix / name
        if (now := _text(prefix, path)) == text:
            continue
        version = None if name in defaults else name.name.removesuffix(".lua")
        if other:
            command = command_of(version_root(prefix, other))
            words = f"{other} wrote it last, and its command compares it: {command} audit"
            yield ChangedFile(path, version, words, "", made_by=other)
            continue
        what = "it is missing, or no file that can be read" if now is None else "it was changed"
        yield ChangedFile(
            path,
            version,
            f"{what}: not what the receipt and the state give",
            f"look who did that: ls -l {shlex.quote(str(path))}; `{NAME} repair` writes it again",
        )


def _other_writer(prefix: Path, releases: list[Release]) -> str | None:
    """Another version of the prefix that says to have written the modulefiles last, in its own way."""
    others = {str(each.version) for each in releases} - {VERSION}
    for folder in MODULE_FOLDERS:
        for name in (".modulerc.lua", ".modulerc"):
            found = _MADE_BY_VERSION.search((_text(prefix, prefix / folder / name) or "")[:200])
            if found and found[1] in others:
                return found[1]
    return None


def deprecation_notice(name: str, state: State, default: str | None) -> str | None:
    """The deprecation notice of a version: reason, end date, replacement.

    Args:
        name: the version.
        state: the decisions of its prefix.
        default: the default version; None if there is none.

    Returns:
        The notice; None if the version is not deprecated.
    """
    if name not in state.deprecated:
        return None
    deprecation = state.deprecated[name]
    instead = f"; load {NAME}/{default}" if default not in {None, name} else ""
    return f"{NAME}/{name} is deprecated: {deprecation.because}. It stays until {deprecation.until}{instead}"


def _write(prefix: Path, state: State, texts: dict[Path, str]) -> Iterator[str]:
    for name, text in texts.items():
        path = prefix / name
        if _text(prefix, path) != text:
            make_folders(path, prefix=prefix)
            with (
                below.opened(prefix, path.parent) as folder,
                staged_file(folder, path.name, text) as staged,
            ):
                _refuse_outdated(prefix, state)
                replace(folder, staged, path.name)
            yield f"written: {name}"


def _refuse_outdated(prefix: Path, state: State) -> None:
    if read_state(prefix).generation != state.generation:
        raise _OutdatedError


def _text(prefix: Path, path: Path) -> str | None:
    """What a modulefile holds; None if there is none, or if it is no file of ours."""
    try:
        with below.opened(prefix, path.parent) as folder:
            content = below.read(folder, path.name, most_bytes=_BYTES_MAX)
    except OSError:
        return None
    return content.decode("utf-8", errors="surrogateescape")


def _module_paths(prefix: Path) -> Iterator[Path]:
    """The modulefiles that we made; files that somebody else put beside them are skipped."""
    for folder in (prefix / each for each in MODULE_FOLDERS):
        names: list[str] = []
        with suppress(FileNotFoundError), below.opened(prefix, folder) as number:
            names = [name for name in sorted(below.names(number)) if not name.startswith(".")]
        for path in (folder / name for name in names):
            head = (_text(prefix, path) or "").splitlines()[:2]
            if any(_MADE_BY in line for line in head):
                yield path


def _remove(prefix: Path, state: State, path: Path) -> Iterator[str]:
    _refuse_outdated(prefix, state)
    try:
        with below.opened(prefix, path.parent) as folder:
            os.unlink(path.name, dir_fd=folder)
    except FileNotFoundError:
        return
    yield f"removed: {path.relative_to(prefix)}"

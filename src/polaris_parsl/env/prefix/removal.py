"""Removal of versions: first hidden from users, then renamed in one step, then deleted."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from polaris_parsl import below
from polaris_parsl.env.prefix.bases import find_unneeded
from polaris_parsl.env.prefix.cleanup import clean_up, is_left
from polaris_parsl.env.prefix.lifecycle import Change, differences
from polaris_parsl.env.prefix.publish_modulefiles import publish_modulefiles
from polaris_parsl.env.prefix.releases import (
    Release,
    choose_default,
    default_of,
    find_release,
    find_releases,
)
from polaris_parsl.env.prefix.state import State, commit, generations, read_state
from polaris_parsl.env.prefix.usage import find_usage
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.errors import VersionError
from polaris_parsl.installs import (
    BASES,
    LUA_TREE,
    MODULE_FOLDERS,
    QUEUES_FILE,
    STATE,
    TCL_TREE,
    VERSIONS,
    command_of,
)
from polaris_parsl.version import NAME


def remove(
    prefix: Path, name: str, *, force: bool, dry_run: bool, env: Mapping[str, str]
) -> Change:
    """Remove a version that nobody uses. If it is killed, the next change finishes the removal.

    Args:
        prefix: of the install.
        name: the version.
        force: remove it even if its users cannot be determined or are outsiders, or if it is the
            default and the only one; not if somebody uses it who may change the prefix.
        dry_run: report what would be done, change nothing.
        env: environment variables; PATH leads to qstat.

    Raises:
        VersionError: there is no such version, it is the default, or somebody uses it.
        PrefixError: the prefix cannot be written.
    """
    state = read_state(prefix)
    if name in state.withdrawn:
        return _remove(prefix, set(), lambda state: state, notes=[], dry_run=dry_run)
    release = find_release(prefix, state, name)
    _refuse_default(prefix, state, name, force=force)
    notes = _refuse_used(prefix, state, [release], force=force, env=env)

    def decide(state: State) -> State:
        # again, for somebody may have made it the default meanwhile
        _refuse_default(prefix, state, name, force=force)
        return _without(state, {name})

    return _remove(prefix, {name}, decide, notes=notes, dry_run=dry_run)


def remove_all(prefix: Path, *, force: bool, dry_run: bool, env: Mapping[str, str]) -> Change:
    """Remove every version, the modulefiles and the state; what users put there stays.

    Raises:
        VersionError: somebody uses a version.
        PrefixError: the prefix cannot be written.
    """
    state = read_state(prefix)
    releases = find_releases(prefix, state)
    if not state.generation and not releases:
        return Change((), (), (f"{prefix} holds no version",))
    notes = _refuse_used(prefix, state, releases, force=force, env=env)
    names = {each.name for each in releases}
    change = _remove(
        prefix, names, lambda state: _without(state, names), notes=notes, dry_run=dry_run
    )
    if dry_run:
        return replace(change, done=(*change.done, "state and empty directories: deleted"))
    _clear(prefix)
    left = sorted(str(path.relative_to(prefix)) for path in prefix.glob("*"))
    if prefix.exists():
        change = replace(change, notes=(*change.notes, f"left in {prefix}: {', '.join(left)}"))
    return replace(change, next=())


def _without(state: State, names: set[str]) -> State:
    return replace(
        state,
        default=None if state.default in names else state.default,
        deprecated={name: each for name, each in state.deprecated.items() if name not in names},
        withdrawn=state.withdrawn | names,
    )


def _remove(
    prefix: Path,
    names: set[str],
    decide: Callable[[State], State],
    *,
    notes: list[str],
    dry_run: bool,
) -> Change:
    if dry_run:
        before = read_state(prefix)
        gone = [f"{VERSIONS}/{name}" for name in sorted(names)]
        gone += [str(path.relative_to(prefix)) for path in find_unneeded(prefix, without=names)]
        done = [*differences(before, decide(before)), *(f"deleted: {each}" for each in gone)]
        return Change(tuple(done), (), tuple(notes))
    before, after = commit(prefix, f"remove {' '.join(sorted(names))}", decide)
    done = [*differences(before, after), *publish_modulefiles(prefix)]
    cleaned, left = clean_up(prefix)
    return Change((*done, *cleaned), _next(prefix, after), (*notes, *left))


def _next(prefix: Path, state: State) -> tuple[str, ...]:
    """The next command, of a version that is still there; none if none is left."""
    others = find_releases(prefix, state)
    if not others:
        return ()
    # this command may have removed itself
    is_left = Path(sys.prefix).exists()
    return (f"{NAME if is_left else shlex.quote(str(command_of(others[0].root)))} list",)


def _refuse_default(prefix: Path, state: State, name: str, *, force: bool) -> None:
    others = [
        each for each in find_releases(prefix, state) if each.track == CURRENT and each.name != name
    ]
    if state.default != name:
        return
    place = shlex.quote(str(prefix))
    if others:
        listed = ", ".join(each.name for each in others)
        raise VersionError(
            f"{name} is the default of {prefix}, and there are others: {listed}",
            remedy=f"choose another first: {NAME} default "
            f"{choose_default(others) or others[0].name} --prefix {place}",
        )
    if not force:
        raise VersionError(
            f"{name} is the default of {prefix}, and its only version: nobody could load "
            f"{NAME} any more",
            remedy=f"if that is meant: {NAME} remove {name} --force --prefix {place}; "
            f"{NAME} remove --all --prefix {place} deletes the rest, too",
        )


def _refuse_used(
    prefix: Path, state: State, releases: list[Release], *, force: bool, env: Mapping[str, str]
) -> list[str]:
    """Refuse a version in use; without force also one that may be in use.

    Returns:
        What was not checked, a line each.
    """
    unseen: list[str] = []
    default = default_of(find_releases(prefix, state), state)
    for release in releases:
        usage = find_usage(release, is_default=release.name == default, env=env)
        outsiders = [f"{each}, who is not of this prefix" for each in usage.outsiders]
        users = [*usage.certain, *(() if force else (*outsiders, *usage.doubtful))]
        if users:
            remedy = "wait for their end, or end them; `deprecate` warns users meanwhile"
            if not usage.certain:
                remedy = "find out, then --force removes it all the same"
            listed = "\n    ".join(users)
            raise VersionError(f"{release.name} is in use:\n    {listed}", remedy=remedy)
        unseen += [f"not checked: {each}" for each in (*usage.unseen, *usage.doubtful)]
        unseen += [f"in use by {each}" for each in outsiders]
    return list(dict.fromkeys(unseen))


def _clear(prefix: Path) -> None:
    """Delete the state and every directory of ours that is empty now."""
    state = read_state(prefix)
    # what could not be moved away must stay withdrawn; what came meanwhile has its state
    if any(is_left(prefix, name) for name in state.withdrawn) or find_releases(prefix, state):
        return
    with suppress(FileNotFoundError), below.opened(prefix, prefix / STATE) as folder:
        # the newest last: it says that the versions are withdrawn
        for name in reversed(generations(prefix)):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
    with suppress(FileNotFoundError), below.opened(prefix, prefix) as folder:
        below.remove(folder, QUEUES_FILE)
    for place in (*MODULE_FOLDERS, LUA_TREE, TCL_TREE, VERSIONS, BASES, STATE):
        with suppress(OSError), below.opened(prefix, (prefix / place).parent) as folder:
            os.rmdir(Path(place).name, dir_fd=folder)
    with suppress(OSError):
        prefix.rmdir()

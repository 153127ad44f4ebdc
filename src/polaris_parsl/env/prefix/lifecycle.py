"""Changes of what users get: a new default, a rollback, a deprecation. No version is changed."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from polaris_parsl.env.prefix.cleanup import clean_up
from polaris_parsl.env.prefix.publish import renamed
from polaris_parsl.env.prefix.publish_modulefiles import is_ours, publish_modulefiles
from polaris_parsl.env.prefix.releases import find_release, find_releases
from polaris_parsl.env.prefix.state import Deprecation, State, commit, history, read_state
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.errors import PrefixError, VersionError
from polaris_parsl.installs import command_of, version_root
from polaris_parsl.version import NAME

_LIST = f"{NAME} list"


@dataclass(frozen=True)
class Change:
    """What a verb changed, or would change: lines for a person, and the next commands."""

    done: tuple[str, ...]
    next: tuple[str, ...]
    notes: tuple[str, ...] = ()


def publish(prefix: Path, folder: Path, name: str, *, check: Callable[[], None]) -> State:
    """Give a finished tree its name, and let users see it.

    It becomes the default where it is newer than the default, of the track current and no
    pre-release.

    Args:
        prefix: of the install.
        folder: the tree, complete, under its staging name.
        name: the version that it is.
        check: called when it lies in its place and users do not see it; if it raises, the tree
            is removed.

    Returns:
        The state that holds now.

    Raises:
        PrefixError: somebody else was faster, or the prefix cannot be written.
    """

    def forget(state: State) -> State:
        kept = {key: each for key, each in state.deprecated.items() if key != name}
        return replace(state, deprecated=kept, withdrawn=state.withdrawn - {name})

    def install(state: State) -> State:
        releases = {each.name: each for each in find_releases(prefix, state)}
        if name not in releases:
            raise PrefixError(
                f"{name} was removed from {prefix} by somebody else meanwhile",
                remedy="ask why, or install it again",
            )
        new, old = releases[name], releases.get(state.default or "")
        is_usual = new.track == CURRENT and not new.is_candidate
        is_newer = old is None or old.version < new.version
        default = name if is_usual and is_newer else state.default
        return replace(state, default=default)

    commit(prefix, f"make room for {name}", forget)
    try:
        with renamed(folder, version_root(prefix, name), top=prefix):
            check()
            _, state = commit(prefix, f"install {name}", install, always=True)
    finally:
        # also after a failure: a command that ran meanwhile may have published the version
        publish_modulefiles(prefix)
    return state


def set_default(prefix: Path, name: str, *, dry_run: bool) -> Change:
    """Make a version the default: the one that is loaded if the user names none.

    Raises:
        VersionError: there is no such version, or its track is not current.
        PrefixError: the prefix cannot be written.
    """

    def decide(state: State) -> State:
        release = find_release(prefix, state, name)
        if release.track != CURRENT:
            raise VersionError(
                f"{name} belongs to the track {release.track}; only a version of the track "
                f"{CURRENT} can be the default",
                remedy=f"load it by its name: module load {NAME}/{name}",
            )
        return replace(state, default=name)

    return _apply(prefix, f"default {name}", decide, dry_run=dry_run)


def deprecate(
    prefix: Path, name: str, notice: Deprecation | None, *, today: date, dry_run: bool
) -> Change:
    """Show a deprecation notice when a version is loaded: end date and reason; None removes it.

    Raises:
        VersionError: there is no such version, the notice cannot be shown, or this
            polaris-parsl is older than the version.
        PrefixError: the prefix cannot be written.
    """
    if notice:
        _check_notice(notice, today)

    def decide(state: State) -> State:
        release = find_release(prefix, state, name)
        if not is_ours(release):
            raise VersionError(
                f"{name} is newer than this polaris-parsl, which does not know its modulefile",
                remedy=f"use the command of that version: {command_of(release.root)}",
            )
        others = {key: each for key, each in state.deprecated.items() if key != name}
        deprecated = {**others, name: notice} if notice else others
        return replace(state, deprecated=deprecated)

    change = _apply(
        prefix,
        f"{'deprecate' if notice else 'no longer deprecate'} {name}",
        decide,
        dry_run=dry_run,
    )
    if notice and read_state(prefix).default == name:
        note = f"{name} is still the default: users who name no version get it"
        return replace(change, notes=(note,), next=(f"{NAME} default VERSION",))
    return change


def roll_back(prefix: Path, *, dry_run: bool) -> Change:
    """Take default and deprecations from the generation before the last change; again, one more.

    Versions that were removed meanwhile do not come back.

    Raises:
        VersionError: there is no earlier generation, or its default was removed.
        PrefixError: the prefix cannot be written.
    """

    def decide(state: State) -> State:
        present = {each.name for each in find_releases(prefix, state)}
        before = _earlier(prefix, state, present)
        if before.default not in present:
            raise VersionError(
                f"the default before the last change was {before.default}, which was removed since",
                remedy=f"choose one that is there: {NAME} default VERSION; `{_LIST}` shows them",
            )
        return replace(
            state,
            default=before.default,
            deprecated=before.deprecated,
            restores=before.generation,
        )

    return _apply(prefix, "rollback", decide, dry_run=dry_run)


def _earlier(prefix: Path, state: State, present: Collection[str]) -> State:
    """The latest generation before the last change that would mean something else today.

    Not one without a default, as before the first install: nobody chose that. The
    deprecation of a version that was removed since does not hold for another build of that name.
    """
    last = state.restores or state.generation
    removed: frozenset[str] = frozenset()
    for each in history(prefix):
        kept = {
            name: notice
            for name, notice in each.deprecated.items()
            if name in present and name not in removed
        }
        today = replace(each, deprecated=kept)
        if each.generation < last and each.default is not None and not today.chooses_as(state):
            return today
        removed |= each.withdrawn
    raise VersionError(
        f"{prefix} has no earlier decision to go back to",
        remedy=f"choose a default: {NAME} default VERSION; `{_LIST}` shows the versions",
    )


def _check_notice(notice: Deprecation, today: date) -> None:
    remedy = (
        "give a date to come, as --until 2027-03-31, and a reason, as --because 'a newer Parsl'"
    )
    if notice.until < today:
        raise VersionError(f"--until {notice.until} is past: today is {today}", remedy=remedy)
    if not notice.because.strip() or not notice.because.isprintable():
        raise VersionError(
            f"--because {notice.because!r} is empty or not one line of printable text",
            remedy=remedy,
        )


def _apply(prefix: Path, change: str, decide: Callable[[State], State], *, dry_run: bool) -> Change:
    if dry_run:
        before = read_state(prefix)
        return Change(tuple(differences(before, decide(before))), (_LIST,))
    cleaned, left = clean_up(prefix)
    before, after = commit(prefix, change, decide)
    done = [*cleaned, *differences(before, after), *publish_modulefiles(prefix)]
    return Change(tuple(done), (_LIST,), tuple(left))


def differences(before: State, after: State) -> list[str]:
    """What differs between two states, a line each."""
    lines = []
    if before.default != after.default:
        lines.append(f"default: {before.default or 'none'} -> {after.default or 'none'}")
    for name in sorted(before.deprecated.keys() | after.deprecated.keys()):
        notice = after.deprecated.get(name)
        if notice != before.deprecated.get(name):
            lines.append(
                f"{name}: deprecated until {notice.until}: {notice.because}"
                if notice
                else f"{name}: no longer deprecated"
            )
    removed = sorted(after.withdrawn - before.withdrawn)
    return [*lines, *(f"{name}: removed for users" for name in removed)]

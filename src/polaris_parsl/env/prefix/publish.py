"""How an install appears and goes: by one rename, complete, whatever happens before and after."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from polaris_parsl import below
from polaris_parsl.env.prefix.permissions import share, user_name
from polaris_parsl.env.prefix.staging import replace, staging_name
from polaris_parsl.errors import PrefixError
from polaris_parsl.installs import REMOVED, VERSIONS, overlay_python, version_root
from polaris_parsl.options.paths import interpreter
from polaris_parsl.version import NAME

# readable for everybody, writable for the owner, whatever the umask of the caller
_UMASK = 0o022
_CHOOSE = "choose another directory with --prefix"


def refuse_unusable(prefix: Path, version: str) -> None:
    """Refuse a prefix that cannot be written or has this version, before anything is built.

    Raises:
        PrefixError: it is one of these.
        OptionError: its path would break the job scripts of every run.
    """
    target = version_root(prefix, version)
    interpreter(overlay_python(target))
    if os.path.lexists(target):
        raise PrefixError(
            f"{target} exists already; an install is never changed in place",
            remedy=f"`{NAME} repair` finishes an install that was killed, `{NAME} remove {version}` "
            f"removes one; or {_CHOOSE}",
        )
    nearest = next(place for place in (prefix, *prefix.parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise PrefixError(f"{prefix} cannot be made: {nearest} is not a directory", remedy=_CHOOSE)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise PrefixError(f"{prefix} cannot be written: no permission in {nearest}", remedy=_CHOOSE)


@contextmanager
def staging(
    prefix: Path, version: str, *, group: int | None, members_write: bool = True
) -> Iterator[Path]:
    """An empty directory beside the place of the install; gone afterwards, if not renamed.

    It is given by its descriptor (below.new_folder): members of the group may rename what lies beside
    it, and so put another one in its place. Directories that had to be made for it are removed too where nothing was put
    into them.

    Args:
        prefix: where to install.
        version: name of the install's directory.
        group: number of the group that the prefix will belong to, from choose_group.
        members_write: whether its members may change the prefix, or only the owner.

    Raises:
        PrefixError: the prefix cannot be written, or has this version.
    """
    refuse_unusable(prefix, version)
    versions = prefix / VERSIONS
    place = versions / staging_name(version)
    missing = [place for place in (versions, *versions.parents) if not os.path.lexists(place)]
    before = os.umask(_UMASK)
    try:
        with ExitStack() as held:
            try:
                prefix.parent.mkdir(parents=True, exist_ok=True)
                share(prefix, group=group, members_write=members_write)
                above = held.enter_context(below.opened(prefix, versions))
                folder = held.enter_context(below.new_folder(above, place))
            except OSError as error:
                raise PrefixError(
                    f"{prefix} cannot be written: {error.strerror}: {error.filename}",
                    remedy=_CHOOSE,
                ) from error
            yield folder
    finally:
        with suppress(OSError, PrefixError), below.opened(prefix, versions) as above:
            below.remove(above, place.name)
        for each in missing:
            with suppress(OSError):
                each.rmdir()
        os.umask(before)


@contextmanager
def new_directory(target: Path) -> Iterator[Path]:
    """An empty directory that gets its name when it is complete; gone if that fails.

    Raises:
        PrefixError: the name is taken, or the directory cannot be made.
    """
    remedy = "choose another directory"
    if os.path.lexists(target):
        raise PrefixError(f"{target} exists already", remedy=remedy)
    before = os.umask(_UMASK)
    place = target.with_name(staging_name(target.name))
    try:
        with ExitStack() as held:
            try:
                above = held.enter_context(below.opened(target.parent, target.parent))
                folder = held.enter_context(below.new_folder(above, place))
            except OSError as error:
                raise PrefixError(
                    f"cannot make {target}: {error.strerror}", remedy=remedy
                ) from error
            yield folder
            below.let_read(folder)
            with renamed(folder, target, top=target.parent):
                pass
    finally:
        below.remove_path(place)
        os.umask(before)


@contextmanager
def renamed(folder: Path, target: Path, *, top: Path) -> Iterator[None]:
    """Give a complete tree its name in the same directory; remove it again if the body fails.

    Args:
        folder: the tree, from staging or new_directory.
        target: what it becomes.
        top: below it no directory may be a link.

    Raises:
        PrefixError: somebody else was faster, or has put another tree in its place.
    """
    with below.opened(top, target.parent) as place:
        try:
            put(place, folder, target)
        except OSError as error:
            raise PrefixError(
                f"{target} was made by somebody else meanwhile: {error.strerror}", remedy=_CHOOSE
            ) from error
        try:
            yield
        except BaseException:
            remove_atomically(target, top=top)
            raise


def put(place: int, folder: Path, target: Path) -> None:
    """Give a tree that was built under a staging name its own.

    Args:
        place: descriptor of the directory that holds both.
        folder: the tree, from below.new_folder.
        target: what it becomes.

    Raises:
        OSError: the name is taken, or the directory cannot be written.
        PrefixError: somebody has moved it away, or put another one in its place.
    """
    staged = staging_name(target.name)
    try:
        replace(place, staged, target.name)
    except FileNotFoundError:
        raise below.swapped(target) from None
    if not below.is_same(place, target.name, folder):
        with suppress(OSError):
            replace(place, target.name, staged)
        raise below.swapped(target)


def remove_atomically(
    target: Path, *, top: Path, is_needed: Callable[[], bool] = lambda: False
) -> str | None:
    """Hide a tree by one rename, then delete it; do nothing if it does not exist.

    Args:
        target: the tree; of a link only the link goes.
        top: below it no directory may be a link.
        is_needed: asked when the tree is hidden; if somebody needs it, it gets its name back.

    Returns:
        A line that says what is left and who owns it; None if nothing is left.
    """
    hidden = target.with_name(staging_name(target.name, kind=REMOVED))
    try:
        with below.opened(top, target.parent) as place:
            replace(place, target.name, hidden.name)
            if is_needed():
                with suppress(OSError):
                    replace(place, hidden.name, target.name)
                    return None
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{target} cannot be moved away: {error.strerror}"
    return delete(hidden, top=top)


def delete(hidden: Path, *, top: Path) -> str | None:
    """Delete a path that is hidden from users.

    Args:
        hidden: a tree or a file; of a link only the link goes.
        top: below it no directory may be a link.

    Returns:
        A line that says what is left and who owns it; None if nothing is left.
    """
    with below.opened(top, hidden.parent) as place:
        below.remove(place, hidden.name)
        left = below.status(place, hidden.name)
    if left is None:
        return None
    return f"{hidden} belongs to {user_name(left.st_uid)}, whose `{NAME} repair` deletes it"

"""Conda archives: fetched from a channel, a mirror or a directory, and compared with conda-lock.yml."""

import hashlib
from collections.abc import Mapping, Sequence
from http.client import HTTPException, IncompleteRead
from pathlib import Path

from polaris_parsl.env.locks.files import CondaPackage
from polaris_parsl.env.network import open_url
from polaris_parsl.env.prefix.staging import staging_name
from polaris_parsl.errors import LockError, OptionError
from polaris_parsl.files import read_regular

MIRROR = "POLARIS_PARSL_CONDA_MIRROR"
_ARCHIVE_BYTES_MAX = 1 << 30
_REACH_TIMEOUT_SECONDS = 5
_FETCH_TIMEOUT_SECONDS = 60


def refuse_bad_mirror(mirror: str | None) -> None:
    """Refuse a mirror that is no address.

    Raises:
        OptionError: it is none.
    """
    if mirror and not mirror.startswith(("https://", "http://", "file:///")):
        raise OptionError(
            f"the mirror {mirror!r} is not an address",
            remedy="name the directory that holds linux-64/ and noarch/, as https://…, http://… or "
            f"file:///…, with --conda-mirror or {MIRROR}",
        )


def place_of(package: CondaPackage, *, archives: Path | None, mirror: str | None) -> str:
    """Where an archive is taken from: a path below a directory, or an address.

    Args:
        package: a package of conda-lock.yml.
        archives: directory to take archives from.
        mirror: address of a copy of the channel; None takes the address of the lock.
    """
    if archives is not None:
        return str(archives / package.archive)
    if mirror:
        return "/".join([mirror.rstrip("/"), *package.url.rsplit("/", 2)[1:]])
    return package.url


def fetch_archives(
    packages: Sequence[CondaPackage],
    folder: Path,
    *,
    env: Mapping[str, str],
    archives: Path | None = None,
    mirror: str | None = None,
) -> list[Path]:
    """Copy or download the archives, and check sha256 and md5 of each.

    Each is kept as soon as it is checked; what lies in the folder and is right is not fetched
    again.

    Args:
        packages: packages of conda-lock.yml.
        folder: where the archives go; made where it is missing.
        env: environment variables; a proxy counts.
        archives: directory to take them from; None asks the channel.
        mirror: address of a copy of the channel, to ask in its place.

    Raises:
        LockError: an archive is not the one that conda-lock.yml names, or cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fetched = []
    for package in packages:
        archive = folder / package.archive
        fetched.append(archive)
        if archive.is_file() and _digests(archive.read_bytes()) == (package.sha256, package.md5):
            continue
        place = place_of(package, archives=archives, mirror=mirror)
        content = _read(place, is_local=archives is not None, env=env)
        _refuse_other(package, place, content)
        staged = archive.with_name(staging_name(archive.name))
        try:
            staged.write_bytes(content)
            staged.rename(archive)
        finally:
            staged.unlink(missing_ok=True)
    return fetched


def _refuse_other(package: CondaPackage, place: str, content: bytes) -> None:
    sha256, md5 = _digests(content)
    if (sha256, md5) == (package.sha256, package.md5):
        return
    if content.lstrip()[:1] == b"<":
        raise LockError(
            f"{place} is a web page, for instance of a login, and not the archive that "
            "conda-lock.yml names",
            remedy="log in, or set the site's proxy (https_proxy); or name a mirror with "
            "--conda-mirror, or a wheelhouse",
        )
    raise LockError(
        f"{place} has sha256 {sha256}, md5 {md5}; conda-lock.yml names "
        f"sha256 {package.sha256}, md5 {package.md5}",
        remedy="do not install it; tell the channel, or lock again",
    )


def _digests(content: bytes) -> tuple[str, str]:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return hashlib.sha256(content).hexdigest(), md5


def channel_silence(
    packages: Sequence[CondaPackage], env: Mapping[str, str], *, mirror: str | None = None
) -> str | None:
    """In words, that the channel of the packages does not answer; None if it does."""
    try:
        open_url(
            place_of(packages[0], archives=None, mirror=mirror),
            env=env,
            timeout_seconds=_REACH_TIMEOUT_SECONDS,
            method="HEAD",
        ).close()
    except (OSError, HTTPException, ValueError) as error:
        return f"its channel does not answer ({error})"
    return None


def lacking(packages: Sequence[CondaPackage], archives: Path) -> str | None:
    """In words, which archives a directory lacks; None if it has all."""
    missing = [each for each in packages if not (archives / each.archive).is_file()]
    if not missing:
        return None
    return f"{archives} lacks {len(missing)} of {len(packages)} conda archives"


def _read(place: str, *, is_local: bool, env: Mapping[str, str]) -> bytes:
    try:
        if is_local:
            return read_regular(Path(place), most_bytes=_ARCHIVE_BYTES_MAX)
        with open_url(place, env=env, timeout_seconds=_FETCH_TIMEOUT_SECONDS) as answer:
            content = answer.read(_ARCHIVE_BYTES_MAX)
            # with a limit, read does not notice that an answer breaks off
            absent = int(answer.headers.get("Content-Length") or len(content)) - len(content)
            if absent > 0:
                raise IncompleteRead(content, absent)
            return content
    # an answer that breaks off is an HTTPException
    except (OSError, HTTPException, ValueError) as error:
        raise LockError(
            f"cannot read {place}: {error}",
            remedy="install again; behind a proxy, set https_proxy",
        ) from error

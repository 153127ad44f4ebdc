"""GNU Parallel: from conda-lock.yml where the channel answers, else from PATH, else none."""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import Any

from polaris_parsl.env.locks.files import CondaPackage
from polaris_parsl.env.network import open_url
from polaris_parsl.env.prefix.staging import staging_name
from polaris_parsl.env.receipt import NO_PARALLEL
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import LockError
from polaris_parsl.files import read_regular
from polaris_parsl.process import WORK_SECONDS, run

_ARCHIVE_BYTES_MAX = 1 << 30
_REACH_TIMEOUT_SECONDS = 5
_FETCH_TIMEOUT_SECONDS = 60
_ANSWER_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Parallel:
    """Which GNU Parallel an install offers: source is "conda-lock.yml", "PATH" or NO_PARALLEL."""

    source: str
    version: str | None = None
    path: Path | None = None
    packages: tuple[CondaPackage, ...] = ()
    note: str = ""

    def facts(self) -> dict[str, Any]:
        """As it is written into a receipt."""
        return {
            "source": self.source,
            "version": self.version,
            "path": str(self.path) if self.path else None,
            "packages": [
                {"name": each.name, "version": each.version, "url": each.url, "sha256": each.sha256}
                for each in self.packages
            ],
        }


def choose_parallel(
    packages: Sequence[CondaPackage], env: Mapping[str, str], *, archives: Path | None = None
) -> Parallel:
    """Take the locked one where its archives can be had, else the one on PATH, else none.

    Args:
        packages: the packages of conda-lock.yml.
        env: environment variables; PATH counts.
        archives: directory to take the archives from; None asks the channel.
    """
    why = channel_silence(packages, env) if archives is None else _lacking(packages, archives)
    if why is None:
        version = next((each.version for each in packages if each.name == "parallel"), None)
        return Parallel("conda-lock.yml", version=version, packages=tuple(packages))
    found = shutil.which("parallel", path=env.get("PATH"))
    version = gnu_version(Path(found), env) if found else None
    if found and version:
        note = f"GNU Parallel: {why}, so the one on PATH stands in"
        return Parallel("PATH", version=version, path=Path(found), note=note)
    kind = f"{found} is not GNU Parallel" if found else "there is none on PATH"
    return Parallel(
        NO_PARALLEL,
        note=f"GNU Parallel: {why} and {kind}: "
        "launcher='gnu_parallel' will not work, the default launcher does not need it",
    )


def gnu_version(program: Path, env: Mapping[str, str]) -> str | None:
    """Version of GNU Parallel; None for another program of that name, like that of moreutils."""
    try:
        done = run(
            [program, "--version"], env=for_python(env), timeout_seconds=_ANSWER_TIMEOUT_SECONDS
        )
    except OSError:
        return None
    words = done.stdout.split()
    return words[2] if words[:2] == ["GNU", "parallel"] and len(words) > 2 else None


def fetch_archives(
    packages: Sequence[CondaPackage],
    folder: Path,
    *,
    env: Mapping[str, str],
    archives: Path | None = None,
) -> list[Path]:
    """Copy or download the archives, and check sha256 and md5 of each.

    Each is kept as soon as it is checked; what lies in the folder and is right is not fetched
    again.

    Args:
        packages: the packages of conda-lock.yml.
        folder: where the archives go; made where it is missing.
        env: environment variables; a proxy counts.
        archives: directory to take them from; None asks the channel.

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
        place = package.url if archives is None else str(archives / package.archive)
        content = _read(place, is_local=archives is not None, env=env)
        sha256, md5 = _digests(content)
        if (sha256, md5) != (package.sha256, package.md5):
            raise LockError(
                f"{place} has sha256 {sha256}, md5 {md5}; conda-lock.yml names "
                f"sha256 {package.sha256}, md5 {package.md5}",
                remedy="do not install it; tell the channel, or lock again",
            )
        staged = archive.with_name(staging_name(archive.name))
        try:
            staged.write_bytes(content)
            staged.rename(archive)
        finally:
            staged.unlink(missing_ok=True)
    return fetched


def _digests(content: bytes) -> tuple[str, str]:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return hashlib.sha256(content).hexdigest(), md5


def install_archives(
    archives: Sequence[Path],
    packages: Sequence[CondaPackage],
    *,
    folder: Path,
    prefix: Path,
    scratch: Path,
    env: Mapping[str, str],
) -> None:
    """Install checked archives into a folder that will be renamed to prefix.

    Raises:
        LockError: py-rattler cannot install them.
    """
    order = {
        "archives": [str(path) for path in archives],
        "folder": str(folder),
        "prefix": str(prefix),
        "cache": str(scratch / "conda-cache"),
    }
    command: list[str | Path] = [sys.executable, "-P", Path(__file__).with_name("conda_install.py")]
    done = run(command, env=for_python(env), stdin=json.dumps(order), timeout_seconds=WORK_SECONDS)
    if done.returncode != 0:
        raise LockError(
            f"py-rattler did not install GNU Parallel: {done.stderr.strip()[-800:]}",
            remedy="see the message; install again",
        )
    # tells programs that back up to pass over all of it
    (folder / "CACHEDIR.TAG").unlink(missing_ok=True)
    _name_sources(folder, packages)


def _name_sources(folder: Path, packages: Sequence[CondaPackage]) -> None:
    """Put the channel's URLs into the records, in the place of our scratch directory."""
    urls = {package.archive: package.url for package in packages}
    for path in sorted((folder / "conda-meta").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        record["url"] = urls.get(record["fn"], record["fn"])
        for key in ("extracted_package_dir", "package_tarball_full_path", "link", "channel"):
            record.pop(key, None)
        path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def channel_silence(packages: Sequence[CondaPackage], env: Mapping[str, str]) -> str | None:
    """A sentence saying that the channel does not answer; None if it does."""
    try:
        open_url(
            packages[0].url, env=env, timeout_seconds=_REACH_TIMEOUT_SECONDS, method="HEAD"
        ).close()
    except (OSError, HTTPException, ValueError) as error:
        return f"its channel does not answer ({error})"
    return None


def _lacking(packages: Sequence[CondaPackage], archives: Path) -> str | None:
    lacking = [each for each in packages if not (archives / each.archive).is_file()]
    if not lacking:
        return None
    return f"{archives} lacks {len(lacking)} of {len(packages)} conda archives"


def _read(place: str, *, is_local: bool, env: Mapping[str, str]) -> bytes:
    try:
        if is_local:
            return read_regular(Path(place), most_bytes=_ARCHIVE_BYTES_MAX)
        with open_url(place, env=env, timeout_seconds=_FETCH_TIMEOUT_SECONDS) as answer:
            content = answer.read(_ARCHIVE_BYTES_MAX)
            # with a limit, read does not notice that an answer breaks off
            lacking = int(answer.headers.get("Content-Length") or len(content)) - len(content)
            if lacking > 0:
                raise IncompleteRead(content, lacking)
            return content
    # an answer that breaks off is an HTTPException
    except (OSError, HTTPException, ValueError) as error:
        raise LockError(
            f"cannot read {place}: {error}",
            remedy="install again; behind a proxy, set https_proxy",
        ) from error

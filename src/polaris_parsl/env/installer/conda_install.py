"""Checked conda archives become a prefix: in the place of the base, or below an install."""

import json
from collections.abc import Sequence
from pathlib import Path

from polaris_parsl.env.installer.conda_package import CondaFile, CondaPackageFiles
from polaris_parsl.env.installer.wheel_files import WheelFile, write_file
from polaris_parsl.env.locks.files import CondaPackage
from polaris_parsl.errors import LockError, PrefixError

_RECORDS = "conda-meta"


def install_archives(
    archives: Sequence[Path], packages: Sequence[CondaPackage], *, folder: Path, prefix: Path
) -> None:
    """Install checked archives into a folder that will be renamed to prefix.

    Args:
        archives: from fetch_archives, in the order of the packages.
        packages: packages of conda-lock.yml.
        folder: where to write; made where it is missing.
        prefix: the path that the files will name.

    Raises:
        LockError: an archive cannot be installed, or two have different files of one name.
        PrefixError: an archive has no room for so long a prefix.
    """
    opened = [_open(archive) for archive in archives]
    for each in opened:
        _refuse_long(each, str(prefix))
    versions = [each.version for each in packages if each.name == "python"]
    python = ".".join("".join(versions).split(".")[:2])
    written: dict[str, str] = {}
    for each, package in zip(opened, packages, strict=True):
        try:
            for file in each.files(str(prefix), python):
                _write(folder, file, each.name, written)
            record = each.record(python, url=package.url, sha256=package.sha256, md5=package.md5)
        except (ValueError, KeyError, TypeError) as error:
            raise _not_installed(each.name, error) from error
        text = json.dumps(record, indent=2, sort_keys=True) + "\n"
        write_file(folder, WheelFile(f"{_RECORDS}/{each.stem}.json", text.encode()))


def _open(archive: Path) -> CondaPackageFiles:
    try:
        return CondaPackageFiles(archive)
    except ValueError as error:
        raise _not_installed(archive.name, error) from error


def _refuse_long(package: CondaPackageFiles, prefix: str) -> None:
    length = len(prefix.encode(errors="surrogateescape"))
    if package.room is not None and length > package.room:
        raise PrefixError(
            f"{prefix} has {length} characters; the programs of {package.name} have room for "
            f"{package.room}",
            remedy="choose a shorter --prefix",
        )


def _write(folder: Path, file: CondaFile, archive: str, written: dict[str, str]) -> None:
    """Write a file or link, of which no package before may have had another content."""
    other = written.setdefault(file.name, archive)
    target = folder / file.name
    if other != archive:
        is_link = target.is_symlink()
        found = str(target.readlink()) if is_link else target.read_bytes()
        if found != (file.target if is_link else file.content):
            raise ValueError(f"{file.name} is another file in {other}")
    elif file.target:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(file.target)
    else:
        write_file(folder, WheelFile(file.name, file.content, file.runs))


def _not_installed(archive: str, error: Exception) -> LockError:
    return LockError(
        f"{archive} cannot be installed: {error}",
        remedy="tell the channel, or lock other packages with `polaris-parsl lock`",
    )

"""The locked base: a Python of our own from conda-lock.yml, in PREFIX/bases/KEY, shared by versions."""

import hashlib
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.env.installer.conda_archives import fetch_archives, lacking
from polaris_parsl.env.installer.conda_install import install_archives
from polaris_parsl.env.locks.files import CONDA_LOCK, CondaPackage, base_packages
from polaris_parsl.env.prefix.bases import claimed, new_base
from polaris_parsl.env.receipt import scan, write_receipt
from polaris_parsl.env.variables import for_python, user_cache
from polaris_parsl.errors import BaseEnvironmentError, LockError
from polaris_parsl.files import shipped
from polaris_parsl.installs import base_root
from polaris_parsl.process import WORK_SECONDS, Step, run

_KEY_DIGITS = 16


@dataclass(frozen=True)
class LockedBase:
    """What a locked base is made of, and from where.

    Attributes:
        packages: Python and what it needs, of conda-lock.yml.
        archives: directory to take the archives from; None asks the channel.
        mirror: address of a copy of the channel, to ask in its place.
    """

    packages: tuple[CondaPackage, ...]
    archives: Path | None = None
    mirror: str | None = None

    @property
    def key(self) -> str:
        """Name of its directory: a hash of its records, so the same records have the same base."""
        lines = sorted(f"{each.archive} {each.sha256}\n" for each in self.packages)
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:_KEY_DIGITS]

    def facts(self) -> dict[str, Any]:
        """As it is written into a receipt."""
        return {
            "key": self.key,
            "packages": [
                {"name": each.name, "version": each.version, "url": each.url, "sha256": each.sha256}
                for each in self.packages
            ],
        }


def locked_base(*, archives: Path | None, mirror: str | None) -> LockedBase:
    """The locked base of this source tree, if this machine can run it.

    Raises:
        LockError: conda-lock.yml is missing, malformed or of another form.
        BaseEnvironmentError: the machine is of another platform, or its C library is older than the
            lock asks for.
    """
    packages = tuple(base_packages(shipped(CONDA_LOCK)))
    refuse_machine(packages)
    return LockedBase(packages, archives, mirror)


def refuse_machine(packages: Sequence[CondaPackage]) -> None:
    """Refuse a machine on which the packages do not run.

    Raises:
        BaseEnvironmentError: it is of another platform, or its C library is older than the lock
            asks for.
    """
    remedy = "choose another base with --base, or lock again for this machine"
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise BaseEnvironmentError(
            f"the locked base is for linux-64; this machine is {sys.platform} on "
            f"{platform.machine()}",
            remedy=remedy,
        )
    needed = max((_numbers(each.glibc) for each in packages), default=())
    found = _glibc()
    if _numbers(found) < needed:
        raise BaseEnvironmentError(
            f"the locked base needs glibc {'.'.join(map(str, needed))}; this machine has "
            f"{found or 'none'}",
            remedy=remedy,
        )


def _glibc() -> str:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").rpartition(" ")[2]
    except (ValueError, OSError):
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


@contextmanager
def provided(
    base: LockedBase,
    prefix: Path,
    *,
    group: int | None,
    scratch: Path,
    env: Mapping[str, str],
    step: Step,
    is_kept: bool = True,
) -> Iterator[Callable[[], Path]]:
    """Provide a locked base in a prefix as long as an install is built on it.

    A base that no version needs at the end is removed again.

    Args:
        base: from locked_base.
        prefix: the prefix; the directory exists.
        group: number of the group that the prefix belongs to.
        scratch: temporary directory.
        env: environment variables.
        step: called with the name of each step.
        is_kept: whether an install will be built on it; one that is only asked is not compiled.

    Yields:
        A function that builds the base, unless it is there, and gives its directory.
    """
    with claimed(prefix, base.key, group=group) as root:

        def provide() -> Path:
            if not root.is_dir():
                with new_base(root, top=prefix, group=group) as folder:
                    build(base, folder, root, scratch=scratch, env=env, step=step, is_kept=is_kept)
            return root

        yield provide


def build(
    base: LockedBase,
    folder: Path,
    root: Path,
    *,
    scratch: Path,
    env: Mapping[str, str],
    step: Step,
    is_kept: bool = True,
) -> None:
    """Build a locked base in a folder that will be renamed to root; arguments as for provided.

    Raises:
        LockError: an archive is not the one that conda-lock.yml names, or cannot be had.
        PrefixError: an archive has no room for so long a path.
    """
    if base.archives and (why := lacking(base.packages, base.archives)):
        raise LockError(
            f"the locked base cannot be installed: {why}",
            remedy="make the wheelhouse again with --with-base",
        )
    with step(f"fetch the {len(base.packages)} conda archives of the locked base"):
        archives = fetch_archives(
            base.packages,
            scratch / "base-archives" if base.archives else user_cache(env) / "archives",
            env=env,
            archives=base.archives,
            mirror=base.mirror,
        )
    with step("install the locked base"):
        install_archives(archives, base.packages, folder=folder, prefix=root)
        if is_kept:
            # those of the packages name the time at which their source was packed
            compile_all(folder / "bin/python3", folder, env=env)
        write_receipt(folder, base.facts(), scan(folder, prefix=root))


def in_prefix(base: LockedBase, prefix: Path) -> Path:
    """Where a locked base lies in a prefix, or will."""
    return base_root(prefix, base.key)


def compile_all(python: Path, folder: Path, *, env: Mapping[str, str]) -> None:
    """Compile the modules of a base with its interpreter, always to the same bytes.

    Args:
        python: the interpreter.
        folder: the base.
        env: environment variables.
    """
    # unchecked-hash: Python does not look at the source again, which saves half of the
    # file accesses of an import; an install is never edited
    command: list[str | Path] = [python, "-I", "-B", "-m", "compileall", "-q"]
    command += ["-f", "-j", "2", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", folder, "-p", "", folder / "lib"]
    # its exit code counts files that are not valid Python, which some distributions ship as data
    run(command, env=for_python(env), cwd=folder, timeout_seconds=WORK_SECONDS)

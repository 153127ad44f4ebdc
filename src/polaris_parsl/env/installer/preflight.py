"""Preflight checks: what an install must pass before it is published."""

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

from packaging.version import Version

from polaris_parsl.env.base.choice import Base
from polaris_parsl.env.installer.delta import base_distributions, distributions_of
from polaris_parsl.env.installer.requirements import unmet
from polaris_parsl.env.installer.wheel_files import OpenWheel
from polaris_parsl.env.modules.module_system import NONE_HERE, module_system
from polaris_parsl.env.prefix.staging import write_atomically
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import LockError, PolarisParslError
from polaris_parsl.installs import command_of, overlay_of, overlay_python
from polaris_parsl.process import run
from polaris_parsl.version import NAME

_REPORT = "report this with the output of the same command after `polaris-parsl --debug`"

_IMPORT = """\
import json, sys
import parsl, polaris_parsl
from polaris_parsl.version import VERSION
print(json.dumps([parsl.__version__, VERSION, sys.prefix, parsl.__file__]))
"""


def check_overlay(
    folder: Path, *, imported: str, parsl: str, version: str, env: Mapping[str, str]
) -> None:
    """The overlay's Python imports the locked Parsl and our package.

    Args:
        folder: the install.
        imported: what it said when it was asked (`_IMPORT`); "" asks it.
        parsl: the locked version.
        version: ours.
        env: environment variables.

    Raises:
        LockError: it does not, or other versions than the locked ones.
    """
    command: list[str | Path] = [overlay_python(folder), "-I", "-B", "-c", _IMPORT]
    done = CompletedProcess(command, 0, stdout=imported)
    if not imported:
        done = run(command, env=for_python(env), cwd=Path("/"))
    if done.returncode != 0:
        raise LockError(
            f"the overlay cannot import parsl and polaris_parsl:\n    {done.stderr.strip()[-800:]}",
            remedy=_REPORT,
        )
    found_parsl, found_own, prefix, place = json.loads(done.stdout)
    # Parsl 2026.2.23 calls itself 2026.02.23
    is_locked = Version(found_parsl) == Version(parsl) and found_own == version
    if not is_locked or Path(prefix) != overlay_of(folder):
        raise LockError(
            f"the overlay {prefix} imports parsl {found_parsl} ({place}) and polaris_parsl "
            f"{found_own}; wanted are {parsl} and {version}",
            remedy=_REPORT,
        )


def check_tools(folder: Path, *, version: str, env: Mapping[str, str]) -> None:
    """The command of the install starts.

    Raises:
        LockError: it does not.
    """
    done = run([command_of(folder), "version"], env=for_python(env), cwd=Path("/"))
    if done.stdout.strip() != version:
        raise LockError(
            f"polaris-parsl version gives {done.stdout.strip()!r}, not {version!r}:\n    "
            f"{done.stderr.strip()[-800:]}",
            remedy=_REPORT,
        )


def check_requirements(
    overlay: Sequence[OpenWheel], base: Base, *, locked: Collection[str]
) -> list[str]:
    """Every distribution that the overlay sees has what it requires, as `pip check` sees it.

    Args:
        overlay: the wheels in the overlay.
        base: its base.
        locked: normalised names of the packages that the lock holds.

    Returns:
        Complaints about packages of the base that the overlay causes.

    Raises:
        LockError: a requirement of a locked package is not met.
    """
    alone = base_distributions(base)
    complaints = unmet({**alone, **distributions_of(overlay)}, base.markers)
    _refuse_unmet(
        complaints,
        locked,
        problem="the overlay does not meet its own requirements",
        remedy="lock again with `polaris-parsl lock`, or choose another base",
    )
    return sorted(complaints - unmet(alone, base.markers)) if complaints else []


def check_requirements_of_tools(
    wheels: Sequence[OpenWheel], base: Base, *, locked: Collection[str]
) -> None:
    """What the command imports, from the overlay or its own, has what it requires there.

    Args:
        wheels: those in the overlay and in the tools.
        base: the base, whose packages the command does not see.
        locked: normalised names of the packages that the lock of the tools holds. The overlay may
            hold others, which the command does not import, and which may need the base.

    Raises:
        LockError: it has not.
    """
    _refuse_unmet(
        unmet(distributions_of(wheels), base.markers),
        locked,
        problem="the tools do not meet their own requirements",
        remedy="lock again with `polaris-parsl lock`",
    )


def _refuse_unmet(
    complaints: Collection[str], locked: Collection[str], *, problem: str, remedy: str
) -> None:
    """Refuse what locked packages lack; what others lack is none of ours."""
    if mine := sorted(line for line in complaints if line.split()[0] in locked):
        raise LockError(f"{problem}:\n    " + "\n    ".join(mine), remedy=remedy)


def check_modulefiles(
    files: Mapping[Path, str], *, scratch: Path, env: Mapping[str, str]
) -> str | None:
    """The modulefiles are valid Lua and load, as far as the machine has Lua and a module system.

    Args:
        files: the modulefiles of one version, from render_modulefiles.
        scratch: temporary directory.
        env: environment variables; those of the module system count.

    Returns:
        What could not be checked; None if everything was.

    Raises:
        PolarisParslError: it is refused.
    """
    for path, text in files.items():
        write_atomically(scratch / path, text)
    (modulefile,) = (path for path in files if path.suffix == ".lua")
    luac = shutil.which("luac", path=env.get("PATH"))
    if luac:
        done = run([luac, "-p", scratch / modulefile])
        _refuse_modulefile(done.stderr if done.returncode != 0 else "")
    system = module_system(env)
    if system is None:
        return f"the module was not tried: {NONE_HERE}; the overlay works without one"
    complaint = system.loads(f"{NAME}/{modulefile.stem}", scratch / system.tree, env)
    _refuse_modulefile(complaint or "")
    return None


def _refuse_modulefile(complaint: str) -> None:
    if complaint:
        raise PolarisParslError(
            f"the modulefile does not load:\n    {complaint.strip()}",
            remedy="see the message; --base-module names the module that holds the base",
        )

"""An environment of a user's own on top of an install: it sees itself, the overlay, the base.

A virtual environment made from the overlay's Python alone would see the base only. So a `.pth`
file in it names the overlay (polaris_parsl.installs); that works without a module, under `-I`, and
leaks into no other Python, as PYTHONPATH would.
"""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl import below
from polaris_parsl.env.base.drift import Verdict
from polaris_parsl.env.prefix.staging import staging_name
from polaris_parsl.env.prefix.verify import IMPORT, verify_base
from polaris_parsl.env.receipt import Receipt, read_receipt
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import BaseEnvironmentError, PolarisParslError, PrefixError
from polaris_parsl.installs import INSTALL_PATH, LINK, command_of, install_of, overlay_of
from polaris_parsl.options.paths import interpreter
from polaris_parsl.process import WORK_SECONDS, run
from polaris_parsl.version import NAME

# Names of all that overlay and base have, for the option of uv that leaves them out.
PROVIDED = "provided.txt"

_ELSEWHERE = "choose another directory"
# Comes after the overlay on sys.path, and before the base, which may have a Parsl of its own.
_GONE = "polaris_parsl_gone"

_LINK_TEXT = """\
# made by polaris-parsl {version}, do not edit: the install that this environment is built on
{overlay}
{gone}
import site; site.ENABLE_USER_SITE = False
"""

_GONE_TEXT = """\
# made by polaris-parsl {version}, do not edit: imported only where the install is gone
import sys

raise ImportError(
    "the environment %s is built on {name} {version} in %s, which cannot be read here: it was removed, "
    "or this node does not mount it\\n  fix: make the environment again on a version that is there: "
    "module load {name}; {name} venv DIR" % (sys.prefix, {root!r})
)
"""

# The base has pip, but its program would install into the base.
_PIP_TEXT = """\
#!/bin/sh
# made by polaris-parsl {version}: the pip of the base, for this environment
exec "$(dirname -- "$(readlink -f -- "$0")")/python" -m pip "$@"
"""


@dataclass(frozen=True)
class VenvPlan:
    """An environment that can be made.

    Attributes:
        folder: where it will be.
        root: the install that it will stand on.
        receipt: what that install says of itself.
    """

    folder: Path
    root: Path
    receipt: Receipt

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def overlay(self) -> Path:
        """The packages of the overlay."""
        return overlay_of(self.root) / self.site_packages

    @property
    def site_packages(self) -> Path:
        """Where an environment of this Python keeps its packages, below its directory."""
        return Path("lib", f"python{self.receipt.minor}", "site-packages")


def plan_venv(folder: Path, root: Path, *, env: Mapping[str, str]) -> VenvPlan:
    """Check whether an environment can be made. Writes nothing.

    Args:
        folder: where; absolute.
        root: the install to make it on, PREFIX/versions/VERSION.
        env: environment variables.

    Raises:
        PrefixError: the directory exists, lies in the install, or cannot be made.
        OptionError: its path would break job scripts.
        ReceiptError: the install is none, or damaged.
        BaseEnvironmentError: the base of the install is gone, or another Python now.
    """
    if os.path.lexists(folder):
        raise PrefixError(f"{folder} exists already", remedy=f"{_ELSEWHERE}, or remove it first")
    if not folder.parent.is_dir():
        raise PrefixError(
            f"{folder} cannot be made: there is no {folder.parent}", remedy=_ELSEWHERE
        )
    receipt = read_receipt(root)
    for place in (receipt.prefix, root):
        if folder.parent.resolve().is_relative_to(place.resolve()):
            raise PrefixError(
                f"{folder} lies within the install {place}, where nothing is added later",
                remedy=_ELSEWHERE,
            )
    if not os.access(folder.parent, os.W_OK | os.X_OK):
        raise PrefixError(
            f"{folder} cannot be made: no permission in {folder.parent}", remedy=_ELSEWHERE
        )
    interpreter(folder / "bin" / "python")
    plan = VenvPlan(folder, root, receipt)
    broken = [
        each for each in verify_base(receipt, quick=True, env=env) if each.verdict is Verdict.BROKEN
    ]
    if broken or not plan.overlay.is_dir():
        reason = broken[0].text if broken else f"there is no {plan.overlay}"
        raise BaseEnvironmentError(
            f"the install {root} cannot carry an environment: {reason}",
            remedy=f"load another version (`module avail {NAME}`), or name it: --root {INSTALL_PATH}",
        )
    return plan


def make_venv(plan: VenvPlan, *, env: Mapping[str, str]) -> None:
    """Make an environment; complete, or not at all.

    Raises:
        PrefixError: the directory cannot be made, or somebody else made it meanwhile.
        PolarisParslError: the new environment does not import what it should.
    """
    target = plan.folder
    try:
        with below.opened(target.parent, target.parent) as above, _stage(above, target) as stage:
            folder = stage / target.name
            _build(plan, folder, env)
            # what holds its path holds that of the staging directory
            for path in (folder / "pyvenv.cfg", *folder.glob("bin/activate*")):
                text = path.read_text(encoding="utf-8", errors="surrogateescape")
                text = text.replace(f"{stage}/", f"{target.parent}/")
                path.write_text(text, encoding="utf-8", errors="surrogateescape")
            os.rename(folder, target.name, dst_dir_fd=above)
    except OSError as error:
        raise PrefixError(f"{target} cannot be made: {error}", remedy=_ELSEWHERE) from error


@contextmanager
def _stage(above: int, target: Path) -> Iterator[Path]:
    """A directory of our own beside the target; gone afterwards."""
    place = target.with_name(staging_name(target.name))
    try:
        with below.new_folder(above, place) as stage:
            yield stage
    finally:
        below.remove(above, place.name)


def _build(plan: VenvPlan, folder: Path, env: Mapping[str, str]) -> None:
    python = Path(plan.receipt.base["executable"])
    command: list[str | Path] = [python, "-I", "-B", "-m", "venv", "--without-pip"]
    done = run(
        [*command, "--system-site-packages", folder],
        env=for_python(env),
        cwd=Path("/"),
        timeout_seconds=WORK_SECONDS,
    )
    if done.returncode != 0:
        raise PolarisParslError(
            f"{python} made no environment:\n    {done.stderr.strip()[-800:]}",
            remedy="see the message above; --debug shows the command",
        )
    _write_link(plan, folder)
    _write_programs(plan, folder)
    _check(plan, folder, env)


def _write_link(plan: VenvPlan, folder: Path) -> None:
    site_packages = folder / plan.site_packages
    values = {"version": plan.receipt.version, "name": NAME, "root": str(plan.root)}
    (site_packages / _GONE).mkdir()
    for module in ("parsl", "polaris_parsl"):
        # a Parsl that the overlay takes from the base must stay visible
        if (plan.overlay / module).is_dir():
            text = _GONE_TEXT.format(**values)
            (site_packages / _GONE / f"{module}.py").write_text(text, encoding="utf-8")
    text = _LINK_TEXT.format(**values, overlay=plan.overlay, gone=_GONE)
    (site_packages / LINK).write_text(text, encoding="utf-8", errors="surrogateescape")
    provided = sorted(plan.receipt.locked | plan.receipt.base["distributions"].keys())
    (folder / PROVIDED).write_text("".join(f"{each}\n" for each in provided), encoding="utf-8")


def _write_programs(plan: VenvPlan, folder: Path) -> None:
    pip = folder / "bin" / "pip"
    pip.write_text(_PIP_TEXT.format(version=plan.receipt.version), encoding="utf-8")
    below.change_path(pip, pip.stat().st_mode | 0o111)
    (folder / "bin" / "pip3").symlink_to("pip")
    (folder / "bin" / NAME).symlink_to(command_of(plan.root))


def _check(plan: VenvPlan, folder: Path, env: Mapping[str, str]) -> None:
    places = f"{IMPORT}; print(polaris_parsl.__file__)"
    done = run(
        [folder / "bin/python", "-I", "-B", "-c", places], env=for_python(env), cwd=Path("/")
    )
    if Path(done.stdout.strip()).is_relative_to(plan.overlay):
        return
    reason = done.stderr.strip() or f"it imports polaris_parsl from {done.stdout.strip()}"
    raise PolarisParslError(
        f"the new environment does not see the overlay {plan.overlay}:\n    {reason[-800:]}",
        remedy=f"look at the install: {NAME} verify --root {shlex.quote(str(plan.root))}",
    )


def read_venv(folder: Path) -> Path:
    """The install that an environment is built on.

    Raises:
        PrefixError: the directory is not an environment that `polaris-parsl venv` made.
    """
    root = install_of(folder)
    if root is None:
        raise PrefixError(
            f"{folder} is not an environment of `{NAME} venv`",
            remedy="name one, or make it with that",
        )
    return root

"""Building an install from its plan: staged, checked, renamed, and only then published in the modulefiles."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from polaris_parsl import below
from polaris_parsl.env.base.fingerprint import fingerprint
from polaris_parsl.env.installer import gnu_parallel
from polaris_parsl.env.installer.archive import ARCHIVE, pack
from polaris_parsl.env.installer.byte_code import BYTE_CODE, byte_code
from polaris_parsl.env.installer.conda_archives import fetch_archives
from polaris_parsl.env.installer.conda_install import install_archives
from polaris_parsl.env.installer.environments import create, fill
from polaris_parsl.env.installer.image import recorded_image
from polaris_parsl.env.installer.launcher import render_launcher
from polaris_parsl.env.installer.plan import InstallPlan
from polaris_parsl.env.installer.preflight import (
    check_modulefiles,
    check_overlay,
    check_requirements,
    check_requirements_of_tools,
    check_tools,
)
from polaris_parsl.env.installer.tools_archive import build_tools
from polaris_parsl.env.installer.wheel_files import OpenWheel
from polaris_parsl.env.installer.wheelhouse import ARCHIVES
from polaris_parsl.env.modules.base_module import describe
from polaris_parsl.env.modules.module_system import module_tree
from polaris_parsl.env.modules.modulefile import render_modulefiles, values_of
from polaris_parsl.env.prefix.lifecycle import publish
from polaris_parsl.env.prefix.permissions import seal
from polaris_parsl.env.prefix.state import read_state
from polaris_parsl.env.receipt import Tree, read_receipt, scan, write_receipt
from polaris_parsl.env.variables import for_python, user_cache
from polaris_parsl.errors import ExitCode, MissingToolError
from polaris_parsl.installs import (
    BIN,
    IMAGE,
    LOCAL,
    OVERLAY,
    SHARE,
    group_of,
    overlay_of,
    tools_of,
)
from polaris_parsl.process import Step, started
from polaris_parsl.version import NAME

_SHARE = "polaris_parsl.cli.share"


@dataclass(frozen=True)
class Installed:
    """A published install, and what its user should know."""

    root: Path
    module_tree: Path
    module: str
    default: str | None
    default_before: str | None
    warnings: tuple[str, ...]


def build(
    plan: InstallPlan, folder: Path, *, scratch: Path, env: Mapping[str, str], step: Step
) -> Installed:
    """Build, verify and publish what a plan says. On any failure nothing is published.

    Args:
        plan: from make_plan.
        folder: the staging directory, from publish.staging.
        scratch: temporary directory.
        env: environment variables.
        step: called with the name of each step.

    Raises:
        PolarisParslError: a check of the new install fails.
    """
    with step("compile"):
        overlay = [OpenWheel(each, plan.base.minor) for each in (*plan.delta.install, plan.own)]
        has = {each.wheel.name for each in overlay}
        tools = [OpenWheel(each, plan.base.minor) for each in plan.tools if each.name not in has]
        codes = byte_code([*overlay, *tools], base=plan.base, cache=plan.cache / BYTE_CODE, env=env)
    with step("build the overlay"):
        create(overlay_of(folder), plan.base, sees_base=True)
        fill(overlay_of(folder), overlay, codes, base=plan.base)
    # each is a process, which runs beside what stands below it
    with ExitStack() as beside:
        finish_image = beside.enter_context(recorded_image(folder, env=env))
        with step("build the tools"):
            build_tools(tools_of(folder), tools, codes, base=plan.base)
        _write_commands(plan, folder)
        share_is_written = beside.enter_context(_written_share(folder, env=env))
        if plan.parallel.packages:
            with step("install GNU Parallel"):
                _install_parallel(plan, folder, scratch=scratch, env=env)
        with step("pack the overlay"):
            pack(overlay_of(folder), folder / ARCHIVE)
        with step("verify"):
            warnings = check_requirements([*overlay], plan.base, locked=plan.locked)
            needed = frozenset(wheel.name for wheel in plan.tools)
            check_requirements_of_tools([*overlay, *tools], plan.base, locked=needed)
            share_is_written()
            check_tools(folder, version=plan.version, env=env)
            image = finish_image()
            warnings += image.warnings
            check_overlay(
                folder, imported=image.imported, parsl=plan.parsl, version=plan.version, env=env
            )
    with step("write the receipt"):
        tree = with_archives(scan(folder, prefix=plan.request.prefix))
        write_receipt(folder, _receipt(plan, warnings, env=env), tree)
        seal(folder, group=group_of(plan.request.prefix))
    with step("publish"):
        untested: list[str | None] = []

        def check() -> None:
            untested.append(_check_in_place(plan, scratch=scratch, env=env))

        before = read_state(plan.request.prefix).default
        state = publish(plan.request.prefix, folder, plan.request.release, check=check)
    notes = (plan.parallel.note, *warnings, *untested)
    return Installed(
        root=plan.target,
        module_tree=module_tree(plan.request.prefix, env),
        module=f"{NAME}/{plan.request.release}",
        default=state.default,
        default_before=before,
        warnings=tuple(text for text in notes if text),
    )


def with_archives(tree: Tree) -> Tree:
    """A tree whose archives name the prefix if what they hold does, which their bytes do not show."""
    bound = list(tree.prefix_bound)
    if any(name.startswith(f"{OVERLAY}/") for name in tree.prefix_bound):
        bound.append(ARCHIVE)
    if IMAGE in tree.prefix_bound:
        bound += [LOCAL, f"{LOCAL}.sha256"]
    return replace(tree, prefix_bound=tuple(bound))


def _write_commands(plan: InstallPlan, folder: Path) -> None:
    commands = folder / BIN
    commands.mkdir()
    launcher = commands / NAME
    text = render_launcher(
        version=plan.version,
        minor=plan.base.minor,
        base=f"CPython {plan.base.version}",
        broken=ExitCode.BROKEN,
        problems=ExitCode.PROBLEM,
    )
    launcher.write_text(text, encoding="utf-8", errors="surrogateescape")
    below.change_path(launcher, 0o755)
    if plan.parallel.packages:
        (commands / "parallel").symlink_to("../gnu-parallel/bin/parallel")
    elif plan.parallel.path:
        (commands / "parallel").symlink_to(plan.parallel.path)


@contextmanager
def _written_share(folder: Path, *, env: Mapping[str, str]) -> Iterator[Callable[[], None]]:
    """The man page and the completions, which the new command makes of itself, beside other work."""
    python = tools_of(folder) / BIN / "python"
    command: list[str | Path] = [python, "-I", "-B", "-m", _SHARE, folder / SHARE]
    with started(command, env=for_python(env), cwd=folder) as finish:
        yield lambda: _refuse_share(finish())


def _refuse_share(done: CompletedProcess[str]) -> None:
    if done.returncode != 0:
        raise MissingToolError(
            f"the tools of the new install do not start: {done.stderr.strip()[-800:]}",
            remedy="see the message above; --debug shows the command",
        )


def _install_parallel(
    plan: InstallPlan, folder: Path, *, scratch: Path, env: Mapping[str, str]
) -> None:
    house = plan.request.wheelhouse
    archives = fetch_archives(
        plan.parallel.packages,
        scratch / "archives" if house else user_cache(env) / "archives",
        env=env,
        archives=house and house / ARCHIVES,
        mirror=plan.request.mirror,
    )
    install_archives(
        archives,
        plan.parallel.packages,
        folder=folder / "gnu-parallel",
        prefix=plan.target / "gnu-parallel",
    )


def _check_in_place(plan: InstallPlan, *, scratch: Path, env: Mapping[str, str]) -> str | None:
    """Check what only works in its final place; return a line about what could not be checked."""
    if plan.parallel.packages and not gnu_parallel.gnu_version(plan.target / BIN / "parallel", env):
        raise MissingToolError(
            f"GNU Parallel of conda-lock.yml does not run in {plan.target}",
            remedy="choose a shorter --prefix, or report this",
        )
    modulefiles = render_modulefiles(values_of(read_receipt(plan.target)))
    return check_modulefiles(modulefiles, scratch=scratch, env=env)


def _receipt(plan: InstallPlan, warnings: list[str], *, env: Mapping[str, str]) -> dict[str, Any]:
    return {
        "version": plan.version,
        "track": plan.request.track,
        "label": plan.request.label,
        "rebased_from": plan.request.rebased_from,
        "prefix": str(plan.request.prefix),
        "command": list(plan.request.command),
        "locks": dict(plan.locks),
        "base": fingerprint(
            plan.base.executable,
            plan.base.answer,
            depends_on=plan.delta.depends_on,
            module=describe(plan.base_module, env),
        ),
        "locked_base": plan.locked_base and plan.locked_base.facts(),
        "wheel": {"name": plan.own.path.name, "sha256": plan.own.sha256},
        "parsl": plan.parsl,
        "allowed_shadows": sorted(plan.request.allow_shadow),
        "overlay": [
            {
                "name": wheel.name,
                "version": wheel.version,
                "sha256": wheel.sha256,
                "why": plan.delta.why[wheel.name],
            }
            for wheel in plan.delta.install
        ],
        "from_base": dict(plan.delta.from_base),
        "tools": [
            {"name": wheel.name, "version": wheel.version, "sha256": wheel.sha256}
            for wheel in plan.tools
        ],
        "gnu_parallel": plan.parallel.facts(),
        "warnings": warnings,
    }

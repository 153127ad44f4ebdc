"""`polaris-parsl install`: build an install and its module, or print the plan."""

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from packaging.utils import canonicalize_name

from polaris_parsl.cli.places import absolute
from polaris_parsl.cli.progress import leave_nothing_when_stopped, step
from polaris_parsl.cli.roots import Mirror, Wheelhouse
from polaris_parsl.cli.say import say
from polaris_parsl.env.installer.install import Installed, build
from polaris_parsl.env.installer.locked_base import LockedBase, in_prefix, provided
from polaris_parsl.env.installer.plan import InstallPlan, InstallRequest, make_plan, rebased_from
from polaris_parsl.env.network import chosen_proxies
from polaris_parsl.env.pip_settings import set_up_like_pip
from polaris_parsl.env.prefix.audit import audit
from polaris_parsl.env.prefix.cleanup import clean_up
from polaris_parsl.env.prefix.permissions import choose_group, group_name
from polaris_parsl.env.prefix.publish import staging
from polaris_parsl.env.prefix.writers import find_writers, refuse_writers
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.files import source_tree
from polaris_parsl.installs import LUA_TREE, STAGING, TCL_TREE
from polaris_parsl.version import NAME


def install(
    *,
    prefix: Annotated[
        Path | None,
        typer.Option("--prefix", help="Directory to install into. [default: ~/polaris-parsl]"),
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            help="Python to build on: a conda prefix or an interpreter, CPython 3.11-3.13; or "
            "`locked`: the Python of conda-lock.yml, installed into PREFIX/bases. [default: the active conda prefix, else that of the loaded conda module, else python3 on PATH]",
            readable=False,  # choose_base says it with a remedy
        ),
    ] = None,
    base_module: Annotated[
        str | None,
        typer.Option(
            "--base-module",
            help="Module that the modulefile loads first, for instance conda/2025-09-25. "
            "[default: the loaded one that provides the base, or one of the site's; none installs "
            "without]",
        ),
    ] = None,
    allow_shadow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-shadow",
            metavar="NAME",
            help="Let the overlay replace this package of the base although it is protected, "
            "for instance numpy or mpi4py. May be repeated.",
            show_default=False,
        ),
    ] = None,
    track: Annotated[
        str,
        typer.Option(
            "--track",
            help="Set of Python packages, `mep` or `monitoring`: those of environment-NAME.yml.",
        ),
    ] = CURRENT,
    wheelhouse: Wheelhouse = None,
    conda_mirror: Mirror = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="PROJ",
            help="Let every member of this group upgrade the prefix and change its default. "
            "[default: the owner stays; a new prefix is yours]",
            show_default=False,
        ),
    ] = None,
    label: Annotated[str, typer.Option("--label", hidden=True)] = "",
    rebase_of: Annotated[Path | None, typer.Option("--rebase-of", hidden=True)] = None,
    no_group_write: Annotated[
        bool,
        typer.Option(
            "--no-group-write",
            help="Let only the owner change the prefix; the members of --group read it. Also for a "
            "prefix that a group can change: from then on it cannot.",
            show_default=False,
        ),
    ] = False,
    trust_writers: Annotated[
        bool,
        typer.Option(
            "--trust-writers",
            help="Install although others than you, root and the group can change the prefix or "
            "a directory above it. [default: ask]",
            show_default=False,
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan; write nothing to the prefix.")
    ] = False,
) -> None:
    """Install Parsl on a base Python, with a module that loads it."""
    source_tree("install")
    env = dict(os.environ) if wheelhouse else set_up_like_pip(os.environ)
    request = InstallRequest(
        prefix=absolute(prefix or Path.home() / "polaris-parsl"),
        base=base,
        base_module=base_module,
        command=tuple(sys.argv[1:]),
        allow_shadow=tuple(canonicalize_name(name) for name in allow_shadow or ()),
        track=track,
        wheelhouse=wheelhouse and wheelhouse.absolute(),
        mirror=conda_mirror,
        label=label,
        rebased_from=rebased_from(rebase_of) if rebase_of else None,
    )
    # refuses a machine that cannot run it before anything is fetched
    locked = request.locked_base
    if prefix is None:
        say(f"prefix: {request.prefix} (your own; --prefix names another)", to_errors=True)
    number = choose_group(request.prefix, group)
    members_write = not no_group_write
    writers = find_writers(request.prefix, group=number if members_write else None)
    if not trust_writers and not _is_accepted(writers):
        refuse_writers(writers, request.prefix, group=number)
    for variable, proxy in chosen_proxies(env).items() if wheelhouse is None else ():
        say(f"proxy for downloads: {proxy} ({variable})", to_errors=True)
    leave_nothing_when_stopped()
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-install-") as name:
        scratch = Path(name)
        if dry_run:
            with _provider(
                locked, scratch / "prefix", None, scratch, env, is_kept=False
            ) as provide:
                plan = make_plan(request, scratch=scratch, env=env, step=step, provide=provide)
                _print_plan(plan, group=number)
            return
        _, left = clean_up(request.prefix)
        for note in left:
            say(f"note: {note}", to_errors=True)
        shared = number if members_write else None
        with (
            staging(
                request.prefix, request.release, group=number, members_write=members_write
            ) as folder,
            _provider(locked, request.prefix, shared, scratch, env) as provide,
        ):
            plan = make_plan(request, scratch=scratch, env=env, step=step, provide=provide)
            say(_base_line(plan), to_errors=True)
            installed = build(plan, folder, scratch=scratch, env=env, step=step)
    number = number if members_write else None
    _print_installed(plan, installed, group=number)
    if number is not None:
        _warn_of_findings(request.prefix, number)


def _provider(
    locked: LockedBase | None,
    prefix: Path,
    group: int | None,
    scratch: Path,
    env: Mapping[str, str],
    *,
    is_kept: bool = True,
) -> AbstractContextManager[Callable[[], Path] | None]:
    """What provides the locked base, if that was asked for."""
    if locked is None:
        return nullcontext()
    prefix.mkdir(exist_ok=True)
    return provided(
        locked, prefix, group=group, scratch=scratch, env=env, step=step, is_kept=is_kept
    )


def _is_accepted(writers: list[str]) -> bool:
    """Ask a user whether to install all the same; where nobody can answer, it is not accepted."""
    if not writers or not sys.stdin.isatty():
        return False
    for each in writers:
        say(f"warning: {each}", to_errors=True)
    return typer.confirm(
        "They could change what you and your jobs will run. Install all the same?", err=True
    )


def _print_group(group: int | None) -> None:
    if group is not None:
        say(f"any member of the group {group_name(group)} can change the prefix")


def _warn_of_findings(prefix: Path, group: int) -> None:
    """Warn at once of what would stop the others, for instance a closed directory above."""
    findings = audit(prefix, group=group).findings
    if findings:
        first = findings[0]
        say(
            f"warning: {first.kind}: {first.path}: {first.text}\n  fix: {first.remedy}; "
            f"`{NAME} audit` lists {len(findings)}",
            to_errors=True,
        )


def _base_line(plan: InstallPlan) -> str:
    kind = "conda prefix" if plan.base.is_conda else "prefix"
    place = plan.base.prefix
    if plan.locked_base:
        # a dry run builds it elsewhere
        place = in_prefix(plan.locked_base, plan.request.prefix)
    return (
        f"base: CPython {plan.base.version}, {kind} {place} (from {plan.base_found}); "
        f"module: {plan.base_module or 'none'}"
    )


def _parallel_line(plan: InstallPlan) -> str:
    parallel = plan.parallel
    if parallel.packages:
        return f"GNU Parallel {parallel.version}: {len(parallel.packages)} packages, conda-lock.yml"
    if parallel.path:
        return f"GNU Parallel {parallel.version}: {parallel.path}"
    return "GNU Parallel: none"


def _print_plan(plan: InstallPlan, *, group: int | None) -> None:
    release = plan.request.release
    say(f"would install polaris-parsl {release} into {plan.target}")
    say(_base_line(plan))
    _print_shadowed(plan)
    say(f"overlay, installed ({len(plan.delta.install)}):")
    for wheel in plan.delta.install:
        say(f"  {wheel.name} {wheel.version}: {plan.delta.why[wheel.name]}")
    say(f"  {plan.own.name} {plan.own.version}: this source tree")
    say(f"overlay, from the base ({len(plan.delta.from_base)}):")
    for name, version in plan.delta.from_base.items():
        say(f"  {name} {version}")
    say(f"tools, installed: {len(plan.tools)} packages of tools.lock")
    say(_parallel_line(plan))
    if plan.parallel.note:
        say(f"  {plan.parallel.note}")
    prefix = plan.request.prefix
    warn_of_letters(prefix)
    say("steps:")
    say(f"  build overlay and tools in {plan.target.parent}/{STAGING}{release}@HOST...")
    say("  check it: imports, versions, requirements, modulefile")
    say(f"  rename it to {plan.target}")
    say(f"  write its modulefiles in {prefix}/{LUA_TREE} and {prefix}/{TCL_TREE}")
    if plan.request.track == CURRENT:
        say("  make it the default if it is newer and not a pre-release")
    _print_group(group)
    say("next: the same command without --dry-run")


def _print_shadowed(plan: InstallPlan) -> None:
    for each in plan.shadowed_packages:
        say(f"note: ignored: {each.text}", to_errors=True)
        say(f"  for your jobs: {each.remedy}", to_errors=True)


def warn_of_letters(prefix: Path) -> None:
    """Warn of a prefix that Lmod cannot remember."""
    if not str(prefix).isascii():
        say(
            f"warning: {prefix} has letters beyond ASCII: Lmod may neither unload a "
            "module there nor restore it from a collection\n  fix: install into a prefix of ASCII letters",
            to_errors=True,
        )


def _print_installed(plan: InstallPlan, installed: Installed, *, group: int | None) -> None:
    _print_shadowed(plan)
    for warning in installed.warnings:
        say(f"warning: {warning}", to_errors=True)
    warn_of_letters(plan.request.prefix)
    added = ", ".join(f"{wheel.name} {wheel.version}" for wheel in plan.delta.install)
    say(f"installed polaris-parsl {plan.request.release} in {installed.root}")
    say(_base_line(plan))
    say(
        f"overlay adds: {added or 'nothing'}; takes from the base: {len(plan.delta.from_base)} packages"
    )
    say(_parallel_line(plan))
    _print_group(group)
    is_default = installed.default == plan.request.release
    if not is_default:
        say(f"the default has not changed: {installed.default or 'none'}")
    elif installed.default_before not in {None, installed.default}:
        say(
            f"default: {installed.default_before} -> {installed.default}; `{NAME} rollback` undoes it"
        )
    say("next:")
    say(f"  module use {shlex.quote(str(installed.module_tree))}")
    say(f"  module load {NAME if is_default else installed.module}")

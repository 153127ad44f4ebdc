"""`polaris-parsl lock`: solve environment.yml again, check the locks, or compare two of them."""

import os
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.progress import step
from polaris_parsl.cli.say import say
from polaris_parsl.env.locks.check import check_locks
from polaris_parsl.env.locks.diff import compare_locks
from polaris_parsl.env.locks.files import lock_names
from polaris_parsl.env.locks.solve import relock
from polaris_parsl.env.pip_settings import set_up_like_pip
from polaris_parsl.files import source_tree


def lock(
    new: Annotated[
        Path | None,
        typer.Argument(
            help="With --diff: the later lock or directory. [default: this source tree]"
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Solve nothing; fail if a lock is out of date. Uses no network."
        ),
    ] = False,
    diff: Annotated[
        Path | None,
        typer.Option(
            "--diff", help="Solve nothing: list what changed since this lock or directory."
        ),
    ] = None,
    conda: Annotated[
        str | None,
        typer.Option(
            "--conda",
            help="Solve the conda part with this conda, mamba or micromamba. [default: py-rattler]",
        ),
    ] = None,
    repodata: Annotated[
        Path | None,
        typer.Option(
            "--repodata",
            help="Solve the conda part from the recorded <subdir>.repodata.json[.gz] files of this "
            "directory instead of the channel.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Solve environment.yml again and replace all locks."""
    if sum(map(bool, (check, diff, conda or repodata))) > 1 or (new and not diff):
        raise typer.BadParameter("--check, --diff OLD [NEW] and solving exclude each other")
    if diff:
        say("\n".join(compare_locks(diff, new or _counterpart(diff))))
        return
    root = source_tree("lock")
    if check:
        say(f"match environment.yml and pyproject.toml: {', '.join(_check(root))}")
        return
    relock(root, env=set_up_like_pip(os.environ), repodata=repodata, conda=conda, step=step)
    for name in lock_names(root / "environment.yml"):
        say(str(root / name))
    say("next: git diff, then scripts/install.sh")


def _counterpart(old: Path) -> Path:
    return source_tree("lock") / old.name if old.is_file() else source_tree("lock")


def _check(root: Path) -> list[str]:
    with step("compare the locks with their input"):
        return check_locks(root, env=os.environ)

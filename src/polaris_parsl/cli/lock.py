"""`polaris-parsl lock`: solve environment.yml again and replace the three locks."""

import os
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.progress import step
from polaris_parsl.env.lock import relock
from polaris_parsl.env.locks import LOCKS
from polaris_parsl.errors import LockError
from polaris_parsl.files import checkout


def lock(
    repodata: Annotated[
        Path | None,
        typer.Option(
            "--repodata",
            help="Solve the conda part over recorded <subdir>.repodata.json[.gz] files of this "
            "directory, not over the channel.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Solve environment.yml again and replace conda-lock.yml, overlay.lock and tools.lock."""
    root = checkout()
    if root is None:
        raise LockError(
            "this polaris-parsl was installed from a wheel: there is no source tree to lock",
            remedy="start it in the source tree: `python3 scripts/bootstrap.py lock`",
        )
    relock(root, env=os.environ, repodata=repodata, step=step)
    for name in LOCKS:
        print(root / name)
    print("next: git diff, then scripts/install.sh", flush=True)

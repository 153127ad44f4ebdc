"""Options that several verbs take alike."""

from pathlib import Path
from typing import Annotated

import typer

Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        help="The install, PREFIX/versions/VERSION. [default: the install of this command, "
        "else the install of the loaded module]",
    ),
]

Prefix = Annotated[
    Path | None,
    typer.Option(
        "--prefix",
        help="The prefix that holds the versions. [default: the prefix of this command, else "
        "the prefix of the loaded module]",
        show_default=False,
    ),
]

AllowedSigners = Annotated[
    Path | None,
    typer.Option(
        "--allowed-signers",
        metavar="FILE",
        help="Whose SSH keys may have signed the bundle, in the format of ssh-keygen; a bundle that "
        "none of them signed is refused.",
        show_default=False,
    ),
]

Mirror = Annotated[
    str | None,
    typer.Option(
        "--conda-mirror",
        metavar="URL",
        envvar="POLARIS_PARSL_CONDA_MIRROR",
        help="Copy of the conda channel to fetch conda archives from, with linux-64/ and noarch/ "
        "in it. [default: the address in conda-lock.yml]",
        show_default=False,
    ),
]

Wheelhouse = Annotated[
    Path | None,
    typer.Option(
        "--wheelhouse",
        help="Take everything from this directory, made by `polaris-parsl wheelhouse`, and "
        "use no network.",
        exists=True,
        file_okay=False,
    ),
]

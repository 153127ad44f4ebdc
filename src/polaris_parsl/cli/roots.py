"""Which install a verb is about, where the command line does not say."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.errors import PrefixError
from polaris_parsl.version import NAME

Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        help="The install, PREFIX/versions/VERSION. [default: the one that this command "
        "belongs to, else that of the loaded module]",
    ),
]


def own_root(given: Path | None) -> Path:
    """The install that is named, or that this command belongs to, or that is loaded.

    Raises:
        PrefixError: it is none of these.
    """
    if given is not None:
        return Path(os.path.normpath(given.expanduser().absolute()))
    own = Path(sys.prefix).parent
    # not by its receipt: `verify` is to say that this is gone
    if Path(sys.prefix).name == "tools" and (own / "bin" / NAME).is_file():
        return own
    loaded = os.environ.get("POLARIS_PARSL_ROOT")
    if loaded:
        return Path(loaded)
    raise PrefixError(
        "this polaris-parsl belongs to no install, and no polaris-parsl module is loaded",
        remedy="name an install: --root PREFIX/versions/VERSION",
    )

"""`polaris-parsl list`: the versions of a prefix."""

from typing import Annotated

import typer

from polaris_parsl.cli.listing import print_versions
from polaris_parsl.cli.roots import Prefix


def list_versions(
    *,
    prefix: Prefix = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the versions of a prefix.

    For each: whether it is the default, its age, size, owner, base and state.
    """
    print_versions(prefix, as_json=as_json)

"""The programs of the tools environment that env starts."""

from pathlib import Path

from uv import find_uv_bin

from polaris_parsl.errors import MissingToolError


def uv_program() -> Path:
    """The uv that is installed beside this command.

    Raises:
        MissingToolError: there is none.
    """
    try:
        return Path(find_uv_bin())
    except FileNotFoundError as error:
        raise MissingToolError(
            f"uv is not installed beside this command: {error}",
            remedy="start it with `python3 scripts/bootstrap.py VERB`",
        ) from error

"""The programs of the source tree's tools that env starts."""

from pathlib import Path

from polaris_parsl.errors import MissingToolError


def uv_program() -> Path:
    """The uv that is installed beside this command.

    Raises:
        MissingToolError: there is none.
    """
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - an installed command has none

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        raise MissingToolError(
            f"uv is not installed beside this command: {error}",
            remedy="start it with `python3 scripts/bootstrap.py VERB`",
        ) from error

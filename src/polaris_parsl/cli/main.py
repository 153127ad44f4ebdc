"""The command itself: its options, and how an error becomes one message and an exit code."""

import errno
import logging
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from polaris_parsl.cli.say import say
from polaris_parsl.cli.table import ABOUT
from polaris_parsl.cli.verbs import CONTEXT, Verbs
from polaris_parsl.cli.version import version
from polaris_parsl.driver import working_folder
from polaris_parsl.errors import MissingToolError, OptionError, PolarisParslError, PrefixError
from polaris_parsl.process import NoAnswerError
from polaris_parsl.text import printable
from polaris_parsl.version import NAME

_FULL = (errno.ENOSPC, errno.EDQUOT)

app = typer.Typer(
    name=NAME,
    cls=Verbs,
    help=ABOUT,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)


class _Formatter(logging.Formatter):
    """Log lines, which quote commands and files."""

    def format(self, record: logging.LogRecord) -> str:
        """A line without escapes."""
        return printable(super().format(record))


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show each command that is run, and tracebacks.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(name)s: %(message)s" if debug else "%(message)s"))
    logging.basicConfig(level=logging.INFO if debug else logging.WARNING, handlers=[handler])


def main() -> None:
    """Run the command line and exit."""
    try:
        app(prog_name=NAME)
    except PolarisParslError as error:
        _fail(error)
    except OSError as error:
        if cause := _cause(error):
            _fail(cause)
        raise


def _cause(error: OSError) -> PolarisParslError | None:
    """What stops every command, whichever file it was at; None for anything else."""
    if isinstance(error, NoAnswerError):
        return MissingToolError(str(error), remedy="run it by hand; --debug shows the command")
    try:
        working_folder()
    except OptionError as gone:
        return gone
    # errors of several files at once have the number of each in their text only
    if not any(f"[Errno {number}]" in str(error) for number in _FULL):
        return None
    place = error.filename2 or error.filename
    return PrefixError(
        f"the disk is full{f': {place}' if place else ''}",
        remedy="make room, or choose another directory; scratch files go to TMPDIR",
    )


def _fail(error: PolarisParslError) -> NoReturn:
    if logging.getLogger().isEnabledFor(logging.INFO):
        say(traceback.format_exc(), to_errors=True)
    say(f"error: {error}", to_errors=True)
    sys.exit(error.exit_code)

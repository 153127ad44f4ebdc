"""Assembles the verbs and turns an error into one message and an exit code."""

import errno
import logging
import sys
import traceback
from typing import Annotated, NoReturn

import typer

from polaris_parsl.cli.adopt import adopt
from polaris_parsl.cli.audit import audit
from polaris_parsl.cli.default import default
from polaris_parsl.cli.deprecate import deprecate
from polaris_parsl.cli.doctor import doctor
from polaris_parsl.cli.endpoint import endpoint
from polaris_parsl.cli.explain import explain
from polaris_parsl.cli.install import install
from polaris_parsl.cli.kernel import kernel
from polaris_parsl.cli.list import list_versions
from polaris_parsl.cli.lock import lock
from polaris_parsl.cli.pin import pin
from polaris_parsl.cli.queues import queues
from polaris_parsl.cli.recreate import recreate
from polaris_parsl.cli.remove import remove
from polaris_parsl.cli.repair import repair
from polaris_parsl.cli.rollback import rollback
from polaris_parsl.cli.sandbox import sandbox
from polaris_parsl.cli.script import script
from polaris_parsl.cli.venv import venv
from polaris_parsl.cli.verify import verify
from polaris_parsl.cli.wheelhouse import wheelhouse
from polaris_parsl.driver import working_folder
from polaris_parsl.errors import OptionError, PolarisParslError, PrefixError
from polaris_parsl.version import VERSION

_FULL = (errno.ENOSPC, errno.EDQUOT)

app = typer.Typer(
    name="polaris-parsl",
    help="Parsl on ALCF Polaris: install it, rehearse it, pin it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(adopt)
app.command()(audit)
app.command()(default)
app.command()(deprecate)
app.command()(doctor)
app.command()(endpoint)
app.command()(explain)
app.command()(install)
app.command()(kernel)
app.command("list")(list_versions)
app.command()(lock)
app.command()(pin)
app.command()(queues)
app.command()(recreate)
app.command()(remove)
app.command()(repair)
app.command()(rollback)
app.command()(sandbox)
app.command()(script)
app.command()(venv)
app.command()(verify)
app.command()(wheelhouse)


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show each command that is run, and tracebacks.")
    ] = False,
) -> None:
    logging.basicConfig(
        level=logging.INFO if debug else logging.WARNING,
        format="%(name)s: %(message)s",
        stream=sys.stderr,
    )


@app.command()
def version() -> None:
    """Print the version."""
    print(VERSION)


def main() -> None:
    """Run the command line and exit."""
    try:
        app()
    except PolarisParslError as error:
        _fail(error)
    except OSError as error:
        if cause := _cause(error):
            _fail(cause)
        raise


def _cause(error: OSError) -> PolarisParslError | None:
    """What stops every command, whichever file it was at; None for anything else."""
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
        traceback.print_exc()
    print(f"error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)

"""`polaris-parsl report`: what happened in a run, as one HTML file, as text or as JSON."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.places import absolute
from polaris_parsl.cli.say import say
from polaris_parsl.env.prefix.staging import usual_mode, write_atomically
from polaris_parsl.errors import PrefixError
from polaris_parsl.report.as_text import as_text as text_of
from polaris_parsl.report.as_text import comparison, table
from polaris_parsl.report.figures import figures_of
from polaris_parsl.report.reading import read_run


def report(
    run_dirs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN_DIR...",
            help="Run directory of Parsl, as runinfo/000, or one that holds them: then its newest run. "
            "Several are shown side by side.",
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File to write; by default report.html in the working directory."
        ),
    ] = None,
    as_text: Annotated[
        bool, typer.Option("--text", help="Print it for a terminal, and write no file.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all figures as JSON, and write no file.")
    ] = False,
) -> None:
    """Show what happened in a run: one HTML file, text or JSON.

    The file needs no network and no server. A run that goes on is shown as it is now.
    """
    now = time.time()
    runs = [figures_of(read_run(absolute(each)), now) for each in run_dirs]
    if as_json:
        say(json.dumps(runs[0] if len(runs) == 1 else runs, indent=1))
        return
    if as_text:
        if len(runs) > 1:
            say("\n".join(table(comparison(runs))) + "\n")
        say("\n".join(map(text_of, runs)), end="")
        return
    _write(runs, absolute(output or Path("report.html")))


def _write(runs: list[dict[str, object]], path: Path) -> None:
    from polaris_parsl.report.page import page  # noqa: PLC0415 - figures need none of its templates

    text = page(runs).encode(errors="backslashreplace").decode()
    try:
        write_atomically(path, text, mode=usual_mode())
    except OSError as error:
        raise PrefixError(
            f"cannot write {path}: {error.strerror}", remedy="name another file with --output"
        ) from error
    say(f"wrote {path} ({len(text.encode()) / 1e6:.1f} MB); open it in a browser")

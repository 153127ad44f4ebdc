"""`polaris-parsl status`: how a run stands, again and again, or once."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polaris_parsl.cli.places import absolute
from polaris_parsl.cli.say import say
from polaris_parsl.configuration.blocks.answers import QstatAnswer, read_qstat
from polaris_parsl.configuration.blocks.pbs import Pbs
from polaris_parsl.report.as_text import table
from polaris_parsl.report.now import alive_jobs, as_lines, block_rows, is_over, status_of
from polaris_parsl.report.reading import History, find_run, read_run
from polaris_parsl.text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

_SECONDS, _QSTAT_SECONDS, _ANSWER_SECONDS = 5.0, 60.0, 30.0
# Of the time, so much at most goes into reading.
_SHARE = 0.1


def status(
    run_dir: Annotated[
        Path,
        typer.Argument(
            metavar="[RUN_DIR]",
            help="Run directory of Parsl, or one that holds them: then its newest run.",
        ),
    ] = Path("runinfo"),
    *,
    once: Annotated[
        bool,
        typer.Option("--once", help="Show it once, and end, as where the output is no terminal."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it once as JSON.")] = False,
) -> None:
    """Show how a run stands: blocks, tasks, rate, and what the walltime will cut.

    It shows that again and again until the run is over, or Ctrl-C. PBS is asked at most once a minute.
    """
    folder, jobs = find_run(absolute(run_dir)), AskedJobs()
    if not once and not as_json and sys.stdout.isatty():
        _watch(folder, jobs)
        return
    found = _look(folder, jobs)
    if as_json:
        say(json.dumps(found, indent=1))
        return
    rows = block_rows(found)
    say("\n".join([*as_lines(found), *(table(rows) if len(rows) > 1 else ["blocks: none"])]))


class AskedJobs:
    """What PBS says of the jobs of a run; it is asked at most once a minute."""

    def __init__(self) -> None:
        self._next = 0.0
        self._said: QstatAnswer | None = None

    def ask(self, history: History, now: float) -> QstatAnswer | None:
        """What PBS says, or said a moment ago; None if there is no PBS here."""
        jobs = alive_jobs(history, now)
        if jobs and now >= self._next and shutil.which("qstat"):
            self._next = now + _QSTAT_SECONDS
            # one command, though some releases of PBS answer for the first job only
            done = Pbs(_ANSWER_SECONDS).run(["qstat", "-x", "-f", "-F", "json", *jobs])
            self._said = read_qstat(jobs, done.returncode, done.stdout, done.stderr)
        return self._said


def _look(folder: Path, jobs: AskedJobs) -> dict[str, Any]:
    history, now = read_run(folder), time.time()
    return status_of(history, now, jobs.ask(history, now))


def _watch(folder: Path, jobs: AskedJobs) -> None:
    from rich.live import Live  # noqa: PLC0415 - only what watches needs rich

    try:
        with Live(auto_refresh=False) as live:
            while True:
                began = time.monotonic()
                found = _look(folder, jobs)
                live.update(_shown(found), refresh=True)
                if is_over(found):
                    return
                time.sleep(max(_SECONDS, (time.monotonic() - began) / _SHARE))
    except KeyboardInterrupt:
        return


def _shown(found: dict[str, Any]) -> "RenderableType":
    from rich.console import Group  # noqa: PLC0415 - as above
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    head, *rows = block_rows(found)
    blocks = Table(*head)
    for row in rows:
        blocks.add_row(*(Text(printable(cell)) for cell in row))
    tasks = found["tasks"]
    total = tasks["in_all"] or 0
    ended = (tasks["done"] or 0) + tasks["failed"] + tasks["not_run"]
    bar = [ProgressBar(total=total, completed=ended, width=60)] if total else []
    return Group(*(Text(printable(line)) for line in as_lines(found)), *bar, blocks)

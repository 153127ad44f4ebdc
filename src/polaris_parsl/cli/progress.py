"""Shows the current step of a long verb on standard error; stops it cleanly on SIGTERM."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

from polaris_parsl.cli.say import say
from polaris_parsl.text import printable


@contextmanager
def step(name: str) -> Iterator[None]:
    """Show a step while it runs: as a spinner on a terminal, elsewhere as one line before it."""
    if not sys.stderr.isatty():
        say(f"  {name} ...", to_errors=True)
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.text import Text  # noqa: PLC0415

    name = printable(name)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    started = monotonic()
    with console.status(Text(f"{name} ...")):
        yield
    console.print(Text(f"  {name} ({monotonic() - started:.1f} s)"))


def leave_nothing_when_stopped() -> None:
    """End on SIGTERM and SIGHUP as on Ctrl-C: by an exception, so that unfinished work is removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP, and that stays so
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)

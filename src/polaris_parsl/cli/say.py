"""Prints for the command line: the only place that does, so that no text of others gets through raw."""

import sys

from polaris_parsl.text import printable


def say(text: str, *, to_errors: bool = False, end: str = "\n") -> None:
    """Print a text that may hold words of others: from states, receipts, bundles, jobs, files."""
    print(printable(text), file=sys.stderr if to_errors else sys.stdout, end=end, flush=True)

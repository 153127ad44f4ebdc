"""Times and counts in words, as text, page and advice have them."""

from polaris_parsl.text import plural


def duration(seconds: float | None) -> str:
    """A time in the unit that reads best."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def counted(number: int, thing: str) -> str:
    """A number of things, as "1 attempt" or "2,000 attempts"."""
    return f"{number:,} {plural(number, thing)}"


def node_hours(hours: float) -> str:
    """Node-hours, to the second where they are few, as those of a rehearsal."""
    return f"{hours:.2f}" if hours >= 0.1 or hours == 0 else f"{hours:.4f}"

"""What the error of a task has added to it, where the reason is how tasks start on a node."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.files import end_of

# Of what a task wrote to its standard error, so much is shown.
_CHARACTERS = 2000


@dataclass(frozen=True)
class TaskPlace:
    """Where tasks run.

    Attributes:
        start: directory in which they start.
        beside: directory whose modules they find, as the script does; None if there is none.
    """

    start: Path
    beside: Path | None

    def explain(self, error: BaseException, named: Mapping[str, Any]) -> None:
        """Add to an error what its task wrote, or what the place of the task has to do with it.

        Args:
            error: of a task.
            named: arguments of the task.
        """
        note = ""
        if isinstance(error, ModuleNotFoundError):
            note = self._of_module()
        elif isinstance(error, FileNotFoundError) and (path := _relative(error.filename)):
            note = (
                f"tasks start in {self.start}, where {path!r} is not\n"
                '  fix: give tasks absolute paths, or config(start_dir="."), by which they start in '
                "the working directory of your script"
            )
        elif written := captured_errors(named, self.start):
            note = f"its standard error ends with:\n{written}"
        if note and note not in getattr(error, "__notes__", []):
            error.add_note(note)

    def _of_module(self) -> str:
        where = f", and in {self.beside}" if self.beside else ""
        return (
            f"tasks find the modules of the driver's environment{where}\n"
            "  fix: put the module beside your script, on a filesystem that compute nodes mount; or "
            "install it in an environment of yours (`polaris-parsl venv DIR`); or name its directory "
            "in PYTHONPATH before the script starts"
        )


def captured_errors(named: Mapping[str, Any], start: Path) -> str:
    """The end of what a task has written to the file that its argument `stderr` names; "" without one.

    Args:
        named: arguments of the task.
        start: directory in which tasks start.
    """
    given = named.get("stderr")
    given = given[0] if isinstance(given, tuple) else given
    given = getattr(given, "filepath", given)
    if not isinstance(given, str | os.PathLike):
        return ""
    try:
        return end_of(Path(start, given), characters=_CHARACTERS)
    except OSError:
        return ""


def _relative(path: object) -> str:
    """A path of an error, if it is a relative one."""
    text = os.fsdecode(path) if isinstance(path, str | bytes) else ""
    return "" if Path(text).is_absolute() else text

"""What the error of a task has added to it, where the reason is how tasks start on a node."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TaskPlace:
    """Where tasks run.

    Attributes:
        start: directory in which they start.
        beside: directory whose modules they find, as the script does; None if there is none.
    """

    start: Path
    beside: Path | None

    def explain(self, error: BaseException) -> None:
        """Add to an error what the place of the task has to do with it."""
        note = ""
        if isinstance(error, ModuleNotFoundError):
            note = self._of_module()
        elif isinstance(error, FileNotFoundError) and (path := _relative(error.filename)):
            note = (
                f"tasks start in {self.start}, where {path!r} is not\n"
                '  fix: give tasks absolute paths, or config(start_dir="."), by which they start in '
                "the working directory of your script"
            )
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


def _relative(path: object) -> str:
    """A path of an error, if it is a relative one."""
    text = os.fsdecode(path) if isinstance(path, str | bytes) else ""
    return "" if Path(text).is_absolute() else text

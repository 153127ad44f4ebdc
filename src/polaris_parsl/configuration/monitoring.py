"""Parsl's own monitoring, for those who ask for it: a database of tasks in run_dir."""

import importlib.util
import re
import sys
from importlib.metadata import requires
from pathlib import Path

from parsl.monitoring import MonitoringHub

from polaris_parsl.errors import OptionError
from polaris_parsl.version import VERSION

_PACKAGE = "sqlalchemy"
# the track of installs that has it, which is also the name that Parsl gives to what it needs
_PACKAGES = "monitoring"
_GUARD = re.compile(r"__name__\s*==|==\s*__name__")
# With another interval Parsl forks a process beside each task, within the worker.
_INTERVAL_SECONDS = 0
COST = (
    "start, end and host of each task, in run_dir/monitoring.db; a third of the tasks per second, of tasks "
    "that do nothing, and two processes more beside your script"
)


def check_monitoring() -> None:
    """Refuse monitoring where Parsl could not write its database.

    Raises:
        OptionError: sqlalchemy is missing, or the script would run again in the database's process.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        raise OptionError(
            f"monitoring=True needs {_PACKAGE}, which {sys.prefix} lacks",
            remedy=f"load polaris-parsl/{VERSION}-{_PACKAGES}, which `scripts/install.sh --track {_PACKAGES}` "
            f"installs; or `pip install '{_requirement()}'` in an environment of your own (`polaris-parsl "
            "venv DIR`); the record of a run needs none of it",
        )
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main and Path(main).suffix == ".py" and not _has_guard(Path(main)):
        raise OptionError(
            f"monitoring=True starts a process that imports {main}, which would run it a second time, and no "
            "database would be written",
            remedy='put what it does, from polaris_parsl.config on, under `if __name__ == "__main__":`',
        )


def hub() -> MonitoringHub:
    """Parsl's hub, as `config` gives it to Parsl."""
    return MonitoringHub(resource_monitoring_interval=_INTERVAL_SECONDS)


def _has_guard(script: Path) -> bool:
    try:
        return bool(_GUARD.search(script.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return True  # Python has read it, and so nothing can be said


def _requirement() -> str:
    """What the installed Parsl asks for, in its own words."""
    asked = (text.partition(";") for text in requires("parsl") or ())
    own = [words.strip() for words, _, when in asked if _PACKAGES in when and _PACKAGE in words]
    return own[0] if own else _PACKAGE

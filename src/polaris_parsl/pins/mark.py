"""Notes in a run directory which bundle was made of the run, so that `polaris-parsl report` can say so."""

import json
import os
from datetime import datetime
from pathlib import Path

from polaris_parsl import below
from polaris_parsl.configuration.record.run_record import FOLDER, PINS
from polaris_parsl.errors import PrefixError

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def mark_as_pinned(run_dir: Path, bundle: Path, identity: str) -> str:
    """Add a line to the run directory; no bundle holds it, so that the same inputs give the same bytes.

    Args:
        run_dir: of the run that was pinned.
        bundle: that was made.
        identity: the sha256 of its SHA256SUMS.

    Returns:
        Why it could not be added, as in the run directory of a colleague; "" if it was.
    """
    when = datetime.now().astimezone().isoformat(timespec="seconds")
    line = json.dumps({"time": when, "bundle": str(bundle), "sha256": identity}) + "\n"
    try:
        with below.opened(run_dir, run_dir / FOLDER) as folder:
            number = os.open(PINS, _FLAGS, 0o644, dir_fd=folder)
            with os.fdopen(number, "wb", buffering=0) as stream:
                stream.write(line.encode())
    except PrefixError as error:
        return error.problem
    except OSError as error:
        return f"{run_dir / FOLDER / PINS}: {error.strerror}"
    return ""

"""Lines for the task of a workflow, so that each worker has one task, however late it starts."""

from textwrap import indent


def meet(workers: int | str) -> str:
    """Lines that end when this many workers have begun them, a number or a variable; the first argument is `folder`."""
    lines = f"""\
import os, pathlib, socket, time
meeting = pathlib.Path(folder, "meeting")
meeting.mkdir(exist_ok=True)
(meeting / f"{{socket.gethostname()}}.{{os.environ['PARSL_WORKER_RANK']}}").touch()
latest = time.monotonic() + 600
while len(list(meeting.iterdir())) < {workers}:
    assert time.monotonic() < latest, "not every worker came"
    time.sleep(0.05)
"""
    return indent(lines, "    ")

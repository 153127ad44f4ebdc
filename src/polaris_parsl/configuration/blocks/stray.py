"""Jobs that an earlier driver left: a driver that was killed could not delete what waits in the queue."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.configuration.blocks.lines import Lines
from polaris_parsl.configuration.blocks.pbs import Pbs
from polaris_parsl.configuration.own_files import NotOwnError, open_own

# Older runs have long lost their jobs.
_RUNS = 20
_BYTES_MAX = 64 << 20


@dataclass(frozen=True)
class EndedRun:
    """A run whose record breaks off.

    Attributes:
        name: of its directory.
        host: of its driver.
        process: the driver.
        jobs: that are not known to have ended.
    """

    name: str
    host: str
    process: int
    jobs: frozenset[str]

    def has_driver(self, host: str) -> bool:
        """Whether its driver may still live: on another host, that is not known."""
        if self.host != host:
            return True
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True


def delete_stray_jobs(records: list[Path], host: str, pbs: Pbs, lines: Lines) -> None:
    """Delete the jobs that ended drivers have left, and say so; of others, only say which there are.

    Args:
        records: run.jsonl of earlier runs, the newest last.
        host: this node.
        pbs: to ask.
        lines: for the user.
    """
    for run in _broken_off(records[-_RUNS:]):
        answer = pbs.ask(sorted(run.jobs))
        left = sorted(job for job, said in answer.jobs.items() if said.state not in "FCX")
        if not left:
            continue
        if run.has_driver(host):
            lines.say(
                f"run {run.name} on {run.host} has jobs {', '.join(left)}; if its driver has ended, "
                f"delete them with `qdel {' '.join(left)}`"
            )
            continue
        complaint = pbs.delete(left)
        what = f"could not be deleted: {complaint}" if complaint else "are deleted"
        lines.say(f"the driver of run {run.name} has ended; its jobs {', '.join(left)} {what}")


def _broken_off(records: list[Path]) -> Iterator[EndedRun]:
    for record in records:
        run = _read(record)
        if run is not None and run.jobs:
            yield run


def _read(record: Path) -> EndedRun | None:
    """A run whose executors were not shut down; None if they were, or nothing can be known."""
    facts: dict[str, Any] = {}
    jobs: set[str] = set()
    for event in _events(record):
        kind, job = event.get("event"), str(event.get("job"))
        if kind == "executor_end":
            return None
        if kind == "run":
            facts = event
        elif kind == "block":
            jobs.add(job)
        elif kind == "block_state" and event.get("state") == "ended":
            jobs.discard(job)
    if not isinstance(facts.get("process"), int):
        return None
    return EndedRun(
        name=record.parents[1].name,
        host=str(facts.get("host")),
        process=facts["process"],
        jobs=frozenset(jobs),
    )


def _events(record: Path) -> Iterator[dict[str, Any]]:
    try:
        # what another user has written would choose which of our jobs are deleted
        with os.fdopen(open_own(record.parent, record.name), "rb") as file:
            lines = file.read(_BYTES_MAX).decode(errors="replace").splitlines()
    except (OSError, NotOwnError):
        return
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a kill has cut it short
        if isinstance(event, dict):
            yield event

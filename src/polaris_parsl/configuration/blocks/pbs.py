"""The commands of PBS: each within a time limit, and its answer in words.

A command that is late is killed with all that it started. At the end of a run no command may take
longer than a moment, however long the user lets them take before.
"""

import time
from collections.abc import Collection, Sequence
from subprocess import CompletedProcess

from polaris_parsl.configuration.blocks.answers import QstatAnswer, read_qstat
from polaris_parsl.process import run

# A command that runs when the run ends, or is started then, may take so long.
LAST_SECONDS = 20.0
# What a shell returns for a program that is not there, and `timeout` for one that is late.
_NO_PROGRAM, _LATE = 127, 124


class Pbs:
    """PBS, asked by its commands.

    Args:
        timeout_seconds: that a command may take.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._hurries_since: float | None = None

    def hurry(self) -> None:
        """The run ends: from now on, wait for no command longer than LAST_SECONDS."""
        self._hurries_since = self._hurries_since or time.monotonic()

    def run(self, command: Sequence[str]) -> "CompletedProcess[str]":
        """Run a command; one that cannot be started or is late has exit code 127 or 124."""
        began = time.monotonic()

        def is_over() -> bool:
            since = self._hurries_since
            return since is not None and time.monotonic() >= max(since, began) + LAST_SECONDS

        limit = self._timeout_seconds
        try:
            return run(command, timeout_seconds=limit, own_session=True, is_over=is_over)
        except OSError as error:
            code = _NO_PROGRAM if isinstance(error, FileNotFoundError) else _LATE
            return CompletedProcess(list(command), code, "", str(error))

    def ask(self, jobs: Collection[str]) -> QstatAnswer:
        """What qstat says of jobs, given by their full ids; those it left out are asked for alone.

        OpenPBS since 2023-12 prints only the first of several jobs (its issue 2672).
        """
        answer = self._ask(jobs)
        left = [job for job in jobs if job not in answer.jobs and job not in answer.gone]
        if answer.problem or not left:
            return answer
        found, gone = dict(answer.jobs), set(answer.gone)
        for job in left:
            alone = self._ask([job])
            found |= alone.jobs
            gone |= alone.gone
        return QstatAnswer(found, frozenset(gone))

    def _ask(self, jobs: Collection[str]) -> QstatAnswer:
        done = self.run(["qstat", "-x", "-f", "-F", "json", *jobs])
        return read_qstat(jobs, done.returncode, done.stdout, done.stderr)

    def find(self, name: str) -> list[str] | None:
        """Ids of the jobs of a name that have not ended; None if PBS does not say."""
        done = self.run(["qselect", "-N", name])
        return done.stdout.split() if done.returncode == 0 else None

    def delete(self, jobs: Collection[str]) -> str:
        """Delete jobs; what qdel has against it, but for jobs that have ended by themselves."""
        if not jobs:
            return ""
        done = self.run(["qdel", *jobs])
        lines = done.stderr.splitlines() if done.returncode != 0 else []
        ended = ("has finished", "Unknown Job Id", "invalid for state")
        return " ".join(line for line in lines if not any(text in line for text in ended))

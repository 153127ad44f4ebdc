"""Keeps the jobs in sqlite3, so that a user can inspect a state directory and use it again."""

import json
import sqlite3
from pathlib import Path

from polaris_parsl.sandbox.pbs.job import Job

_FIRST_NUMBER = 1000000  # seven digits, as long as ids are today: paths are made from them


class Store:
    """All jobs of a state directory, by number."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS job (number INTEGER PRIMARY KEY, data TEXT NOT NULL)"
        )
        rows = self._database.execute("SELECT data FROM job ORDER BY number")
        self.jobs = {job.number: job for job in (Job(**json.loads(row[0])) for row in rows)}
        self._last = max(self.jobs, default=_FIRST_NUMBER - 1)
        self._forgotten: set[int] = set()

    def new_number(self) -> int:
        """A number that no job has had."""
        self._last += 1
        return self._last

    def save(self, job: Job) -> None:
        """Write the job's current state, unless the job is forgotten."""
        if self.has_forgotten(job):
            return
        self.jobs[job.number] = job
        self._database.execute(
            "INSERT OR REPLACE INTO job VALUES (?, ?)", (job.number, json.dumps(job.as_dict()))
        )

    def forget(self, job: Job) -> None:
        """Remove the job and its history, for good."""
        self._forgotten.add(job.number)
        del self.jobs[job.number]
        self._database.execute("DELETE FROM job WHERE number = ?", (job.number,))

    def has_forgotten(self, job: Job) -> bool:
        """Whether the job was removed."""
        return job.number in self._forgotten

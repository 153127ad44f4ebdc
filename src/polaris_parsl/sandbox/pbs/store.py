"""Keeps the jobs in sqlite3, so that a user can inspect a state directory and use it again."""

import contextlib
import json
import sqlite3
from pathlib import Path

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.pbs import arrays
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.refusal import UNKNOWN_JOB, Refusal

_FIRST_NUMBER = 1000000  # seven digits, as long as ids are today: paths are made from them
_TABLE = "CREATE TABLE IF NOT EXISTS jobs (key TEXT PRIMARY KEY, data TEXT NOT NULL)"


class Store:
    """All jobs of a state directory, by key."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(_TABLE)
        with contextlib.suppress(sqlite3.OperationalError):  # the table of earlier releases
            self._database.execute("INSERT OR IGNORE INTO jobs SELECT number, data FROM job")
        rows = self._database.execute("SELECT data FROM jobs")
        self._jobs = {job.key: job for job in (Job(**json.loads(row[0])) for row in rows)}
        self._last = max((job.number for job in self._jobs.values()), default=_FIRST_NUMBER - 1)
        self._forgotten: set[str] = set()

    def jobs(self) -> list[Job]:
        """All jobs, oldest first; subjobs behind their array."""
        return sorted(
            self._jobs.values(),
            key=lambda job: (job.number, -1 if job.index is None else job.index),
        )

    def find(self, key: str) -> Job:
        """A job, also a subjob that waits and is not kept.

        Raises:
            Refusal: there is no such job.
        """
        job, array = self._jobs.get(key), self._jobs.get(f"{key.partition('[')[0]}[]")
        if job is None and array is not None:
            job = arrays.waiting(array, key)
        if job is None:
            raise Refusal(UNKNOWN_JOB, f"Unknown Job Id {key}.{polaris().pbs_server}")
        return job

    def array_of(self, job: Job) -> Job | None:
        """The array of a subjob."""
        return None if job.index is None else self._jobs.get(f"{job.number}[]")

    def subjobs(self, array: Job) -> list[Job]:
        """The subjobs of an array that have started, or were deleted."""
        return [job for job in self.jobs() if job.number == array.number and job.index is not None]

    def new_number(self) -> int:
        """A number that no job has had."""
        self._last += 1
        return self._last

    def save(self, job: Job) -> None:
        """Write the job's current state, unless the job is forgotten; and that of its array."""
        if self.has_forgotten(job):
            return
        self._jobs[job.key] = job
        self._database.execute(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?)", (job.key, json.dumps(job.as_dict()))
        )
        array = self.array_of(job)
        if array is not None:
            arrays.count(array, self.subjobs(array))
            self.save(array)

    def forget(self, job: Job) -> None:
        """Remove the job and its history, for good; with an array its subjobs."""
        for each in self.jobs():
            if each is job or (job.array and each.number == job.number):
                self._forgotten.add(each.key)
                del self._jobs[each.key]
                self._database.execute("DELETE FROM jobs WHERE key = ?", (each.key,))

    def has_forgotten(self, job: Job) -> bool:
        """Whether the job was removed."""
        return job.key in self._forgotten

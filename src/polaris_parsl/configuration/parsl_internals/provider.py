"""Parsl's provider of PBS jobs, whose commands end in time, and which says what qsub answered."""

import re
from collections.abc import Sequence
from typing import Any

from parsl.providers import PBSProProvider
from parsl.providers.errors import SubmitException

from polaris_parsl.configuration.blocks.pbs import Pbs

# _write_submit_script and execute_wait are in submission.INTERNALS.


_JOB = re.compile(r"[0-9]+\.[A-Za-z0-9_.-]+")


class PolarisProvider(PBSProProvider):
    """PBSProProvider whose commands end in time, and which says what qsub answered."""

    _pbs: Pbs | None = None
    _name = ""
    _exit_code = 0

    @property
    def pbs(self) -> Pbs:
        """PBS, with the time limit of this provider."""
        if self._pbs is None:
            self._pbs = Pbs(self.cmd_timeout)
        return self._pbs

    @property
    def last_name(self) -> str:
        """Name of the last job that was asked for."""
        return self._name

    def execute_wait(self, cmd: str, timeout: float | None = None) -> tuple[int, str, str]:
        """Run a command of PBS; where it is late, end it."""
        del timeout  # Parsl gives none
        done = self.pbs.run(["/bin/sh", "-c", cmd])
        self._exit_code = done.returncode
        return done.returncode, done.stdout, done.stderr

    def submit(self, command: str, tasks_per_node: int, job_name: str = "parsl") -> str:
        """Submit a job; its id.

        Raises:
            SubmitException: qsub did not take it, or, with retcode 0, printed no job id.
        """
        self._name = ""
        try:
            job = super().submit(command, tasks_per_node, job_name)  # type: ignore[no-untyped-call]
        except SubmitException as error:
            error.job_name, error.retcode = self._name, self._exit_code
            raise
        if job and _JOB.fullmatch(job):
            return str(job)
        self.resources.pop(job, None)
        said = f"qsub printed {job!r}, which is no job id" if job else "qsub printed no job id"
        raise SubmitException(self._name, said, stderr=said, retcode=0)

    def cancel(self, job_ids: Sequence[object]) -> list[bool]:
        """Delete jobs; whether each is deleted, or has ended by itself."""
        return [not self.pbs.delete([str(job) for job in job_ids])] * len(job_ids)

    def _write_submit_script(self, template: str, path: str, name: str, values: Any) -> None:
        self._name = name
        super()._write_submit_script(template, path, name, values)  # type: ignore[no-untyped-call]

"""The environment variables of a job."""

import hashlib
from pathlib import Path

from polaris_parsl.sandbox.linux.nodes import JOB, SandboxNode
from polaris_parsl.sandbox.pbs.job import Job

_PATH_BEFORE_PROFILE = "/usr/local/bin:/usr/bin:/bin"
_MOM_PORT = "15003"


def job_environment(job: Job, node: SandboxNode, *, nodefile: Path, tmpdir: Path) -> dict[str, str]:
    """The environment that the mom gives the login shell of a job.

    It takes from the submitter's only the user's identity and what -v and -V name.

    Source: recorded on OpenPBS 23.06.06.
    """
    home = job.user.get("HOME", "/")
    threads = str(job.chunks[0].amount("ompthreads") or job.chunks[0].amount("ncpus"))
    return {
        **job.variables,
        **job.user,
        "LOGNAME": job.owner,
        "PATH": _PATH_BEFORE_PROFILE,
        "ENVIRONMENT": "BATCH",
        "NCPUS": threads,
        "OMP_NUM_THREADS": threads,
        "TMPDIR": str(tmpdir),
        **job.array_variables,
        "PBS_ACCOUNT": job.account,
        "PBS_ENVIRONMENT": "PBS_BATCH",
        "PBS_JOBCOOKIE": hashlib.md5(job.id.encode(), usedforsecurity=False).hexdigest().upper(),
        "PBS_JOBDIR": home,
        "PBS_JOBID": job.id,
        "PBS_JOBNAME": job.name,
        "PBS_MOMPORT": _MOM_PORT,
        "PBS_NODEFILE": str(nodefile),
        "PBS_NODENUM": "0",
        "PBS_QUEUE": job.queue,
        "PBS_TASKNUM": "1",
        **node.environment,
        JOB: job.id,
    }

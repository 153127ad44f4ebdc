"""A job as the attributes that qstat shows, in PBS's order."""

import time
from typing import Any

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.pbs.arrays import indices_remaining
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.resources import show_walltime


def job_attributes(job: Job) -> dict[str, Any]:
    """The name and value of each attribute that PBS shows for the job's state."""
    login = polaris().login_fqdn
    started = job.stime is not None and not job.array
    has_begun = job.session is not None and job.substate != 41
    vnodes = [f"({h}:{c.written})" for h, c in zip(job.hosts, job.chunks, strict=False)]
    entries: dict[str, Any] = {
        "Job_Name": job.name,
        "Job_Owner": f"{job.owner}@{login}",
        "resources_used": _used(job) if has_begun else None,
        "job_state": job.state,
        "queue": job.queue,
        "server": polaris().pbs_server,
        "Account_Name": job.account,
        "Checkpoint": "u",
        "ctime": time.ctime(job.ctime),
        "depend": job.depend or None,
        "Error_Path": f"{login}:{job.error_path}",
        "Execution_Time": _begins(job),
        "exec_host": exec_host(job) if started else None,
        "exec_vnode": "+".join(vnodes) if started else None,
        "Hold_Types": job.hold_types,
        "Join_Path": job.join,
        "Keep_Files": "doe",
        "Mail_Points": job.mail_points,
        "mtime": time.ctime(job.mtime),
        "Output_Path": f"{login}:{job.output_path}",
        "Priority": 0,
        "qtime": time.ctime(job.ctime),
        "Rerunable": job.rerunnable,
        "Resource_List": _resource_list(job),
        "stime": None if job.stime is None else time.ctime(job.stime),
        "obittime": None if job.obittime is None else time.ctime(job.obittime),
        "session_id": job.session if has_begun else None,
        "jobdir": job.user.get("HOME", "/") if has_begun else None,
        "substate": job.substate,
        "Variable_List": job.variables,
        "comment": job.comment,
        "etime": None
        if (job.is_held or job.state == "W") and not started
        else time.ctime(job.ctime),
        "run_count": job.run_count or None,
        "Stageout_status": 1 if job.obittime is not None else None,
        "Exit_status": job.exit_status,
        "Submit_arguments": job.submit_arguments,
        "array": "True" if job.array else None,
        "array_state_count": job.counts or None,
        "array_indices_submitted": job.array or None,
        "array_indices_remaining": indices_remaining(job) if job.array else None,
        "array_id": None if job.index is None else job.array_id,
        "array_index": job.index,
        "history_timestamp": int(job.mtime) if job.is_finished else None,
        "project": "_pbs_project_default",
        "Submit_Host": login,
    }
    return {name: value for name, value in entries.items() if value is not None}


def walltime_used(job: Job) -> str:
    """How long the job has run, as HH:MM:SS."""
    if job.stime is None:
        return show_walltime(0)
    return show_walltime(max(0, int((job.obittime or time.time()) - job.stime)))


def _begins(job: Job) -> str | None:
    return None if job.execution_time is None else time.ctime(job.execution_time)


def _used(job: Job) -> dict[str, Any]:
    return {
        "cpupercent": 0,
        "cput": "00:00:00",
        "mem": "0kb",
        "ncpus": job.total("ncpus"),
        "vmem": "0kb",
        "walltime": walltime_used(job),
    }


def exec_host(job: Job) -> str:
    """The nodes of a job as PBS writes them, chunk by chunk."""
    seen: dict[str, int] = {}
    parts = []
    for host, chunk in zip(job.hosts, job.chunks, strict=False):
        index = seen.get(host, 0)
        seen[host] = index + 1
        count = chunk.amount("ncpus")
        parts.append(f"{host}/{index}" + (f"*{count}" if count > 1 else ""))
    return "+".join(parts)


def _resource_list(job: Job) -> dict[str, Any]:
    resources: dict[str, Any] = {
        "filesystems": job.filesystems,
        "ncpus": job.total("ncpus"),
        "nodect": len(job.chunks),
        "place": job.place,
        "select": job.select,
        "walltime": show_walltime(job.walltime_seconds),
    }
    for name in ("ngpus", "mpiprocs"):
        if job.total(name):
            resources[name] = job.total(name)
    for name in job.filesystems.split(":"):
        resources[f"{name}_fs"] = "True"
    return dict(sorted(resources.items()))

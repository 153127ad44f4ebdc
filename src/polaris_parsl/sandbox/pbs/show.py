"""Writes the output of PBS commands: JSON, long form and tables of jobs."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.pbs.attributes import job_attributes, walltime_used
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.resources import show_walltime

# Values that PBS's own JSON writer does not quote; nan and inf make its output invalid JSON.
_BARE = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_FOLD_AT = 79


def as_json(jobs: Sequence[Job]) -> str:
    """`qstat -f -F json`: always the header, "Jobs" only if there are any."""
    return json_document("Jobs", {job.id: job_attributes(job) for job in jobs})


def json_document(section: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The output of -F json: always the header, the section only if it is not empty."""
    header: dict[str, Any] = {
        "timestamp": int(time.time()),
        "pbs_version": polaris().pbs_version,
        "pbs_server": polaris().pbs_server,
    }
    if entries:
        header[section] = entries
    return _object(header, 0)


def _object(value: Mapping[str, Any], depth: int) -> str:
    indent = "    " * (depth + 1)
    lines = [f"{indent}{_text(name)}:{_value(entry, depth + 1)}" for name, entry in value.items()]
    return "\n".join(["{", *([",\n".join(lines)] if lines else []), "    " * depth + "}"])


def _value(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        return _object(value, depth)
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    text = str(value)
    return text if _BARE.fullmatch(text) else _text(text)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def as_table(jobs: Sequence[Job]) -> str:
    """Plain `qstat`; empty if there are no jobs."""
    if not jobs:
        return ""
    lines = [
        "Job id            Name             User              Time Use S Queue",
        "----------------  ---------------- ----------------  -------- - -----",
    ]
    for job in jobs:
        used = walltime_used(job) if job.session is not None else "0"
        lines.append(
            f"{_short_id(job):<17} {_cut(job.name, 16):<16} {_cut(job.owner, 16):<16} "
            f"{used:>9} {job.state} {job.queue:<16}"
        )
    return "\n".join(lines) + "\n"


def as_wide_table(jobs: Sequence[Job]) -> str:
    """`qstat -a` and `qstat -u USER`."""
    if not jobs:
        return ""
    lines = [
        f"\n{polaris().pbs_server.split('.')[0]}: ",
        " " * 60 + "Req'd  Req'd   Elap",
        "Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time",
        "--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----",
    ]
    for job in jobs:
        elapsed = walltime_used(job)[:5] if job.session is not None else " --"
        session = str(job.session) if job.session is not None else "--"
        lines.append(
            f"{_cut(_short_id(job), 15):<15} {_cut(job.owner, 8):<8} {_cut(job.queue, 8):<8} "
            f"{_cut(job.name, 10):<10} {session:>6} {len(job.chunks):>3} {job.total('ncpus'):>3} "
            f"{'--':>6} {show_walltime(job.walltime_seconds)[:5]} {job.state} {elapsed:<5}"
        )
    return "\n".join(lines) + "\n"


def as_long(jobs: Sequence[Job]) -> str:
    """`qstat -f`."""
    return "".join(long_form(f"Job Id: {job.id}", job_attributes(job)) + "\n" for job in jobs)


def long_form(title: str, attributes: Mapping[str, Any]) -> str:
    """The attributes of a job, queue or server, one per line."""
    lines = [title]
    for name, value in attributes.items():
        if name == "Variable_List":
            pairs = ",".join(f"{key}={entry}" for key, entry in value.items())
            lines.append(_folded(f"{name} = {pairs}"))
        elif isinstance(value, dict):
            lines += [_folded(f"{name}.{key} = {entry}") for key, entry in value.items()]
        else:
            lines.append(_folded(f"{name} = {value}"))
    return "\n".join(lines) + "\n"


def _folded(text: str) -> str:
    """Fold long lines; they continue after a tab, which counts as 8 columns."""
    first, rest = f"    {text}"[:_FOLD_AT], f"    {text}"[_FOLD_AT:]
    step = _FOLD_AT - 8
    return "\n\t".join([first, *(rest[at : at + step] for at in range(0, len(rest), step))])


def _short_id(job: Job) -> str:
    return f"{job.number}.{polaris().pbs_server.split('.')[0]}"[:17]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "*"

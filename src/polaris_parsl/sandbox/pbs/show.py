"""Writes the output of PBS commands: JSON, long form and tables of jobs."""

import json
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.pbs.attributes import exec_host, job_attributes, walltime_used
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.resources import show_walltime

# Values that PBS's own JSON writer does not quote; nan and inf make its output invalid JSON.
_BARE = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_FOLD_AT = 79
_TAB = 8


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


@dataclass(frozen=True)
class _Layout:
    """Widths of the columns of `qstat -a`, and the lines above them."""

    head: str
    name: int
    identity: int
    session: int
    nodes: int
    tasks: int


_NARROW = _Layout(
    f"{'':60}Req'd  Req'd   Elap\n"
    "Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time\n"
    "--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----\n",
    name=10, identity=15, session=6, nodes=3, tasks=3,
)  # fmt: skip
_WIDE = _Layout(
    f"{'':99}Req'd  Req'd   Elap\n"
    "Job ID                         Username        Queue           Jobname         SessID   "
    "NDS  TSK   Memory Time  S Time\n"
    "------------------------------ --------------- --------------- --------------- -------- "
    "---- ----- ------ ----- - -----\n",
    name=15, identity=30, session=8, nodes=4, tasks=5,
)  # fmt: skip


def as_wide_table(jobs: Sequence[Job], options: Collection[str] = ()) -> str:
    """`qstat -a`, `-u USER`, with nodes for -n, comments for -s, wider columns for -w."""
    if not jobs:
        return ""
    layout = _WIDE if "-w" in options else _NARROW
    rows = [_row(job, layout) + _more(job, options) for job in jobs]
    return f"\n{polaris().pbs_server}: \n{layout.head}" + "".join(f"{row}\n" for row in rows)


def _row(job: Job, layout: _Layout) -> str:
    elapsed = walltime_used(job)[:5] if job.session is not None else "  -- "
    session = str(job.session) if job.session is not None else "--"
    texts = 15 if layout is _WIDE else 8
    cells = [
        f"{_cut(job.id, layout.identity):<{layout.identity}}",
        f"{_cut(job.owner, texts):<{texts}}",
        f"{_cut(job.queue, texts):<{texts}}",
        f"{_cut(job.name, layout.name):<{layout.name}}",
        f"{session:>{layout.session}}",
        f"{len(job.chunks):>{layout.nodes}}",
        f"{job.total('ncpus'):>{layout.tasks}}",
        f"{'-- ':>6}",
        show_walltime(job.walltime_seconds)[:5],
        job.state,
    ]
    return f"{' '.join(cells)} {elapsed}"


def _more(job: Job, options: Collection[str]) -> str:
    """The nodes and the comment of a job: behind its row with -1, else below."""
    parts = []
    if "-n" in options:
        parts.append((exec_host(job) if job.stime is not None else " -- ", " ", "   "))
    if "-s" in options:
        parts.append((job.comment or "  -- ", "    ", "   "))
    if "-1" in options:
        return "".join(f"{before}{text}" for text, before, _ in parts)
    return "".join(f"\n{before}{text}" for text, _, before in parts)


def as_long(jobs: Sequence[Job]) -> str:
    """`qstat -f`."""
    return "".join(long_form(f"Job Id: {job.id}", job_attributes(job)) + "\n" for job in jobs)


def long_form(title: str, attributes: Mapping[str, Any]) -> str:
    """The attributes of a job, queue or server, one per line."""
    lines = [title]
    for name, value in attributes.items():
        if name == "Variable_List":
            pairs = [f"{key}={entry}" for key, entry in value.items()]
            lines.append(_folded_at_commas(f"{name} = ", pairs))
        elif isinstance(value, dict):
            lines += [_folded(f"{name}.{key} = {entry}") for key, entry in value.items()]
        else:
            lines.append(_folded(f"{name} = {value}"))
    return "\n".join(lines) + "\n"


def _folded(text: str) -> str:
    """Fold long lines; they continue after a tab, which counts as 8 columns."""
    first, rest = f"    {text}"[:_FOLD_AT], f"    {text}"[_FOLD_AT:]
    if len(first) < _FOLD_AT:
        return first
    step = _FOLD_AT - _TAB
    # A line that fits exactly is followed by an empty one, as PBS does.
    return "\n\t".join([first, *(rest[at : at + step] for at in range(0, len(rest) or 1, step))])


def _folded_at_commas(before: str, parts: Sequence[str]) -> str:
    """Fold a list between its parts."""
    lines, used = [f"    {before}"], 4 + len(before)
    for number, part in enumerate(parts, 1):
        word = part if number == len(parts) else f"{part},"
        if used + len(word) > _FOLD_AT:
            lines.append("")
            used = _TAB
        lines[-1] += word
        used += len(word)
    return "\n\t".join(lines)


def _short_id(job: Job) -> str:
    text = f"{job.key}.{polaris().pbs_server.split('.')[0]}"
    return _cut(text, 17) if "[" in text else text[:17]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "*"

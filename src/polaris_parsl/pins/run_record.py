"""What a run directory says was run: from the record that polaris_parsl keeps of it, and the job scripts."""

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl import below
from polaris_parsl.configuration.record.run_record import FOLDER, FORMAT, RECORD, WORKFLOW
from polaris_parsl.configuration.record.task_attempts import TASKS
from polaris_parsl.errors import BundleError, PrefixError
from polaris_parsl.files import digest
from polaris_parsl.installs import PACKAGES
from polaris_parsl.options.sources import PROJECT_FILE
from polaris_parsl.text import plural

SCRIPTS = "submit_scripts"
_LOG = "parsl.log"
_BYTES_MAX = 256 << 20
# not read: the output of jobs, and one line for each task, of which the sha256 is enough
_UNREAD = (".stdout", ".stderr", TASKS)
_AGAIN = "copy the run directory again, or pin without --run"


@dataclass(frozen=True)
class Run:
    """One run of Parsl.

    Attributes:
        facts: what is written into run.json; those of a run without a record say so.
        configuration: the Config as Parsl writes it; "" where it is not known.
        scripts: the job scripts that were submitted, by name.
        explanation: files in which polaris_parsl.config explained its values, by name; none if
            the configuration was not made by it.
        workflow: the script as it was when the run began, and the polaris-parsl.toml that set an option of
            it, by name; there is no script in a notebook.
    """

    facts: Mapping[str, Any]
    configuration: str
    scripts: Mapping[str, bytes]
    explanation: Mapping[str, bytes]
    workflow: Mapping[str, bytes]


def read_run(folder: Path) -> Run:
    """Read a run directory of Parsl.

    A run that has no record, because an earlier polaris-parsl made it or another configuration,
    has as facts only that, and what its job scripts and its environment say. Links are refused: who
    may write the directory could bring files of the reader's own into a bundle that is published.

    Args:
        folder: for instance runinfo/000.

    Raises:
        BundleError: it is not a run directory, or its record is damaged.
    """
    path = folder / FOLDER / RECORD
    ours, scripts = _files(folder, FOLDER), _files(folder, SCRIPTS)
    if RECORD not in ours:
        facts, configuration = _facts_without_record(folder), ""
    else:
        events = _events(path, ours[RECORD])
        try:
            facts, configuration = _facts(events), events[0]["configuration"] or ""
        except (KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{path} is damaged: {error!r}", remedy=_AGAIN) from error
    log, tasks = folder / _LOG, folder / FOLDER / TASKS
    return Run(
        facts={
            **facts,
            "own_packages": ours.get(PACKAGES, b"").decode(errors="replace").splitlines(),
            "log_sha256": digest(log) if log.is_file() else None,
            "tasks_sha256": digest(tasks) if tasks.is_file() else None,
        },
        configuration=f"{configuration.rstrip()}\n" if configuration else "",
        scripts=scripts,
        explanation={name: text for name, text in ours.items() if name.startswith("explain.")},
        workflow={name: ours[name] for name in (WORKFLOW, PROJECT_FILE) if name in ours},
    )


def _files(folder: Path, name: str) -> dict[str, bytes]:
    """The files of a directory of a run by name, sorted, but for those that are not read.

    Raises:
        BundleError: it or one of them is a link, or no file; or is very large.
    """
    place = folder / name
    try:
        with below.opened(folder, place) as number:
            found = sorted(each for each in below.names(number) if not each.endswith(_UNREAD))
            return {
                each: below.read(number, each, most_bytes=_BYTES_MAX)
                for each in found
                if not below.is_folder(number, each)
            }
    except FileNotFoundError:
        return {}
    except (OSError, PrefixError) as error:
        reason = error.problem if isinstance(error, PrefixError) else str(error)
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            reason = f"{error.filename} is a link"
        raise BundleError(f"cannot read {place}: {reason}", remedy=_AGAIN) from error


def write_run(run: Run, folder: Path) -> None:
    """Write a run into a bundle: facts, configuration, explanation and job scripts."""
    folder.mkdir()
    text = json.dumps(run.facts, indent=1, ensure_ascii=False) + "\n"
    (folder / "run.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    if run.configuration:
        path = folder / "configuration.txt"
        path.write_text(run.configuration, encoding="utf-8", errors="surrogateescape")
    for name, content in {**run.explanation, **run.workflow}.items():
        (folder / name).write_bytes(content)
    if run.scripts:
        (folder / SCRIPTS).mkdir()
    for name, content in run.scripts.items():
        (folder / SCRIPTS / name).write_bytes(content)


def pbs_jobs(facts: Mapping[str, Any]) -> int:
    """How many PBS jobs a recorded run used; blocks inside a job share one."""
    return len({each["job"] for each in facts["jobs"]})


def summary(facts: Mapping[str, Any]) -> str:
    """What a recorded run did, in a few words."""
    number = pbs_jobs(facts)
    jobs = f"{number} {plural(number, 'job')}"
    if facts["tasks"] is None:
        return f"tasks not counted, {jobs}"
    found = facts["from_checkpoints"]
    return f"{facts['tasks']} tasks{f' ({found} from checkpoints)' if found else ''}, {jobs}"


def _facts(events: list[dict[str, Any]]) -> dict[str, Any]:
    run = events[0]
    by_name: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_name.setdefault(event["event"], []).append(event)
    started = {each["executor"] for each in by_name.get("executor", [])}
    ended = {each["executor"] for each in by_name.get("executor_end", [])}
    counts = by_name.get("tasks", [{}])[-1]
    return {
        "is_recorded": True,
        "run_id": run["run_id"],
        "workflow": run["workflow"],
        "script_sha256": run.get("script_sha256"),
        "commit": run.get("commit"),
        "python": run["python"],
        "parsl": run["parsl"],
        "polaris_parsl": run["polaris_parsl"],
        "first_record": run["time"],
        "last_record": events[-1]["time"],
        "has_ended": bool(started) and started == ended,
        "modes": {each["executor"]: each["mode"] for each in by_name.get("executor", [])},
        "jobs": [_only(each, "executor", "block", "job") for each in by_name.get("block", [])],
        # None if they were not counted, or the driver was killed before any ended
        "tasks": counts.get("tasks"),
        "unfinished": counts.get("unfinished"),
        "from_checkpoints": counts.get("from_checkpoints"),
        "counted": counts.get("time"),
        "apps": dict(sorted(counts.get("apps", {}).items())),
        "states": dict(sorted(counts.get("states", {}).items())),
    }


def _facts_without_record(folder: Path) -> dict[str, Any]:
    known = (folder / _LOG, folder / SCRIPTS, folder / FOLDER)
    if not any(each.exists() for each in known):
        raise BundleError(
            f"{folder} is not a run directory of Parsl",
            remedy="name the directory of one run, as runinfo/000",
        )
    return {
        "is_recorded": False,
        "note": f"the run has no record ({FOLDER}/{RECORD}): an earlier polaris-parsl made it, or a "
        "configuration without polaris_parsl. Not known are its tasks, jobs and times, and which "
        "Python, Parsl and install ran it",
    }


def _events(path: Path, content: bytes) -> list[dict[str, Any]]:
    """The events of a record; a last line that a kill has cut short is left out.

    Raises:
        BundleError: it is damaged, or of a later polaris-parsl.
    """
    try:
        *lines, _unfinished = content.split(b"\n")
        events = [_event(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise BundleError(f"cannot read {path}: {error}", remedy=_AGAIN) from error
    if not events or events[0]["event"] != "run":
        raise BundleError(f"{path} does not say that a run began", remedy=_AGAIN)
    if events[0].get("format") != FORMAT:
        raise BundleError(
            f"{path} has format {events[0].get('format')}; this polaris-parsl reads {FORMAT}",
            remedy="use the polaris-parsl that made the run",
        )
    return events


def _event(line: bytes) -> dict[str, Any]:
    event = json.loads(line)
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise ValueError(f"no event: {line[:80]!r}")  # noqa: TRY004 - the caller says it in its words
    return event


def _only(event: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: event[name] for name in names}

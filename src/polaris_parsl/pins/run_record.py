"""What a run directory says was run: from the record that polaris_parsl keeps of it, and the job scripts."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.configuration.run_record import FOLDER, FORMAT, RECORD, WORKFLOW
from polaris_parsl.configuration.task_attempts import TASKS
from polaris_parsl.errors import BundleError
from polaris_parsl.files import digest
from polaris_parsl.installs import PACKAGES

SCRIPTS = "submit_scripts"
_LOG = "parsl.log"
_AGAIN = "copy the run directory again, or pin without --run"


@dataclass(frozen=True)
class Run:
    """One run of Parsl.

    Attributes:
        facts: what is written into run.json; those of a run without a record say so.
        configuration: the Config as Parsl writes it; "" where it is not known.
        scripts: the job scripts that were submitted.
        explanation: files in which polaris_parsl.config explained its values; none if
            the configuration was not made by it.
        workflow: the script as it was when the run began; none in a notebook.
    """

    facts: Mapping[str, Any]
    configuration: str
    scripts: tuple[Path, ...]
    explanation: tuple[Path, ...]
    workflow: tuple[Path, ...] = ()


def read_run(folder: Path) -> Run:
    """Read a run directory of Parsl.

    A run that has no record, because an earlier polaris-parsl made it or another configuration,
    has as facts only that, and what its job scripts and its environment say.

    Args:
        folder: for instance runinfo/000.

    Raises:
        BundleError: it is not a run directory, or its record is damaged.
    """
    path = folder / FOLDER / RECORD
    try:
        events = _events(path)
    except FileNotFoundError:
        facts, configuration = _facts_without_record(folder), ""
    else:
        try:
            facts, configuration = _facts(events), events[0]["configuration"] or ""
        except (KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{path} is damaged: {error!r}", remedy=_AGAIN) from error
    log, tasks = folder / _LOG, folder / FOLDER / TASKS
    return Run(
        facts={
            **facts,
            "own_packages": _own_packages(folder / FOLDER / PACKAGES),
            "log_sha256": digest(log) if log.is_file() else None,
            "tasks_sha256": digest(tasks) if tasks.is_file() else None,
        },
        configuration=f"{configuration.rstrip()}\n" if configuration else "",
        scripts=tuple(_scripts(folder / SCRIPTS)),
        explanation=tuple(sorted((folder / FOLDER).glob("explain.*"))),
        workflow=tuple((folder / FOLDER).glob(WORKFLOW)),
    )


def write_run(run: Run, folder: Path) -> None:
    """Write a run into a bundle: facts, configuration, explanation and job scripts."""
    folder.mkdir()
    text = json.dumps(run.facts, indent=1, ensure_ascii=False) + "\n"
    (folder / "run.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    if run.configuration:
        path = folder / "configuration.txt"
        path.write_text(run.configuration, encoding="utf-8", errors="surrogateescape")
    for path in (*run.explanation, *run.workflow):
        shutil.copyfile(path, folder / path.name)
    if run.scripts:
        (folder / SCRIPTS).mkdir()
    for path in run.scripts:
        shutil.copyfile(path, folder / SCRIPTS / path.name)


def pbs_jobs(facts: Mapping[str, Any]) -> int:
    """How many PBS jobs a recorded run used; blocks inside a job share one."""
    return len({each["job"] for each in facts["jobs"]})


def summary(facts: Mapping[str, Any]) -> str:
    """What a recorded run did, in a few words."""
    jobs = f"{pbs_jobs(facts)} jobs"
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


def _events(path: Path) -> list[dict[str, Any]]:
    """The events of a record; a last line that a kill has cut short is left out.

    Raises:
        FileNotFoundError: there is no record.
        BundleError: it is damaged, or of a later polaris-parsl.
    """
    try:
        *lines, _unfinished = path.read_bytes().split(b"\n")
        events = [_event(line) for line in lines]
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
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


def _own_packages(path: Path) -> list[str]:
    """What the environment of the run had beside the install; none if it was the install's."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _scripts(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        if path.is_file() and path.suffix not in {".stdout", ".stderr"}:
            yield path

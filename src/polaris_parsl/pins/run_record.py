"""What Parsl's run directory says was run: read from parsl.log and the job scripts."""

import ast
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polaris_parsl.env.locks.files import digest
from polaris_parsl.errors import BundleError
from polaris_parsl.installs import PACKAGES

LOG = "parsl.log"
SCRIPTS = "submit_scripts"
# executor.py names it too, but a command without Parsl must read it
EXPLANATION = "polaris_parsl"

_RECORD = re.compile(r"\d+\.\d+ (?P<date>\d{4}-\d\d-\d\d) (?P<time>\d\d:\d\d:\d\d) ")
_DATE = re.compile(r"datetime\.datetime\([^)]*\)")
_END = "Workflow shutdown information"
_STARTUP = re.compile(r"Workflow startup information: (?P<facts>\{.*\})")
_CONFIG = "Starting DataFlowKernel with config"
_JOB = re.compile(r"\[Scaling executor (?P<executor>.+?)\] Launched block (?P<block>\S+) with job ID (?P<job>\S+)")  # fmt: skip
_TASK = re.compile(r"Task \d+ submitted for App (?P<app>.+?), ")
_MODE = re.compile(r"parsl\.polaris_parsl:\S+ \S+ INFO: (?P<executor>.+?): (?P<mode>.+)$")
_STATE = re.compile(r"Tasks in state States\.(?P<state>\w+): (?P<count>\d+)")


@dataclass(frozen=True)
class Run:
    """One run of Parsl.

    Attributes:
        facts: what is written into run.json.
        configuration: the Config as Parsl wrote it into its log.
        scripts: the job scripts that were submitted.
        explanation: files in which polaris_parsl.config explained its values; none where
            the configuration was not made by it.
    """

    facts: Mapping[str, Any]
    configuration: str
    scripts: tuple[Path, ...]
    explanation: tuple[Path, ...]


@dataclass
class _Told:
    """What the records of a log have told so far."""

    configuration: str = ""
    startup: Mapping[str, Any] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    jobs: list[dict[str, str]] = field(default_factory=list)
    apps: Counter[str] = field(default_factory=Counter)
    states: dict[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    has_ended: bool = False

    def hear(self, record: str) -> None:
        """Take in one record."""
        head = record.partition("\n")[0]
        if when := _RECORD.match(head):
            self.last = f"{when['date']} {when['time']}"
            self.first = self.first or self.last
        if head.endswith(_CONFIG):
            self.configuration = record.partition("\n")[2].rstrip() + "\n"
        elif task := _TASK.search(head):
            self.apps[task["app"]] += 1
        elif job := _JOB.search(head):
            self.jobs.append(job.groupdict())
        elif state := _STATE.search(head):
            self.states[state["state"]] = int(state["count"])
        elif mode := _MODE.search(head):
            self.modes[mode["executor"]] = mode["mode"]
        elif startup := _STARTUP.search(head):
            self.startup = _literal(startup["facts"])
        elif _END in head:
            self.has_ended = True


def read_run(folder: Path) -> Run:
    """Read a run directory of Parsl.

    Args:
        folder: for instance runinfo/000.

    Raises:
        BundleError: it holds no parsl.log that tells of a run.
    """
    remedy = (
        "name the directory of one run, as runinfo/000; Parsl writes parsl.log unless "
        "initialize_logging=False"
    )
    path = folder / LOG
    told = _Told()
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            for record in _records(stream):
                told.hear(record)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}", remedy=remedy) from error
    if not told.configuration or not told.startup:
        raise BundleError(f"{path} does not say that Parsl started", remedy=remedy)
    facts = {
        "run_id": told.startup.get("run_id"),
        "workflow": told.startup.get("workflow_name"),
        "python": told.startup.get("python_version"),
        "parsl": told.startup.get("parsl_version"),
        "first_record": told.first,
        "last_record": told.last,
        "has_ended": told.has_ended,
        "modes": told.modes,
        "jobs": told.jobs,
        "tasks": told.apps.total(),
        "apps": dict(sorted(told.apps.items())),
        "states": {name: count for name, count in sorted(told.states.items()) if count},
        "own_packages": _own_packages(folder / EXPLANATION / PACKAGES),
        "log_sha256": digest(path),
    }
    return Run(
        facts=facts,
        configuration=told.configuration,
        scripts=tuple(_scripts(folder / SCRIPTS)),
        explanation=tuple(sorted((folder / EXPLANATION).glob("explain.*"))),
    )


def write_run(run: Run, folder: Path) -> None:
    """Write a run into a bundle: facts, configuration, explanation and job scripts."""
    folder.mkdir()
    text = json.dumps(run.facts, indent=1, ensure_ascii=False) + "\n"
    (folder / "run.json").write_text(text, encoding="utf-8")
    (folder / "configuration.txt").write_text(run.configuration, encoding="utf-8")
    for path in run.explanation:
        shutil.copyfile(path, folder / path.name)
    if run.scripts:
        (folder / SCRIPTS).mkdir()
    for path in run.scripts:
        shutil.copyfile(path, folder / SCRIPTS / path.name)


def _records(lines: Iterable[str]) -> Iterator[str]:
    """The records of a log; the lines of one of several lines stay together."""
    held: list[str] = []
    for line in lines:
        if _RECORD.match(line) and held:
            yield "".join(held).rstrip("\n")
            held = []
        held.append(line)
    if held:
        yield "".join(held).rstrip("\n")


def _literal(text: str) -> dict[str, Any]:
    """The dictionary that Parsl writes when it starts; its date is no literal."""
    try:
        told = ast.literal_eval(_DATE.sub("None", text))
    except (ValueError, SyntaxError):
        return {}
    return dict(told) if isinstance(told, dict) else {}


def _own_packages(path: Path) -> list[str]:
    """What the environment of the run had beside the install; none where it was the install's."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _scripts(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        if path.is_file() and path.suffix not in {".stdout", ".stderr"}:
            yield path

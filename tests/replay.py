"""Replays recordings of OpenPBS in a sandbox, command by command, and compares the answers.

Jobs, nodes, users, times and paths are made alike before. What the recordings do not show, as how a
job came to be, stands in recorded/openpbs/replay.toml, with the reason for each answer that differs.
"""

import re
import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polaris_parsl.sandbox.faults.ask import ask_for, ask_to_end
from polaris_parsl.sandbox.faults.fault import Fault

FOLDER = Path(__file__).with_name("recorded") / "openpbs" / "replay"
USER = "user1"
_STEP = re.compile(
    r"^(?:# (?P<title>.*)\n)?\[(?P<time>[\d:]+)\] (?P<user>\w+)@\S+\$ (?P<command>.*)\n"
    r"exit code: (?P<code>\d+) .*\n--- stdout\n(?P<stdout>(?:.*\n)*?)--- stderr\n"
    r"(?P<stderr>(?:.*\n)*?)\n(?=#|\[|\Z)",
    re.MULTILINE,
)
_FULL_ID = re.compile(r"(\d+(?:\[\d*\])?)\.polar[\w.*-]*")
_LONGEST_PAUSE_SECONDS = 0.6
_COMMAND_TIMEOUT_SECONDS = 300
_SLEEP = "#!/bin/bash\n#PBS -N sleeper\nsleep 3600\n"
_OK = """\
#!/bin/bash
#PBS -N oktest
#PBS -l select=1:ncpus=1:ngpus=4
#PBS -l walltime=00:10:00
#PBS -l filesystems=home:eagle
#PBS -o ok.out
#PBS -e ok.err
echo hello from $(hostname)
echo warn >&2
sleep 5
"""
# Both sides get the right-hand text. Recorded: HEAD's clients; the sandbox prints as the release's do.
_ALIKE = [
    (r"(?m)^\}(?=\S)", "}\n"),
    (r'":\s+', '":'),
    (r"x3\d{3}c0s\d+b\dn0", "NODE"),
    (r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", "TIME"),
    (r"\w{3} \w{3} [ \d]\d at \d\d:\d\d", "TIME"),
    (r'("(?:timestamp|history_timestamp|session_id|last_\w+_time)":)\d+', r"\g<1>0"),
    (r'(pbs_version(?:":| = ))"?[\d.]+"?', r"\g<1>VERSION"),
    (r'("(?:cput|walltime|cpupercent|mem|vmem)":)("[^"]*"|\d+)', r"\g<1>USED"),
    (r"(resources_used\.\w+ = ).*", r"\g<1>USED"),
    (r"(session_id = )\d+", r"\g<1>0"),
    (r"user1@(localhost|polaris-login-01[\w.]*)", "USER"),
    (r"(localhost|polaris-login-01[\w.]*):/", "HOST:/"),
    (r"\b(workq|preemptable|preempt\*)", "QUEUE"),
    (r" +(\d\d:\d\d:\d\d|0) ([A-Z]) ", r" USED \2 "),
    (r"(?s)usage: ?.*", "[usage]"),
    (r"[ \t]+", " "),
]
# Lines that differ because workq, where the recordings were made, asks for less than a queue of
# Polaris; because of the machine; or because the sandbox has fewer resources.
_LEFT_OUT = re.compile(
    r'^ ?"?(PBS_O_\w+|Account_Name|filesystems|Keep_Files|Submit_arguments|\w+_fs|place|select|walltime|'
    r"ngpus|exec_vnode|Submit_Host|pcpus|mem|tier\d|gputype|last_used_time)\b"
)


@dataclass(frozen=True)
class Step:
    """One command of a recording, and what it answered."""

    name: str
    title: str
    seconds: int
    user: str
    command: str
    code: int
    stdout: str
    stderr: str


@dataclass
class Outcome:
    """What the sandbox answered: lines that only the recording has (-), and only we have (+).

    The reason is that of the notes, for what differs or is left out; "" if there is none.
    """

    step: Step
    differences: list[str] = field(default_factory=list)
    reason: str = ""
    is_left_out: bool = False

    @property
    def is_as_recorded(self) -> bool:
        """Whether the sandbox was asked, and answered as PBS."""
        return not (self.differences or self.is_left_out)


def steps(path: Path) -> list[Step]:
    """The commands of a recording."""
    found = []
    for number, match in enumerate(_STEP.finditer(path.read_text() + "\n"), 1):
        hours, minutes, seconds = map(int, match["time"].split(":"))
        texts = [match[name].replace("(empty)\n", "") for name in ("stdout", "stderr")]
        found.append(
            Step(
                f"{path.stem} {number}",
                match["title"] or "",
                hours * 3600 + minutes * 60 + seconds,
                match["user"],
                match["command"],
                int(match["code"]),
                *texts,
            )
        )
    return found


def notes() -> dict[str, Any]:
    """What the recordings do not show."""
    return tomllib.loads(FOLDER.with_suffix(".toml").read_text())


class Replay:
    """One recording in one sandbox, whose state directory is given."""

    def __init__(self, state: Path, work: Path, environment: Mapping[str, str]) -> None:
        self._state = state
        self._work = work
        path = f"{state}/bin/login:{environment['PATH']}"
        self._environment = {**environment, "PATH": path, "USER": USER, "LOGNAME": USER}
        self._ids: dict[str, str] = {}
        self._notes = notes()
        (work / "sleep.pbs").write_text(_SLEEP)
        (work / "ok.pbs").write_text(_OK)
        (work / "arr.pbs").write_text(_SLEEP)

    def run(self, path: Path) -> Iterator[Outcome]:
        """Repeat the commands of a recording, with its pauses shortened."""
        before = 0
        for step in steps(path):
            if step.seconds - before > 1:
                time.sleep(_LONGEST_PAUSE_SECONDS)
            before = step.seconds
            if step.name in self._notes["left_out"]:
                yield Outcome(step, [], self._notes["left_out"][step.name], is_left_out=True)
                continue
            reason = self._notes["not_reproduced"].get(step.name, "")
            yield Outcome(step, self._differences(step), reason)

    def _differences(self, step: Step) -> list[str]:
        note = self._notes["before"].get(step.name, {})
        for number in map(str, note.get("jobs", [])):
            self._make(number)
        for fault in note.get("faults", []):
            if fault == "end":
                ask_to_end("all", state=self._state)
            else:
                words = [self._ids.get(word, word) for word in fault.split()]
                ask_for(Fault(*words), state=self._state)
        if "command" in note:
            self._call(note["command"])
        if "wait" in note:
            self._wait(*note["wait"].split())
        done = self._call(self._translated(step))
        if (new := _FULL_ID.match(step.stdout)) and (ours := _FULL_ID.match(done.stdout)):
            self._ids[new[1]] = ours[1]
        recorded = [f"exit code {step.code}", *_lines(step.stdout), *_lines(step.stderr)]
        code = f"exit code {done.returncode}"
        here = [code, *_lines(self._renamed(done.stdout)), *_lines(self._renamed(done.stderr))]
        if recorded == here:
            return []
        return [f"- {line}" for line in recorded if line not in here] + [
            f"+ {line}" for line in here if line not in recorded
        ] or ["other order or number of lines"]

    def _call(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/bash", "-c", command],
            env=self._environment,
            cwd=self._work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_SECONDS,
            check=False,
        )

    def _make(self, number: str) -> None:
        """Submit a job of whose submission there is no recording."""
        job = self._notes["jobs"][number]
        done = self._call(_for_our_queues(job["command"]))
        assert done.returncode == 0, done.stderr
        # of an array only the number
        self._ids[number] = re.split(r"[\[.]", done.stdout)[0]
        self._wait(number, job["state"])

    def _wait(self, number: str, state: str, run: str = "") -> None:
        shown = [
            "substate = 42" if state == "R" else f"job_state = {state}",
            f"run_count = {run}",
        ]
        job = self._ids[number] + ("[]" if state == "B" else "")
        listing = f"qstat -xf '{job}'"
        has_all = " && ".join(f"[[ $said == *'{each}'* ]]" for each in shown[: 2 if run else 1])
        self._call(f"until said=$({listing}); {has_all}; do sleep 0.2; done")

    def _translated(self, step: Step) -> str:
        """The command for the sandbox: our ids, and queues of Polaris."""
        command = step.command
        for number, ours in self._ids.items():
            command = re.sub(rf"(?<![\w.:=/-]){number}(?![\w:=/])", ours, command)
        for recorded, ours in self._notes["instead"].items():
            command = command.replace(recorded, ours)
        return _for_our_queues(command)

    def _renamed(self, text: str) -> str:
        numbers = {ours: number for number, ours in self._ids.items()}
        text = text.replace(str(self._work), "/home/user1/jobs")
        text = text.replace(self._environment["HOME"], "/home/user1")
        return re.sub(r"(?<!\d)1\d{6}(?!\d)", lambda match: numbers.get(match[0], match[0]), text)


def _for_our_queues(command: str) -> str:
    """Submissions to workq, which had no rules, go to a queue that has few."""
    if "-q workq" not in command:
        return command
    ours = "-q preemptable -A datascience -l filesystems=home:eagle"
    if "walltime=" not in command:
        ours += " -l walltime=00:10:00"
    return command.replace("-q workq", ours)


def _lines(text: str) -> list[str]:
    for pattern, same in _ALIKE:
        text = re.sub(pattern, same, text)
    text = _FULL_ID.sub(r"\1.SERVER", text)
    lines = (line.strip().rstrip(",") for line in text.splitlines())
    return [line for line in lines if line and not _LEFT_OUT.match(line)]


def table(outcomes: list[Outcome]) -> str:
    """The outcomes in Markdown: counts for each recording, then what differs and why."""
    rows = [
        "| recording | commands | as recorded | otherwise | not repeated |",
        "| --- | --- | --- | --- | --- |",
    ]
    files: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        files.setdefault(outcome.step.name.split()[0], []).append(outcome)
    rows += [
        f"| {name} | {len(found)} | {sum(each.is_as_recorded for each in found)} | "
        f"{sum(bool(each.differences) for each in found)} | "
        f"{sum(each.is_left_out for each in found)} |"
        for name, found in files.items()
    ]
    rows += ["", "| command | of | why otherwise, or not repeated |", "| --- | --- | --- |"]
    for outcome in outcomes:
        if not outcome.is_as_recorded:
            command = _FULL_ID.sub(r"\1", outcome.step.command.replace("|", "\\|"))
            rows.append(f"| `{command}` | {outcome.step.name} | {outcome.reason} |")
    return "\n".join(rows) + "\n"


PAGE = Path(__file__).parents[1] / "docs" / "pbs-replay.md"
_ABOVE = """\
# The sandbox beside recordings of OpenPBS

`tests/replay.py` repeats recorded commands of OpenPBS in the sandbox, and compares exit codes and each line of the answers.
Job numbers, times, hosts, users and paths are made alike before, and lines that name resources of the recorder's machine or
differ because its queue `workq` had no rules are left out. `tests/sandbox/test_replay.py` repeats them, and writes this page if
`POLARIS_PARSL_WRITE_REPLAY` is set:

    POLARIS_PARSL_WRITE_REPLAY=1 scripts/test.sh tests/sandbox/test_replay.py

Recordings of what jobs see, of signals, and of Parsl's runs are not commands with answers; tests of their own compare those
(`tests/sandbox/test_jobs.py`, `tests/sandbox/test_nodes.py`).

"""


def page(outcomes: list[Outcome]) -> str:
    """docs/pbs-replay.md."""
    return _ABOVE + table(outcomes)

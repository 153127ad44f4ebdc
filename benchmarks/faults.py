"""What PBS, nodes and users do to a run: one table, for Parsl alone and for polaris_parsl.

    python benchmarks/faults.py [--alone] [--at-once N] [--write FILE] [ROW...]

Each row runs benchmarks/fault_driver.py in a sandbox of its own while something goes wrong, once with the
configuration of polaris_parsl and, with --alone, once with one of Parsl alone: the same provider, launcher and
heartbeats, no retries. Counts, not times, are what carries over from one machine to another.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).resolve().parents[1]
_DRIVER = Path(__file__).with_name("fault_driver.py")
_TASKS = 6
# Lines between these are replaced by --write.
_BEGIN, _END = "<!-- made by benchmarks/faults.py -->\n", "<!-- end -->\n"


@dataclass(frozen=True)
class Row:
    """What goes wrong.

    Attributes:
        when: the fault is made: before the job is submitted, while tasks run, at the end, or always.
        fault: of the sandbox.
        signals: to the driver itself.
        script: how often the driver runs: once, again (the first time with the fault), or two at once.
        tasks_before: tasks that have begun when a fault is made while tasks run.
        queue, worker_init, nodes, heartbeats, cmd_timeout, cpus: of the configuration.
        kills: what the first task kills: its worker, or its pool.
        forgets: whether the script waits for no result.
        settles: seconds after the end until jobs are counted.
        said: what the user of polaris_parsl reads; "" where nothing needs to be said.
        done: tasks that are done with polaris_parsl; None if the driver does not live to count.
    """

    when: str = ""
    fault: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    script: str = "once"
    tasks_before: int = 1
    queue: str = "debug"
    worker_init: str = ""
    nodes: int = 1
    heartbeats: dict[str, int] = field(default_factory=dict)
    cmd_timeout: int = 0
    cpus: str = ""
    kills: str = ""
    forgets: bool = False
    settles: int = 12
    said: str = ""
    done: int | None = _TASKS


def _before(*fault: str, said: str, **more: Any) -> Row:
    return Row("before", fault, said=said, **more)


def _tasks(*fault: str, said: str, **more: Any) -> Row:
    return Row("tasks", fault, said=said, **more)


def _ends(*signals: str, said: str, **more: Any) -> Row:
    return Row("tasks", signals=signals, said=said, done=None, **more)


_SHORT = {"heartbeat_period": 3, "heartbeat_threshold": 30}
ROWS: dict[str, Row] = {
    "no fault": Row(),
    "qsub: server down for 20 s": _before(
        "down", "qsub", "--for", "20", said="has not taken it yet"
    ),
    "qsub: its answer is lost": _before("lost-answer", "qsub", "--for", "30", said="after all"),
    "qsub: slower than cmd_timeout": _before(
        *("lost-answer", "qsub", "--by", "12", "--for", "30"), said="after all", cmd_timeout=5
    ),
    "qsub: prints garbage": _before("garbage", "qsub", "--for", "30", said="no job id"),
    "qsub: unknown queue": Row("always", queue="nosuchqueue", said="Unknown queue", done=0),
    "qstat: no jobs": _tasks("no-jobs", "qstat", "--for", "50", said=""),
    "qstat: garbage": _tasks("garbage", "qstat", "--for", "50", said=""),
    "qstat: half of its answer": _tasks("truncated", "qstat", "--for", "50", said=""),
    "qstat: exit code 1": _tasks("error", "qstat", "--for", "50", said=""),
    "qstat: server down": _tasks("down", "qstat", "--for", "50", said=""),
    "block vanished": _tasks("vanish", "latest", said="has vanished"),
    "block held for 30 s": _before("hold", "next", "--for", "30", said="is held by PBS"),
    "block held after failed starts": _before(
        "failing-starts", "next", said="too many failed attempts", done=0
    ),
    "block deleted in the queue": _before(
        "delete", "next", "--when", "queued", said="was deleted or preempted"
    ),
    "block deleted": _tasks("delete", "latest", said="was deleted or preempted"),
    "block preempted with requeue": _tasks("preempt", "latest", said="put back into the queue"),
    "block preempted without requeue": _tasks(
        "preempt-delete", "latest", said="was deleted or preempted"
    ),
    "block rerun": _tasks("requeue", "latest", said="put back into the queue"),
    "walltime ends": _tasks("walltime", "latest", said="has reached its walltime"),
    "worker_init ends with exit 3": Row(
        "always", worker_init="true\nexit 3", said="exit code 3, at its line 2: exit 3", done=0
    ),
    "the workers' Python cannot start": Row(
        "always", worker_init="export PYTHONHOME=/nowhere", said="encodings", done=0
    ),
    "a node dies, not the first": _tasks(
        "die", "last", nodes=2, queue="preemptable", said="does not answer"
    ),
    "a node dies, the first": _tasks(
        *("die", "head", "--for", "45"),
        nodes=2,
        queue="preemptable",
        settles=60,
        said="does not answer",
    ),
    "a node is cut off for 40 s": _tasks(
        "cut", "last", "--for", "40", nodes=2, queue="preemptable", said="does not answer"
    ),
    "a task kills its worker": Row("always", kills="worker", said="was killed by SIGSEGV", done=5),
    "a pool of workers is killed": Row("always", kills="pool", said="its workers have ended"),
    "workers end again and again": Row(
        "always", cpus="list:900:901", heartbeats=_SHORT, said="5 times without a task", done=0
    ),
    "PBS hangs at the end": Row("end", ("hang", "all", "--for", "60"), said="qdel"),
    "PBS is down at the end": Row("end", ("down", "all"), said="qdel"),
    "driver: SIGTERM": _ends("SIGTERM", said="node-hours"),
    "driver: SIGHUP": _ends("SIGHUP", said="node-hours"),
    "driver: Ctrl-C": _ends("SIGINT", said="node-hours"),
    "driver: Ctrl-C twice": _ends("SIGINT", "SIGINT", said=""),
    "driver: kill -9": _ends("SIGKILL", said="", settles=50),
    "driver: kill -9, started again": Row(
        "tasks", signals=("SIGKILL",), script="again", tasks_before=4, said="from checkpoints"
    ),
    "script waits for no result": Row(
        "always", forgets=True, said="their results are lost", done=None
    ),
    "every result is in checkpoints": Row(script="again", said="from checkpoints"),
    "two scripts, one job of a user": Row(
        "always", script="two", queue="debug-scaling", said="waits for its turn", done=2 * _TASKS
    ),
    "run_dir full for 20 s": _tasks("full", "runs", "--for", "20", said="No space left"),
}

_STAMP = """\
import sys, time
for line in sys.stdin:
    print(time.time(), line.rstrip(), flush=True)
"""
_SCRIPT = """\
# the interchange of Parsl alone may outlive its driver, and hold its standard error
run() {
    setsid --wait "$python" driver.py "$kind" "$1" "$2" >/dev/null \\
        2> >("$python" -u -c "$stamp" >"errors$1.txt")
    echo "$?" >"code$1"
    sleep 1
}
python=$1 kind=$2 script=$3 row=$4 first=$5 settles=$6 stamp=$7
case $script in
once) run '' "$row" ;;
again)
    run '' "$first"
    rm -f ends.json
    run '' "$row"
    ;;
two)
    run '' "$row" &
    run b "$row" &
    wait
    ;;
esac
sleep "$settles"
"$python" -m polaris_parsl sandbox fault end >/dev/null
qstat -x -f -F json >after.json
"""


def run(name: str, kind: str) -> dict[str, str]:
    """What a row gives: the cells of its line."""
    row = ROWS[name]
    facts = asdict(row)
    # the driver that is started again meets no fault
    first, last = facts, facts
    if row.script == "again":
        last = {**facts, "when": "", "fault": (), "signals": ()}
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        folder = Path(place)
        (folder / "driver.py").write_text(_DRIVER.read_text())
        (folder / "script.sh").write_text(_SCRIPT)
        words = [sys.executable, kind, row.script, json.dumps(last), json.dumps(first)]
        sandbox = [sys.executable, "-m", "polaris_parsl", "sandbox", "--"]
        done = subprocess.run(
            [*sandbox, "bash", "script.sh", *words, str(row.settles), _STAMP],
            cwd=folder,
            env={**os.environ, "HOME": place, "POLARIS_PARSL_SANDBOX_ISOLATION": "namespaces"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if not (folder / "after.json").exists():
            raise RuntimeError(f"{name}: the sandbox ended with {done.returncode}: {done.stderr}")
        return cells(folder)


def cells(folder: Path) -> dict[str, str]:
    """What a finished run has left in its folder, in words."""
    files = sorted(folder.glob("ends*.json"))
    ends = [end for file in files for end in json.loads(file.read_text()).values()]
    jobs = json.loads((folder / "after.json").read_text() or "{}").get("Jobs", {}).values()
    began = [path.name.split("-")[1] for path in folder.glob("began-*")]
    lines = [
        (float(line.partition(" ")[0]), line.partition(" ")[2])
        for file in sorted(folder.glob("errors*.txt"))
        for line in file.read_text().splitlines()
    ]
    failed = [end for end in ends if end not in {"done", "never"}]
    codes = [path.read_text().strip() for path in sorted(folder.glob("code*"))]
    return {
        "done": f"{ends.count('done')} of {len(ends)}" if ends else "-",
        "run again": str(len(began) - len(set(began))),
        "failed": str(len(failed)) if ends else "-",
        "never ended": str(ends.count("never")) if ends else "-",
        "jobs": str(len(jobs)),
        "jobs left": str(sum(job["job_state"] not in "FX" for job in jobs)),
        "known after": known(folder, lines),
        "exit code": ", ".join(codes),
        "traceback": "yes" if any("Traceback" in text for _, text in lines) else "no",
        "what the user sees": without_paths(shown(lines, failed), folder),
    }


def without_paths(text: str, folder: Path) -> str:
    """A text without the directories of this machine."""
    for path, name in (
        (folder, "PROJECT"),
        (sys.prefix, "ENVIRONMENT"),
        (sys.base_prefix, "PYTHON"),
        (_SOURCE, "SOURCE"),
    ):
        text = text.replace(str(path), name)
    return text


def known(folder: Path, lines: list[tuple[float, str]]) -> str:
    """Seconds from the fault to the first word about it, or to the first task that failed."""
    fault, failed = folder / "fault-at", folder / "failed-at"
    if not fault.exists():
        return "-"
    made = float(fault.read_text())
    times = [when for when, text in lines if when >= made and is_news(text)]
    times += [float(failed.read_text())] if failed.exists() else []
    return f"{max(0, min(times) - made):.0f} s" if times else "never"


_USUAL = ("sandbox: ", "is in the queue", "the logs of this run", "node-hours")


def is_news(line: str) -> bool:
    """Whether a line is about a fault, and not one of every run."""
    return bool(line.strip()) and not any(text in line for text in _USUAL)


def shown(lines: list[tuple[float, str]], failed: list[str]) -> str:
    """What the user sees: our lines, the last of a traceback, and errors of tasks."""
    ours = ("polaris_parsl: ", "PolarisParslWarning: ")
    words = [
        text.partition(": ")[2].removeprefix("PolarisParslWarning: ")
        for _, text in lines
        if any(each in text for each in ours) and is_news(text)
    ]
    words += [text.partition(": ")[2] for _, text in lines if " tasks done" in text][-1:]
    if any("Traceback" in text for _, text in lines):
        words.append(f"a traceback that ends with {lines[-1][1]!r}")
    words += [shortened(end) for end in dict.fromkeys(failed)]
    return "; ".join(words).replace("|", "/") or "nothing"


def shortened(text: str) -> str:
    """A long text without its middle."""
    return text if len(text) <= 800 else f"{text[:300]} ... {text[-450:]}"


def table(results: dict[tuple[str, str], dict[str, str]]) -> str:
    """The table, in Markdown."""
    columns = list(next(iter(results.values())))
    lines = [f"| fault | with | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 2)}"]
    words = {"ours": "polaris_parsl", "alone": "Parsl alone"}
    lines += [
        f"| {row} | {words[kind]} | {' | '.join(result.values())} |"
        for (row, kind), result in results.items()
    ]
    return "\n".join(lines) + "\n"


def put(document: Path, text: str) -> None:
    """Put the table into a document, in the place of the old one."""
    before, _, rest = document.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    document.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


def main() -> int:
    """Print the table, or write it into a document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to run; all without")
    parser.add_argument("--alone", action="store_true", help="Parsl alone, too")
    parser.add_argument("--at-once", type=int, default=1, help="rows that run at once")
    parser.add_argument("--write", type=Path, help="document to put the table into")
    args = parser.parse_args()
    kinds = ["alone", "ours"] if args.alone else ["ours"]
    tries = [(row, kind) for row in args.rows or ROWS for kind in kinds]
    with ThreadPoolExecutor(args.at_once) as threads:
        found = dict(zip(tries, threads.map(lambda each: run(*each), tries), strict=True))
    text = table(found)
    if args.write:
        put(args.write, text)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

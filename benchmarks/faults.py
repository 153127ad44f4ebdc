"""What a fault of PBS does to a run: one table, for Parsl alone and for polaris_parsl.

    python benchmarks/faults.py [--alone] [ROW...]

Each row runs six tasks of a few seconds in a sandbox of its own while something goes wrong. Without
--alone the configuration is that of polaris_parsl, with it one of Parsl alone with the same provider,
launcher, heartbeats and no retries. Counts, not times, are what carries over from one machine to another.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# When a fault is made: before the job is submitted, while tasks run, or before the run ends.
ROWS: dict[str, tuple[str, list[str]]] = {
    "no fault": ("", []),
    "qsub: server down for 20 s": ("before", ["down", "qsub", "--for", "20"]),
    "qsub: its answer is lost": ("before", ["lost-answer", "qsub", "--for", "4"]),
    "qsub: prints garbage": ("before", ["garbage", "qsub", "--for", "4"]),
    "qsub: unknown queue": ("options", ["queue"]),
    "qstat: no jobs": ("tasks", ["no-jobs", "qstat", "--for", "70"]),
    "qstat: garbage": ("tasks", ["garbage", "qstat", "--for", "70"]),
    "qstat: server down": ("tasks", ["down", "qstat", "--for", "70"]),
    "block held for 30 s": ("before", ["hold", "next", "--for", "30"]),
    "block held after failed starts": ("before", ["failing-starts", "next"]),
    "block deleted in the queue": ("before", ["delete", "next", "--when", "queued"]),
    "block deleted": ("tasks", ["delete", "latest"]),
    "block preempted with requeue": ("tasks", ["preempt", "latest"]),
    "block preempted without requeue": ("tasks", ["preempt-delete", "latest"]),
    "block rerun": ("tasks", ["requeue", "latest"]),
    "block vanished": ("tasks", ["vanish", "latest"]),
    "walltime ends": ("tasks", ["walltime", "latest"]),
    "worker_init ends with exit 3": ("options", ["worker_init"]),
    "PBS hangs at the end": ("end", ["hang", "all", "--for", "60"]),
}

DRIVER = """\
import json, os, subprocess, sys, threading, time
from pathlib import Path
import parsl
from parsl import python_app

kind, when, *fault = sys.argv[1:]
here = Path.cwd()
program = [sys.executable, "-m", "polaris_parsl", "sandbox", "fault", *fault]

def make_fault():
    subprocess.run(program, check=True, stdout=subprocess.DEVNULL)

@python_app(cache=True)
def work(number, folder):
    import time
    from pathlib import Path
    (Path(folder) / f"began-{number}-{time.time()}").touch()
    time.sleep(8)
    return number

def tasks_fault():
    while not [*here.glob("began-*")]:
        time.sleep(0.2)
    make_fault()

def config():
    options = {"queue": "debug", "worker_init": ""}
    if when == "options":
        options[fault[0]] = {"queue": "nosuchqueue", "worker_init": "true\\nexit 3"}[fault[0]]
    if kind == "ours":
        import polaris_parsl
        made = polaris_parsl.config(
            account="sandbox", walltime="0:10:00", run_dir="runs", retries=0,
            available_accelerators=2, worker_init=options["worker_init"],
        )
        made.executors[0].provider.queue = options["queue"]  # config would refuse it before
        return made
    from parsl.addresses import address_by_interface
    from parsl.executors import HighThroughputExecutor
    from parsl.launchers import MpiExecLauncher
    from parsl.providers import PBSProProvider
    path = str(Path(sys.executable).parent)
    os.environ["PATH"] = f"{path}:{os.environ['PATH']}"
    return parsl.Config(run_dir="runs", executors=[HighThroughputExecutor(
        label="htex", address=address_by_interface("bond0"), max_workers_per_node=2,
        heartbeat_period=15, heartbeat_threshold=120,
        provider=PBSProProvider(
            account="sandbox", queue=options["queue"], walltime="0:10:00", select_options="ngpus=4",
            scheduler_options="#PBS -l filesystems=home:eagle",
            worker_init=f"export PATH={path}:$PATH TMPDIR=/tmp\\n" + options["worker_init"],
            launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"),
        ),
    )])

ends = {}
if when == "before":
    make_fault()
begin = time.time()
with parsl.load(config()):
    tasks = [work(number, str(here)) for number in range(6)]
    if when == "tasks":
        threading.Thread(target=tasks_fault, daemon=True).start()
    latest = time.monotonic() + 280
    for number, task in enumerate(tasks):
        try:
            task.exception(timeout=max(1, latest - time.monotonic()))
        except TimeoutError:
            ends[number] = "never"
        else:
            error = task.exception()
            ends[number] = " ".join(str(error).split()) if error else "done"
    if when == "end":
        make_fault()
    Path("result.json").write_text(json.dumps({"ends": ends, "seconds": time.time() - begin}))
"""
SCRIPT = """\
"$@" 2>errors.txt
echo $? >code
sleep 12
"$1" -m polaris_parsl sandbox fault end >/dev/null
qstat -x -f -F json >after.json
"""


def run(row: str, kind: str) -> dict[str, str]:
    """What a row gives: the cells of its line."""
    when, fault = ROWS[row]
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        (folder / "driver.py").write_text(DRIVER)
        (folder / "script.sh").write_text(SCRIPT)
        driver = [sys.executable, "driver.py", kind, when or "never", *fault]
        sandbox = [sys.executable, "-m", "polaris_parsl", "sandbox", "--", "bash", "script.sh"]
        subprocess.run(
            [*sandbox, *driver],
            cwd=folder,
            env={**os.environ, "HOME": name, "POLARIS_PARSL_SANDBOX_ISOLATION": "namespaces"},
            capture_output=True,
            check=False,
            timeout=500,
        )
        return cells(folder)


def cells(folder: Path) -> dict[str, str]:
    """What a finished run has left in its folder, in words."""
    ends = json.loads((folder / "result.json").read_text())["ends"].values()
    jobs = json.loads((folder / "after.json").read_text()).get("Jobs", {}).values()
    left = sum(job["job_state"] not in "FX" for job in jobs)
    began = len([*folder.glob("began-*")])
    done = sum(end == "done" for end in ends)
    errors = (folder / "errors.txt").read_text()
    return {
        "tasks done": f"{done} of {len(ends)}",
        "never ended": str(sum(end == "never" for end in ends)),
        "starts of tasks": str(began),
        "jobs": str(len(jobs)),
        "jobs left": str(left),
        "exit code": (folder / "code").read_text().strip(),
        "traceback": "yes" if "Traceback" in errors else "no",
        "what the user sees": said(errors, list(ends)),
    }


def said(errors: str, ends: list[str]) -> str:
    """The lines that the user sees about the fault, but for those of every run."""
    ours = ("polaris_parsl: ", "PolarisParslWarning: ")
    usual = ("sandbox: ", "is in the queue", "the logs of this run", "node-hours")
    lines = [
        line.partition(": ")[2].removeprefix("PolarisParslWarning: ")
        for line in errors.splitlines()
        if any(each in line for each in ours) and not any(text in line for text in usual)
    ]
    lines += [end[:200] for end in dict.fromkeys(ends) if end not in {"done", "never"}]
    return "; ".join(lines).replace("|", "/") or "nothing"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to run; all without")
    parser.add_argument("--alone", action="store_true", help="Parsl alone")
    args = parser.parse_args()
    is_first = True
    for row in args.rows or ROWS:
        result = run(row, "alone" if args.alone else "ours")
        if is_first:
            print(f"| fault | {' | '.join(result)} |\n|{'---|' * (len(result) + 1)}")
            is_first = False
        print(f"| {row} | {' | '.join(result.values())} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

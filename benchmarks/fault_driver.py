"""The script of each row of faults.py: some tasks of a few seconds, while something goes wrong.

    python fault_driver.py KIND NAME ROW

KIND is "ours" or "alone", NAME tells two scripts apart that run at once, ROW is the row as JSON. It runs in
the sandbox and leaves files in its directory: what began when, when the fault was made, how tasks ended.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import parsl
from parsl import python_app

HERE = Path.cwd()
_LATEST_SECONDS = 280


@python_app(cache=True)
def work(number: int, folder: str, name: str, kills: str, seconds: int) -> int:
    """A task of some seconds; the first one may kill its worker or its pool."""
    import os
    import signal
    import time
    from pathlib import Path

    is_first = not [*Path(folder).glob(f"began-{name}{number}-*")]
    (Path(folder) / f"began-{name}{number}-{time.time()}").touch()
    time.sleep(2)
    if number == 0 and kills == "worker":
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 0 and kills == "memory":
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does
    if number == 0 and kills == "pool" and is_first:
        os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(seconds - 2)
    return number


class Row:
    """A row, as this script acts on it."""

    def __init__(self, kind: str, name: str, facts: dict[str, Any]) -> None:
        self.kind, self.name, self.facts = kind, name, facts

    def make_fault(self) -> None:
        """Let the sandbox do it, or do it to this process."""
        for fault in filter(None, (self.facts["fault"], self.facts["then"])):
            program = [sys.executable, "-m", "polaris_parsl", "sandbox", "fault", *fault]
            subprocess.run(program, check=True, stdout=subprocess.DEVNULL)
        if self.facts["commands"]:
            subprocess.run(["bash", "-c", self.facts["commands"]], check=True)
        (HERE / "fault-at").write_text(str(time.time()))
        for each in self.facts["signals"]:
            # the terminal sends Ctrl-C to all processes of the group
            send, whom = (os.killpg, 0) if each == "SIGINT" else (os.kill, os.getpid())
            send(whom, signal.Signals[each])
            time.sleep(1)

    def make_fault_while_tasks_run(self) -> None:
        """Wait for tasks before."""
        while len([*HERE.glob(f"began-{self.name}*")]) < self.facts["tasks_before"]:
            time.sleep(0.2)
        time.sleep(1)
        self.make_fault()

    def make_fault_while_block_starts(self) -> None:
        """Wait for a job."""
        while not subprocess.run(["qselect"], capture_output=True, check=False).stdout:
            time.sleep(0.2)
        self.make_fault()

    def config(self) -> parsl.Config:
        """The configuration, of polaris_parsl or of Parsl alone."""
        made = _ours(self) if self.kind == "ours" else _alone(self)
        executor: Any = made.executors[0]
        executor.provider.queue = self.facts["queue"]  # `config` refuses an unknown one before
        if self.facts["cmd_timeout"]:
            executor.provider.cmd_timeout = self.facts["cmd_timeout"]
        if self.facts["cpus"]:
            executor.cpu_affinity = self.facts["cpus"]
        if self.facts["is_lost"]:
            before = executor.launch_cmd.partition(" && exec ")[2] or executor.launch_cmd
            executor.launch_cmd = f"cd /lus/nowhere && exec {before}"
        return made


def _ours(row: Row) -> parsl.Config:
    import polaris_parsl

    return polaris_parsl.config(
        account="sandbox",
        walltime=row.facts["walltime"],
        run_dir=f"runs{row.name}",
        retries=0,
        init_blocks=row.facts["blocks"],
        max_blocks=row.facts["blocks"],
        available_accelerators=2,
        worker_init=row.facts["worker_init"],
        nodes_per_block=row.facts["nodes"],
        queue="preemptable" if max(row.facts["nodes"], row.facts["blocks"]) > 1 else "debug",
        **({"task_walltime": given} if (given := row.facts["task_walltime"]) else {}),
        **row.facts["heartbeats"],
    )


def _alone(row: Row) -> parsl.Config:
    from parsl.addresses import address_by_interface
    from parsl.dataflow.memoization import BasicMemoizer
    from parsl.executors import HighThroughputExecutor
    from parsl.launchers import MpiExecLauncher
    from parsl.providers import PBSProProvider

    path = str(Path(sys.executable).parent)
    os.environ["PATH"] = f"{path}:{os.environ['PATH']}"
    launcher = MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1")
    provider = PBSProProvider(
        account="sandbox",
        queue=row.facts["queue"],
        walltime=row.facts["walltime"],
        init_blocks=row.facts["blocks"],
        max_blocks=row.facts["blocks"],
        select_options="ngpus=4",
        scheduler_options="#PBS -l filesystems=home:eagle",
        worker_init=f"export PATH={path}:$PATH TMPDIR=/tmp\n{row.facts['worker_init']}",
        nodes_per_block=row.facts["nodes"],
        launcher=launcher,
    )
    executor = HighThroughputExecutor(
        label="htex",
        address=address_by_interface("bond0"),
        max_workers_per_node=2,
        provider=provider,
        **{"heartbeat_period": 15, "heartbeat_threshold": 120, **row.facts["heartbeats"]},
    )
    memoizer = BasicMemoizer(checkpoint_mode="task_exit")
    return parsl.Config(run_dir=f"runs{row.name}", executors=[executor], memoizer=memoizer)


def wait_for(tasks: list[Future[int]]) -> dict[int, str]:
    """How each task ends, in words."""
    ends = {}
    latest = time.monotonic() + _LATEST_SECONDS
    for number, task in enumerate(tasks):
        try:
            error = task.exception(timeout=max(1, latest - time.monotonic()))
        except TimeoutError:
            ends[number] = "never"
            continue
        ends[number] = " ".join(f"{type(error).__name__}: {error}".split()) if error else "done"
        if error and not (HERE / "failed-at").exists():
            (HERE / "failed-at").write_text(str(time.time()))
    return ends


def main() -> None:
    """Run the tasks, and the fault."""
    kind, name, facts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    row, when = Row(kind, name, facts), facts["when"]
    # as in a terminal: a shell lets what it starts in the background ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if when == "before":
        row.make_fault()
    elif when == "always":
        (HERE / "fault-at").write_text(str(time.time()))
    with parsl.load(row.config()):
        tasks = [
            work(each, str(HERE), name, facts["kills"], facts["seconds"])
            for each in range(facts["tasks"])
        ]
        if facts["ends"]:
            row.make_fault_while_tasks_run()
            raise (SystemExit if facts["ends"] == "exit" else RuntimeError)("the script ends")
        makers = {
            "tasks": row.make_fault_while_tasks_run,
            "starts": row.make_fault_while_block_starts,
        }
        if when in makers:
            threading.Thread(target=makers[when], daemon=True).start()
        if facts["forgets"]:
            time.sleep(20)
            return
        ends = wait_for(tasks)
        if when == "end":
            row.make_fault()
        (HERE / f"ends{name}.json").write_text(json.dumps(ends))


if __name__ == "__main__":
    main()

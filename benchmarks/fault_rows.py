"""The rows of faults.py: what goes wrong, and what the user of polaris_parsl then reads."""

from dataclasses import dataclass, field
from typing import Any

TASKS = 6


@dataclass(frozen=True)
class Row:
    """What goes wrong.

    Attributes:
        when: the fault is made: before the job is submitted, while it starts, while tasks run, at the end,
            or always.
        fault: of the sandbox.
        then: another one, right after it.
        commands: of a shell, in place of a fault.
        signals: to the driver itself.
        ends: how the script ends while tasks run: by an exception, or by sys.exit.
        script: how often the driver runs: once, again (the first time with the fault), or two at once.
        tasks_before: tasks that have begun when a fault is made while tasks run.
        tasks, seconds: how many there are, and how long each is.
        queue, worker_init, nodes, blocks, walltime, task_walltime, heartbeats, cmd_timeout, cpus: of the
            configuration.
        is_lost: whether the directory in which workers start is on no node.
        kills: what the first task kills: its worker, also as when memory runs out, or its pool.
        forgets: whether the script waits for no result.
        settles: seconds after the end until jobs are counted.
        said: what the user of polaris_parsl reads; "" where nothing needs to be said.
        done: tasks that are done with polaris_parsl; None if the driver does not live to count.
    """

    when: str = ""
    fault: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    commands: str = ""
    signals: tuple[str, ...] = ()
    ends: str = ""
    script: str = "once"
    tasks_before: int = 1
    tasks: int = TASKS
    seconds: int = 8
    queue: str = "debug"
    worker_init: str = ""
    nodes: int = 1
    blocks: int = 1
    walltime: str = "0:10:00"
    task_walltime: str = ""
    is_lost: bool = False
    heartbeats: dict[str, int] = field(default_factory=dict)
    cmd_timeout: int = 0
    cpus: str = ""
    kills: str = ""
    forgets: bool = False
    settles: int = 12
    said: str = ""
    done: int | None = TASKS


def _before(*fault: str, said: str, **more: Any) -> Row:
    return Row("before", fault, said=said, **more)


def _tasks(*fault: str, said: str, **more: Any) -> Row:
    return Row("tasks", fault, said=said, **more)


def _ends(*signals: str, said: str, **more: Any) -> Row:
    return Row("tasks", signals=signals, said=said, done=None, **more)


# The block waits for the nodes of another job until its user has held it.
_HOLD = """\
busy=$(echo sleep 600 | qsub -A sandbox -q preemptable -l select=4:ngpus=4 -l walltime=0:20:00 \\
    -l filesystems=home -N busy -o /dev/null -e /dev/null)
{
    until [ -n "$(qselect -s Q)" ]; do sleep 0.5; done
    block=$(qselect -s Q)
    qhold "$block"
    qdel "$busy"
    sleep 20
    qrls "$block"
} >/dev/null 2>&1 &
"""
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
    "qstat: slower than cmd_timeout": _tasks(
        "slow", "qstat", "--by", "15", "--for", "50", said="", cmd_timeout=5
    ),
    "qstat: empty": _tasks("empty", "qstat", "--for", "50", said=""),
    "qstat: one of two blocks": _tasks(
        *("first-only", "qstat", "--for", "50"),
        said="",
        blocks=2,
        tasks_before=3,
        queue="preemptable",
    ),
    "qstat: no jobs": _tasks("no-jobs", "qstat", "--for", "50", said=""),
    "qstat: garbage": _tasks("garbage", "qstat", "--for", "50", said=""),
    "qstat: half of its answer": _tasks("truncated", "qstat", "--for", "50", said=""),
    "qstat: exit code 1": _tasks("error", "qstat", "--for", "50", said=""),
    "qstat: server down": _tasks("down", "qstat", "--for", "50", said=""),
    "block vanished": _tasks("vanish", "latest", said="has vanished"),
    "block deleted, and its history purged": _tasks(
        "delete", "job-1", then=("purge", "job-1"), said="block 0"
    ),
    "block held by its user": Row(
        "before", commands=_HOLD, queue="preemptable", said="is held by PBS"
    ),
    "block held for 30 s": _before("hold", "next", "--for", "30", said="is held by PBS"),
    "block held after failed starts": _before(
        "failing-starts", "next", said="too many failed attempts", done=0
    ),
    "block deleted in the queue": _before(
        "delete", "next", "--when", "queued", said="was deleted or preempted"
    ),
    "block deleted before its workers come": _before(
        "delete", "next", "--when", "running", said="was deleted or preempted"
    ),
    "block rerun before its workers come": _before("requeue", "next", said=""),
    "block deleted": _tasks("delete", "latest", said="was deleted or preempted"),
    "block preempted with requeue": _tasks("preempt", "latest", said="put back into the queue"),
    "block preempted without requeue": _tasks(
        "preempt-delete", "latest", said="was deleted or preempted"
    ),
    "block rerun": _tasks("requeue", "latest", said="put back into the queue"),
    "walltime ends": _tasks("walltime", "latest", said="has reached its walltime"),
    "walltime ends three times": Row(
        "always",
        tasks=2,
        seconds=600,
        walltime="0:00:30",
        said="cut off by the walltime of 0:00:30 3 times; its longest attempt was",
        done=0,
    ),
    "walltime ends, with task_walltime": Row(
        "always",
        tasks=12,
        seconds=20,
        walltime="0:02:00",
        task_walltime="0:00:30",
        said="",
        done=12,
    ),
    "the workers' directory is not there": Row(
        "always", is_lost=True, said="can't cd to /lus/nowhere", done=0
    ),
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
    "a node dies, the only one": _tasks(
        "die", "head", "--for", "45", settles=60, said="does not answer"
    ),
    "a node is cut off for 40 s": _tasks(
        "cut", "last", "--for", "40", nodes=2, queue="preemptable", said="does not answer"
    ),
    "a task kills its worker": Row("always", kills="worker", said="was killed by SIGSEGV", done=5),
    "a worker is killed for its memory": Row(
        "always", kills="memory", said="as when the memory of a node runs out", done=5
    ),
    "a pool of workers is killed": Row("always", kills="pool", said="its workers have ended"),
    "workers end again and again": Row(
        "always", cpus="list:900:901", heartbeats=_SHORT, said="5 times without a task", done=0
    ),
    "PBS hangs at the end": Row("end", ("hang", "all", "--for", "60"), said="qdel"),
    "PBS is down at the end": Row("end", ("down", "all"), said="qdel"),
    "driver: an exception": Row("tasks", ends="exception", said="not ended", done=None),
    "driver: sys.exit": Row("tasks", ends="exit", said="not ended", done=None),
    "driver: Ctrl-C while its block starts": Row(
        "starts", signals=("SIGINT",), said="node-hours", done=None
    ),
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
        "always", script="two", queue="debug-scaling", said="waits for its turn", done=2 * TASKS
    ),
    "run_dir full for 20 s": _tasks("full", "runs", "--for", "20", said="No space left"),
    "quota used up for 20 s": _tasks("quota", "runs", "--for", "20", said="Disk quota exceeded"),
    "file system gone for 20 s": _tasks(
        "gone", "runs", "--for", "20", said="Cannot send after transport endpoint shutdown"
    ),
}

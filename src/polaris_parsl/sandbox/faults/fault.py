"""A fault as a user asks for it, and the kinds that there are."""

from dataclasses import asdict, dataclass
from typing import Any

from polaris_parsl.errors import SandboxError

ALL = "all"
LATEST = "latest"
NEXT = "next"
_LATE_SECONDS = 5.0
QUEUED, RUNNING = "queued", "running"

CLIENTS = {
    "down": "the server does not answer: PBS's words and exit codes",
    "slow": "answers come late, by --by seconds; a client that was killed before asked for nothing",
    "hang": "no answer until the fault is over; a client that was killed before asked for nothing",
    "garbage": "the command is carried out, and prints what nobody can read; exit code 0",
    "truncated": "the command is carried out, and prints half of its answer; exit code 0",
    "empty": "the command is carried out, and prints nothing; exit code 0",
    "no-jobs": "qstat knows of no job: JSON without `Jobs`; exit code 0",
    "first-only": "qstat shows only the first of several jobs, as OpenPBS's development version; exit code 0",
    "error": "the command is not carried out; exit code 1",
    "lost-answer": "the command is carried out, and then, --by seconds later, the connection is lost",
}
JOBS = {
    "hold": "held by the system; with --for released again",
    "release": "all holds taken from it",
    "delete": "deleted by an operator",
    "requeue": "ended and queued again with its id, as by qrerun",
    "preempt": "requeued for a job in demand that has its nodes for --for seconds (2); deleted if it "
    "was submitted with `-r n`",
    "preempt-delete": "deleted for a job in demand that has its nodes for --for seconds (2)",
    "vanish": "unknown to PBS from now on (153); its processes go on for --for seconds (0)",
    "purge": "taken out of the history, or `all` that have finished",
    "walltime": "ended as if its walltime were over",
    "failing-starts": "each start fails, until PBS holds it; with --for starts work again",
}
NODES = {
    "die": "the node is silent, its processes are killed, PBS calls it down; with --for it returns. A job whose "
    "first node dies is queued again when PBS has noticed, or the node has returned; others go on",
    "cut": "no traffic between the node and the others; PBS and ssh still reach it. Needs namespaces",
    "return": "a node that died, or was cut off, is there again",
}
DIRECTORIES = {
    "full": "no room in a directory and below: what is written there fails, and new files cannot be made",
    "quota": "the same, as where a quota is used up",
    "gone": "the file system of a directory is gone: what is opened, read, written or made there fails",
}
KINDS = CLIENTS | JOBS | NODES | DIRECTORIES


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: one of KINDS.
        target: a PBS command, job or node, depending on the kind; "" for the kind's own default.
        after: seconds to wait; of a fault of a job, from when the job is as `when` says.
        lasts: seconds until it is over; None: until it is ended, or what the kind says.
        by: how late an answer comes, in seconds; None: 5 for slow, else 0.
        when: the state that the job must have before, queued or running; "" for the kind's own.
    """

    kind: str
    target: str = ""
    after: float = 0.0
    lasts: float | None = None
    by: float | None = None
    when: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SandboxError(
                f"there is no fault {self.kind!r}", remedy=f"choose one of {', '.join(KINDS)}"
            )
        for name, seconds in (("after", self.after), ("for", self.lasts), ("by", self.by)):
            if seconds is not None and not 0 <= seconds < float("inf"):
                raise SandboxError(f"{name} is {seconds}", remedy="give a number of seconds")
        if self.when not in {"", QUEUED, RUNNING}:
            raise SandboxError(
                f"when is {self.when!r}", remedy=f"choose {QUEUED} or {RUNNING}, or leave it out"
            )
        if self.when and self.kind not in JOBS:
            raise SandboxError(
                f"when={self.when}, but {self.kind} is not a fault of a job", remedy="leave it out"
            )

    @property
    def late_seconds(self) -> float:
        """How late an answer comes."""
        return (_LATE_SECONDS if self.kind == "slow" else 0.0) if self.by is None else self.by

    def as_dict(self) -> dict[str, Any]:
        """The fault as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.kind} {self.target}".strip()

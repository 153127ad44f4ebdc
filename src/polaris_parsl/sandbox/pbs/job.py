"""A job of the server."""

from dataclasses import asdict, dataclass, field
from typing import Any

from polaris_parsl.sandbox.pbs.resources import Chunk, read_select

# What PBS writes as Exit_status; observed on OpenPBS 23.06.06.
EPILOGUE_STATUS_DELETED = 271  # 256 + SIGTERM
STATUS_WALLTIME = -29
STATUS_REQUEUED = -11
STATUS_NOT_STARTED = -3


@dataclass
class Job:
    """One job; times are seconds of the clock, None for events that have not happened."""

    number: int
    id: str
    name: str
    owner: str
    account: str
    queue: str
    script: str
    shell: str
    select: str
    place: str
    filesystems: str
    walltime_seconds: int
    output_path: str
    error_path: str
    join: str
    rerunnable: str
    mail_points: str
    submit_arguments: str
    variables: dict[str, str]
    user: dict[str, str]
    ctime: float
    mtime: float
    state: str = "Q"
    substate: int = 10
    comment: str | None = None
    stime: float | None = None
    obittime: float | None = None
    session: int | None = None
    hosts: list[str] = field(default_factory=list)
    run_count: int = 0
    exit_status: int | None = None
    is_deleted: bool = False
    hold_types: str = "n"
    depend: str = ""
    execution_time: float | None = None
    waits_for_others: bool = False
    # of an array: what -J says, the indices that wait, how many may run (0: all), its subjobs by state
    array: str = ""
    remaining: list[int] = field(default_factory=list)
    most_running: int = 0
    counts: str = ""
    # of a subjob
    index: int | None = None

    @property
    def key(self) -> str:
        """Its id without the server."""
        index = "[]" if self.array else "" if self.index is None else f"[{self.index}]"
        return f"{self.number}{index}"

    @property
    def array_id(self) -> str:
        """The id of the array of a subjob."""
        return f"{self.number}[].{self.id.partition('.')[2]}"

    @property
    def array_variables(self) -> dict[str, str]:
        """What a subjob has in its environment."""
        if self.index is None:
            return {}
        return {"PBS_ARRAY_INDEX": str(self.index), "PBS_ARRAY_ID": self.array_id}

    @property
    def size(self) -> int:
        """As how many jobs it counts where it waits."""
        return len(self.remaining) if self.array else 1

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """The chunks of the select, one by one."""
        return read_select(self.select)

    @property
    def nodes(self) -> list[str]:
        """The nodes of the job, each once, the first one first."""
        return list(dict.fromkeys(self.hosts))

    @property
    def is_finished(self) -> bool:
        """Whether the job is in the history; a subjob whose array goes on is in state X."""
        return self.state in "FX"

    @property
    def is_held(self) -> bool:
        """Whether it has a hold, which keeps it from starting but does not end it."""
        return self.hold_types != "n"

    def wait(self, now: float) -> None:
        """Take the state of a job that does not run: held, waiting for its time, or queued."""
        if self.is_held:
            self.state, self.substate = "H", 22 if self.waits_for_others else 20
        elif self.execution_time is not None and self.execution_time > now:
            self.state, self.substate = "W", 30
        else:
            self.state, self.substate = "Q", 10

    def total(self, name: str) -> int:
        """How much of a countable resource all chunks request together."""
        return sum(chunk.amount(name) for chunk in self.chunks)

    def as_dict(self) -> dict[str, Any]:
        """The job as plain data."""
        return asdict(self)

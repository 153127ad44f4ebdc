"""The facts of data/polaris.toml as typed, frozen objects."""

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("data") / "polaris.toml"


@dataclass(frozen=True)
class Accelerator:
    """A GPU of a node and the CPUs (hardware threads) of its NUMA domain, as "0-7,32-39"."""

    gpu: int
    numa: int
    cpus: str


@dataclass(frozen=True)
class Mps:
    """Where NVIDIA's Multi-Process Service meets its clients and writes its logs, on each node."""

    pipe_directory: str
    log_directory: str


@dataclass(frozen=True)
class Node:
    """A compute node; threads counts hardware threads, which PBS calls ncpus."""

    cores: int
    threads: int
    gpu_model: str
    hostname_pattern: str
    domain: str
    tmpdir: str
    accelerators: tuple[Accelerator, ...]
    mps: Mps


@dataclass(frozen=True)
class Queue:
    """Limits of a PBS queue for one job (nodes, walltime in minutes) and one user (jobs)."""

    name: str
    nodes_min: int
    nodes_max: int
    walltime_min_minutes: int
    walltime_max_minutes: int
    jobs_per_user_max: int | None
    routes_to: tuple[str, ...]
    only_by_routing: bool
    source: str
    checked: datetime.date
    doubt: str | None

    def takes(
        self, nodes: int, walltime_seconds: int, *, shortest_seconds: int | None = None
    ) -> bool:
        """Whether a job of this size and length is within the queue's own limits.

        Args:
            nodes: count.
            walltime_seconds: length of the job.
            shortest_seconds: the least walltime, where it is lower than the queue's.
        """
        shortest = 60 * self.walltime_min_minutes
        if shortest_seconds is not None:
            shortest = min(shortest, shortest_seconds)
        longest = 60 * self.walltime_max_minutes
        return self.nodes_min <= nodes <= self.nodes_max and shortest <= walltime_seconds <= longest


@dataclass(frozen=True)
class CondaModule:
    """An ALCF conda module and the conda prefix behind it."""

    name: str
    prefix: Path
    python: str


@dataclass(frozen=True)
class ParslReleases:
    """Releases of Parsl: the oldest supported, those that are locked, and all that are tested.

    `removed` has for each argument of older configurations the first release without it.
    """

    oldest: str
    locked: tuple[str, ...]
    tested: tuple[str, ...]
    removed: Mapping[str, str]


@dataclass(frozen=True)
class Facts:
    """All that is known of the system; data/polaris.toml says from where."""

    system: str
    site: str
    node_count: int
    node: Node
    interfaces: tuple[str, ...]
    filesystems: tuple[str, ...]
    doubtful_filesystems: tuple[str, ...]
    default_filesystems: str
    modulefiles: Path
    conda_modules: tuple[CondaModule, ...]
    pbs_server: str
    pbs_version: str
    login_hostname: str
    default_queue: str
    reservation_pattern: str
    closed_queue_patterns: tuple[str, ...]
    queues: Mapping[str, Queue]
    parsl: ParslReleases
    defaults: Mapping[str, Any]

    @property
    def login_fqdn(self) -> str:
        """Full name of the login node."""
        return f"{self.login_hostname}.{self.node.domain}"


@cache
def polaris() -> Facts:
    """Facts about Polaris, read once per process.

    Source: data/polaris.toml, where each table names its own.
    """
    data = _read()
    return Facts(
        system=data["system"]["name"],
        site=data["system"]["site"],
        node_count=data["system"]["nodes"],
        node=_node(data["node"]),
        interfaces=tuple(data["network"]["interfaces"]),
        filesystems=tuple(data["filesystems"]["names"]),
        doubtful_filesystems=tuple(data["filesystems"]["doubtful"]),
        default_filesystems=data["filesystems"]["default"],
        modulefiles=Path(data["modules"]["modulefiles"]),
        conda_modules=tuple(
            CondaModule(entry["name"], Path(entry["prefix"]), entry["python"])
            for entry in data["modules"]["conda"]
        ),
        pbs_server=data["pbs"]["server"],
        pbs_version=data["pbs"]["printed"]["version"],
        login_hostname=data["login"]["hostname"],
        default_queue=data["pbs"]["default_queue"],
        reservation_pattern=data["pbs"]["reservation_pattern"],
        closed_queue_patterns=tuple(data["pbs"]["closed_queue_patterns"]),
        queues={name: _queue(name, entry) for name, entry in data["queue"].items()},
        parsl=ParslReleases(
            data["parsl"]["oldest"],
            tuple(data["parsl"]["locked"]),
            tuple(data["parsl"]["tested"]),
            data["parsl"]["removed"],
        ),
        defaults={
            name: value for entry in data["defaults"] for name, value in entry["values"].items()
        },
    )


def reason_for_default(option: str) -> tuple[str, str]:
    """Why an option has its default, and the source; two empty texts where it has none."""
    for entry in _read()["defaults"]:
        if option in entry["values"]:
            return entry["why"], _citation(entry)
    return "", ""


def source(table: str) -> str:
    """Where the facts of a table come from, and when that was read.

    Args:
        table: name as in data/polaris.toml, for instance "node" or "queue.debug".
    """
    entry: Any = _read()
    for key in table.split("."):
        entry = entry[key]
    return _citation(entry)


def _citation(entry: Mapping[str, Any]) -> str:
    return f"{' '.join(entry['source'].split())}, read {entry['checked']}"


@cache
def _read() -> Mapping[str, Any]:
    with _FILE.open("rb") as stream:
        return tomllib.load(stream)


def _node(data: Mapping[str, Any]) -> Node:
    return Node(
        cores=data["cores"],
        threads=data["threads"],
        gpu_model=data["gpu_model"],
        hostname_pattern=data["hostname_pattern"],
        domain=data["domain"],
        tmpdir=data["tmpdir"],
        accelerators=tuple(
            Accelerator(entry["gpu"], entry["numa"], entry["cpus"]) for entry in data["accelerator"]
        ),
        mps=Mps(data["mps"]["pipe_directory"], data["mps"]["log_directory"]),
    )


def _queue(name: str, data: Mapping[str, Any]) -> Queue:
    return Queue(
        name=name,
        nodes_min=data["nodes_min"],
        nodes_max=data["nodes_max"],
        walltime_min_minutes=data["walltime_min_minutes"],
        walltime_max_minutes=data["walltime_max_minutes"],
        jobs_per_user_max=data.get("jobs_per_user_max"),
        routes_to=tuple(data.get("routes_to", ())),
        only_by_routing=data.get("only_by_routing", False),
        source=data["source"],
        checked=data["checked"],
        doubt=data.get("doubt"),
    )

"""The facts of facts/polaris.toml as typed, frozen objects."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from polaris_parsl.facts.conflicting_sources import (
    ConflictingSource,
    all_conflicting_sources,
    conflicting_sources_of,
)
from polaris_parsl.facts.learned_queues import file_of_learned_queues, read_learned_queues
from polaris_parsl.facts.queues import Queue, read_queue
from polaris_parsl.facts.tables import tables

_FILE = Path(__file__).with_name("polaris.toml")


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
    """A compute node; threads counts hardware threads, which PBS calls ncpus.

    What is written to its tmpdir takes memory where tmpdir_is_tmpfs; local_scratch is a disk.
    No other node sees what is written to its own directories.
    """

    cores: int
    threads: int
    ram_gib: int
    pbs_mem_kb: int
    gpu_model: str
    local_scratch: str
    hostname_pattern: str
    domain: str
    tmpdir: str
    tmpdir_is_tmpfs: bool
    own: tuple[Path, ...]
    accelerators: tuple[Accelerator, ...]
    mps: Mps


@dataclass(frozen=True)
class Login:
    """The login nodes, and what a user has of one over all sessions.

    Tasks are processes and threads; tasks_file, with the user's name put in, says how many.
    """

    hostnames: tuple[str, ...]
    tasks_per_user: int
    tasks_file: str
    cores_per_user: int
    memory_gb_per_user: int
    interfaces: tuple[str, ...]


@dataclass(frozen=True)
class Proxy:
    """What nodes reach the internet through, and the names for which they must not."""

    url: str
    no_proxy: str


@dataclass(frozen=True)
class CondaModule:
    """An ALCF conda module and the conda prefix behind it."""

    name: str
    prefix: Path
    python: str


@dataclass(frozen=True)
class ProtectedPackages:
    """Packages of the conda modules, by normalised name, that no other build may come before."""

    names: frozenset[str]
    why: str


@dataclass(frozen=True)
class ParslReleases:
    """Releases of Parsl: the oldest supported, those that are locked, and all that are tested.

    `removed` has for each argument of older configurations the first release without it.
    knows_finished is the first that knows the state of a finished PBS job.
    driver_tasks is how many processes and threads a driver with one executor has.
    """

    oldest: str
    knows_finished: str
    driver_tasks: int
    locked: tuple[str, ...]
    tested: tuple[str, ...]
    removed: Mapping[str, str]

    @property
    def newest_tested(self) -> str:
        """The newest release that is tested."""
        return self.tested[-1]


@dataclass(frozen=True)
class GlobusCompute:
    """Globus Compute endpoints: tested releases with the Parsl of each, and idle times in heartbeats."""

    tested: Mapping[str, str]
    heartbeat_seconds: int
    idle_heartbeats_soft: int
    idle_heartbeats_hard: int


@dataclass(frozen=True)
class Facts:
    """All that is known of the system; facts/polaris.toml says from where.

    `queues` has what the install has learned of PBS, too; documented_queues has polaris.toml's alone.
    """

    system: str
    site: str
    other_systems: tuple[str, ...]
    node_count: int
    node: Node
    interfaces: tuple[str, ...]
    proxy: Proxy
    filesystems: tuple[str, ...]
    doubtful_filesystems: tuple[str, ...]
    default_filesystems: str
    mounts: Mapping[str, Path]
    mounted_below: Path
    home_quota_gb: int
    modulefiles: Path
    conda_prefixes: Path
    parallel_module: str
    conda_modules: tuple[CondaModule, ...]
    protected: ProtectedPackages
    pbs_server: str
    pbs_version: str
    pbs_history_days: int
    pbs_failed_starts_max: int
    pbs_dead_node_noticed_seconds: int
    pbs_name_length_max: int
    mig_queues: tuple[str, ...]
    login: Login
    default_queue: str
    reservation_pattern: str
    closed_queue_patterns: tuple[str, ...]
    documented_queues: Mapping[str, Queue]
    queues: Mapping[str, Queue]
    parsl: ParslReleases
    globus_compute: GlobusCompute
    defaults: Mapping[str, Any]
    conflicting_sources: tuple[tuple[str, ConflictingSource], ...]

    def is_closed_or_reserved(self, queue: str) -> bool:
        """Whether a queue that is not listed may exist: a reservation, or one for invited users."""
        return any(re.fullmatch(pattern, queue) for pattern in self.unlisted_patterns)

    @property
    def unlisted_patterns(self) -> tuple[str, ...]:
        """Patterns of the names of such queues."""
        return (self.reservation_pattern, *self.closed_queue_patterns)

    def is_login_node(self, hostname: str) -> bool:
        """Whether a host name, with or without its domain, is one of the login nodes."""
        return hostname.partition(".")[0] in self.login.hostnames

    @property
    def login_hostname(self) -> str:
        """Name of the first login node."""
        return self.login.hostnames[0]

    @property
    def login_fqdn(self) -> str:
        """Full name of the first login node."""
        return f"{self.login_hostname}.{self.node.domain}"


@cache
def polaris() -> Facts:
    """Facts about Polaris, read once per process.

    Source: facts/polaris.toml, where each table names its own.
    """
    data = _read()
    documented = {name: read_queue(name, entry) for name, entry in data["queue"].items()}
    return Facts(
        system=data["system"]["name"],
        site=data["system"]["site"],
        other_systems=tuple(data["system"]["others"]),
        node_count=data["system"]["nodes"],
        node=_node(data["node"]),
        interfaces=tuple(data["network"]["interfaces"]),
        proxy=Proxy(data["proxy"]["url"], data["proxy"]["no_proxy"]),
        filesystems=tuple(data["filesystems"]["names"]),
        doubtful_filesystems=_doubtful(data["filesystems"]),
        default_filesystems=data["filesystems"]["default"],
        mounts={name: Path(path) for name, path in data["filesystems"]["mounts"].items()},
        mounted_below=Path(data["filesystems"]["mounted_below"]),
        home_quota_gb=data["filesystems"]["home_quota_gb"],
        modulefiles=Path(data["modules"]["modulefiles"]),
        conda_prefixes=Path(data["modules"]["conda_prefixes"]),
        parallel_module=data["modules"]["parallel"]["name"],
        conda_modules=tuple(
            CondaModule(entry["name"], Path(entry["prefix"]), entry["python"])
            for entry in data["modules"]["conda"]
        ),
        protected=ProtectedPackages(
            frozenset(data["modules"]["protected"]["names"]), data["modules"]["protected"]["why"]
        ),
        pbs_server=data["pbs"]["server"],
        pbs_version=data["pbs"]["printed"]["version"],
        pbs_history_days=data["pbs"]["history_days"],
        pbs_failed_starts_max=data["pbs"]["failed_starts"]["max"],
        pbs_dead_node_noticed_seconds=data["pbs"]["dead_node"]["noticed_seconds"],
        pbs_name_length_max=data["pbs"]["name"]["length_max"],
        mig_queues=tuple(data["pbs"]["mig"]["queues"]),
        login=_login(data["login"]),
        default_queue=data["pbs"]["default_queue"],
        reservation_pattern=data["pbs"]["reservation_pattern"],
        closed_queue_patterns=tuple(data["pbs"]["closed_queue_patterns"]),
        documented_queues=documented,
        queues=_with_learned(documented, data["system"]["nodes"]),
        parsl=ParslReleases(
            data["parsl"]["oldest"],
            data["parsl"]["knows_finished"],
            data["parsl"]["driver"]["tasks"],
            tuple(data["parsl"]["locked"]),
            tuple(data["parsl"]["tested"]),
            data["parsl"]["removed"],
        ),
        globus_compute=GlobusCompute(
            data["globus_compute"]["tested"],
            data["globus_compute"]["heartbeat_seconds"],
            data["globus_compute"]["idle_heartbeats_soft"],
            data["globus_compute"]["idle_heartbeats_hard"],
        ),
        defaults={
            name: value for entry in data["defaults"] for name, value in entry["values"].items()
        },
        conflicting_sources=tuple(all_conflicting_sources(data)),
    )


def _with_learned(known: Mapping[str, Queue], nodes: int) -> Mapping[str, Queue]:
    """The queues of the facts, with what the install has learned of PBS."""
    learned = read_learned_queues(file_of_learned_queues())
    if learned is None:
        return known
    longest = max(queue.walltime_max_minutes for queue in known.values())
    return learned.on_top_of(known, nodes=nodes, minutes=longest)


def reason_for_default(option: str) -> tuple[str, str]:
    """Why an option has its default, and the source; two empty texts where it has none."""
    for entry in _read()["defaults"]:
        if option in entry["values"]:
            return entry["why"], _citation(entry)
    return "", ""


def source(table: str) -> str:
    """Where the facts of a table come from, and when that was read.

    Args:
        table: name as in facts/polaris.toml, for instance "node" or "queue.debug".
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
        return tables(tomllib.load(stream), _FILE)


def _node(data: Mapping[str, Any]) -> Node:
    return Node(
        cores=data["cores"],
        threads=data["threads"],
        ram_gib=data["ram_gib"],
        pbs_mem_kb=data["pbs_mem_kb"],
        gpu_model=data["gpu_model"],
        local_scratch=data["local_scratch"],
        hostname_pattern=data["hostname_pattern"],
        domain=data["domain"],
        tmpdir=data["tmpdir"],
        tmpdir_is_tmpfs=data["tmpdir_is_tmpfs"],
        own=tuple(map(Path, data["own"]["directories"])),
        accelerators=tuple(
            Accelerator(entry["gpu"], entry["numa"], entry["cpus"]) for entry in data["accelerator"]
        ),
        mps=Mps(data["mps"]["pipe_directory"], data["mps"]["log_directory"]),
    )


def _login(data: Mapping[str, Any]) -> Login:
    return Login(
        hostnames=tuple(data["hostnames"]),
        tasks_per_user=data["tasks_per_user"],
        tasks_file=data["tasks_file"],
        cores_per_user=data["cores_per_user"],
        memory_gb_per_user=data["memory_gb_per_user"],
        interfaces=tuple(data["interfaces"]),
    )


def _doubtful(filesystems: Mapping[str, Any]) -> tuple[str, ...]:
    """Filesystems that only a conflicting source names."""
    others = [name for conflict in conflicting_sources_of(filesystems) for name in conflict.other]
    return tuple(name for name in others if name not in filesystems["names"])

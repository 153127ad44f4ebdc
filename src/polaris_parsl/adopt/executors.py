"""Reads an executor of Parsl: its workers, and the GPUs and CPUs that they use."""

import re
from collections.abc import Sequence
from typing import Any

from polaris_parsl.adopt.arguments import complete, note_untranslated
from polaris_parsl.adopt.providers import ReadProvider, read_provider
from polaris_parsl.adopt.python_file import ParslCall
from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.configuration.workers import cpu_numbers
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.lookup import handed_to
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.text import plural

_UNCHANGED = handed_to("executor")
_WORKERS = ("available_accelerators", "max_workers_per_node", "cores_per_worker", "cpu_affinity")
_READ = {*_UNCHANGED, *_WORKERS, "provider", "address", "max_workers_per_block", "mpi_launcher"}
_CPUS = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
_OURS = "the call binds each worker to the CPUs of the NUMA domain of its GPU"


def read_executor(
    executor: ParslCall, findings: AdoptFindings, *, is_alone: bool
) -> dict[str, Any] | None:
    """The options that equal an executor and its provider; None if no options can.

    Args:
        executor: the call that makes the executor.
        findings: the list that the notes are added to.
        is_alone: whether the configuration has no other executor.

    Raises:
        AdoptError: the provider is for another scheduler.
    """
    provider = executor.arguments.get("provider")
    is_mpi = executor.name == "MPIExecutor"
    if not isinstance(provider, ParslCall) or not (
        is_mpi or executor.name == "HighThroughputExecutor"
    ):
        findings.add(
            "PP505",
            executor.line,
            executor.name,
            "left out: it uses no compute nodes; append it to config.executors of the result",
        )
        return None
    arguments = complete(executor, ("heartbeat_period",))
    starts_mpi = is_mpi or _mpi_from_the_first_node(arguments, provider) is not None
    read = read_provider(provider, findings, is_mpi=starts_mpi, is_alone=is_alone)
    options = {name: arguments[name] for name in _UNCHANGED if arguments.get(name) is not None}
    options |= read.options
    options |= {"mode": "inside_job"} if read.inside_job else {}
    options |= _address(arguments.get("address"), executor, findings)
    if is_mpi:
        options["max_workers_per_block"] = arguments.get("max_workers_per_block", 1)
    elif (tasks := _mpi_from_the_first_node(arguments, provider)) is not None:
        findings.add(
            "PP303",
            executor.line,
            f"{tasks} {plural(tasks, 'worker')} on the first node, from where tasks can "
            "start MPI on all",
            "the call has max_workers_per_block: a task says its nodes and ranks in "
            "parsl_resource_specification and runs $PARSL_MPI_PREFIX program",
        )
        options["max_workers_per_block"] = tasks
        options.pop("launcher", None)
    else:
        options |= _workers(arguments, executor, read, findings)
    note_untranslated(executor, arguments, _READ, findings)
    return options


def _mpi_from_the_first_node(arguments: dict[str, Any], provider: ParslCall) -> int | None:
    """How many workers without GPUs of their own SimpleLauncher starts for several nodes, if so."""
    launcher, nodes = (
        provider.arguments.get("launcher"),
        provider.arguments.get("nodes_per_block", 1),
    )
    is_simple = isinstance(launcher, ParslCall) and launcher.name == "SimpleLauncher"
    wanted = arguments.get("max_workers_per_node", arguments.get("max_workers"))
    if not is_simple or arguments.get("available_accelerators") or not isinstance(nodes, int):
        return None
    return wanted if isinstance(wanted, int) and 0 < wanted <= nodes and nodes > 1 else None


def _workers(
    arguments: dict[str, Any], executor: ParslCall, read: ReadProvider, findings: AdoptFindings
) -> dict[str, Any]:
    wanted = arguments.get("max_workers_per_node", arguments.get("max_workers"))
    threads_each = arguments.get("cores_per_worker", 1)
    names = _names(arguments.get("available_accelerators", ()))
    options: dict[str, Any] = {} if threads_each == 1 else {"cores_per_worker": threads_each}
    if _only_lets_many_start(threads_each, wanted):
        options = {}  # the number of workers says it all
    if not names:
        return options | _without_accelerators(wanted, executor.line, findings)
    if not read.asks_for_gpus:
        findings.add(
            "PP209",
            executor.line,
            "no ngpus in select_options",
            "the call requests all GPUs of a node",
        )
    fitting = [len(names), wanted, _fitting(threads_each)]
    workers = min(number for number in fitting if isinstance(number, int))
    if workers < 1:
        findings.add(
            "PP105", executor.line, f"{workers} workers on a node", "the call has one per GPU"
        )
        return {}
    gpus = _gpus(names, workers, executor.line, findings)
    if gpus is None:
        return options
    per_gpu = gpus.get("workers_per_gpu", 1)
    if per_gpu > 1:
        _check_mps(per_gpu, read, executor.line, findings)
    affinity = str(arguments.get("cpu_affinity", "none"))
    _check_affinity(affinity, names[:workers], per_gpu, executor.line, findings)
    return options | gpus


def _without_accelerators(wanted: Any, line: int, findings: AdoptFindings) -> dict[str, Any]:
    if wanted == 1:
        # A worker for the whole node, which sees all GPUs.
        return {"gpus_per_worker": len(polaris().node.accelerators)}
    findings.add(
        "PP203",
        line,
        "without available_accelerators every worker sees every GPU, and none has its own",
        "if the tasks use GPUs, remove available_accelerators=0 from the call",
    )
    alone = {"available_accelerators": 0}
    return alone if wanted is None else {**alone, "max_workers_per_node": wanted}


def _names(value: Any) -> list[str]:
    """The accelerator names that Parsl would give its workers."""
    if isinstance(value, int):
        # a node cannot have more workers than hardware threads
        return [str(number) for number in range(min(value, polaris().node.threads))]
    return [str(name) for name in value] if isinstance(value, list | tuple | str) else []


def _gpus(
    names: Sequence[str], workers: int, line: int, findings: AdoptFindings
) -> dict[str, Any] | None:
    """The options that assign the GPUs as these names do; None if a name is not a GPU."""
    gpus = len(polaris().node.accelerators)
    if workers < min(len(names), gpus):
        idle = ", ".join(names[workers:])
        findings.add(
            "PP210",
            line,
            f"{workers} of {len(names)} accelerators have a worker; {idle} idle",
            "the call does the same; gpus_per_worker gives a worker several GPUs",
        )
    sizes = {len(name.split(",")) for name in names}
    if sizes != {1}:
        return {"gpus_per_worker": max(sizes)}
    if workers > gpus and workers % gpus == 0:
        return {"workers_per_gpu": workers // gpus}
    chosen = [int(name) for name in names[:workers] if name.isdecimal()]
    if workers > gpus or len(chosen) < workers or max(chosen) >= gpus:
        findings.add(
            "PP206",
            line,
            f"{workers} workers for {', '.join(names)} on a node with {gpus}",
            "the call gives each GPU one worker; workers_per_gpu lets several workers share a GPU",
        )
        return None
    return {"available_accelerators": workers if chosen == list(range(workers)) else chosen}


def _only_lets_many_start(threads_each: Any, wanted: Any) -> bool:
    """Whether cores_per_worker is so small that the number of workers alone counts."""
    least = OPTIONS["cores_per_worker"].check
    if not isinstance(threads_each, int | float) or not isinstance(wanted, int) or least is None:
        return False
    try:
        least("cores_per_worker", threads_each)
    except OptionError:
        return 0 < threads_each < 1
    return False


def _fitting(threads_each: Any) -> int | None:
    is_number = isinstance(threads_each, int | float) and threads_each > 0
    return int(polaris().node.threads // threads_each) if is_number else None


def _check_mps(per_gpu: int, read: ReadProvider, line: int, findings: AdoptFindings) -> None:
    ours = "polaris_parsl starts MPS on every node"
    if read.shell.starts_mps:
        findings.add("PP205", line, "worker_init runs only there", ours)
    else:
        findings.add("PP204", line, f"the {per_gpu} workers on each GPU take turns", ours)


def _check_affinity(
    affinity: str, names: Sequence[str], per_gpu: int, line: int, findings: AdoptFindings
) -> None:
    if not affinity.startswith("list:"):
        text = f"cpu_affinity={affinity!r} ignores the GPUs"
        findings.add("PP202", line, text, _OURS)
        return
    entries = affinity.removeprefix("list:").split(":")
    if len(entries) != len(names):
        findings.add(
            "PP201",
            line,
            f"{len(entries)} entries in cpu_affinity for {len(names)} workers",
            _OURS,
        )
        return
    near = polaris().node.accelerators
    for index, (entry, name) in enumerate(zip(entries, names, strict=True)):
        first = index // per_gpu if per_gpu > 1 else int(name.split(",")[0])
        beside = {
            cpu
            for each in near[first : first + len(name.split(","))]
            for cpu in cpu_numbers(each.cpus)
        }
        if not _CPUS.fullmatch(entry):
            findings.add("PP202", line, f"{entry!r} in cpu_affinity names no CPUs", _OURS)
            return
        if not beside.issuperset(cpu_numbers(entry)):
            findings.add("PP202", line, f"{entry} for a worker on GPU {first}", _OURS)
            return


def _address(value: Any, executor: ParslCall, findings: AdoptFindings) -> dict[str, Any]:
    facts = polaris()
    both = f"the call gives the workers the addresses of {' and '.join(facts.interfaces)}"
    if isinstance(value, str):
        return {"address": value}
    if isinstance(value, ParslCall) and value.name == "address_by_hostname":
        return {}  # it asks nobody outside; the call offers the addresses that nodes reach
    if not isinstance(value, ParslCall) or value.name != "address_by_interface":
        by = f"{value.name}()" if isinstance(value, ParslCall) else "Parsl's default method"
        findings.add("PP402", executor.line, f"{by} finds it", both)
        return {}
    names = [*value.args, *value.arguments.values()]
    name = names[0] if names else ""
    findings.add("PP401", value.line, f"{name!r}; sources disagree about which one works", both)
    return {} if name in facts.interfaces else {"interface": name}

"""The workers of a node: which GPUs and which CPUs each of them has."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from polaris_parsl.configuration.parsl_internals.pool import accelerator_name
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import Accelerator, polaris, source
from polaris_parsl.options.options import ExecutorOptions


@dataclass(frozen=True)
class Worker:
    """A worker of a node.

    Attributes:
        gpus: numbers of its GPUs; none for CPU-only work.
        cpus: its hardware threads, as "0-7,32-39".
    """

    gpus: tuple[int, ...]
    cpus: str


def workers_of_node(options: ExecutorOptions) -> tuple[Worker, ...]:
    """The workers that one node gets, in Parsl's order.

    Raises:
        OptionError: so many do not fit on a node, or the GPUs cannot be shared out like that.

    Source: [node] in facts/polaris.toml.
    """
    threads = polaris().node.threads
    workers = _on_gpus(options) if options.available_accelerators else _on_cpus(options)
    wanted = options.max_workers_per_node
    if wanted is not None and wanted != len(workers):
        raise OptionError(
            f"max_workers_per_node={wanted} does not fit {_what_follows(options)}, which give "
            f"{len(workers)} workers",
            remedy="leave max_workers_per_node out",
        )
    if options.cores_per_worker * len(workers) > threads:
        raise OptionError(
            f"cores_per_worker={options.cores_per_worker:g} for {len(workers)} workers is more "
            f"than the {threads} hardware threads of a node [{source('node')}]",
            remedy=f"give at most cores_per_worker={threads // len(workers)}",
        )
    return workers


def accelerator_names(workers: Sequence[Worker]) -> list[str]:
    """The names for which Parsl gives each worker its own GPUs."""
    listed = len(polaris().node.accelerators)
    names = []
    for gpus, sharing in groupby(workers, key=lambda worker: worker.gpus):
        for number, _ in enumerate(sharing):
            if len(gpus) == 1:
                name = accelerator_name(gpus[0], number, workers=len(workers), gpus=listed)
                names.append(name)
            else:
                names.append(",".join(str(gpu) for gpu in gpus))
    return names


def _on_gpus(options: ExecutorOptions) -> tuple[Worker, ...]:
    gpus, several = options.available_accelerators, options.gpus_per_worker
    if several > 1 and options.workers_per_gpu > 1:
        raise OptionError(
            f"gpus_per_worker={several} and workers_per_gpu={options.workers_per_gpu} are both "
            "more than 1",
            remedy="let workers share a GPU, or give each several, not both",
        )
    if len(gpus) % several:
        raise OptionError(
            f"gpus_per_worker={several} does not divide the {len(gpus)} GPUs of "
            "available_accelerators",
            remedy="choose numbers where no GPU is left over",
        )
    workers = []
    for start in range(0, len(gpus), several):
        group = gpus[start : start + several]
        shares = _shares(_threads_of(group), options.workers_per_gpu)
        workers += [Worker(tuple(each.gpu for each in group), cpus) for cpus in shares]
    return tuple(workers)


def _on_cpus(options: ExecutorOptions) -> tuple[Worker, ...]:
    node = polaris().node
    for name in ("workers_per_gpu", "gpus_per_worker"):
        if getattr(options, name) != 1:
            raise OptionError(
                f"{name}={getattr(options, name)} with no GPU in available_accelerators",
                remedy=f"leave {name} out, or let available_accelerators name GPUs",
            )
    fitting = int(node.threads // options.cores_per_worker)
    count = options.max_workers_per_node or fitting
    if not 1 <= count <= node.threads:
        raise OptionError(
            f"cores_per_worker={options.cores_per_worker:g} gives {count} workers on a node of "
            f"{node.threads} hardware threads [{source('node')}]",
            remedy=f"give cores_per_worker from 1 to {node.threads}",
        )
    by_domain = sorted(node.accelerators, key=lambda each: each.numa)
    return tuple(Worker((), cpus) for cpus in _shares(_threads_of(by_domain), count))


def _threads_of(group: Sequence[Accelerator]) -> list[int]:
    """The hardware threads near some GPUs, the two of a core side by side."""
    cores = polaris().node.cores
    return list(
        chain.from_iterable(
            sorted(cpu_numbers(each.cpus), key=lambda cpu: (cpu % cores, cpu)) for each in group
        )
    )


def _shares(threads: list[int], count: int) -> list[str]:
    """Equal shares, of whole cores where there is one for each; what is left over stays idle."""
    node = polaris().node
    per_core = node.threads // node.cores
    size = len(threads) // count
    if size > per_core:
        size -= size % per_core
    return [_ranges(threads[start : start + size]) for start in range(0, size * count, size)]


def cpu_numbers(cpus: str) -> list[int]:
    """The numbers that a text such as "0-7,32-39" stands for."""
    numbers: list[int] = []
    for part in cpus.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _ranges(cpus: Sequence[int]) -> str:
    parts = []
    for _, run in groupby(enumerate(sorted(cpus)), key=lambda pair: pair[1] - pair[0]):
        numbers = [cpu for _, cpu in run]
        parts.append(str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}")
    return ",".join(parts)


def _what_follows(options: ExecutorOptions) -> str:
    gpus = len(options.available_accelerators)
    if not gpus:
        return f"cores_per_worker={options.cores_per_worker:g}"
    return (
        f"available_accelerators={gpus}, workers_per_gpu={options.workers_per_gpu} and "
        f"gpus_per_worker={options.gpus_per_worker}"
    )

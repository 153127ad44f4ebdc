"""Reads a provider of Parsl: what it requests from PBS, and what it runs before the workers."""

from dataclasses import dataclass
from typing import Any

from polaris_parsl.adopt.arguments import complete, note_untranslated
from polaris_parsl.adopt.launchers import launcher_options
from polaris_parsl.adopt.python_file import NODES_OF_PRETENDED_JOB, ParslCall
from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.adopt.scheduler_lines import sort_scheduler_lines
from polaris_parsl.adopt.shell_lines import ShellLines, sort_shell_lines
from polaris_parsl.errors import AdoptError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.lookup import handed_to

_UNCHANGED = handed_to("provider", "pbs provider")
# Launchers of Parsl that write a file with the block's nodes into their working directory.
_WRITE_NODES = ("MpiExecLauncher", "GnuParallelLauncher")
_READ = {*_UNCHANGED, "nodes_per_block", "cpus_per_node", "launcher", "worker_init"}


@dataclass(frozen=True)
class ReadProvider:
    """What a provider sets.

    Attributes:
        options: options of `polaris_parsl.config`.
        inside_job: whether it uses the nodes of the running job.
        shell: its worker_init.
        asks_for_gpus: whether it requests GPUs from PBS, or runs inside a job that has them.
    """

    options: dict[str, Any]
    inside_job: bool
    shell: ShellLines
    asks_for_gpus: bool


def read_provider(
    provider: ParslCall, findings: AdoptFindings, *, is_mpi: bool, is_alone: bool
) -> ReadProvider:
    """The options that equal a provider and its launcher.

    Args:
        provider: the call that makes the provider.
        findings: the list that the notes are added to.
        is_mpi: whether the tasks start MPI ranks themselves.
        is_alone: whether no other executor shares the nodes of a job.

    Raises:
        AdoptError: the provider is for another scheduler.
    """
    if provider.name not in ("PBSProProvider", "LocalProvider"):
        raise AdoptError(
            f"line {provider.line} requests nodes with {provider.name}",
            remedy="adopt a file with PBSProProvider or LocalProvider: Polaris has PBS",
        )
    inside_job = provider.name == "LocalProvider"
    arguments = complete(provider, ("queue", "walltime", "nodes_per_block"))
    shell = sort_shell_lines(_text(arguments.get("worker_init")), provider.line, findings)
    nodes = arguments["nodes_per_block"]
    options = {name: arguments[name] for name in _UNCHANGED if arguments.get(name) is not None}
    options |= {"worker_init": shell.kept} if shell.kept else {}
    if inside_job:
        options |= _nodes_inside(nodes, provider, findings, is_alone=is_alone)
    else:
        options |= {"nodes_per_block": nodes}
        options |= _asked_of_pbs(arguments, provider, findings)
    launcher = arguments.get("launcher")
    if not is_mpi:
        several = not isinstance(nodes, int) or nodes > 1
        options |= launcher_options(
            launcher if isinstance(launcher, ParslCall) else None,
            provider.line,
            several_nodes=several,
            shell=shell,
            findings=findings,
        )
        name = launcher.name if isinstance(launcher, ParslCall) else ""
        if name in _WRITE_NODES and not inside_job and not shell.changes_folder:
            findings.add(
                "PP306",
                provider.line,
                f"worker_init has no cd, and {name} leaves a *.nodes file where the job starts",
                "jobs and tasks start in run_dir",
            )
    select = _text(arguments.get("select_options"))
    note_untranslated(
        provider, arguments, {*_READ, "scheduler_options", "select_options"}, findings
    )
    return ReadProvider(options, inside_job, shell, inside_job or "ngpus" in select)


def _asked_of_pbs(
    arguments: dict[str, Any], provider: ParslCall, findings: AdoptFindings
) -> dict[str, Any]:
    lines = sort_scheduler_lines(_text(arguments.get("scheduler_options")), provider.line, findings)
    options = {"scheduler_options": lines}
    if arguments.get("queue") is None:
        options["queue"] = polaris().default_queue
    threads, wanted = polaris().node.threads, arguments.get("cpus_per_node", 1)
    if wanted == 1:
        findings.add(
            "PP208",
            provider.line,
            "cpus_per_node keeps its default, 1, and PBS sets OMP_NUM_THREADS to it",
            f"the call requests all {threads}",
        )
    else:
        options["cpus_per_node"] = wanted
    for entry in _text(arguments.get("select_options")).split(":"):
        if entry and entry.partition("=")[0] not in ("ngpus", "system", "ncpus"):
            findings.add(
                "PP504",
                provider.line,
                f"select_options={entry!r}",
                "left out: polaris_parsl requests whole nodes",
            )
    return options


def _nodes_inside(
    nodes: Any, provider: ParslCall, findings: AdoptFindings, *, is_alone: bool
) -> dict[str, Any]:
    if nodes == NODES_OF_PRETENDED_JOB:
        return {}
    if not is_alone:
        return {"nodes_per_block": nodes}
    findings.add(
        "PP304",
        provider.line,
        f"nodes_per_block={nodes} whatever the size of the job",
        "left out: the call takes all nodes of the job",
    )
    return {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

"""Reads a PBS job script: what it requests from PBS, and how it prepares the nodes."""

import getopt
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.adopt.scheduler_lines import sort_scheduler_lines
from polaris_parsl.adopt.shell_lines import sort_shell_lines
from polaris_parsl.adopt.translate import Adopted, adopted, as_config_takes
from polaris_parsl.errors import AdoptError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.pbs.directives import QSUB_LETTERS

# What Parsl or the site decides for each job.
_NOT_CARRIED_OVER = ("-N", "-o", "-e", "-j", "-k", "-V", "-S")
_PREPARES = re.compile(
    r"\s*(module|export|source|\.|conda|eval|cd|ulimit|nvidia-cuda-mps-control)\b"
)


def read_job_script(file: Path, text: str) -> Adopted:
    """The configuration whose blocks equal the job of a script.

    Args:
        file: the script, for messages.
        text: the script's text.

    Raises:
        AdoptError: qsub would reject one of its directives.
    """
    findings = AdoptFindings()
    options: dict[str, Any] = {"queue": polaris().default_queue}
    kept = []
    lines = _directives(text)
    for number, line in lines.items():
        for option, value in _pairs(file, number, line):
            if option == "-A":
                options["account"] = value
            elif option == "-q":
                options["queue"] = value
            elif option == "-l":
                resources, others = _resources(value, options)
                options |= resources
                kept += [f"#PBS -l {other}" for other in others]
            elif option not in _NOT_CARRIED_OVER:
                kept.append(f"#PBS {option} {value}".rstrip())
    first = next(iter(lines), 0)
    options["scheduler_options"] = sort_scheduler_lines("\n".join(kept), first, findings)
    options |= _preparation(text, findings)
    return adopted(first, [options], findings)


def _directives(text: str) -> Mapping[int, str]:
    """The directives that qsub reads, by line number: those before the first command."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#PBS "):
            found[number] = line
        elif line.strip() and not line.lstrip().startswith(("#", ":")):
            break
    return found


def _pairs(file: Path, number: int, line: str) -> list[tuple[str, str]]:
    try:
        words = shlex.split(line.removeprefix("#PBS "), comments=True)
        return getopt.getopt(words, QSUB_LETTERS)[0]
    except (ValueError, getopt.GetoptError) as error:
        raise AdoptError(
            f"{file}, line {number}: qsub would reject {line!r}: {error}",
            remedy="correct the line and run adopt again",
        ) from error


def _resources(value: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A -l as options and remaining resources; of each resource PBS uses the first."""
    found: dict[str, Any] = {}
    others = []
    for entry in value.split(","):
        name, _, wanted = entry.partition("=")
        if name == "walltime" and "walltime" not in options:
            found["walltime"] = as_config_takes(wanted)
        elif name == "select" and "nodes_per_block" not in options:
            found |= _select(wanted)
        elif name not in ("walltime", "select"):
            others.append(entry)
    return found, others


def _select(wanted: str) -> dict[str, Any]:
    """The nodes, and the threads of each, that a select statement requests."""
    found: dict[str, Any] = {"nodes_per_block": 0}
    for chunk in wanted.split("+"):
        count, *resources = chunk.split(":")
        if not count.isdecimal():
            count, resources = "1", [count, *resources]
        found["nodes_per_block"] += int(count)
        for resource in resources:
            name, _, amount = resource.partition("=")
            if name == "ncpus" and amount.isdecimal():
                found["cpus_per_node"] = int(amount)
    return found


def _preparation(text: str, findings: AdoptFindings) -> dict[str, Any]:
    """The worker_init made of the commands with which the script prepares the nodes."""
    lines = dict(enumerate(text.splitlines(), 1))
    preparing = {number: line.strip() for number, line in lines.items() if _PREPARES.match(line)}
    if not preparing:
        return {}
    number = next(iter(preparing))
    shell = sort_shell_lines("\n".join(preparing.values()), number, findings)
    if shell.starts_mps:
        findings.add(
            "PP205",
            next(number for number, line in preparing.items() if "mps-control" in line),
            "a job script runs only there",
            "add workers_per_gpu=... to the call: polaris_parsl then starts MPS on every node",
        )
    return {"worker_init": shell.kept} if shell.kept else {}

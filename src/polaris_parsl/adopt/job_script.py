"""Reads a PBS job script: what it requests from PBS, and how it prepares the nodes."""

import getopt
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.adopt.scheduler_lines import sort_scheduler_lines
from polaris_parsl.adopt.shell_lines import sort_shell_lines
from polaris_parsl.adopt.shell_words import uses, variable_of
from polaris_parsl.adopt.translate import Adopted, adopted, as_config_takes
from polaris_parsl.errors import AdoptError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.pbs.directives import QSUB_LETTERS

# What Parsl or the site decides for each job.
_NOT_CARRIED_OVER = ("-N", "-o", "-e", "-j", "-k", "-V", "-S")
_PREPARES = re.compile(
    r"\s*(module|ml|export|source|\.\s|conda|eval|cd|ulimit|nvidia-cuda-mps-control)\b"
)
_FOLDER = re.compile(r"\s*cd\b")
_ASSIGNS = re.compile(r"\s*\w+=")
# Of no effect on what is started later, or on nothing but this shell.
_IDLE = re.compile(
    r"\s*($|#|(echo|printf|date|hostname|pwd|ls|which|env|set|trap|sleep|wait|time|exit|mkdir)\b"
    r"|(module|ml)( |$)(list|avail|show|$))"
)
_BLOCK = re.compile(r"\s*(if|for|while|until|case|function)\b|.*[({]\s*$")
_END_OF_BLOCK = re.compile(r"\s*(fi|done|esac|[)}])\b|\s*[)}]")
# What stands in quotes, or behind a backslash; then what is left of a comment.
_QUOTED = re.compile(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_COMMENT = re.compile(r"(^|\s)#.*", re.MULTILINE)
_LINES_MAX = 200
_TO_WHERE_IT_WAS_SUBMITTED = re.compile(r"\s*cd\s+[\"']?\$\{?PBS_O_WORKDIR")


def is_job_script(text: str) -> bool:
    """Whether qsub would read directives in a text."""
    return bool(_directives(text))


def read_job_script(file: Path, text: str) -> Adopted:
    """The configuration whose blocks equal the job of a script.

    Args:
        file: the script, for messages.
        text: the script's text.

    Raises:
        AdoptError: qsub would reject one of its directives, or a line prepares a part of it only.
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
    options |= _preparation(file, text, findings)
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


def _preparation(file: Path, text: str, findings: AdoptFindings) -> dict[str, Any]:
    """The worker_init made of the commands with which the script prepares the nodes.

    Raises:
        AdoptError: one of them comes after the script has started something, or under a condition.
    """
    preparing = _preparing(file, text)
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


def _preparing(file: Path, text: str) -> dict[int, str]:
    """The lines that prepare, by number, with the variables that they use."""
    found: dict[int, str] = {}
    has_started, depth = False, 0
    for number, line in _whole_lines(text):
        depth -= bool(depth and _END_OF_BLOCK.match(line))
        if _PREPARES.match(line) and not _IDLE.match(line):
            if (has_started or depth) and not _FOLDER.match(line):
                where = "under a condition" if depth else "after the script has started something"
                raise AdoptError(
                    f"{file}, line {number}: {line.strip()!r} stands {where}, and the nodes of a block "
                    "are prepared once",
                    remedy="adopt a script with one stage, and give what differs in the tasks",
                )
            if not (has_started or depth or _TO_WHERE_IT_WAS_SUBMITTED.match(line)):
                found[number] = line.strip()
        elif _ASSIGNS.match(line) and not has_started and not depth:
            found[number] = line.strip()
        elif not _IDLE.match(line):
            has_started = has_started or not (_BLOCK.match(line) or _END_OF_BLOCK.match(line))
        depth += bool(_BLOCK.match(line)) and not re.search(r";\s*(fi|done|esac)\s*$", line)
    return _without_unused(found)


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines of shell text with their numbers, those that a quote or a backslash goes on in as one."""
    lines = text.splitlines()
    number, goes_on = 0, True
    while number < len(lines):
        end = number + 1
        while goes_on and _goes_on("\n".join(lines[number:end])):
            # a quote that nothing ends is none: an apostrophe in a here-document
            goes_on = end < min(len(lines), number + _LINES_MAX)
            end += 1
        end = end if goes_on else number + 1
        yield number + 1, "\n".join(lines[number:end]).replace("\\\n", "")
        number = end


def _goes_on(command: str) -> bool:
    left = _COMMENT.sub("", _QUOTED.sub("", command))
    return "'" in left or '"' in left or command.endswith("\\")


def _without_unused(lines: Mapping[int, str]) -> dict[int, str]:
    """The lines without variables that no later line uses."""
    kept: dict[int, str] = {}
    for number, line in reversed(list(lines.items())):
        variable = variable_of(line)
        if not variable or any(uses(later, variable) for later in kept.values()):
            kept[number] = line
    return dict(reversed(list(kept.items())))

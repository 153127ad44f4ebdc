"""Sorts users' shell commands that prepare the workers: which to replace, which to keep."""

import re
from dataclasses import dataclass

from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.adopt.shell_words import left_of, without

_ENVIRONMENT = re.compile(
    r"(module|ml) (restore|(load|add) [^;&|]*\b(conda|python|cray-python|frameworks))\b|(conda|mamba|micromamba|source) (de)?activate\b"
    r"|(source|\.) \S*(/activate|conda\.sh)\b|eval .*(conda|mamba).*hook"
)
_DATED_CONDA = re.compile(r"conda/(\d{4}-\d{2}-\d{2})")
_TMPDIR = re.compile(r"(export )?TMPDIR=\S*")
_MPS = re.compile(r"nvidia-cuda-mps-control|CUDA_MPS_|(mkdir|rm) .*nvidia-(mps|log)")
_FOLDER = re.compile(r"cd\s")
_LOADS = re.compile(r"(module|ml) (load|add)\b")
_USES = re.compile(r"module use\b")
# Text with commands of several lines, or with more than simple commands in a line.
_COMPOUND = re.compile(r"(^|[\n;&|]\s*)(if|for|while|until|case|function)\b|<<|\\|\(\)|[{}]\s*$")
_COMMAND = re.compile(r"(?:\"[^\"]*\"|'[^']*'|(?<!&)&(?!&)|[^;&\n\"'])+")


@dataclass(frozen=True)
class ShellLines:
    """What shell text does.

    Attributes:
        kept: the text without what polaris_parsl does itself.
        changes_folder: whether it uses `cd`.
        sets_tmpdir: whether it sets TMPDIR.
        starts_mps: whether it starts NVIDIA's Multi-Process Service.
        prepares_parallel: whether it writes GNU Parallel's file of ignored variables.
    """

    kept: str
    changes_folder: bool
    sets_tmpdir: bool
    starts_mps: bool
    prepares_parallel: bool


def sort_shell_lines(text: str, line: int, findings: AdoptFindings) -> ShellLines:
    """Sort the commands of a text, and note those that are left out.

    Args:
        text: shell commands.
        line: their line in the file.
        findings: the list that the notes are added to.
    """
    commands = _commands(text)
    simple = len(commands) > 1 or not _COMPOUND.search(text)
    environment = [
        without(command, left_of(command)) for command in commands if _ENVIRONMENT.match(command)
    ]
    dated = _DATED_CONDA.search(text)
    if dated:
        findings.add(
            "PP307",
            line,
            f"{dated.group()!r}; ALCF removes and rebuilds these modules",
            "load the module polaris-parsl, which loads the base that it was built on",
        )
    if environment:
        findings.add(
            "PP308",
            line,
            "; ".join(environment),
            "left out: the workers get the environment of the script that makes the configuration, "
            "or stop with the reason",
        )
    kept = [left for command in commands if (left := _left(command) if simple else command)]
    if not any(_LOADS.match(command) for command in kept):
        kept = [command for command in kept if not _USES.match(command)]
    return ShellLines(
        kept="\n".join(kept),
        changes_folder=any(_FOLDER.match(command) for command in commands) or "\ncd " in text,
        sets_tmpdir="TMPDIR=" in text,
        starts_mps="nvidia-cuda-mps-control" in text,
        prepares_parallel="PARALLEL_HOME" in text or "--record-env" in text,
    )


def _left(command: str) -> str:
    """What a simple command keeps."""
    left = left_of(command)
    is_replaced = any(each.match(left) for each in (_ENVIRONMENT, _MPS))
    return "" if is_replaced or _TMPDIR.fullmatch(left) else left


def _commands(text: str) -> list[str]:
    """The commands of a text: split at newlines, and at `;` and `&&` outside quotes.

    A text with other shell syntax counts as one command.
    """
    parts = _COMMAND.findall(text)
    between = _COMMAND.sub("", text)
    if _COMPOUND.search(text) or re.sub(r"[;&\n]", "", between):
        return [text.strip()]
    return [part.strip() for part in parts if part.strip() and not part.strip().startswith("#")]

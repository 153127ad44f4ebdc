"""Runs of a script in processes of their own, which take turns, and the table of their medians."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

Found = Mapping[str, Sequence[Mapping[str, float]]]


def arguments(about: str | None) -> argparse.ArgumentParser:
    """The command line of a script that is started again for each run."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--run", nargs=2, metavar=("KIND", "FOLDER"), help=argparse.SUPPRESS)
    return parser


def answer(*words: object, python: str = sys.executable) -> dict[str, float]:
    """What a script prints last, as JSON."""
    # the page's way to find Parsl's programs
    env = {**os.environ, "PATH": f"{Path(python).parent}:{os.environ['PATH']}"}
    said = subprocess.check_output([python, *map(str, words)], env=env, text=True)
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def one_run(script: str, kind: str, *words: object) -> dict[str, float]:
    """What a run found, in a directory of its own below this one, which the nodes of the sandbox share."""
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        found = answer(script, "--run", kind, folder, *words)
    print(kind, *words, found, file=sys.stderr)
    return found


def in_turns(script: str, kinds: Iterable[str], rounds: int, *words: object) -> Found:
    """What the runs of each kind found."""
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, runs in found.items():
            runs.append(one_run(script, kind, *words))
    return found


def medians(title: str, found: Found) -> str:
    """The table in Markdown, with ratios to the first column."""
    first, *others = found
    rounds = len(found[first])
    heads = [first, *(name for each in others for name in (each, f"{each}/{first}"))]
    lines = [f"| {title}, median of {rounds} | {' | '.join(heads)} |"]
    lines.append(f"|{'---|' * (len(heads) + 1)}")
    for row in found[first][0]:
        middle = {kind: statistics.median(run[row] for run in runs) for kind, runs in found.items()}
        base = middle[first]
        cells = [f"{base:.2f}"]
        for each in others:
            cells += [f"{middle[each]:.2f}", f"{middle[each] / base:.2f}" if base else "-"]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)

"""Measures what the command of an install costs, against `python -c pass`.

    python benchmarks/commands.py PREFIX/versions/VERSION

CPU of all processes, the least of 25 runs, because other processes only add to it.
"""

import os
import sys
from pathlib import Path

ROUNDS = 25


def milliseconds(*command: str | Path, rounds: int = ROUNDS) -> float:
    """The least CPU time of a program and all that it starts."""
    words = [str(each) for each in command]
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    taken = []
    for _ in range(rounds):
        pid = os.posix_spawn(words[0], words, os.environ, file_actions=quiet)
        used = os.wait4(pid, 0)[2]
        taken.append(1000 * (used.ru_utime + used.ru_stime))
    return min(taken)


def main() -> None:
    """Print a row for each command, with its ratio to the install's Python and to the base's."""
    root = Path(sys.argv[1]).absolute()
    command, python = root / "bin/polaris-parsl", root / "tools/bin/python"
    own, base = (
        milliseconds(python, "-I", "-c", "pass"),
        milliseconds(python.resolve(), "-c", "pass"),
    )
    rows = {
        "`python -I -c pass` of the tools": own,
        "`python -c pass` of the base": base,
        **{f"`{verb}`": milliseconds(command, verb) for verb in ("--help", "version", "list")},
    }
    print("| | CPU, ms | to the tools' | to the base's |\n|---|---|---|---|")
    for name, taken in rows.items():
        print(f"| {name} | {taken:.1f} | {taken / own:.2f} | {taken / base:.2f} |")


if __name__ == "__main__":
    main()

"""Measures what the command of an install costs, against `python -c pass`.

    python benchmarks/commands.py PREFIX/versions/VERSION

CPU of all processes, the least of 25 runs, because other processes only add to it; and their system calls that name a
path or list a directory, which strace counts.
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import traces

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
    commands: dict[str, list[str | Path]] = {
        "`python -I -c pass` of the tools": [python, "-I", "-c", "pass"],
        "`python -c pass` of the base": [python.resolve(), "-c", "pass"],
        **{f"`{verb}`": [command, verb] for verb in ("--help", "version", "list")},
    }
    taken = {name: milliseconds(*words) for name, words in commands.items()}
    own, base, *_ = taken.values()
    print("| | CPU, ms | to the tools' | to the base's | path calls |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, words in commands.items():
            used = taken[name]
            calls = traces.calls(*words, env=os.environ, trace=Path(folder, "trace"))
            print(f"| {name} | {used:.1f} | {used / own:.2f} | {used / base:.2f} | {calls} |")


if __name__ == "__main__":
    main()

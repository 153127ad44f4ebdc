"""Measures what `module load polaris-parsl` costs a shell, against `module list`.

    python benchmarks/module_load.py PREFIX/versions/VERSION [--lmod FILE]

Each command runs in a bash that has Lmod and MODULEPATH; what such a shell takes by itself is subtracted. CPU of all
processes, the least of 25 runs.
"""

import argparse
import shlex
from pathlib import Path

from commands import milliseconds

LMOD = Path("/usr/share/lmod/lmod/init/bash")


def main() -> None:
    """Print a row for each command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path, help="the install")
    parser.add_argument("--lmod", type=Path, default=LMOD, help="its start-up file for bash")
    args = parser.parse_args()
    root = args.root.absolute()
    tree = shlex.quote(str(root.parents[1] / "modulefiles"))
    start = f"source {shlex.quote(str(args.lmod))}; export MODULEPATH={tree}:$MODULEPATH; "
    empty = milliseconds("/bin/bash", "-c", f"{start}:")
    taken = {
        command: milliseconds("/bin/bash", "-c", f"{start}{command}") - empty
        for command in ("module list", f"module load polaris-parsl/{root.name}")
    }
    base = taken["module list"]
    print("| | CPU, ms | to `module list` |\n|---|---|---|")
    for command, used in taken.items():
        print(f"| `{command.partition('/')[0]}` | {used:.1f} | {used / base:.2f} |")


if __name__ == "__main__":
    main()

"""Measures `polaris-parsl verify` on a base of many distributions.

    python benchmarks/verify.py [--distributions N]

It makes such a base around this Python, the install on it, and counts the system calls of `verify` and of all that it
starts, with strace: in all, and what 100 distributions more add. CPU is the least of ten runs.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from commands import milliseconds  # it also leads to the modules of the tests

import builder
import traces
from install import ROOT, forget
from polaris_parsl.env.base.drift import Verdict

MORE = 100
KINDS = {"all": "system calls", traces.PATHS: "path calls"}


def grow(site: Path, distributions: int) -> None:
    """Add small distributions until there are as many."""
    present = len([*site.glob("*.dist-info")])
    for number in range(present, distributions):
        builder.add_distribution(site, f"distribution-{number}", "1.0")


def measure(folder: Path, distributions: int) -> dict[str, float]:
    """Each measure by its name."""
    base = builder.stand_in_base(folder / "base")
    site = builder.site_packages(base)
    grow(site, distributions)
    python = base / "bin" / "python3"
    words = [python, "-I", ROOT / "scripts/bootstrap.py", "install", "--prefix", folder / "prefix"]
    subprocess.run(
        [*map(str, words), "--base", str(python)],
        check=True,
        stdout=subprocess.DEVNULL,
        env={name: text for name, text in os.environ.items() if not name.startswith("PYTHON")},
    )
    (root,) = (folder / "prefix" / "versions").glob("[0-9]*")
    command = [str(root / "bin/polaris-parsl"), "verify"]
    found = {"CPU, s": milliseconds(*command, rounds=10) / 1000}
    every = {what: count(what, command, folder) for what in KINDS}
    grow(site, distributions + MORE)
    for what, kind in KINDS.items():
        more = count(what, command, folder, code=Verdict.COSMETIC) - every[what]
        found |= {
            kind: every[what],
            f"{kind}, divided by distributions": every[what] / distributions,
            f"{kind} of each distribution more": more / MORE,
        }
    forget(folder / "prefix")
    return found


def count(what: str, command: list[str], folder: Path, code: int = 0) -> int:
    """System calls of a kind."""
    return traces.calls(*command, env=os.environ, trace=folder / "trace", what=what, code=code)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--distributions", type=int, default=500)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = measure(Path(name).resolve(), args.distributions)
    print(f"| a base of {args.distributions} distributions | `verify` |\n|---|---|")
    for what, value in found.items():
        print(f"| {what} | {value:,.2f} |" if value < 100 else f"| {what} | {value:,.0f} |")


if __name__ == "__main__":
    main()

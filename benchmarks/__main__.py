"""All benchmarks by one command, ours beside the recipe of ALCF's page; and docs/performance.md from them.

    .venv/bin/python benchmarks              all rows
    .venv/bin/python benchmarks ROW...       these
    .venv/bin/python benchmarks --quick      with fewer rounds and smaller blocks: 12 minutes of two idle cores
    .venv/bin/python benchmarks --page-only  the page from what is stored

Rows that count come first. Each row prints its tables, and leaves them in benchmarks/results/ROW.json with the day,
the machine and its load; with `--quick` it only prints. `--folder` keeps the install and the page's environment for
the next time.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from environments import Environments, make
from performance import PAGE, RESULTS, markdown, performance_page, tables
from rows import ROWS, Python, Row

HERE = Path(__file__).parent


def main() -> int:
    """Run the rows that were chosen, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [row.name for row in ROWS]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(names)}; default all")
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds, smaller blocks; store nothing"
    )
    parser.add_argument("--page-only", action="store_true", help="run nothing, write the page")
    parser.add_argument("--folder", type=Path, help="directory that keeps install and environment")
    args = parser.parse_args()
    if unknown := sorted(set(args.rows) - set(names)):
        parser.error(f"there is no row {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [row for row in ROWS if not args.rows or row.name in args.rows]
    began, failed = time.monotonic(), []
    if not args.page_only:
        with TemporaryDirectory(prefix="benchmarks-", dir=Path.home()) as temporary:
            folder = args.folder.resolve() if args.folder else Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            environments = make(folder)
            print("; ".join(f"{name} {value}" for name, value in environments.versions.items()))
            chosen.sort(key=lambda row: not row.counts)
            failed = [row.name for row in chosen if not measure(row, environments, args.quick)]
        print(f"\n{len(chosen)} rows in {time.monotonic() - began:.0f} s")
    if not args.quick:
        PAGE.write_text(performance_page(), encoding="utf-8")
        print(f"wrote {PAGE.relative_to(HERE.parent)}")
    if failed:
        print(f"failed: {', '.join(failed)}; the page has their earlier results", file=sys.stderr)
    return len(failed)


def measure(row: Row, environments: Environments, is_quick: bool) -> bool:
    """Run a row, print its tables and store them; whether that worked."""
    python = environments.python if row.python is Python.INSTALL else Path(sys.executable)
    known = {"page": environments.page, "install": environments.root}
    asked = [*row.words, *(row.quick if is_quick else ())]
    words = [str(python), str(HERE / row.script), *(each.format(**known) for each in asked)]
    if row.nodes:
        words = [str(environments.command), "sandbox", "--nodes", str(row.nodes), "--", *words]
    load, began = os.getloadavg()[0], time.monotonic()
    print(f"\n{row.name}, load {load:.1f}", flush=True)
    # nodes of the sandbox share the directory with both environments
    done = subprocess.run(
        words, cwd=environments.folder, capture_output=True, text=True, check=False
    )
    found = tables(done.stdout)
    if done.returncode != 0 or not found:
        print(done.stdout, done.stderr, f"exit code {done.returncode}", sep="\n", file=sys.stderr)
        return False
    seconds = time.monotonic() - began
    result: dict[str, Any] = {
        "row": row.name,
        "command": " ".join([row.script, *asked]),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "seconds": round(seconds),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "model": processor(),
            "load": [round(load, 1), round(os.getloadavg()[0], 1)],
        },
        "versions": environments.versions,
        "tables": found,
    }
    for each in found:
        print(f"\n{markdown(each)}")
    print(f"\n{seconds:.0f} s, load {os.getloadavg()[0]:.1f} after", flush=True)
    if not is_quick:
        text = json.dumps(result, indent=1, ensure_ascii=False)
        (RESULTS / f"{row.name}.json").write_text(f"{text}\n", encoding="utf-8")
    return True


def processor() -> str:
    """What Linux calls the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")


if __name__ == "__main__":
    sys.exit(main())

"""What PBS, nodes and users do to a run: one table, for Parsl alone and for polaris_parsl.

    python benchmarks/faults.py [--alone] [--at-once N] [--write FILE] [ROW...]

Each row runs benchmarks/fault_driver.py in a sandbox of its own while something goes wrong, once with the
configuration of polaris_parsl and, with --alone, once with one of Parsl alone: the same provider, launcher and
heartbeats, no retries. Counts, not times, are what carries over from one machine to another.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from fault_rows import ROWS

_SOURCE = Path(__file__).resolve().parents[1]
_DRIVER = Path(__file__).with_name("fault_driver.py")
# A script that has not ended after so long never ends.
_LATEST_SECONDS = 400
_NEVER = "124"
# Lines between these are replaced by --write.
_BEGIN, _END = "<!-- made by benchmarks/faults.py -->\n", "<!-- end -->\n"


_STAMP = """\
import sys, time
for line in sys.stdin:
    print(time.time(), line.rstrip(), flush=True)
"""
_SCRIPT = """\
# the interchange of Parsl alone may outlive its driver, and hold its standard error
run() {
    timeout -k 5 "$latest" setsid --wait "$python" driver.py "$kind" "$1" "$2" >/dev/null \\
        2> >("$python" -u -c "$stamp" >"errors$1.txt")
    echo "$?" >"code$1"
    sleep 1
}
python=$1 kind=$2 script=$3 row=$4 first=$5 settles=$6 stamp=$7 latest=$8
case $script in
once) run '' "$row" ;;
again)
    run '' "$first"
    rm -f ends.json
    run '' "$row"
    ;;
two)
    run '' "$row" &
    run b "$row" &
    wait
    ;;
esac
sleep "$settles"
"$python" -m polaris_parsl sandbox fault end >/dev/null
qstat -x -f -F json >after.json
"""


def run(name: str, kind: str) -> dict[str, str]:
    """What a row gives: the cells of its line."""
    row = ROWS[name]
    facts = asdict(row)
    # the driver that is started again meets no fault
    first, last = facts, facts
    if row.script == "again":
        last = {**facts, "when": "", "fault": (), "signals": ()}
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        folder = Path(place)
        (folder / "driver.py").write_text(_DRIVER.read_text())
        (folder / "script.sh").write_text(_SCRIPT)
        words = [sys.executable, kind, row.script, json.dumps(last), json.dumps(first)]
        sandbox = [sys.executable, "-m", "polaris_parsl", "sandbox", "--"]
        done = subprocess.run(
            [*sandbox, "bash", "script.sh", *words, str(row.settles), _STAMP, str(_LATEST_SECONDS)],
            cwd=folder,
            env={
                **os.environ,
                "HOME": place,
                "POLARIS_PARSL_SANDBOX_ISOLATION": "namespaces",
                "POLARIS_PARSL_SANDBOX_MIN_WALLTIME": "1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        if not (folder / "after.json").exists():
            raise RuntimeError(f"{name}: the sandbox ended with {done.returncode}: {done.stderr}")
        return cells(folder)


def cells(folder: Path) -> dict[str, str]:
    """What a finished run has left in its folder, in words."""
    files = sorted(folder.glob("ends*.json"))
    ends = [end for file in files for end in json.loads(file.read_text()).values()]
    jobs = json.loads((folder / "after.json").read_text() or "{}").get("Jobs", {}).values()
    began = [path.name.split("-")[1] for path in folder.glob("began-*")]
    lines = [
        (float(line.partition(" ")[0]), line.partition(" ")[2])
        for file in sorted(folder.glob("errors*.txt"))
        for line in file.read_text().splitlines()
    ]
    failed = [end for end in ends if end not in {"done", "never"}]
    tracebacks = sum(text.startswith("Traceback") for _, text in lines)
    codes = [path.read_text().strip() for path in sorted(folder.glob("code*"))]
    return {
        "done": f"{ends.count('done')} of {len(ends)}" if ends else "-",
        "run again": str(len(began) - len(set(began))),
        "failed": str(len(failed)) if ends else "-",
        "never ended": str(ends.count("never")) if ends else "-",
        "jobs": str(len(jobs)),
        "jobs left": str(sum(job["job_state"] not in "FX" for job in jobs)),
        "known after": known(folder, lines),
        "exit code": ", ".join("never ended" if code == _NEVER else code for code in codes),
        "traceback": {0: "no", 1: "yes"}.get(tracebacks, str(tracebacks)),
        "what the user sees": without_paths(shown(lines, failed), folder),
    }


def without_paths(text: str, folder: Path) -> str:
    """A text without the directories of this machine."""
    for path, name in (
        (folder, "PROJECT"),
        (sys.prefix, "ENVIRONMENT"),
        (sys.base_prefix, "PYTHON"),
        (_SOURCE, "SOURCE"),
    ):
        text = text.replace(str(path), name)
    return text


def known(folder: Path, lines: list[tuple[float, str]]) -> str:
    """Seconds from the fault to the first word about it, or to the first task that failed."""
    fault, failed = folder / "fault-at", folder / "failed-at"
    if not fault.exists():
        return "-"
    made = float(fault.read_text())
    times = [when for when, text in lines if when >= made and is_news(text)]
    times += [float(failed.read_text())] if failed.exists() else []
    return f"{max(0, min(times) - made):.0f} s" if times else "never"


_USUAL = ("sandbox: ", "is in the queue", "the logs of this run", "node-hours")


def is_news(line: str) -> bool:
    """Whether a line is about a fault, and not one of every run."""
    return bool(line.strip()) and not any(text in line for text in _USUAL)


def shown(lines: list[tuple[float, str]], failed: list[str]) -> str:
    """What the user sees: our lines, the last of a traceback, and errors of tasks."""
    ours = ("polaris_parsl: ", "PolarisParslWarning: ")
    words = [
        text.partition(": ")[2].removeprefix("PolarisParslWarning: ")
        for _, text in lines
        if any(each in text for each in ours) and is_news(text)
    ]
    words += [text.partition(": ")[2] for _, text in lines if " tasks done" in text][-1:]
    if any("Traceback" in text for _, text in lines):
        words.append(f"a traceback that ends with {lines[-1][1]!r}")
    words += [shortened(end) for end in dict.fromkeys(failed)]
    return "; ".join(words).replace("|", "/") or "nothing"


def shortened(text: str) -> str:
    """A long text without its middle."""
    return text if len(text) <= 800 else f"{text[:300]} ... {text[-450:]}"


def table(results: dict[tuple[str, str], dict[str, str]], old: str = "") -> str:
    """The table, in Markdown; with the lines of an old one of rows that were not run now."""
    columns = list(next(iter(results.values())))
    lines = {
        line.split(" | ")[0] + line.split(" | ")[1]: line for line in old.splitlines()[2:] if line
    }
    for (row, kind), result in results.items():
        words = {"ours": "polaris_parsl", "alone": "Parsl alone"}[kind]
        lines[f"| {row}{words}"] = f"| {row} | {words} | {' | '.join(result.values())} |"
    there = (f"| {row}{words}" for row in ROWS for words in ("Parsl alone", "polaris_parsl"))
    head = [f"| fault | with | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 2)}"]
    return "\n".join([*head, *(lines[each] for each in there if each in lines)]) + "\n"


def put(document: Path, results: dict[tuple[str, str], dict[str, str]]) -> None:
    """Put results into the table of a document."""
    before, _, rest = document.read_text().partition(_BEGIN)
    old, _, after = rest.partition(_END)
    document.write_text(f"{before}{_BEGIN}\n{table(results, old.strip())}\n{_END}{after}")


def main() -> int:
    """Print the table, or write it into a document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to run; all without")
    parser.add_argument("--alone", action="store_true", help="Parsl alone, too")
    parser.add_argument("--at-once", type=int, default=1, help="rows that run at once")
    parser.add_argument("--write", type=Path, help="document to put the table into")
    args = parser.parse_args()
    kinds = ["alone", "ours"] if args.alone else ["ours"]
    tries = [(row, kind) for row in args.rows or ROWS for kind in kinds]
    with ThreadPoolExecutor(args.at_once) as threads:
        found = dict(zip(tries, threads.map(lambda each: run(*each), tries), strict=True))
    if args.write:
        put(args.write, found)
    else:
        print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

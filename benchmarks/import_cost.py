"""Measures the cost of an import before any configuration is built: ours and ALCF's page's.

    python benchmarks/import_cost.py

Counts files opened and modules imported, and adds up the times of `python -X importtime`. The
counts are the same on every machine. Of several times it takes the least, because other processes
only add to it. "page" are the imports of the page's configuration.
"""

import subprocess
import sys

ROUNDS = 10
PAGE = (
    "from parsl.config import Config; from parsl.providers import PBSProProvider; "
    "from parsl.executors import HighThroughputExecutor; "
    "from parsl.launchers import MpiExecLauncher"
)
VARIANTS = {
    "python -c pass": "pass",
    "import polaris_parsl": "import polaris_parsl",
    "polaris_parsl.config": "import polaris_parsl; polaris_parsl.config",
    "page": PAGE,
}
COUNTER = """\
import sys
opened = []
sys.addaudithook(lambda event, arguments: opened.append(arguments) if event == "open" else None)
{code}
ours = {{"polaris_parsl", "__main__"}}
tops = {{name.partition(".")[0] for name in sys.modules}} - ours - set(sys.stdlib_module_names)
others = sorted(top for top in tops if not top.startswith("_"))
print(len(opened), len(sys.modules), len(others))
"""


def counts(code: str) -> list[int]:
    """Files opened, modules imported, and packages that are neither Python's nor ours."""
    command = [sys.executable, "-c", COUNTER.format(code=code)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [int(word) for word in printed.split()]


def milliseconds(code: str) -> float:
    """The sum of the times that -X importtime prints for the modules."""
    command = [sys.executable, "-X", "importtime", "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    own = [
        line.split(":")[1].split("|")[0] for line in printed.splitlines() if line.count("|") == 2
    ]
    return sum(int(text) for text in own if text.strip().isdecimal()) / 1000


def main() -> None:
    """Print a row for each variant."""
    # in alternation: other programs would lengthen all the runs of one
    rounds = [{name: milliseconds(code) for name, code in VARIANTS.items()} for _ in range(ROUNDS)]
    rows = {
        name: [*counts(code), min(times[name] for times in rounds)]
        for name, code in VARIANTS.items()
    }
    least = rows["python -c pass"][3]
    print("| | files | modules | other packages | importtime, ms | to `pass` |")
    print("|---|---|---|---|---|---|")
    for name, row in rows.items():
        numbers = f"{row[0]} | {row[1]} | {row[2]} | {row[3]:.1f} | {row[3] / least:.2f}"
        print(f"| `{name}` | {numbers} |")


if __name__ == "__main__":
    main()

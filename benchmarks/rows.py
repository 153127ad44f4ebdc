"""Which benchmarks there are: a script that prints a Markdown table, and what it needs. A new one is one entry."""

from dataclasses import dataclass
from enum import Enum


class Python(Enum):
    """Whose interpreter runs the script."""

    INSTALL = "the install's, which is what users have"
    TOOLS = "that of this command"


@dataclass(frozen=True)
class Row:
    """A benchmark.

    Attributes:
        name: of the row and its results.
        script: of this directory.
        words: arguments; {page} is the Python of the page's environment, {install} the install's directory.
        quick: what `--quick` adds to them: fewer rounds, smaller blocks.
        nodes: of the sandbox that it runs in; 0 without one.
        counts: whether it only counts, which other programs do not change.
        python: that runs it.
    """

    name: str
    script: str
    words: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    nodes: int = 0
    counts: bool = False
    python: Python = Python.INSTALL


PAGE = ("--page", "{page}")
TREE = ("--recipes", "ours", "ours, each node reads")
# Counts first: what follows keeps the machine busy.
ROWS = (
    Row("node_calls", "node_calls.py", PAGE, nodes=1, counts=True),
    Row(
        "blocks",
        "node_calls.py",
        (*PAGE, "--nodes", "3", "8"),
        quick=("--nodes", "3"),
        nodes=8,
        counts=True,
    ),
    Row(
        "tree",
        "node_calls.py",
        ("--nodes", "32", "64", *TREE),
        quick=("--nodes", "8"),
        nodes=64,
        counts=True,
    ),
    Row("import_cost", "import_cost.py", python=Python.TOOLS),
    Row("checkpoints", "checkpoints.py"),
    Row("install", "install.py", ("--rounds", "3"), quick=("--rounds", "1"), python=Python.TOOLS),
    Row("commands", "commands.py", ("{install}",), python=Python.TOOLS),
    Row("verify", "verify.py", python=Python.TOOLS),
    Row("module_load", "module_load.py", ("{install}",), python=Python.TOOLS),
    Row("throughput", "throughput.py", ("--tasks", "2000"), quick=("--rounds", "1"), nodes=1),
    Row("run_record", "run_record.py", quick=("10",), nodes=1),
    Row("first_result", "first_result.py", quick=("--rounds", "2"), nodes=1),
    Row(
        "first_results",
        "first_result.py",
        ("--nodes", "3", "--rounds", "3"),
        quick=("--rounds", "1"),
        nodes=3,
    ),
    Row("many_tasks", "many_tasks.py", quick=("--tasks", "1000", "5000"), nodes=1),
)

"""What the start of a node asks of shared places keeps below its ceilings, and what `scale` predicts comes true.

The program is benchmarks/node_calls.py. The page's recipe is not run again: what it asked is in counts.toml.
"""

import json
from pathlib import Path
from typing import Any

import pytest

import builder
import isolations
import traces
from polaris_parsl.scale.prediction import predict

PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import node_calls

blocks = [
    (node_calls.STAGED, 1, 4), (node_calls.STAGED, 1, 1), (node_calls.STAGED, 3, 1), (node_calls.NOT_STAGED, 1, 4),
]
measured = node_calls.measure_each(sys.executable, blocks)
print(json.dumps([{"calls": each.calls, "archives": each.archives, "size": each.size} for each in measured]))
"""


@pytest.fixture(scope="module")
def blocks(
    conda_install: Any, conda_base: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, int]]:
    """Blocks of ours: staged with four workers, with one, with one on each of three nodes, and not staged.

    Of a base in /usr all that the system's programs read would count.
    """
    isolations.need("namespaces")
    traces.need()
    folder = tmp_path_factory.mktemp("calls")
    (folder / "program.py").write_text(PROGRAM)
    shared = ["--shared", conda_install.prefix, "--shared", conda_base, "--shared", folder]
    root = conda_install.root
    command = [root / "bin/polaris-parsl", "sandbox", "--nodes", "3", *shared, "--"]
    python = root / "overlay/bin/python"
    words = [*command, python, "program.py", builder.REPOSITORY / "benchmarks"]
    env = {"HOME": str(folder), "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    done = builder.run(*words, env=env, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, int]] = json.loads(done.stdout.splitlines()[-1])
    return found


def page() -> int:
    """What a node with four workers asks by the page's recipe."""
    return next(each.calls for each in predict(1, workers=4) if each.recipe == "page")


def test_staged_workers_ask_half_a_percent_of_the_page(blocks: list[dict[str, int]]) -> None:
    assert 0 < blocks[0]["calls"] <= 0.005 * page()


def test_each_worker_more_asks_at_most_20_times(blocks: list[dict[str, int]]) -> None:
    assert blocks[0]["calls"] - blocks[1]["calls"] <= 3 * 20


def test_workers_that_are_not_staged_ask_a_third_of_the_page(blocks: list[dict[str, int]]) -> None:
    assert blocks[0]["calls"] < blocks[3]["calls"] <= 0.35 * page()


def test_of_three_nodes_one_reads_the_archive(blocks: list[dict[str, int]]) -> None:
    assert [each["archives"] for each in blocks] == [1, 1, 1, 0]
    assert blocks[2]["size"] < 1.1 * blocks[1]["size"]


def test_calls_grow_with_the_nodes_as_is_predicted(blocks: list[dict[str, int]]) -> None:
    """How many a node makes depends on the base and on variables, such as that of certificates."""
    one, three = (
        next(each.calls for each in predict(nodes, workers=1) if each.recipe == "ours")
        for nodes in (1, 3)
    )
    assert blocks[2]["calls"] == pytest.approx(blocks[1]["calls"] * three / one, rel=0.1)
    assert blocks[2]["calls"] <= 1.1 * three

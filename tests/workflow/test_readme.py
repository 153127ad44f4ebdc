"""The README's first example runs as it stands, and prints what the README shows."""

import re
from collections.abc import Callable
from pathlib import Path

from polaris_parsl.facts.polaris import polaris

README = Path(__file__).parents[2] / "README.md"
LINE = re.compile(r"task (\d) ran on (\w+), GPU (\d)")


def first_block(kind: str) -> str:
    """The first code block of a kind."""
    found = re.search(rf"^```{kind}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert found, kind
    return found[1]


def test_the_example_prints_what_the_readme_shows(
    in_sandbox: Callable[[str], str], tmp_path: Path
) -> None:
    example, shown = first_block("python"), first_block("text")
    (tmp_path / "project/workflow.py").write_text(example)
    twice = "python workflow.py; echo ====; python workflow.py"
    printed, again = in_sandbox(f"bash -ec '{twice}'").split("====\n")
    # which worker is first varies
    assert LINE.sub(r"task \1", printed) == LINE.sub(r"task \1", shown)
    node = re.compile(polaris().node.hostname_pattern)
    for text in (printed, shown):
        rows = LINE.findall(text)
        assert [number for number, *_ in rows] == [*"01234567"]
        assert all(node.fullmatch(name) for _, name, _ in rows)
        assert {gpu for *_, gpu in rows} <= {*"0123"}

    # a task that ran again might find another worker: these come from the checkpoints
    assert again == printed

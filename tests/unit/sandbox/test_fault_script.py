from pathlib import Path

import pytest

from code_blocks import block
from polaris_parsl.errors import SandboxError
from polaris_parsl.sandbox.faults.fault import KINDS, Fault
from polaris_parsl.sandbox.faults.script import read_faults


def test_each_table_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(
        '[[fault]]\nkind = "down"\ntarget = "qstat"\nafter = 10\nfor = 2.5\n'
        '[[fault]]\nkind = "hold"\nwhen = "running"\n'
    )
    assert read_faults(file) == (Fault("down", "qstat", 10, 2.5), Fault("hold", when="running"))


def test_the_file_in_the_document_is_read(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(block("docs/sandbox.md", "[[fault]]").text)
    assert read_faults(file) == (
        Fault("slow", "qsub", by=30),
        Fault("preempt", "job-1", 5, 20, when="running"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no faults"),
        ("x = 1", "holds x"),
        ("fault = 3", "holds no faults"),
        ("[[fault]]\nkind = ", "cannot read the faults of"),
        ("[[fault]]\nafter = 1", "fault 1 has no kind"),
        ('[[fault]]\nkind = "explode"', "fault 1: there is no fault 'explode'"),
        ('[[fault]]\nkind = "down"\nfor = "3"', "for = '3'"),
        ('[[fault]]\nkind = "down"\nfor = true', "for = True"),
        ('[[fault]]\nkind = "down"\nlasts = 3', "lasts = 3"),
        ('[[fault]]\nkind = "down"\nafter = inf', "after is inf"),
    ],
)
def test_a_file_that_makes_no_faults_is_refused_with_the_place(
    tmp_path: Path, text: str, problem: str
) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(text)
    with pytest.raises(SandboxError, match=r"faults\.toml") as caught:
        read_faults(file)
    assert problem in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"nosuch\.toml"):
        read_faults(tmp_path / "nosuch.toml")


def test_the_document_has_a_row_for_each_kind_of_fault() -> None:
    text = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()
    for kind, sentence in KINDS.items():
        assert f"| `{kind}` | {sentence} |" in text

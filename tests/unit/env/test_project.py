import tomllib
from pathlib import Path

import pytest

from polaris_parsl.env.user.project import plan_project, templates, write_project
from polaris_parsl.errors import OptionError, PrefixError
from polaris_parsl.options.options import refuse_unknown
from polaris_parsl.options.table import OPTIONS

FILE = "polaris-parsl.toml"
DOCUMENT = Path(__file__).parents[3] / "docs" / "examples.md"


def options(folder: Path, template: str = "sweep", **texts: str) -> dict[str, object]:
    return tomllib.loads(plan_project(folder, template, texts).files[FILE])


@pytest.mark.parametrize("template", templates())
def test_a_template_has_a_workflow_and_options_that_exist(template: str, tmp_path: Path) -> None:
    project = plan_project(tmp_path / "new", template, {})
    assert project.workflow in project.files
    refuse_unknown(tomllib.loads(project.files[FILE]), known=OPTIONS)
    assert not project.folder.exists()
    write_project(project)
    assert {each.name: each.read_text() for each in project.folder.iterdir()} == project.files


def test_the_document_lists_every_template() -> None:
    text = DOCUMENT.read_text()
    assert len(templates()) > 5
    assert [name for name in templates() if f"| [`{name}`](../examples/{name}/" not in text] == []


def test_what_a_run_has_left_in_an_example_is_not_copied(tmp_path: Path) -> None:
    assert plan_project(tmp_path, "gpu", {}).files.keys() == {FILE, "simulate.sh", "workflow.py"}


def test_options_go_into_the_file(tmp_path: Path) -> None:
    before = options(tmp_path)
    given = options(
        tmp_path,
        account="datascience",
        nodes_per_block="2",
        encrypted="True",
        available_accelerators="[0, 3]",
        worker_init='export A="b"',
    )
    assert given == before | {
        "account": "datascience",
        "nodes_per_block": 2,
        "encrypted": True,
        "available_accelerators": [0, 3],
        "worker_init": 'export A="b"',
    }
    assert options(tmp_path, "pipeline", retries="0")["retries"] == 0


@pytest.mark.parametrize(
    ("template", "texts", "words"),
    [
        ("swoop", {}, "there is no template 'swoop'\n  fix: choose adaptive, gpu,"),
        ("sweep", {"acount": "x"}, "acount is not an option of polaris_parsl"),
        ("sweep", {"nodes_per_block": "many"}, "nodes_per_block='many'"),
        ("pipeline", {"executors": "{gpu = {}}"}, "polaris-parsl.toml cannot hold executors"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, template: str, texts: dict[str, str], words: str
) -> None:
    with pytest.raises(OptionError) as refused:
        plan_project(tmp_path, template, texts)
    assert words in str(refused.value)


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    plan_project(tmp_path, "sweep", {})
    (tmp_path / "workflow.py").symlink_to("nowhere")
    with pytest.raises(PrefixError, match=r"workflow.py exists"):
        plan_project(tmp_path, "sweep", {})


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PrefixError, match="cannot write"):
        write_project(plan_project(tmp_path / "file" / "new", "sweep", {}))

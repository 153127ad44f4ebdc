"""Errors of tasks say where tasks start and which modules they find, where that is the reason."""

from pathlib import Path

import pytest

from polaris_parsl.configuration.task_errors import TaskPlace

PLACE = TaskPlace(Path("/eagle/p/runs"), Path("/eagle/p/scripts"))


def notes(error: BaseException, place: TaskPlace = PLACE) -> str:
    place.explain(error, {})
    place.explain(error, {})  # the same error may be that of several tasks
    return "\n".join(getattr(error, "__notes__", []))


def test_a_missing_module_gets_the_places_and_the_fix() -> None:
    note = notes(ModuleNotFoundError("No module named 'mine'"))
    assert note.startswith(
        "tasks find the modules of the driver's environment, and in /eagle/p/scripts\n"
    )
    assert note.count("fix: put the module beside your script") == 1
    assert "and in" not in notes(ModuleNotFoundError("x"), TaskPlace(Path("/runs"), None))


@pytest.mark.parametrize("name", ["data/in.txt", b"data/in.txt"], ids=["text", "bytes"])
def test_a_relative_path_that_is_not_there_gets_the_directory_in_which_tasks_start(
    name: str | bytes,
) -> None:
    note = notes(FileNotFoundError(2, "No such file or directory", name))
    assert note.startswith("tasks start in /eagle/p/runs, where 'data/in.txt' is not\n")
    assert "start_dir=" in note


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file or directory", "/data/in.txt"),
        FileNotFoundError("own words"),
        ImportError("cannot import name"),
        ValueError("x"),
    ],
)
def test_other_errors_are_left_alone(error: BaseException) -> None:
    assert notes(error) == ""


@pytest.mark.parametrize("given", ["own.err", ("own.err", "w"), Path("own.err")])
def test_what_a_task_has_written_to_its_captured_errors_is_shown(
    tmp_path: Path, given: object
) -> None:
    (tmp_path / "own.err").write_text("x" * 5000 + "\nno such licence\n")
    error = ValueError("the command failed")
    TaskPlace(tmp_path, None).explain(error, {"stderr": given})
    (note,) = error.__notes__
    assert note.startswith("its standard error ends with:\nxxx")
    assert note.endswith("no such licence")
    assert len(note) < 2100


def test_errors_that_are_nowhere_add_nothing(tmp_path: Path) -> None:
    for given in ("missing.err", None, 5):
        error = ValueError("the command failed")
        TaskPlace(tmp_path, None).explain(error, {"stderr": given})
        assert not hasattr(error, "__notes__")

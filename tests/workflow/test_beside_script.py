"""Tasks find the modules beside the script, and start where the user says."""

from collections.abc import Callable
from pathlib import Path

WORKFLOW = """
import parsl
from parsl.app.app import python_app
import polaris_parsl
from mine import scaled

@python_app
def own(number):
    import mine
    return mine.FACTOR * number

@python_app
def read():
    with open("data.txt") as stream:
        return stream.read()

@python_app
def missing():
    import not_there

options = dict(account="datascience", nodes_per_block=1, available_accelerators=0, max_workers_per_node=1)
for start in ({"run_dir": "runs"}, {"start_dir": "."}):
    with parsl.load(polaris_parsl.config(retries=0, **start, **options)):
        print(own(2).result(), scaled(3).result())
        for task in (read(), missing()):
            error = task.exception()
            print(type(error).__name__ if error else task.result(), *getattr(error, "__notes__", []))
"""
MODULE = """
from parsl.app.app import python_app
FACTOR = 7
@python_app
def scaled(number):
    return FACTOR * number
"""


def test_modules_beside_the_script_are_found_and_errors_say_where_tasks_start(
    in_sandbox: Callable[[str], str], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    (project / "mine.py").write_text(MODULE)
    (project / "data.txt").write_text("what the file holds")
    (project / "workflow.py").write_text(WORKFLOW)
    printed = in_sandbox("python workflow.py")
    first, second = printed.split("14 21\n")[1:]
    assert first.startswith(
        f"FileNotFoundError tasks start in {project}/runs, where 'data.txt' is not"
    )
    assert "start_dir" in first
    assert (
        f"ModuleNotFoundError tasks find the modules of the driver's environment, and in {project}"
        in first
    )
    assert second.startswith("what the file holds\n")

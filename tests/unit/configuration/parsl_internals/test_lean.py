"""Parsl is imported without what workers never use of it, and tasks and users do not notice."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

from parsl.executors.high_throughput.process_worker_pool import worker

from polaris_parsl.configuration.parsl_internals import child

LOOK = """
import os, sys
from pathlib import Path
from polaris_parsl.configuration.parsl_internals.lean import lean_imports

with lean_imports():
    import parsl
    from parsl.providers import AWSProvider, PBSProProvider
assert "TYPEGUARD_DISABLE_PLUGIN_AUTOLOAD" not in os.environ
assert "boto3" not in sys.modules
import boto3, typeguard
print(boto3.name, PBSProProvider.__init__.__code__.co_varnames[0])

@typeguard.typechecked
def double(value: int) -> int:
    return 2 * value

try:
    double("a")
except typeguard.TypeCheckError:
    print("checked")

from parsl.utils import get_std_fname_mode

print(get_std_fname_mode("stdout", "out"), get_std_fname_mode("stderr", (Path("err"), "w")))
for wrong in (["out", "w"], ("out", None), (42, "w"), ("out", "w", 42), ("out",), 42):
    try:
        print(get_std_fname_mode("stdout", wrong))
    except typeguard.TypeCheckError:
        print("checked")
"""


def test_what_a_task_imports_later_is_complete(tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text("name = 'that of the base'\n")
    (tmp_path / "look.py").write_text(LOOK)
    done = subprocess.run(
        [sys.executable, "look.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ["that of the base self", "checked"]
    lines += ["('out', 'a+') ('err', 'w')", *["checked"] * 6]
    assert done.stdout.splitlines() == lines, done.stderr


def test_a_worker_gets_the_number_of_gpus_from_its_pool() -> None:
    names: dict[str, Any] = dict(inspect.unwrap(worker).__globals__)
    assert names["subprocess"] is subprocess
    child._answer(names, "4")
    known = names["subprocess"]
    done = known.run("nvidia-smi -L | wc -l", shell=True, stdout=known.PIPE)
    assert (done.returncode, done.stdout.split()[0]) == (0, b"4")

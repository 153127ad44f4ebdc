"""Drivers that are killed, again and again: what was finished is never computed again."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

# A task notes that it runs; the driver notes each result that it has got.
DRIVER = """
import os, sys, time
import parsl
from parsl.app.app import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor
from polaris_parsl.configuration.checkpoints.memoizer import CheckpointMemoizer
from polaris_parsl.configuration.record.run_record import RunRecord

def note(name, number):
    file = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, b"%d\\n" % number)
    os.close(file)

@python_app(cache=True)
def square(number):
    note("computed", number)
    return {"square": number * number, "more": "x" * (number % 5000)}

parsl.load(Config(
    executors=[ThreadPoolExecutor(label="threads", max_threads=4)],
    memoizer=CheckpointMemoizer(RunRecord({})),
    run_dir="runs",
    initialize_logging=False,
))
last = int(sys.argv[1])
for begin in range(0, last, 20):
    tasks = [(number, square(number)) for number in range(begin, min(begin + 20, last))]
    for number, task in tasks:
        assert task.result()["square"] == number * number
        note("done", number)
parsl.dfk().cleanup()
if sys.argv[2] == "wait":
    time.sleep(600)
"""
_THREADS = 4


def counted(file: Path) -> Counter[int]:
    return Counter(map(int, file.read_text().split())) if file.exists() else Counter()


def _written(numbers: int) -> int:
    """Bytes of the notes of so many results."""
    return sum(len(f"{number}\n") for number in range(numbers))


def _run_until(folder: Path, last: int, notes: int) -> None:
    """Start the driver, and kill it when it has noted results of so many bytes."""
    done = folder / "done"
    size = done.stat().st_size if done.exists() else 0
    driver = subprocess.Popen([sys.executable, "driver.py", str(last), "wait"], cwd=folder)
    while driver.poll() is None:
        if done.exists() and done.stat().st_size > size + notes:
            driver.kill()
        time.sleep(0.0005)
    assert driver.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    ("tasks", "kills"), [(300, 4), pytest.param(2000, 50, marks=pytest.mark.long)]
)
def test_what_was_finished_before_a_kill_is_never_computed_again(
    tmp_path: Path, tasks: int, kills: int
) -> None:
    chance = random.Random(kills)
    (tmp_path / "driver.py").write_text(DRIVER)
    for kill in range(kills):
        finished = set(counted(tmp_path / "done"))
        before = counted(tmp_path / "computed")
        # each run gets further than the one before; it is killed there, or anywhere on its way
        last = tasks * (kill + 1) // (kills + 1)
        whole = _written(last) - 1
        least = chance.choice([0, _written(len(finished))])
        _run_until(tmp_path, last, chance.randrange(min(least, whole - 1), whole))
        again = counted(tmp_path / "computed") - before
        assert finished.isdisjoint(again)

    subprocess.run([sys.executable, "driver.py", str(tasks), "end"], cwd=tmp_path, check=True)
    computed = counted(tmp_path / "computed")
    assert set(computed) == set(range(tasks))
    # a kill loses what was running, and nothing else
    assert computed.total() <= tasks + kills * _THREADS

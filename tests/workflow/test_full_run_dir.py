"""The disk of a run directory is full: the run goes on, says so once, and what it wrote is whole."""

import subprocess
import sys
from pathlib import Path

DRIVER = """
import sys
import parsl
from parsl.app.app import python_app
from parsl.config import Config
from parsl.executors import ThreadPoolExecutor
from polaris_parsl.configuration.checkpoints.memoizer import CheckpointMemoizer
from polaris_parsl.configuration.full_logs import mind_full_disks
from polaris_parsl.configuration.record.run_record import RunRecord

@python_app(cache=True)
def square(number):
    print("computed", flush=True)
    return [number * number, "x" * 4000]

parsl.load(Config(
    executors=[ThreadPoolExecutor(label="threads", max_threads=4)],
    memoizer=CheckpointMemoizer(RunRecord({})),
    run_dir="runs",
))
mind_full_disks(lambda text: print(text, file=sys.stderr))
tasks = [square(number) for number in range(200)]
assert [task.result()[0] for task in tasks] == [number * number for number in range(200)]
parsl.dfk().cleanup()
"""
# The first run has half a megabyte for its logs and 200 results of four kilobytes; the second has room.
SCRIPT = """
set -e
mkdir runs kept
mount -t tmpfs -o size=512k none runs
"$1" driver.py >first
cp -r runs/000 kept/
umount runs
cp -r kept/000 runs/
"$1" driver.py >second
"""


def test_a_run_whose_disk_fills_up_ends_well_and_its_checkpoints_are_whole(tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(DRIVER)
    (tmp_path / "script.sh").write_text(SCRIPT)
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "script.sh", sys.executable],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot write") == 2, done.stderr
    assert "cannot write a result of the app 'square' into the checkpoint" in done.stderr
    assert "parsl.log: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "is damaged" not in done.stderr
    # threads may write into one line
    counts = [(tmp_path / name).read_text().count("computed") for name in ("first", "second")]
    assert counts[0] == 200
    assert 0 < counts[1] < 200, "what was written is found, and nothing else"

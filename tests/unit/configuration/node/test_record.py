"""The image of an environment holds what workers import, so that they open hardly any file."""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import parsl
import pytest

from polaris_parsl.configuration.node import start
from polaris_parsl.version import VERSION

# Opens every module of a pool; prints which files of packages were read for that.
LOOK = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from polaris_parsl.configuration.parsl_internals import worker_pool
import parsl.executors.high_throughput.process_worker_pool
read = [each for each in opened if each.endswith((".py", ".pyc"))]
print("modules", len([each for each in sys.modules if each.startswith("parsl.")]))
print("read", len(read), *read)
print("loader", type(parsl.__spec__.loader).__name__, parsl.__file__)
import inspect
print("source", len(inspect.getsource(parsl.executors.high_throughput.process_worker_pool)))
"""
# Of the start of a pool; without an image there are hundreds.
READ_MAX = 0


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image of the environment of these tests."""
    file = tmp_path_factory.mktemp("image") / "workers.image"
    record = "polaris_parsl.configuration.node.record"
    command: list[str | Path] = [sys.executable, "-P", "-m", record, file, "/nowhere"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    # then it has imported what users import
    assert json.loads(done.stdout) == [parsl.__version__, VERSION, sys.prefix, parsl.__file__]
    return file


def test_a_pool_reads_no_file_of_a_module(image: Path, tmp_path: Path) -> None:
    (tmp_path / "look.py").write_text(LOOK)
    done = subprocess.run(
        [sys.executable, "-P", start.__file__, image, tmp_path, "--", "look"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert int(lines["modules"]) > 100
    assert int(lines["read"].split()[0]) <= READ_MAX, lines["read"]
    loader, file = lines["loader"].split()
    assert loader == "ImageLoader"
    assert Path(file).is_file()
    assert int(lines["source"]) > 10_000


def test_an_image_knows_the_files_of_the_base_and_all_packages(image: Path) -> None:
    found = start.Image(str(image))
    assert found.is_fit
    source = next(each for each in found.sources if each.endswith("/argparse.py"))
    status = Path(source).stat()
    assert found.sources[source] == (status.st_size, status.st_mtime_ns)
    packages = {tuple(each) for _, listed in found.distributions.values() for each in listed}
    assert packages == {(each.metadata["Name"], each.version) for each in distributions()}
    assert {"parsl", "dill", "psutil"} <= {name for name, _ in packages}


def test_two_images_of_one_environment_are_the_same(image: Path, tmp_path: Path) -> None:
    again = tmp_path / "workers.image"
    record = "polaris_parsl.configuration.node.record"
    subprocess.run([sys.executable, "-P", "-m", record, again, "/nowhere"], check=True)
    assert again.read_bytes() == image.read_bytes()

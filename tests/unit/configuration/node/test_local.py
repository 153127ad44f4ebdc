"""A copy of the interpreter on a node's own disk is for its programs the one that it stands for."""

import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

import builder
from polaris_parsl.configuration.node import serve, start
from polaris_parsl.configuration.staged_modules import find_modules

NODE = Path(serve.__file__).parent
OWN = Path(sys.executable)
LOOK = """
import os, sys, zmq, parsl, encodings
print("exe", os.readlink("/proc/self/exe"))
print("names", sys.executable, sys.prefix, sys.base_prefix, os.__file__, encodings.__file__)
print("path", *sys.path)
print("zmq", zmq.backend.cython._zmq.__file__)
"""


def lines(command: Sequence[object], **env: str) -> dict[str, str]:
    """What the program prints, by the first word of each line."""
    done = subprocess.run(
        [str(each) for each in command],
        env={**os.environ, "PYTHONNOUSERSITE": "1", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.fixture(scope="module")
def install(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with image and archive of the environment of these tests, packed as an install packs them."""
    folder = tmp_path_factory.mktemp("local")
    image, archive = folder / "workers.image", folder / "workers.tar.gz"
    record = "polaris_parsl.configuration.node.record"
    descriptor = os.open(sys.prefix, os.O_PATH)
    try:
        root = f"/proc/{os.getpid()}/fd/{descriptor}"
        subprocess.run([sys.executable, "-P", "-m", record, image, root, archive], check=True)
    finally:
        os.close(descriptor)
    return folder


def test_modules_and_names_are_those_of_the_interpreter_that_it_stands_for(
    install: Path, tmp_path: Path
) -> None:
    (tmp_path / "look.py").write_text(LOOK)
    disk = tmp_path / "disk"
    disk.mkdir()
    archive = install / "workers.tar.gz"
    real = lines(program(install, tmp_path))
    digest = archive.with_name(f"{archive.name}.sha256").read_text().strip()
    local = staged(install, tmp_path, archive, digest, disk)
    for each in ("names", "path", "zmq"):
        assert local[each] == real[each]
    assert Path(local["exe"]).is_relative_to(disk)
    assert not Path(real["exe"]).is_relative_to(disk)


def test_so_are_those_of_a_base_of_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = builder.stand_in_base(tmp_path / "base") / "bin/python3"
    ours = [each for each in sys.path if each and not Path(each).is_relative_to(sys.base_prefix)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(ours))
    install, disk = tmp_path / "install", tmp_path / "disk"
    install.mkdir()
    disk.mkdir()
    archive = install / "workers.tar.gz"
    record = "polaris_parsl.configuration.node.record"
    image = install / "workers.image"
    subprocess.run([python, "-P", "-m", record, image, install, archive], check=True)
    (tmp_path / "look.py").write_text(LOOK)
    real = lines(program(install, tmp_path, python))
    digest = archive.with_name(f"{archive.name}.sha256").read_text().strip()
    local = staged(install, tmp_path, archive, digest, disk, python)
    assert (local["names"], local["path"]) == (real["names"], real["path"])
    assert Path(local["exe"]).is_relative_to(disk)


def program(install: Path, folder: Path, python: Path = OWN) -> list[object]:
    """The command of look.py in a directory."""
    image = install / "workers.image"
    return [python, "-P", start.__file__, image, folder, "--", "look"]


def staged(  # noqa: PLR0917 - of these tests
    install: Path, folder: Path, archive: Path, digest: str, disk: Path, python: Path = OWN
) -> dict[str, str]:
    """What it prints from the disk of a node."""
    image = install / "workers.image"
    identity = subprocess.run(
        [python, "-P", "-m", "polaris_parsl.configuration.node.identity", image],
        env={**os.environ, "PYTHONNOUSERSITE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    files = (python, start.__file__, image)
    stage = ["sh", NODE / "stage.sh", archive, digest, f"{disk}=1", *files]
    command = [*stage, "--", *program(install, folder, python)]
    return lines(command, POLARIS_PARSL_IDENTITY=identity.strip())


LOOK_AT_PACKAGES = """
import sys
from pathlib import Path
import numpy, mine.part
mapped = Path("/proc/self/maps").read_text().splitlines()
print("numpy", numpy.__file__, numpy.ones(3).sum())
print("blas", *{each.split()[-1] for each in mapped if "openblas" in each})
print("mine", mine.__file__, mine.part.__file__, Path(mine.__file__).with_name("data").read_text())
print("path", *sys.path)
"""


def test_packages_of_the_user_come_from_the_disk_with_the_libraries_beside_them(
    install: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, disk, run_dir = (tmp_path / name for name in ("project", "disk", "runs"))
    (project / "mine").mkdir(parents=True)
    disk.mkdir()
    for name, text in (("__init__.py", ""), ("part.py", ""), ("data", "kept")):
        (project / "mine" / name).write_text(text)
    (project / "look.py").write_text(LOOK_AT_PACKAGES)
    monkeypatch.setattr(sys, "path", [*sys.path, str(project)])
    modules = find_modules(["numpy", "mine"], install / "workers.tar.gz")
    digest = modules.write(run_dir)
    made = modules.place(run_dir).stat()
    assert modules.write(run_dir) == digest
    assert modules.place(run_dir).stat().st_mtime_ns == made.st_mtime_ns
    real = lines(program(install, project))
    local = staged(install, project, modules.place(run_dir), digest, disk)
    assert local["path"] == real["path"]
    for each in ("numpy", "blas", "mine"):
        words = local[each].split()
        assert Path(words[0]).is_relative_to(disk), local
        # it is the same below the copy of its directory
        assert words[0].endswith(real[each].split()[0])
        assert words[-1] == real[each].split()[-1] or each == "blas"


def test_the_archive_holds_the_compiled_libraries_of_the_overlay(install: Path) -> None:
    with tarfile.open(install / "workers.tar.gz") as tar:
        names = [Path(each) for each in tar.getnames()]
    overlays = {each.name.partition(".")[0] for each in names if each.parts[0] == "install"}
    assert {"_zmq", "_psutil_linux"} < overlays


def test_a_node_hands_the_archive_on_with_what_it_got_itself(install: Path, tmp_path: Path) -> None:
    archive = install / "workers.tar.gz"
    subprocess.run(["tar", "-xf", archive, "-C", tmp_path], check=True)
    (python,) = (tmp_path / "bin").iterdir()
    with socket.socket() as bound:
        # nobody else gets the port; the server may have it, too, since it reuses addresses
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        server = subprocess.Popen(
            [python, "-I", "-S", tmp_path / "serve.py", str(port), archive, "2", "600"]
        )
        try:
            for _ in range(2):
                assert received(port, server) == archive.read_bytes()
            assert server.wait(timeout=300) == 0
        finally:
            server.kill()


def received(port: int, server: subprocess.Popen[bytes]) -> bytes:
    """What the server gives to who connects, once it listens."""
    while server.poll() is None:
        with (
            suppress(ConnectionRefusedError),
            socket.create_connection(("127.0.0.1", port)) as connection,
            connection.makefile("rb") as stream,
        ):
            return stream.read()
        time.sleep(0.05)
    raise AssertionError("the server has ended")

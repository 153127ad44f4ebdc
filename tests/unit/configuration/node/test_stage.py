"""A node unpacks what workers start from once, runs them from there, and removes it after them."""

import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from polaris_parsl.configuration.node import serve

STAGE = Path(serve.__file__).parent / "stage.sh"
ROOM, NO_ROOM = 1, 1 << 50
LOCAL_PYTHON = '#!/bin/sh\necho "local $0 $*"\n[ "$1" != wait ] || exec sleep 60\n'


class Node:
    """A node's disk and an archive on a shared one."""

    def __init__(self, folder: Path) -> None:
        self.shared, self.disk = folder / "shared", folder / "disk"
        for each in (self.shared, self.disk):
            each.mkdir()
        self.archive = self.shared / "workers.tar.gz"
        with tarfile.open(self.archive, "w:gz") as tar:
            for name, text in (
                ("bin/python3", LOCAL_PYTHON),
                ("start.py", ""),
                ("workers.image", ""),
            ):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(text), 0o755
                tar.addfile(member, io.BytesIO(text.encode()))
        self.digest = hashlib.sha256(self.archive.read_bytes()).hexdigest()
        self.python = self.shared / "python"
        self.python.write_text('#!/bin/sh\necho "shared $*"\n')
        self.python.chmod(0o755)

    @property
    def tree(self) -> Path:
        """Where the archive is unpacked."""
        return self.disk / f"polaris-parsl-{os.getuid()}" / self.digest[:16]

    def start(self, *words: str, kib: int = ROOM, **env: str) -> subprocess.Popen[str]:
        """Start a command of the shared Python."""
        names = ("python", "start.py", "workers.image")
        files = [str(self.shared / name) for name in names]
        return subprocess.Popen(
            [
                *("sh", str(STAGE), str(self.archive), self.digest),
                *(f"/nowhere=1:{self.disk}={kib}", *files),
                *("--", files[0], *words, *files[1:]),
            ],
            env={
                **os.environ,
                "POLARIS_PARSL_IDENTITY": "00",
                "POLARIS_PARSL_BLOCK_NODES": "",
                **env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, kib: int = ROOM, **env: str) -> tuple[str, str]:
        """Run it to its end; what it printed, and the errors."""
        return self.start(*words, kib=kib, **env).communicate(timeout=60)

    def is_clean(self) -> bool:
        """Whether nothing is left on the disk, after a moment."""
        latest = time.monotonic() + 30
        while [*self.disk.glob("polaris-parsl-*/*")] and time.monotonic() < latest:
            time.sleep(0.05)
        return not [*self.disk.glob("polaris-parsl-*/*")]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_command_runs_from_the_disk_of_its_node_and_leaves_nothing(node: Node) -> None:
    said, errors = node.run("a b", "c")
    tree = node.tree
    assert said == f"local {tree}/bin/python3 a b c {tree}/start.py {tree}/workers.image\n"
    assert errors == ""
    assert node.is_clean()


def test_a_second_command_uses_what_the_first_has_unpacked(node: Node) -> None:
    first = node.start("wait")
    assert first.stdout is not None
    assert first.stdout.readline().startswith("local ")
    node.archive.unlink()
    said, errors = node.run("more")
    assert (said.split()[0], errors) == ("local", "")
    assert node.tree.is_dir()
    # also when it is killed, its files are removed
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert node.is_clean()


def test_what_a_killed_node_has_left_is_removed_by_the_next(node: Node) -> None:
    left = node.tree.with_name("0123456789abcdef")
    (left / "bin").mkdir(parents=True)
    left.with_name(f"{left.name}.use").touch()
    node.run("now")
    assert not left.exists()
    assert node.is_clean()


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("room", "no room in /nowhere=1"),
        ("identity", "the base is another than that of the install"),
        ("digest", "cannot be unpacked into"),
        ("archive", "cannot be unpacked into"),
        ("folder", "cannot be used"),
    ],
)
def test_whatever_fails_the_command_runs_from_the_shared_files_and_says_so(
    node: Node, what: str, why: str
) -> None:
    env = {}
    if what == "identity":
        env["POLARIS_PARSL_IDENTITY"] = ""
    elif what == "digest":
        node.digest = "0" * 64
    elif what == "archive":
        node.archive.write_bytes(b"damaged")
    elif what == "folder":
        (node.disk / f"polaris-parsl-{os.getuid()}").symlink_to("/nowhere")
    said, errors = node.run("a", kib=NO_ROOM if what == "room" else ROOM, **env)
    assert said == f"shared a {node.shared}/start.py {node.shared}/workers.image\n"
    assert "workers start from the shared file system: " in errors
    assert why in errors


@pytest.fixture
def parent(node: Node) -> Iterator[None]:
    """Another node that hands the archive on."""
    port = 20000 + int(node.digest[:4], 16) % 20000
    copy = node.shared / "copy"
    copy.write_bytes(node.archive.read_bytes())
    server = subprocess.Popen([sys.executable, serve.__file__, str(port), str(copy), "1", "60"])
    yield
    server.kill()
    server.wait()


@pytest.mark.usefixtures("parent")
def test_a_node_gets_the_archive_from_another_and_not_from_the_shared_file_system(
    node: Node,
) -> None:
    node.archive.unlink()
    said, errors = node.run("a", POLARIS_PARSL_BLOCK_NODES=f"localhost {socket.gethostname()}")
    assert (said.split()[0], errors) == ("local", "")
    assert node.is_clean()

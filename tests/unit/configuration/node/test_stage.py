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

from polaris_parsl.configuration.node import serve, with_driver

STAGE = Path(serve.__file__).parent / "stage.sh"
ROOM, NO_ROOM = 1, 1 << 50
LOCAL_PYTHON = '#!/bin/sh\necho "local $0 $*"\n[ "$1" != wait ] || exec sleep 600\n'


def make_archive(path: Path, python: str) -> None:
    """An archive with a Python that is a script."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in (("bin/python3", python), ("start.py", ""), ("workers.image", "")):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text), 0o755
            tar.addfile(member, io.BytesIO(text.encode()))


class Node:
    """A node's disk and an archive on a shared one."""

    def __init__(self, folder: Path) -> None:
        self.shared, self.disk = folder / "shared", folder / "disk"
        for each in (self.shared, self.disk):
            each.mkdir()
        self.archive = self.shared / "workers.tar.gz"
        make_archive(self.archive, LOCAL_PYTHON)
        self.digest = hashlib.sha256(self.archive.read_bytes()).hexdigest()
        self.python = self.shared / "python"
        self.python.write_text('#!/bin/sh\necho "shared $*"\n')
        self.python.chmod(0o755)

    @property
    def tree(self) -> Path:
        """Where the archive is unpacked."""
        return self.disk / f"polaris-parsl-{os.getuid()}" / self.digest[:16]

    def start(
        self,
        *words: str,
        kib: int = ROOM,
        stage: Path = STAGE,
        nodes: str = "",
        identity: str = "00",
    ) -> subprocess.Popen[str]:
        """Start a command of the shared Python."""
        names = ("python", "start.py", "workers.image")
        files = [str(self.shared / name) for name in names]
        return subprocess.Popen(
            [
                *("sh", str(stage), str(self.archive), self.digest),
                *(f"/nowhere=1:{self.disk}={kib}", *files),
                *("--", files[0], *words, *files[1:]),
            ],
            env={
                **os.environ,
                "POLARIS_PARSL_IDENTITY": identity,
                "POLARIS_PARSL_BLOCK_NODES": nodes,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *words: str, kib: int = ROOM, nodes: str = "", identity: str = "00"
    ) -> tuple[str, str]:
        """Run it to its end; what it printed, and the errors."""
        return self.start(*words, kib=kib, nodes=nodes, identity=identity).communicate(timeout=300)

    def is_clean(self) -> bool:
        """Whether nothing is left on the disk, after a moment."""
        latest = time.monotonic() + 120
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
    identity = "" if what == "identity" else "00"
    if what == "digest":
        node.digest = "0" * 64
    elif what == "archive":
        node.archive.write_bytes(b"damaged")
    elif what == "folder":
        (node.disk / f"polaris-parsl-{os.getuid()}").symlink_to("/nowhere")
    said, errors = node.run("a", kib=NO_ROOM if what == "room" else ROOM, identity=identity)
    assert said == f"shared a {node.shared}/start.py {node.shared}/workers.image\n"
    assert "workers start from the shared file system: " in errors
    assert why in errors


@pytest.fixture
def parent(node: Node) -> Iterator[None]:
    """Another node that hands the archive on."""
    port = 20000 + int(node.digest[:4], 16) % 20000
    copy = node.shared / "copy"
    copy.write_bytes(node.archive.read_bytes())
    server = subprocess.Popen([sys.executable, serve.__file__, str(port), str(copy), "1", "600"])
    yield
    server.kill()
    server.wait()


@pytest.mark.usefixtures("parent")
def test_a_node_gets_the_archive_from_another_and_not_from_the_shared_file_system(
    node: Node,
) -> None:
    node.archive.unlink()
    said, errors = node.run("a", nodes=f"localhost {socket.gethostname()}")
    assert (said.split()[0], errors) == ("local", "")
    assert node.is_clean()


def as_node(folder: Path, name: str) -> str:
    """A PATH by which `uname -n` says a name, for two nodes on one machine."""
    bin_ = folder / f"bin-{name}"
    bin_.mkdir()
    (bin_ / "uname").write_text(f"#!/bin/sh\necho {name}\n")
    (bin_ / "uname").chmod(0o755)
    return str(bin_)


@pytest.mark.parametrize("why", ["no room", "unpacked before"])
def test_a_node_does_not_wait_for_one_that_has_no_archive_to_hand_on(
    node: Node, tmp_path: Path, why: str
) -> None:
    # it serves with a real Python, and the nodes are two names of this machine
    (node.shared / "serve.py").write_text(Path(serve.__file__).read_text())
    node.python.write_text(
        f'#!/bin/sh\n[ "$1" = -I ] && exec {sys.executable} "$@"\necho "shared $*"\n'
    )
    patient = STAGE.read_text().replace("patience=20", "patience=3600")
    names = ("localhost", "child")
    stages = {}
    for name in names:
        text = patient.replace("PATH=/usr/bin", f"PATH={as_node(tmp_path, name)}:/usr/bin")
        stages[name] = tmp_path / f"stage-{name}.sh"
        stages[name].write_text(text)
    nodes = " ".join(names)
    holder = None
    if why == "unpacked before":
        holder = node.start("wait")
        assert holder.stdout is not None
        holder.stdout.readline()
    kib = NO_ROOM if why == "no room" else ROOM
    root = node.start("a", kib=kib, stage=stages["localhost"], nodes=nodes)
    root.communicate(timeout=300)
    if holder is not None:
        holder.kill()
        holder.communicate()
        assert node.is_clean()
    said, errors = node.start("a", stage=stages["child"], nodes=nodes).communicate(timeout=300)
    assert (said.split()[0], errors) == ("local", "")
    assert node.is_clean()


def test_its_files_stay_while_the_pool_lives_whose_watch_was_killed(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as driver:
        port = str(driver.getsockname()[1])
        words = [
            with_driver.__file__,
            *f"127.0.0.1 {port} -- sh -c".split(),
            "echo $$; exec sleep 600",
        ]
        node.archive.unlink()
        make_archive(node.archive, f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        node.digest = hashlib.sha256(node.archive.read_bytes()).hexdigest()
        watch = node.start(*words)
        assert watch.stdout is not None
        pool = int(watch.stdout.readline())
        watch.kill()
        watch.wait(timeout=300)
        try:
            # what would be removed is, before this one ends
            left = subprocess.run(
                ["flock", "-xn", f"{node.tree}.use", "true"], check=False, timeout=300
            )
            assert left.returncode == 1, "the pool holds the lock"
            assert node.tree.is_dir()
        finally:
            os.kill(pool, signal.SIGKILL)
            watch.communicate(timeout=300)
    assert node.is_clean()

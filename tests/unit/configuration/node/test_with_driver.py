"""A pool of workers lives no longer than its driver."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from polaris_parsl.configuration.node import with_driver

SCRIPT = Path(with_driver.__file__)
HERE = "127.0.0.1"
LONG = 120  # seconds, for what a slow machine does late


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LOOK_SECONDS", "_AGAIN_SECONDS"):
        monkeypatch.setattr(with_driver, name, 0.05)


@pytest.fixture
def driver() -> Iterator[socket.socket]:
    with socket.create_server((HERE, 0)) as server:
        yield server


def port_of(driver: socket.socket) -> int:
    port: int = driver.getsockname()[1]
    return port


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens, and nobody can while it is bound."""
    with socket.socket() as bound:
        bound.bind((HERE, 0))
        yield port_of(bound)


def test_a_driver_that_accepts_at_any_address_lives(driver: socket.socket) -> None:
    assert not with_driver.has_ended(["127.0.0.2", HERE], port_of(driver))


def test_a_driver_whose_port_is_closed_has_ended(closed_port: int) -> None:
    assert with_driver.has_ended([HERE], closed_port)


def test_an_address_that_says_nothing_ends_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", unreachable)
    assert not with_driver.has_ended([HERE], 1)


def test_without_a_driver_nothing_is_started(
    closed_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = with_driver.main([HERE, str(closed_port), "--", "touch", str(tmp_path / "started")])
    assert code == 0
    assert not (tmp_path / "started").exists()
    assert "the driver of this job has ended, so no workers are started" in capsys.readouterr().err


def test_the_exit_code_of_the_command_is_returned(driver: socket.socket) -> None:
    command = with_driver.Command(["sh", "-c", "exit 7"])
    assert with_driver.run(command, [HERE], port_of(driver)) == 7


def test_the_command_ends_with_the_driver(
    closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    # a child of the command ends, too
    command = with_driver.Command(["sh", "-c", "sleep 600 & wait"])
    assert with_driver.run(command, [HERE], closed_port) == 0
    assert "the driver has ended, and so the workers end" in capsys.readouterr().err
    assert command.wait(LONG) == -signal.SIGTERM


def test_a_command_that_a_signal_kills_is_started_again_but_not_for_ever(
    driver: socket.socket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = tmp_path / "count"
    command = with_driver.Command(["sh", "-c", f"echo >>{count}; kill -9 $$"])
    assert with_driver.run(command, [HERE], port_of(driver)) == 1
    assert len(count.read_text()) == 3
    said = capsys.readouterr().err.splitlines()
    assert [line.rpartition("; ")[2] for line in said] == [
        "it is started again",
        "it is started again",
        "it is not started again",
    ]
    assert all("killed by SIGKILL" in line for line in said)


def test_a_signal_is_handed_on_to_all_that_the_command_started(driver: socket.socket) -> None:
    words = ["sh", "-c", "sleep 600 & echo $!; wait"]
    with subprocess.Popen(
        [sys.executable, "-P", SCRIPT, HERE, str(port_of(driver)), "--", *words],
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        child = int(watching.stdout.readline())
        try:
            watching.terminate()
            assert watching.wait(LONG) == 128 + signal.SIGTERM
        finally:
            watching.kill()
    # it has got the signal, and ends when the machine lets it run
    latest = time.monotonic() + LONG
    while lives(child):
        assert time.monotonic() < latest
        time.sleep(0.01)


def lives(process: int) -> bool:
    try:
        return " (sleep) Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_signal_that_comes_while_the_command_starts_is_handed_on() -> None:
    command = with_driver.Command(["sleep", "600"])
    command.stop(signal.SIGTERM)
    command.start()
    assert command.wait(LONG) == -signal.SIGTERM

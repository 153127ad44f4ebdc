"""How far tasks are, shown to people."""

import io
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import polaris_parsl
from polaris_parsl.configuration.progress import progress
from polaris_parsl.errors import OptionError


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def ended(value: Any = 1, error: Exception | None = None) -> "Future[Any]":
    future: Future[Any] = Future()
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
    return future


def test_it_waits_for_all_and_gives_the_futures_back() -> None:
    first, second = Future[Any](), Future[Any]()

    def end() -> None:
        first.set_result(1)
        second.set_result(2)

    thread = threading.Timer(0.01, end)
    thread.start()
    stream = io.StringIO()
    assert [each.result() for each in progress([first, second], stream=stream)] == [1, 2]
    thread.join()
    assert stream.getvalue().startswith("2 of 2 tasks, in ")


def test_a_task_that_fails_is_counted_and_raises_nothing() -> None:
    stream = io.StringIO()
    progress([ended(), ended(error=ValueError("no"))], stream=stream)
    assert "2 of 2 tasks, 1 failed, in" in stream.getvalue()


def test_where_there_is_no_terminal_there_are_plain_lines_and_few_of_them() -> None:
    futures: list[Future[Any]] = [Future() for _ in range(1000)]
    seconds = iter(range(10**9))

    def clock() -> float:
        for future in futures:  # each look at the clock, a task more has ended
            if not future.done():
                future.set_result(1)
                break
        return float(next(seconds))

    stream = io.StringIO()
    futures[0].set_result(1)
    progress(futures[:50], stream=stream, clock=clock)
    lines = stream.getvalue().splitlines()
    assert 1 <= len(lines) <= 11
    assert all("\x1b" not in line and "\r" not in line for line in lines)
    assert lines[-1].startswith("50 of 50 tasks")


def test_in_a_terminal_it_is_a_bar() -> None:
    stream = Terminal()
    progress([ended()] * 3, stream=stream)
    assert f"[{'#' * 30}] 3 of 3 tasks" in stream.getvalue()
    assert stream.getvalue().endswith("\n")


def test_of_no_tasks_it_says_so_at_once() -> None:
    stream = io.StringIO()
    assert progress([], stream=stream) == []
    assert "0 of 0 tasks" in stream.getvalue()


def test_what_is_no_future_is_refused() -> None:
    with pytest.raises(OptionError, match="takes futures, and got int"):
        polaris_parsl.progress([1])  # type: ignore[list-item]


def test_a_closed_terminal_stops_nothing() -> None:
    class Closed(io.StringIO):
        def isatty(self) -> bool:
            return False

        def write(self, _text: str) -> int:
            raise ValueError("closed")

    assert progress([ended()], stream=Closed())


SCRIPT = """
from concurrent.futures import ThreadPoolExecutor
import polaris_parsl
with ThreadPoolExecutor() as pool:
    polaris_parsl.progress([pool.submit(pow, each, 2) for each in range(20)])
"""


def test_a_script_whose_output_goes_into_a_pipe_prints_plain_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert re.fullmatch(r"20 of 20 tasks, in \d+ s\n", done.stderr)


def test_a_script_in_a_terminal_draws_a_bar() -> None:
    ours, theirs = os.openpty()
    try:
        subprocess.run([sys.executable, "-c", SCRIPT], stderr=theirs, check=True)
        drawn = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "\r[" in drawn
    assert f"[{'#' * 30}] 20 of 20 tasks" in drawn


def test_a_cell_of_a_notebook_prints_plain_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ipykernel")
    manager = pytest.importorskip("jupyter_client.manager")
    for name in ("HOME", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    # a port that is free now may be taken by the time that the kernel wants it; a name in a new directory is not
    sockets = TemporaryDirectory()
    address = f"{sockets.name}/kernel"
    kernel = manager.KernelManager(kernel_name="python3", transport="ipc", ip=address)
    kernel.kernel_spec.argv[0] = sys.executable
    kernel.start_kernel()
    client = kernel.blocking_client()
    client.start_channels()
    streams: list[tuple[str, str]] = []

    def collect(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            streams.append((message["content"]["name"], message["content"]["text"]))

    try:
        client.wait_for_ready(timeout=300)
        reply = client.execute_interactive(SCRIPT, output_hook=collect, timeout=300)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
        sockets.cleanup()
    assert reply["content"]["status"] == "ok", reply["content"]
    assert {name for name, _ in streams} == {"stderr"}
    assert re.fullmatch(r"20 of 20 tasks, in \d+ s\n", "".join(text for _, text in streams))

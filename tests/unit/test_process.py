"""A program that is asked answers in time and in measure, or is killed with a clear error."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import builder
from polaris_parsl.cli import main
from polaris_parsl.env.base import fingerprint
from polaris_parsl.env.base.choice import probe
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.process import NoAnswerError, run

# each holds a pipe until it has ended
HANGING = "#!/bin/sh\nexec 3>'{held}'; exec sleep 600\n"
CHATTERING = "#!/bin/sh\nexec 3>'{held}'; exec yes\n"
ON_ERRORS = "#!/bin/sh\nexec 3>'{held}'; exec yes >&2\n"
# what prints without end is stopped by that, however slow the machine is
NEVER = 600


@pytest.fixture
def held(tmp_path: Path) -> Iterator[int]:
    """The reading end of the pipe `held`."""
    os.mkfifo(tmp_path / "held")
    reading = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    yield reading
    os.close(reading)


def is_held_by_nobody(reading: int) -> bool:
    """Whether the last that held a pipe has ended, or does soon."""
    latest = time.monotonic() + 120
    while time.monotonic() < latest:
        with suppress(BlockingIOError):
            return os.read(reading, 1) == b""
        time.sleep(0.01)
    return False


@pytest.mark.parametrize(
    ("text", "seconds", "problem"),
    [
        (HANGING, 0.5, "did not answer within 0.5 s"),
        (CHATTERING, NEVER, "printed more than 1000000 bytes"),
        (ON_ERRORS, NEVER, "printed more than 1000000 bytes"),
    ],
)
def test_a_base_that_hangs_or_prints_without_end_is_refused_and_ended(
    *,
    text: str,
    seconds: float,
    problem: str,
    held: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = tmp_path / "python"
    base.write_text(text.format(held=tmp_path / "held"))
    base.chmod(0o755)
    monkeypatch.setattr(fingerprint, "_ANSWER_TIMEOUT_SECONDS", seconds)
    monkeypatch.setattr(fingerprint, "_ANSWER_BYTES", 1000000)
    with pytest.raises(BaseEnvironmentError, match=f"is not a working Python: .*{problem}"):
        probe(base, names=(), env=os.environ)
    assert is_held_by_nobody(held)


def test_a_command_that_nobody_catches_ends_in_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def app(**_: object) -> None:
        run(["sleep", "600"], timeout_seconds=0.1)

    monkeypatch.setattr(main, "app", app)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 7
    assert "error: sleep did not answer within 0.1 s\n  fix: " in capsys.readouterr().err


def test_what_goes_in_and_out_is_longer_than_a_pipe_holds() -> None:
    text = "line\r\n" * 100_000
    done = run([sys.executable, "-c", "import sys; print(sys.stdin.read())"], stdin=text)
    assert done.stdout == text.replace("\r\n", "\n") + "\n"
    done = run(["false"], stdin=text)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_without_an_input_the_standard_input_is_empty() -> None:
    assert run(["cat"]).stdout == ""


def test_a_program_that_closes_its_output_and_stays_is_ended_in_time() -> None:
    with pytest.raises(NoAnswerError, match="did not answer"):
        run(["sh", "-c", "exec >&- 2>&-; exec sleep 600"], timeout_seconds=0.3)


def test_a_group_of_processes_ends_with_its_first(held: int, tmp_path: Path) -> None:
    with pytest.raises(NoAnswerError):
        run(
            ["sh", "-c", f"sleep 600 > {tmp_path}/held & wait"],
            timeout_seconds=0.5,
            own_session=True,
        )
    assert is_held_by_nobody(held)


def test_what_a_base_has_started_ends_with_it(
    held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "python"
    base.write_text(f"#!/bin/sh\n(sleep 600 > '{tmp_path}/held' 2>&1 & )\nexec sleep 600\n")
    base.chmod(0o755)
    monkeypatch.setattr(fingerprint, "_ANSWER_TIMEOUT_SECONDS", 0.5)
    with pytest.raises(BaseEnvironmentError, match="did not answer"):
        probe(base, names=(), env=os.environ)
    assert is_held_by_nobody(held)


@pytest.mark.parametrize(
    "text", ["sleep 600 > '{held}' & exec sleep 600", "sleep 600 > '{held}' & exec yes", "exec yes"]
)
def test_the_bootstrap_ends_a_base_that_hangs_or_prints_without_end(
    text: str, held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap = builder.load_bootstrap()
    monkeypatch.setattr(bootstrap, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(bootstrap, "OUTPUT_BYTES", 1000000)
    base = tmp_path / "python"
    base.write_text(f"#!/bin/sh\n{text.format(held=tmp_path / 'held')}\n")
    base.chmod(0o755)
    assert bootstrap.ask(str(base)) is None
    assert is_held_by_nobody(held)

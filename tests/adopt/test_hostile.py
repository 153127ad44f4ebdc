"""Files that do harm where they can: `adopt` answers, and they have reached nothing."""

import ctypes
import errno
import fcntl
import logging
import os
import re
import socket
import sys
import tempfile
import termios
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from adopt.witness import FILES, HARMLESS, Witness
from polaris_parsl import kernel
from polaris_parsl.adopt import python_file, reading
from polaris_parsl.adopt.confinement import seccomp
from polaris_parsl.adopt.confinement.system_calls import Refuse, Rule
from polaris_parsl.cli import main
from polaris_parsl.cli.adopt import adopt as adopt_verb
from polaris_parsl.errors import AdoptError

# imported here, so that no child does it again
_ = reading
NOBODY = 65534
USERS = [os.getuid(), *([NOBODY] if os.getuid() == 0 else [])]
# a Python that any user may start
# which system call brings a measure, and how a kernel without it answers
MEASURES = {
    "namespaces": (Rule(272), errno.EPERM),
    "Landlock": (Rule(444), errno.ENOSYS),
    "seccomp": (Rule(157, Refuse.EQUAL, 0, 22), errno.EINVAL),
}
# docs/adopt.md says so
REACHED = {"seccomp": {"sockets of the file system and without a name": ["a path was reached"]}}
# held by limits, whatever else is there
UNBOUNDED = {
    "all of the memory",
    "calls without an end",
    "output without an end",
    "threads without an end",
}
# where nothing refuses it, it waits for what never comes
WAITING = {"clone by number"}
_SET_SECCOMP = 22
_HARMLESS = "a harmless file"
COMMON_PYTHON = Path(f"/usr/bin/python3.{sys.version_info.minor}")


@pytest.fixture
def witness(request: pytest.FixtureRequest) -> Iterator[Witness]:
    """All that a file could reach, of the user that the test asks for."""
    # not below the directory of pytest, which the next pytest closes to other users
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-witness-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        found = Witness(folder, request.param)
        yield found
        found.close()


def adopt_as(user: int, file: Path, witness: Witness, absent: str = "") -> tuple[int, str]:
    """Run `polaris-parsl adopt FILE` at the terminal of the witness; exit code and words."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99  # the child never returns into pytest
        try:
            _become(user, witness, writing)
            if absent:
                _switch_off(*MEASURES[absent])
                logger = python_file.logger
                logger.setLevel(logging.INFO)
                logger.addHandler(logging.StreamHandler(sys.stderr))
            main.app = lambda **_: adopt_verb(file)  # type: ignore[assignment]
            main.main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        except BaseException:  # noqa: BLE001 - it is printed, and the test fails
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        words = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), words


def _become(user: int, witness: Witness, writing: int) -> None:
    os.setsid()
    fcntl.ioctl(witness.tty, termios.TIOCSCTTY, 0)
    os.dup2(witness.tty, 0)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    sys.stdout, sys.stderr = (open(each, "w", closefd=False) for each in (1, 2))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(witness.environment)
    if user != os.getuid():
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        sys.executable = str(COMMON_PYTHON)
    os.chdir(witness.out)


def _switch_off(asked: Rule, answer: int) -> None:
    """Let the kernel answer, from here on, as one that lacks a measure; by a filter of our own."""
    kernel.gain_no_privileges()
    refuse = (seccomp._RETURN, 0, 0, seccomp._ERROR | answer)
    steps = [(seccomp._LOAD, 0, 0, seccomp._NUMBER), *seccomp._steps(asked, refuse)]
    steps.append((seccomp._RETURN, 0, 0, seccomp._ALLOW))
    instructions = (seccomp._Instruction * len(steps))(
        *(seccomp._Instruction(*step) for step in steps)
    )
    program = ctypes.byref(seccomp._Program(len(steps), instructions))
    kernel.prctl(_SET_SECCOMP, ctypes.c_ulong(2), program)


def check_answer(code: int, words: str) -> None:
    """Adopt has answered, in words that a terminal can show."""
    assert code in (0, 13), words
    assert "Traceback" not in words
    assert all(each.isprintable() for each in words.replace("\n", ""))
    if code == 13:
        assert re.search(r"(?m)^error: .*hostile\.py\b.*\n  fix: ", words), words
    else:
        assert 'queue="debug"' in words


@pytest.fixture
def user(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Who adopts the files: the user of the witness, if that one can start a Python here."""
    number: int = request.node.callspec.params["witness"]
    if number != os.getuid() and not COMMON_PYTHON.exists():
        pytest.skip(f"there is no {COMMON_PYTHON}, and others may not start {sys.executable}")
    monkeypatch.setattr(python_file, "_OUTPUT_BYTES", 1 << 20)
    return number


@pytest.mark.parametrize("witness", USERS, indirect=True, ids=lambda user: f"user {user}")
@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_reaches_nothing(name: str, user: int, witness: Witness) -> None:
    file = witness.out.parent / "hostile.py"
    file.write_text(f"{FILES[name].lstrip()}\n{HARMLESS}")
    code, words = adopt_as(user, file, witness)
    assert not list(witness.traces())
    check_answer(code, words)


@pytest.mark.parametrize("witness", USERS[-1:], indirect=True, ids=["an ordinary user"])
@pytest.mark.parametrize("absent", MEASURES)
def test_where_one_measure_is_absent_the_others_hold_but_for_what_the_document_says(
    absent: str, user: int, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = witness.out.parent / "hostile.py"
    reached = {}
    for name, text in {_HARMLESS: "", **FILES}.items():
        if name in UNBOUNDED:
            continue
        seconds = 10 if name in WAITING else 600
        monkeypatch.setattr(python_file, "_TIMEOUT_SECONDS", seconds)
        file.write_text(f"{text.lstrip()}\n{HARMLESS}")
        code, words = adopt_as(user, file, witness, absent)
        check_answer(code, words)
        if traces := list(witness.traces()):
            reached[name] = traces
            witness.forget()
        if name == _HARMLESS:
            (held,) = re.findall(r"was held by limits, (.*)", words)
            words_of = {"network": "namespaces", "Landlock": "Landlock", "seccomp": "seccomp"}
            there = {each for word, each in words_of.items() if word in held}
            assert absent not in there
            if lacking := {*MEASURES} - {absent} - there:
                pytest.skip(f"this machine lacks {lacking}, too")
    assert reached == REACHED.get(absent, {})


@pytest.mark.parametrize("witness", USERS[:1], indirect=True, ids=["own user"])
def test_the_witness_sees_what_is_reached(witness: Witness) -> None:
    """Without adopt, the same file leaves its trace: the test above can fail."""
    assert not list(witness.traces())
    (witness.out / "made").touch()
    os.write(witness.tty, b"x")
    traces = " ".join(witness.traces())
    assert "files: " in traces
    assert "the terminal shows" in traces
    witness.victim.kill()
    witness.victim.wait()
    assert list(witness.traces()) == ["the process ended with -9"]


def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link to a pipe").symlink_to("pipe")
    (tmp_path / "link to a device").symlink_to("/dev/zero")
    (tmp_path / "large").write_bytes(b"#" * (1 << 21))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        places = [Path("/dev/zero"), Path("/dev/ptmx"), tmp_path, *sorted(tmp_path.iterdir())]
        assert len(places) == 8
        for place in places:
            with pytest.raises(AdoptError, match=f"cannot read {place}: "):
                reading.adopt(place, {}, {})


def test_a_name_that_would_be_code_in_the_call_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "a\nimport os; os.system('id')\n#.py"
    place.write_text(HARMLESS)
    with pytest.raises(AdoptError, match=r"a\\nimport os.* is not one line of printable text"):
        reading.adopt(place, {}, {})


def test_more_than_forty_files_try_and_each_that_is_left_out_is_one_of_them() -> None:
    assert FILES.keys() > UNBOUNDED | WAITING
    assert len(FILES) > 40

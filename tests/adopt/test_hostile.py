"""Files that do harm where they can: `adopt` answers, and they have reached nothing."""

import fcntl
import os
import re
import sys
import tempfile
import termios
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from adopt.witness import FILES, HARMLESS, Witness
from polaris_parsl.adopt import python_file, reading
from polaris_parsl.cli import main
from polaris_parsl.cli.adopt import adopt as adopt_verb

# imported here, so that no child does it again
_ = reading
NOBODY = 65534
USERS = [os.getuid(), *([NOBODY] if os.getuid() == 0 else [])]
# a Python that any user may start
COMMON_PYTHON = Path(f"/usr/bin/python3.{sys.version_info.minor}")


@pytest.fixture
def witness(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Witness]:
    """All that a file could reach, of the user that the test asks for."""
    folder = tmp_path_factory.mktemp("witness")
    temporary = Path(tempfile.gettempdir())
    for place in (folder, *(each for each in folder.parents if temporary in each.parents)):
        place.chmod(0o755)
    found = Witness(folder, request.param)
    yield found
    found.close()


def adopt_as(user: int, file: Path, witness: Witness) -> tuple[int, str]:
    """Run `polaris-parsl adopt FILE` at the terminal of the witness; exit code and words."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 99  # the child never returns into pytest
        try:
            _become(user, witness, writing)
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


@pytest.mark.parametrize("witness", USERS, indirect=True, ids=lambda user: f"user {user}")
@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_reaches_nothing(
    name: str, witness: Witness, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = request.node.callspec.params["witness"]
    if user != os.getuid() and not COMMON_PYTHON.exists():
        pytest.skip(f"there is no {COMMON_PYTHON}, and others may not start {sys.executable}")
    monkeypatch.setattr(python_file, "_OUTPUT_BYTES", 1 << 20)
    file = witness.out.parent / "hostile.py"
    file.write_text(f"{FILES[name].lstrip()}\n{HARMLESS}")
    code, words = adopt_as(user, file, witness)
    assert not list(witness.traces())
    assert code in (0, 13), words
    assert "Traceback" not in words
    assert all(each.isprintable() for each in words.replace("\n", ""))
    if code == 13:
        assert re.search(r"(?m)^error: .*hostile\.py\b.*\n  fix: ", words), words
    else:
        assert 'queue="debug"' in words


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

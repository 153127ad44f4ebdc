"""SIGTERM and SIGHUP end a driver as an exception does."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import atexit, os, signal, sys, time
from polaris_parsl.configuration.signals import end_in_order
{before}
end_in_order()
atexit.register(print, "cleaned up")
os.kill(os.getpid(), signal.{name})
time.sleep(0.2)
print("went on")
"""


def run(name: str, before: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name, before=before)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_python_cleans_up_and_the_exit_code_names_the_signal(name: str) -> None:
    done = run(name)
    assert done.returncode == 128 + signal.Signals[name]
    assert done.stdout == "cleaned up\n"


def test_what_nohup_or_the_program_has_set_stays() -> None:
    done = run("SIGHUP", "signal.signal(signal.SIGHUP, signal.SIG_IGN)")
    assert (done.returncode, done.stdout) == (0, "went on\ncleaned up\n")

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

# A job, a process that left its session, and one that left its parent.
BUSY = """\
trap '' HUP TERM
qsub -A me -q debug -l select=1:ngpus=4 -l walltime=600 -l filesystems=home <<'E'
setsid sleep 881 &
ssh $(hostname) sleep 882 &
echo $TMPDIR > tmpdir
touch job-is-up
sleep 883
E
setsid sleep 884 &
(sleep 885 & sleep 886 & ) &
until [ -e $HOME/job-is-up ]; do sleep 0.05; done
touch $HOME/all-is-up
"""


@pytest.fixture
def front(environment, tmp_path, tools):
    """Starts a front with a busy sandbox and waits until all is up."""
    started = []

    def start(ending):
        state = tmp_path / "state"
        process = subprocess.Popen(
            tools.front_command(["bash", "-c", BUSY + ending], state=state),
            env=environment | {"HOME": str(tmp_path)},
            cwd=tmp_path,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
        started.append(process)
        tools.eventually((tmp_path / "all-is-up").exists, what="the busy sandbox")
        assert len(tools.processes_of(state)) > 5
        return process, state

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
    # What was killed could not remove it.
    shutil.rmtree((tmp_path / "tmpdir").read_text().strip(), ignore_errors=True)


def test_nothing_is_left_when_the_command_has_ended(front, tools, tmp_path):
    process, state = front("until [ -e go ]; do sleep 0.05; done; exit 9")
    (tmp_path / "go").touch()
    assert process.wait(timeout=100) == 9
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_nothing_is_left_when_the_command_crashes(front, tools, tmp_path):
    process, state = front("until [ -e go ]; do sleep 0.05; done; kill -SEGV $$")
    (tmp_path / "go").touch()
    assert process.wait(timeout=100) == 128 + signal.SIGSEGV
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_nothing_is_left_after_ctrl_c(front, tools):
    process, state = front("trap - INT; sleep 887")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=100) == 128 + signal.SIGINT
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_the_command_decides_what_ctrl_c_means(front, tools):
    process, state = front("trap 'exit 11' INT; while true; do sleep 0.1; done")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=100) == 11
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


@pytest.mark.parametrize("tier", ["loopback"], indirect=True)
def test_sigterm_to_the_front_ends_a_command_that_ignores_it(front, tools):
    process, state = front("while true; do sleep 0.1; done")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=100) == 128 + signal.SIGKILL
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_nothing_is_left_after_sigkill_of_the_front(front, tools):
    process, state = front("sleep 888")
    process.kill()
    process.wait()
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_nothing_is_left_after_sigkill_of_the_keeper(front, tools):
    process, state = front("sleep 889")
    (keeper,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(keeper), signal.SIGKILL)
    assert process.wait(timeout=100) == 128 + signal.SIGKILL
    tools.eventually(lambda: not tools.processes_of(state), what="the end")

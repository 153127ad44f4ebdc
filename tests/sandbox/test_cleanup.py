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
"""
# what comes before it has been done when the test goes on
UP = "touch $HOME/all-is-up\n"


@pytest.fixture
def launch(environment, tmp_path, tools):
    """Launches a busy sandbox and waits until all its processes run."""
    started = []

    def start(ending, before=""):
        state = tmp_path / "state"
        process = subprocess.Popen(
            tools.launch_command(["bash", "-c", BUSY + before + UP + ending], state=state),
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
    # A killed sandbox cannot remove it.
    shutil.rmtree((tmp_path / "tmpdir").read_text().strip(), ignore_errors=True)


def test_nothing_is_left_when_the_command_has_ended(launch, tools, tmp_path):
    process, state = launch("until [ -e go ]; do sleep 0.05; done; exit 9")
    (tmp_path / "go").touch()
    assert process.wait(timeout=300) == 9
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_nothing_is_left_when_the_command_crashes(launch, tools, tmp_path):
    process, state = launch("until [ -e go ]; do sleep 0.05; done; kill -SEGV $$")
    (tmp_path / "go").touch()
    assert process.wait(timeout=300) == 128 + signal.SIGSEGV
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_nothing_is_left_after_ctrl_c(launch, tools):
    process, state = launch("sleep 887")
    # a bash goes on whose `touch` has ended before the signal
    tools.eventually(lambda: b"sleep\x00887\x00" in dict(tools.processes_of(state)).values())
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=300) == 128 + signal.SIGINT
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_the_command_decides_what_ctrl_c_means(launch, tools):
    process, state = launch("while true; do sleep 0.1; done", before="trap 'exit 11' INT\n")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=300) == 11
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_sigterm_to_the_launcher_ends_a_command_that_ignores_it(launch, tools):
    process, state = launch("while true; do sleep 0.1; done")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=300) == 128 + signal.SIGKILL
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_nothing_is_left_after_sigkill_of_the_launcher(launch, tools):
    process, state = launch("sleep 888")
    process.kill()
    process.wait()
    tools.eventually(lambda: not tools.processes_of(state), what="the end")


def test_nothing_is_left_after_sigkill_of_the_daemon(launch, tools):
    process, state = launch("sleep 889")
    (daemon,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(daemon), signal.SIGKILL)
    assert process.wait(timeout=300) == 128 + signal.SIGKILL
    tools.eventually(lambda: not tools.processes_of(state), what="the end")

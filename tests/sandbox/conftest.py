import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import isolations
from polaris_parsl.below import remove_path
from polaris_parsl.sandbox.faults.ask import ask_for, ask_to_end
from polaris_parsl.sandbox.faults.fault import Fault

SOURCE = Path(__file__).parents[2] / "src"
RECORDED = Path(__file__).parents[1] / "recorded" / "openpbs"
LAUNCH = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from pathlib import Path\n"
    "from polaris_parsl.sandbox.launch import run_sandbox\n"
    "state = Path(sys.argv[3]) if sys.argv[3] else None\n"
    "shared = [Path(each) for each in sys.argv[4].split(':') if each]\n"
    "sys.exit(run_sandbox(sys.argv[5:], nodes=int(sys.argv[2]), state=state, shared=shared))\n"
)
FILESYSTEMS = "filesystems=home:eagle"
# what a slow machine does late still comes before that
LONG = 300
SUBMIT = ["qsub", "-A", "datascience", "-q", "debug-scaling", "-l", FILESYSTEMS]


def eventually(claim, *, seconds=LONG, what="it"):
    """The first true value of claim(); fails when there is none before the deadline."""
    deadline = time.monotonic() + seconds
    # a claim that starts a program would keep a core busy if it was asked all the time
    pause = 0.1
    while True:
        value = claim()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {seconds} s"
        time.sleep(pause)
        pause = min(1.5 * pause, 0.4)


def processes_of(state):
    """Living processes with the sandbox's marker in their environment."""
    marker = f"POLARIS_PARSL_SANDBOX={state}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if marker in variables:
            found.append((folder.name, command))
    return found


def names_of(pid):
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")


def launch_command(command, *, nodes=4, state="", python=sys.executable, source=SOURCE, shared=()):
    words = [source, nodes, state, ":".join(map(str, shared))]
    return [python, "-c", LAUNCH, *map(str, words), *command]


class Sandbox:
    """A running sandbox; calls PBS commands as a user on the login node would."""

    def __init__(self, environment, folder, nodes=4, command=("sleep", "600")):
        self.state = folder / "state"
        self.home = folder / "home"
        self.work = folder / "work"
        for path in (self.home, self.work):
            path.mkdir(exist_ok=True, parents=True)
        self.environment = environment | {"HOME": str(self.home)}
        self.log = folder / "launcher.log"
        with self.log.open("w") as log:
            self.launcher = subprocess.Popen(
                launch_command(command, nodes=nodes, state=self.state),
                env=self.environment,
                cwd=self.work,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        eventually(self._is_up, what=f"the sandbox ({self.log})")

    def _is_up(self):
        assert self.launcher.poll() is None, self.log.read_text()
        return (self.state / "sock").exists()

    def call(self, *words, env=None, **keywords):
        tool = self.state / "bin" / "login" / words[0]
        return subprocess.run(
            [tool, *words[1:]],
            env=self.environment | (env or {}),
            cwd=self.work,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
            **({"stdin": subprocess.DEVNULL} | keywords),
        )

    def submit(self, script, *options, select="1:ncpus=1:ngpus=4", walltime="0:10:00", env=None):
        path = self.work / "job.sh"
        path.write_text(script)
        limits = ["-l", f"select={select}", "-l", f"walltime={walltime}"]
        done = self.call(*SUBMIT, *limits, *options, str(path), env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def job(self, job_id):
        done = self.call("qstat", "-x", "-f", "-F", "json", job_id)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["Jobs"][job_id]

    def wait(self, job_id, state="F"):
        eventually(lambda: self.job(job_id)["job_state"] in state, what=f"state {state}")
        return self.job(job_id)

    def run_job(self, script, options=(), **keywords):
        """Run a job to its end and return its output, including its errors."""
        output = self.work / "job.out"
        output.unlink(missing_ok=True)
        job_id = self.submit(script, "-j", "oe", "-o", str(output), *options, **keywords)
        self.wait(job_id)
        return output.read_text()

    def fault(self, kind, target="", **keywords):
        ask_for(Fault(kind, target, **keywords), state=self.state)

    def end_faults(self, kind="all"):
        return ask_to_end(kind, state=self.state)

    def clear(self):
        """End all jobs and empty the directories of the user; the history and the numbers go on."""
        if jobs := self.call("qselect").stdout.split():
            self.call("qdel", *jobs)
            eventually(lambda: not self.call("qselect").stdout, what="the end of all jobs")
        for folder in (self.home, self.work):
            for path in folder.iterdir():
                remove_path(path)

    def close(self):
        if self.launcher.poll() is None:
            self.launcher.send_signal(signal.SIGTERM)
        self.launcher.wait(timeout=LONG)
        eventually(lambda: not processes_of(self.state), what="the end of all processes")


@pytest.fixture(scope="session")
def base_environment():
    """The variables of a user's shell, without those of the machine that runs the tests."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "USER": "tester",
        "LOGNAME": "tester",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "POLARIS_PARSL_SANDBOX_MIN_WALLTIME": "1",
    }


@pytest.fixture(params=["namespaces", "loopback"])
def isolation(request):
    isolations.need(request.param)
    return request.param


@pytest.fixture
def environment(base_environment, isolation):
    return base_environment | {"POLARIS_PARSL_SANDBOX_ISOLATION": isolation}


@pytest.fixture
def start(environment, tmp_path):
    """Starts sandboxes and ends them with the test."""
    running: list[Sandbox] = []

    def start_sandbox(folder=None, **keywords):
        folder = folder or tmp_path / f"s{len(running)}"
        folder.mkdir(exist_ok=True)
        running.append(Sandbox(environment, folder, **keywords))
        return running[-1]

    yield start_sandbox
    for sandbox in running:
        sandbox.close()


@pytest.fixture
def sandbox(start):
    return start()


@pytest.fixture(scope="module")
def kept(base_environment, tmp_path_factory):
    """Sandboxes of a module's tests, by their isolation."""
    running: dict[str, Sandbox] = {}

    def sandbox_of(isolation):
        if isolation not in running:
            environment = base_environment | {"POLARIS_PARSL_SANDBOX_ISOLATION": isolation}
            running[isolation] = Sandbox(environment, tmp_path_factory.mktemp(isolation))
        return running[isolation]

    yield sandbox_of
    for sandbox in running.values():
        sandbox.close()


@pytest.fixture
def shared_sandbox(kept, isolation):
    """A sandbox without jobs and files, which the other tests of the module use, too."""
    sandbox = kept(isolation)
    sandbox.clear()
    return sandbox


@pytest.fixture
def run(environment, tmp_path):
    """Runs a command in a sandbox of its own to the end."""
    home = tmp_path / "home"
    home.mkdir()

    def run_command(*command, nodes=4, env=None, shared=(), **keywords):
        return subprocess.run(
            launch_command(command, nodes=nodes, shared=shared),
            env=environment | {"HOME": str(home)} | (env or {}),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
            **({"stdin": subprocess.DEVNULL} | keywords),
        )

    return run_command


@pytest.fixture
def tools():
    """The functions above; pytest's importlib mode allows no imports between test files."""

    class Tools:
        eventually = staticmethod(eventually)
        processes_of = staticmethod(processes_of)
        names_of = staticmethod(names_of)
        launch_command = staticmethod(launch_command)
        source = SOURCE
        recorded = RECORDED
        quote = staticmethod(shlex.quote)
        is_root = os.getuid() == 0

    return Tools

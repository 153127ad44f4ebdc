"""The node's mpiexec: takes the flags of PALS and starts ranks on the nodes of the job.

Python runs it as a file; it uses the standard library only: mpiexec.py SSH ARGUMENT...
Ranks start through MPICH's mpiexec.hydra if it is on PATH, else through ssh.
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

_NEEDS_VALUE = {
    "n": "n", "np": "n", "ppn": "ppn", "d": "depth", "depth": "depth", "cpu-bind": "cpu-bind",
    "mem-bind": "mem-bind", "gpu-bind": "gpu-bind", "env": "env", "genv": "env",
    "envlist": "envlist", "hosts": "hosts", "host": "hosts", "hostfile": "hostfile", "f": "hostfile",
    "wdir": "wdir", "rlimits": "rlimits", "pmi": "pmi", "umask": "umask",
}  # fmt: skip
_FLAGS = {
    "l": "label", "label": "label", "line-buffer": "line-buffer", "envall": "envall",
    "genvall": "envall", "envnone": "envnone", "exclusive": "exclusive", "no-transfer": "transfer",
    "transfer": "transfer", "v": "verbose", "verbose": "verbose",
}  # fmt: skip
_MASK = "POLARIS_PARSL_SANDBOX_MASK"
_RANK = (
    'export PMI_LOCAL_RANK="${MPI_LOCALRANKID:-$PMI_LOCAL_RANK}" PALS_RANKID="$PMI_RANK" '
    'PALS_LOCAL_RANKID="${MPI_LOCALRANKID:-$PMI_LOCAL_RANK}"; exec "$@"'
)
_POLL_SECONDS = 0.05


class MpiexecError(Exception):
    """PALS would refuse this call."""


@dataclass
class MpiexecCall:
    """A call of mpiexec as PALS parses it."""

    command: list[str]
    options: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def number(self, name: str, default: int) -> int:
        """The value of a numeric option, at least 1."""
        text = self.options.get(name, str(default))
        if not text.isdigit() or int(text) < 1:
            raise MpiexecError(f"invalid value for {name}: {text}")
        return int(text)


def read_call(argv: list[str]) -> MpiexecCall:
    """Parse the command line.

    Raises:
        MpiexecError: PALS does not have an option, or no program is given.
    """
    call = MpiexecCall([])
    words = list(argv)
    while words and words[0].startswith("-"):
        word = words.pop(0)
        if word == "--":
            break
        name, equals, value = word.lstrip("-").partition("=")
        if name in _FLAGS:
            call.options[_FLAGS[name]] = ""
            continue
        if name not in _NEEDS_VALUE:
            raise MpiexecError(f"unrecognized option '{word}'")
        if not equals:
            if not words:
                raise MpiexecError(f"option '{word}' requires an argument")
            value = words.pop(0)
        if _NEEDS_VALUE[name] == "env":
            variable, _, setting = value.partition("=")
            call.environment[variable] = setting
        else:
            call.options[_NEEDS_VALUE[name]] = value
    call.command = words
    if not words:
        raise MpiexecError("no executable specified")
    if ":" in words:
        raise MpiexecError("the sandbox does not imitate several programs in one call (':')")
    return call


def hosts_of(call: MpiexecCall, nodefile: str) -> list[str]:
    """The hosts to use, each once.

    Raises:
        MpiexecError: a host is not in the job, or there is no job.
    """
    if not nodefile:
        raise MpiexecError("not in a job: PBS_NODEFILE is not set")
    job = list(dict.fromkeys(Path(nodefile).read_text().split()))
    if "hosts" in call.options:
        wanted = call.options["hosts"].split(",")
    elif "hostfile" in call.options:
        try:
            wanted = Path(call.options["hostfile"]).read_text().split()
        except OSError as error:
            raise MpiexecError(f"{call.options['hostfile']}: {error.strerror}") from error
    else:
        wanted = job
    full = {name.split(".")[0]: name for name in job}
    hosts = []
    for name in dict.fromkeys(wanted):
        if name.split(".")[0] not in full:
            raise MpiexecError(f"host {name} is not in this job")
        hosts.append(full[name.split(".")[0]])
    return list(dict.fromkeys(hosts))


def layout(call: MpiexecCall, hosts: list[str]) -> tuple[int, int]:
    """Number of ranks and ranks on one node.

    Raises:
        MpiexecError: the ranks do not fit on the hosts.
    """
    ranks = call.number("n", 1)
    per_node = call.number("ppn", -(-ranks // len(hosts)))
    if ranks > per_node * len(hosts):
        raise MpiexecError(f"{ranks} ranks do not fit on {len(hosts)} hosts with {per_node} each")
    return ranks, per_node


def hydra_command(call: MpiexecCall, ssh: str, hosts: list[str], hydra: str) -> list[str]:
    """The same call for MPICH's mpiexec."""
    ranks, per_node = layout(call, hosts)
    argv = [hydra, "-launcher", "ssh", "-launcher-exec", ssh]
    argv += ["-hosts", ",".join(hosts), "-ppn", str(per_node), "-n", str(ranks)]
    if "label" in call.options:
        argv.append("-prepend-rank")
    if "wdir" in call.options:
        argv += ["-wdir", call.options["wdir"]]
    if "envnone" in call.options:
        argv.append("-genvnone")
    if "envlist" in call.options:
        argv += ["-genvlist", call.options["envlist"]]
    for name, value in call.environment.items():
        argv += ["-genv", name, value]
    return [*argv, "/bin/sh", "-c", _RANK, "sh", *call.command]


def hydra_environment() -> dict[str, str]:
    """Our environment, changed so that ranks have all CPUs of their node and start through ssh."""
    environment = {name: value for name, value in os.environ.items() if name != _MASK}
    # Otherwise Hydra starts the ranks of a host here if its address belongs to this machine.
    environment["HYDRA_LAUNCHER_AUTOFORK"] = "0"
    return environment


def rank_commands(call: MpiexecCall, ssh: str, hosts: list[str]) -> list[list[str]]:
    """One ssh command for each rank, for machines without MPICH."""
    ranks, per_node = layout(call, hosts)
    environment = {} if "envnone" in call.options else dict(os.environ)
    if "envlist" in call.options:
        listed = call.options["envlist"].split(",")
        environment = {k: v for k, v in os.environ.items() if k in listed}
    environment.pop(_MASK, None)
    environment |= call.environment
    folder = call.options.get("wdir", os.getcwd())  # noqa: PTH109
    commands = []
    for rank in range(ranks):
        local = {"PMI_RANK": rank, "PMI_SIZE": ranks, "PMI_LOCAL_RANK": rank % per_node}
        settings = [f"{k}={v}" for k, v in (environment | local).items()]
        words = ["env", *settings, "/bin/sh", "-c", _RANK, "sh", *call.command]
        remote = f"cd {shlex.quote(folder)} && exec {shlex.join(words)}"
        stdin = [] if rank == 0 else ["-n"]
        commands.append([ssh, *stdin, hosts[rank // per_node], remote])
    return commands


def run_ranks(commands: list[list[str]]) -> int:
    """Run all ranks; like PALS, end them when one fails, and return that one's code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    processes = [subprocess.Popen(command) for command in commands]
    try:
        while True:
            codes = [process.poll() for process in processes]
            failed = next((code for code in codes if code), 0)
            if failed or None not in codes:
                return failed if failed >= 0 else 128 - failed
            time.sleep(_POLL_SECONDS)
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in processes:
            process.wait()


def main() -> int:
    """Start the ranks and return their exit code."""
    ssh, *argv = sys.argv[1:]
    try:
        call = read_call(argv)
        hosts = hosts_of(call, os.environ.get("PBS_NODEFILE", ""))
        hydra = shutil.which("mpiexec.hydra")
        if hydra is None:
            return run_ranks(rank_commands(call, ssh, hosts))
        os.execve(hydra, hydra_command(call, ssh, hosts, hydra), hydra_environment())
    except MpiexecError as error:
        sys.stderr.write(f"mpiexec: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""Writes the commands that nodes have on PATH, and compiles the preload library."""

import shlex
import shutil
import sys
import uuid
from pathlib import Path

from polaris_parsl.errors import MissingToolError, SandboxError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.process import run
from polaris_parsl.sandbox.linux.nodes import node_names
from polaris_parsl.sandbox.settings import FULL_BYTES, Settings

_HERE = Path(__file__).parent
# those of pbs/commands.py, which the launcher has no other use for
TOOLS = (
    "qsub",
    "qstat",
    "qselect",
    "qdel",
    "pbsnodes",
    "qhold",
    "qrls",
    "qrerun",
    "qsig",
    "qmove",
    "qalter",
)


def write_commands(settings: Settings) -> None:
    """Write the commands of the login node and of the compute nodes.

    Raises:
        MissingToolError: there is no C compiler.
        SandboxError: the preload library does not compile.
    """
    for folder in (settings.login_bin, settings.node_bin):
        folder.mkdir(parents=True, exist_ok=True)
    for tool in (*TOOLS, "ssh"):
        _write_client(settings, settings.login_bin / tool)
    _write_client(settings, settings.node_bin / "ssh")
    _write_script(
        settings.node_bin / "mpiexec",
        f'exec {_python(_HERE / "programs" / "mpiexec.py", settings.node_bin / "ssh")} "$@"',
    )
    _write_script(
        settings.node_bin / "nvidia-cuda-mps-control",
        f'exec {_python(_HERE / "programs" / "mps_control.py", settings.state)} "$@"',
    )
    _write_nvidia_smi(settings)
    settings.full.write_bytes(bytes(FULL_BYTES))
    _compile_preload(settings)


def _write_client(settings: Settings, path: Path) -> None:
    command = _python(_HERE / "programs" / "client.py", settings.state, path.name)
    _write_script(path, f'exec {command} "$@"')


def _python(*words: Path | str) -> str:
    # Isolated and without site, because they start several times a second.
    return shlex.join([sys.executable, "-I", "-S", *(str(word) for word in words)])


def _write_script(path: Path, *lines: str) -> None:
    path.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    path.chmod(0o755)


def _write_nvidia_smi(settings: Settings) -> None:
    gpus = settings.folder("gpus")
    node = polaris().node
    for name in node_names(settings.nodes):
        lines = [
            f"GPU {entry.gpu}: {node.gpu_model} (UUID: GPU-{_uuid(name, entry.gpu)})"
            for entry in sorted(node.accelerators, key=lambda entry: entry.gpu)
        ]
        (gpus / name).write_text("\n".join(lines) + "\n")
    _write_script(
        settings.node_bin / "nvidia-smi",
        'case "$*" in',
        f'  -L | --list-gpus) exec cat {shlex.quote(str(gpus))}/"$(uname -n)" ;;',
        "esac",
        'echo "nvidia-smi: the sandbox imitates only -L" >&2',
        "exit 2",
    )


def _uuid(name: str, gpu: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"gpu{gpu}.{name}.{polaris().node.domain}")


def _compile_preload(settings: Settings) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        raise MissingToolError(
            "no C compiler (cc) on PATH; the sandbox needs one to imitate the CPUs of a node",
            remedy="install a C compiler and headers (Debian: gcc and libc6-dev)",
        )
    source = _HERE / "preload.c"
    result = run([compiler, "-shared", "-fPIC", "-o", settings.preload, source, "-ldl"])
    if result.returncode != 0:
        raise SandboxError(
            f"{compiler} cannot compile the preload library: {result.stderr.strip()}",
            remedy="install the headers of the C library (Debian: libc6-dev)",
        )

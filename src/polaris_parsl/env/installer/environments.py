"""Virtual environments that can be moved: the overlay and the tools."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from polaris_parsl.env.installer.wheels import Wheel
from polaris_parsl.env.tools import uv_program
from polaris_parsl.env.variables import for_python, for_uv
from polaris_parsl.errors import LockError
from polaris_parsl.process import WORK_SECONDS, run

# files of uv that an install does not need; its lock is writable for everybody
_UV_FILES = (".lock", ".gitignore", "CACHEDIR.TAG")
# uv opens all wheels of a run at the same time, each in threads of its own: no setting limits
# them, and 80 wheels took 97 threads (2026-11-24, uv 0.13.8); 8 took 22
_WHEELS_A_RUN = 8
# no run and no command imports these; they are half of the byte code of Parsl
_NOT_COMPILED = r"/parsl/tests/"


def create(folder: Path, python: Path, *, sees_base: bool, env: Mapping[str, str]) -> None:
    """Make an empty virtual environment that can be moved.

    Args:
        folder: where; it must not exist.
        python: the interpreter of the base.
        sees_base: whether it also imports the packages of the base.
        env: environment variables.
    """
    command: list[str | Path] = [uv_program(), "venv", "--quiet", "--no-project"]
    if sees_base:
        command.append("--system-site-packages")
    command += ["--relocatable", "--prompt", "polaris-parsl", "--python", python, folder]
    _must(command, f"no environment was made on {python}", env=for_uv(env), cwd=folder.parent)
    # the module puts bin/ on PATH, where `source activate NAME` would find ours and not conda's
    for pattern in ("activate*", "*.bat"):
        for script in (folder / "bin").glob(pattern):
            script.unlink()


def fill(folder: Path, wheels: Sequence[Wheel], *, env: Mapping[str, str]) -> None:
    """Install wheels into an environment, each with its hash checked, and compile them.

    The byte code carries neither times nor the path of the folder, so that the
    same wheels give the same files, wherever and whenever they are installed.
    """
    for number in range(0, len(wheels), _WHEELS_A_RUN):
        _install(folder, wheels[number : number + _WHEELS_A_RUN], env=env)
    _forget_cache(folder)
    compile_all(folder / "bin/python", folder, leave_out=_NOT_COMPILED, env=env)
    for name in _UV_FILES:
        (folder / name).unlink(missing_ok=True)


def _install(folder: Path, wheels: Sequence[Wheel], *, env: Mapping[str, str]) -> None:
    listed = folder.with_name(f"{folder.name}.requirements")
    listed.write_text("".join(f"{wheel.requirement}\n" for wheel in wheels), encoding="utf-8")
    python = folder / "bin" / "python"
    command: list[str | Path] = [uv_program(), "pip", "install", "--quiet", "--python", python]
    command += ["--no-deps", "--require-hashes", "--no-index", "--only-binary", ":all:"]
    for place in sorted({wheel.path.parent for wheel in wheels}):
        command += ["--find-links", place]
    command += ["--requirement", listed]
    _must(command, "uv did not install the wheels", env=for_uv(env), cwd=folder.parent)
    listed.unlink()


def _forget_cache(folder: Path) -> None:
    """Remove uv's notes on when each wheel came to this machine, and their lines in RECORD."""
    for note in folder.glob("lib/python3.*/site-packages/*.dist-info/uv_cache.json"):
        record = note.with_name("RECORD")
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if f"{note.parent.name}/{note.name}," not in line]
        record.write_text("".join(kept), encoding="utf-8", newline="")
        note.unlink()


def compile_all(python: Path, folder: Path, *, env: Mapping[str, str], leave_out: str = "") -> None:
    """Compile the modules of an environment or a base with its interpreter, always to the same bytes.

    Args:
        python: the interpreter.
        folder: the environment or base.
        env: environment variables.
        leave_out: a pattern of files that are not compiled.
    """
    # unchecked-hash: Python does not look at the source again, which saves half of the
    # file accesses of an import; an install is never edited
    command: list[str | Path] = [python, "-I", "-B", "-m", "compileall", "-q"]
    # -f: a .pth file of the base may import a module of ours as soon as Python starts
    command += ["-f", "-j", "2", "--invalidation-mode", "unchecked-hash"]
    command += ["-x", leave_out] if leave_out else []
    command += ["-s", folder, "-p", "", folder / "lib"]
    # its exit code counts files that are not valid Python, which some distributions ship as data
    run(command, env=for_python(env), cwd=folder, timeout_seconds=WORK_SECONDS)


def _must(
    command: Iterable[str | Path], problem: str, *, env: Mapping[str, str], cwd: Path
) -> None:
    done = run(list(command), env=env, cwd=cwd, timeout_seconds=WORK_SECONDS)
    if done.returncode != 0:
        raise LockError(
            f"{problem}:\n    {done.stderr.strip()}",
            remedy="see the message above; --debug shows the command",
        )

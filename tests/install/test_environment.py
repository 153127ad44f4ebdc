"""The environment by itself, as a conda user makes it: conda-lock.yml, and one `pip install`."""

import sys
from pathlib import Path

import builder
from code_blocks import block
from polaris_parsl.env.locks.solvers import write_program

PROGRAM = Path(__file__).with_name("conda_stand_in.py")
USE = """\
import parsl, polaris_parsl
config = polaris_parsl.config(account="datascience", address="10.0.0.1")
print(parsl.__version__, config.executors[0].label)
"""


def test_conda_lock_installs_python_parsl_and_parallel(
    conda_source: Path, wheelhouse: Path, env: dict[str, str], tmp_path: Path
) -> None:
    _, export, lock, _, pip = (
        line.partition(" #")[0].strip()
        for line in block(
            "docs/locks.md", "python3 scripts/bootstrap.py wheelhouse house"
        ).text.splitlines()
    )
    (tmp_path / "house").symlink_to(wheelhouse)
    conda = tmp_path / "conda"
    write_program(conda, [sys.executable, "-P", str(PROGRAM)])
    prefix = tmp_path / "polaris-parsl"
    # conda has directories for what has a name; and no directory lies beside the source
    lock = lock.replace("conda-lock.yml", f"{conda_source}/conda-lock.yml")
    lock = lock.replace("--name polaris-parsl", f"--conda {conda} --prefix {prefix}")
    run_lock = lock.replace("conda-lock", f"{sys.executable} -m conda_lock", 1)
    # byte code is not what is tested
    env["PIP_NO_COMPILE"] = "1"
    done = builder.run("bash", "-ec", f"{export}; {run_lock}", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    clean = {**env, "PATH": f"{prefix}/bin:/usr/bin:/bin"}
    done = builder.run(prefix / "bin/parallel", "--version", env=clean)
    assert done.stdout.startswith("GNU parallel ")
    python = prefix / "bin/python"
    words = pip.split()
    assert words == ["pip", "install", "--no-deps", "."]
    done = builder.run(python, "-m", *words, "-q", env=clean, cwd=conda_source)
    assert done.returncode == 0, done.stderr
    done = builder.run(python, "-c", USE, env=clean)
    assert done.returncode == 0, done.stderr
    text = (conda_source / "environment.yml").read_text()
    assert f"parsl=={done.stdout.split()[0]}\n" in text

"""The environment by itself, as a conda user makes it: conda-lock.yml, and one `pip install`."""

import sys
from pathlib import Path

import builder
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
    env["LOCKED_WHEELS"] = (wheelhouse / "wheels").as_uri()
    conda = tmp_path / "conda"
    write_program(conda, [sys.executable, "-P", str(PROGRAM)])
    prefix = tmp_path / "polaris-parsl"
    command = [sys.executable, "-m", "conda_lock", "install", "--conda", conda, "--prefix", prefix]
    done = builder.run(*command, conda_source / "conda-lock.yml", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    clean = {**env, "PATH": f"{prefix}/bin:/usr/bin:/bin"}
    done = builder.run(prefix / "bin/parallel", "--version", env=clean)
    assert done.stdout.startswith("GNU parallel ")
    python = prefix / "bin/python"
    done = builder.run(python, "-m", "pip", "install", "--no-deps", "-q", conda_source, env=clean)
    assert done.returncode == 0, done.stderr
    done = builder.run(python, "-c", USE, env=clean)
    assert done.returncode == 0, done.stderr
    text = (conda_source / "environment.yml").read_text()
    assert f"parsl=={done.stdout.split()[0]}\n" in text

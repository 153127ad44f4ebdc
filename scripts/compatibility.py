#!/usr/bin/env python3
"""Try releases of Parsl with this package and with ALCF's page, and write docs/compatibility.md.

    .venv/bin/python scripts/compatibility.py                  all that are tested, and the newest
    .venv/bin/python scripts/compatibility.py --check VERSION  does the table tell the truth about it?
    .venv/bin/python scripts/compatibility.py --newest         does the newest that the index has work?

--newest fails where that Parsl has changed what polaris_parsl uses of its inside, or does not do
what the tested ones do. Each release gets an environment of its own. What is tried, with deprecation warnings as errors:
every shape of work builds up to its job script, our calls for published configurations build;
the example runs over the sandbox, and its second run finds everything in the checkpoints.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from polaris_parsl.env.pip_settings import set_up_like_pip
from polaris_parsl.env.tools import uv_program
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.sources import PROJECT_FILE

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "compatibility.md"
HEAD = """\
# Parsl releases

Made by `scripts/compatibility.py` on CPython {python}; do not edit. `scripts/test.sh --all` tries the locked
releases again and compares.

| Parsl | page of 2023-08 | page of 2025-02 | our shapes build | published ones build | the example, twice | PBS state F |
|---|---|---|---|---|---|---|
"""
FOOT = """
- **page of ...**: the configuration of ALCF's page as it stood then. It is shown whether it builds.
- **our shapes build**: one task per GPU, several per GPU, several GPUs per task, CPU only, MPI tasks, GNU Parallel and
  two executors, each to its job script, with deprecation warnings as errors.
- **published ones build**: our calls for configurations that others have published for Polaris, and for both texts of
  the page (`tests/published/`), with deprecation warnings as errors.
- **the example, twice**: `examples/sweep` on three nodes of the sandbox; its second run must take all 72 results
  from the checkpoints of the first. Deprecation warnings are errors here, too.
- **PBS state F**: whether this Parsl by itself knows the state of a finished job. One that does not (before 2026.4.13)
  takes it for unknown: a block that failed is never counted as failed, and while tasks wait another is
  submitted at every poll. polaris_parsl adds the state, so its users are not affected.
- A Parsl before {oldest} is refused by name.
- A Parsl above the newest of the table is let through with one warning, if it still has all that polaris_parsl uses of
  Parsl's inside (`configuration/parsl_internals/`); where it has not, it is refused, and each changed name is named.
  `scripts/compatibility.py --newest` tries the newest Parsl that the index has.
"""
PAGE = """
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiExecLauncher
from parsl.providers import PBSProProvider
old = {old}
more = dict(start_method="spawn", cores_per_worker=8) if old else dict(max_workers_per_node=4)
affinity = "block-reverse" if old else "list:24-31,56-63:16-23,48-55:8-15,40-47:0-7,32-39"
Config(
    executors=[HighThroughputExecutor(
        label="htex", heartbeat_period=15, heartbeat_threshold=120, worker_debug=True,
        available_accelerators=4, cpu_affinity=affinity, prefetch_capacity=0, address="127.0.0.1",
        provider=PBSProProvider(
            launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"),
            account="A", queue="debug-scaling", select_options="ngpus=4", nodes_per_block=3,
            scheduler_options="#PBS -l filesystems=home:eagle", init_blocks=1, min_blocks=0,
            max_blocks=1, cpus_per_node=32, walltime="1:00:00"),
        **more)],
    checkpoint_files=[], run_dir="runs", checkpoint_mode="task_exit", retries=2, app_cache=True)
"""
SHAPES = """
from polaris_parsl.configuration.job_script import job_scripts
import polaris_parsl
shapes = [{}, {"workers_per_gpu": 2}, {"gpus_per_worker": 2}, {"available_accelerators": 0},
          {"nodes_per_block": 4, "max_workers_per_block": 2}, {"launcher": "gnu_parallel"},
          {"executors": {"gpu": {}, "cpu": {"available_accelerators": 0}}}]
for shape in shapes:
    polaris_parsl.config(account="A", queue="preemptable", address="10.0.0.1", **shape)
    assert job_scripts(account="A", queue="preemptable", address="10.0.0.1", **shape)
print(len(shapes))
"""
PUBLISHED = """
from published.building import build, calls
for name in calls():
    build(name)
print(len(calls()))
"""
INSIDE = """
from importlib.metadata import version
from polaris_parsl.configuration.parsl_internals.check import changed_internals
changed = changed_internals(version("parsl"))
for each in changed:
    print(f"changed: {each.name}: {each.purpose}")
raise SystemExit(bool(changed))
"""
STATE = "from parsl.providers.torque.torque import translate_table as t; print('F' in t)"


def environment() -> dict[str, str]:
    """Ours, with this source tree and its tests for Python and nothing of a job or a module."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PBS_",))}
    return {**kept, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"}


def attempt(python: Path, *words: str, cwd: Path) -> tuple[bool, str]:
    """Run Python; whether it went well, and the last line that it printed."""
    done = subprocess.run(
        [python, *words], env=environment(), cwd=cwd, capture_output=True, text=True, check=False
    )
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else ""


def make_environment(folder: Path, release: str) -> Path:
    """An environment with this release of Parsl; "" for the newest."""
    uv = uv_program()
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    wanted = f"parsl=={release}" if release else "parsl"
    python = folder / "bin" / "python"
    command: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", python, wanted]
    subprocess.run(command, check=True, env=set_up_like_pip(os.environ))
    return python


def page(python: Path, *, old: bool, cwd: Path) -> str:
    """Whether the page's configuration builds, else the keyword that it fails by."""
    is_built, line = attempt(python, "-c", PAGE.replace("{old}", str(old)), cwd=cwd)
    keyword = re.search(r"unexpected keyword argument '(\w+)'", line)
    return "builds" if is_built else f"`{keyword[1]}`" if keyword else line


def ours(python: Path, script: str, *, cwd: Path) -> str:
    """How many of our configurations build, without a deprecation warning."""
    are_built, line = attempt(python, "-W", "error::DeprecationWarning", "-c", script, cwd=cwd)
    return f"all {line}" if are_built else f"no: {line}"


def example(python: Path, cwd: Path) -> str:
    """Whether the example runs in the sandbox, and its second run computes nothing."""
    folder = cwd / "sweep"
    folder.mkdir()
    shutil.copy(ROOT / "examples" / "sweep" / PROJECT_FILE, folder)
    for summary in ("72 computed, 0 from checkpoints", "0 computed, 72 from checkpoints"):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "polaris_parsl", "sandbox"),
                *("--shared", str(python.parents[2]), "--"),
                *(python, "-W", "error::DeprecationWarning"),
                ROOT / "examples" / "sweep" / "workflow.py",
            ],
            env=environment(),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode != 0 or summary not in done.stdout:
            return f"fails: {(done.stderr.strip().splitlines() or ['no result'])[-1]}"
    return "works"


def row(release: str, folder: Path) -> str:
    """The table's row of a release."""
    python = make_environment(folder / "environment", release)
    _, found = attempt(
        python, "-c", "from importlib.metadata import version; print(version('parsl'))", cwd=folder
    )
    cells = [
        found,
        page(python, old=True, cwd=folder),
        page(python, old=False, cwd=folder),
        ours(python, SHAPES, cwd=folder),
        ours(python, PUBLISHED, cwd=folder),
        example(python, folder),
        "known" if attempt(python, "-c", STATE, cwd=folder)[1] == "True" else "unknown",
    ]
    return f"| {' | '.join(cells)} |"


def rows(releases: list[str]) -> list[str]:
    """The rows of several releases, each once."""
    made = []
    for release in releases:
        with tempfile.TemporaryDirectory() as folder:
            made.append(row(release, Path(folder)))
    return list(dict.fromkeys(made))


def document(table: list[str]) -> str:
    """The page around the rows."""
    python = ".".join(map(str, sys.version_info[:2]))
    foot = FOOT.format(oldest=polaris().parsl.oldest)
    return HEAD.format(python=python) + "\n".join(table) + "\n" + foot


def newest() -> int:
    """Try the newest Parsl of the index: its inside, our shapes, and the example over the sandbox."""
    with tempfile.TemporaryDirectory() as folder:
        made = row("", Path(folder))
        python = Path(folder, "environment", "bin", "python")
        inside = subprocess.run([python, "-c", INSIDE], env=environment(), cwd=folder, check=False)
    print(made)
    cells = made.strip("| ").split(" | ")
    is_well = cells[3].startswith("all ") and cells[4].startswith("all ") and cells[5] == "works"
    if inside.returncode == 0 and is_well:
        print(f"Parsl {cells[0]} works; {polaris().parsl.newest_tested} is the newest tested one")
        return 0
    return 1


def main() -> int:
    """Write the table, or check a row of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", metavar="VERSION", help="compare one release with the table")
    parser.add_argument("--newest", action="store_true", help="try the newest that the index has")
    options = parser.parse_args()
    if options.newest:
        return newest()
    if options.check:
        (made,) = rows([options.check])
        print(made)
        return 0 if made in TABLE.read_text().splitlines() else 1
    TABLE.write_text(document(rows([*polaris().parsl.tested, ""])))
    return 0


if __name__ == "__main__":
    sys.exit(main())

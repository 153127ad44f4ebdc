#!/usr/bin/env python3
"""Run Parsl's own tests on our configurations, in the sandbox, and write docs/parsl-tests.md.

    .venv/bin/python scripts/parsl_tests.py                            all releases and ways
    .venv/bin/python scripts/parsl_tests.py --check RELEASE --way WAY  is that row of the table true?

Parsl's wheel holds its tests. Most bring a configuration of their own; those that are run here
take one by `--config` and load it once for all. Each row has an environment of its own.
"""

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from compatibility import ROOT, environment, make_environment

from polaris_parsl.env.tools import uv_program
from polaris_parsl.facts.polaris import polaris

TABLE = ROOT / "docs" / "parsl-tests.md"
CONFIGURATION = ROOT / "tests" / "parsl_suite" / "configuration.py"
# Parsl's markers whose tests are left out, and why.
EXCLUDED = {
    "cleannet": "they fetch files from the internet, which the sandbox has not",
    "unix_filesystem_permissions_required": "they expect a refusal that root does not get",
}
# Tests by a part of their name, and why they are left out.
DIFFERENT = {
    "memoize_bad_id": "they expect that an app with `cache=True` fails where an argument has no key; "
    "with our configuration it runs, [with a warning](checkpoints.md)",
}
# For each way of running, the options that differ from the default.
PLAIN = "Parsl's `configs/htex_local.py`, for comparison"
IN_A_JOB = "inside a job of two nodes"
WAYS: dict[str, dict[str, str]] = {
    PLAIN: {},
    "one task per GPU": {},
    "two nodes by GNU Parallel": {"nodes_per_block": "2", "launcher": "gnu_parallel"},
    "two tasks per GPU": {"workers_per_gpu": "2"},
    "CPU only": {"available_accelerators": "0"},
    IN_A_JOB: {},
}
JOB = """\
qsub -A sandbox -q debug -l select=2:ncpus=64:ngpus=4 -l walltime=0:30:00 \
    -l filesystems=home:eagle -j oe -o job.out >/dev/null <<'JOB'
cd "$PBS_O_WORKDIR"
{command}
echo "ended $?"
JOB
until grep -q '^ended' job.out 2>/dev/null; do sleep 0.3; done
cat job.out
"""
HEAD = """\
# Parsl's own tests on our configurations

Made by `.venv/bin/python scripts/parsl_tests.py` on CPython {python}; do not edit. `scripts/test.sh --all` runs three
of the rows again and compares.

| Parsl | configuration | passed | skipped | failed |
|---|---|---|---|---|
"""
FOOT = """
- Parsl's wheel holds its tests. Those that take a configuration by `--config` run here over the sandbox: the driver
  on a login node, `qsub`, the job script, `mpiexec` or GNU Parallel, the workers on the nodes. One block serves all.
- The first row is Parsl's own configuration of one local pool of workers: what is passed there must pass here.
- Skipped are two files that want an account with Amazon or Globus. 2026.2.23 also counts the tests as skipped that
  bring a configuration of their own, where 2026.10.26 leaves them out.
- `run_dir` is the working directory (`tests/parsl_suite/configuration.py`): tasks start in `run_dir`, and two tests
  look for a file that a task wrote where the driver runs.
- A test that fails is tried twice more: some give a task 5 ms, and machines are shared.
"""


def make_test_environment(folder: Path, release: str) -> Path:
    """An environment with this release of Parsl and what its tests need."""
    python = make_environment(folder, release)
    group = ["--group", f"{ROOT / 'pyproject.toml'}:parsl-tests"]
    subprocess.run(
        [uv_program(), "pip", "install", "--quiet", "--python", python, *group], check=True
    )
    return python


def command(python: Path, way: str) -> list[str]:
    """The command that runs the tests, with the environment that it needs."""
    tests = next(python.parents[1].glob("lib/python*/site-packages/parsl/tests"))
    given = CONFIGURATION if way != PLAIN else tests / "configs" / "htex_local.py"
    options = {f"POLARIS_PARSL_{name.upper()}": value for name, value in WAYS[way].items()}
    wanted = {"PYTHONPATH": str(ROOT / "src"), **options}
    if way == PLAIN:
        wanted["PATH"] = f"{python.parent}:/usr/bin:/bin"  # where Parsl looks for its programs
    return [
        *("env", *(f"{name}={value}" for name, value in wanted.items())),
        *(str(python), "-m", "pytest", str(tests), "--config", str(given)),
        *("-q", "-p", "no:cacheprovider", "--disable-warnings", "--reruns", "2"),
        *("-k", " and ".join(f"not {word}" for word in (*EXCLUDED, *DIFFERENT))),
    ]


def run(python: Path, way: str, cwd: Path) -> str:
    """Run the tests in the sandbox; what they print."""
    words = command(python, way)
    if way == IN_A_JOB:
        words = ["bash", "-c", JOB.format(command=shlex.join(words))]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "polaris_parsl", "sandbox"),
            *("--shared", str(python.parents[2]), "--shared", str(ROOT), "--", *words),
        ],
        env=environment(),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return done.stdout + done.stderr


def row(release: str, way: str) -> str:
    """The table's row for a release and a way of running; shows what did not pass."""
    with tempfile.TemporaryDirectory() as folder:
        python = make_test_environment(Path(folder, "environment"), release)
        work = Path(folder, "work")
        work.mkdir()
        output = run(python, way, work)
    counts = dict.fromkeys(("passed", "skipped", "failed", "error"), 0)
    for number, word in re.findall(r"(\d+) (passed|skipped|failed|error)", output):
        counts[word] = int(number)
    failed = counts["failed"] + counts["error"]
    if failed or not counts["passed"]:
        print(output, file=sys.stderr)
    return f"| {release} | {way} | {counts['passed']} | {counts['skipped']} | {failed} |"


def main() -> int:
    """Write the table, or check a row of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", metavar="RELEASE", help="compare one row with the table")
    parser.add_argument("--way", choices=WAYS, help="the way of that row")
    options = parser.parse_args()
    if options.check:
        made = row(options.check, options.way)
        print(made)
        return 0 if made in TABLE.read_text().splitlines() else 1
    newest, *others = polaris().parsl.locked
    wanted = [(newest, way) for way in WAYS]
    wanted += [(release, way) for release in others for way in (PLAIN, "one task per GPU")]
    python = ".".join(map(str, sys.version_info[:2]))
    table = "\n".join(row(release, way) for release, way in wanted)
    left_out = "\n".join(f"- Left out, marked `{each}`: {why}." for each, why in EXCLUDED.items())
    left_out += "".join(
        f"\n- Left out, with `{each}` in their names: {why}." for each, why in DIFFERENT.items()
    )
    TABLE.write_text(f"{HEAD.format(python=python)}{table}\n{FOOT}{left_out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

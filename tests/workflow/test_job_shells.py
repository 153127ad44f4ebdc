"""The module of the driver on the node of a job, whatever shell the job runs in."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

import places
from polaris_parsl.configuration.worker_init import compose
from polaris_parsl.driver import Driver
from polaris_parsl.options.options import ExecutorOptions

DOCUMENT = Path(__file__).parents[2] / "docs" / "modules.md"
PARSL = "2026.10.26"
# First line of the script, shell of the job, and what happens before worker_init runs.
SHELLS = {
    "bash": ("#!/bin/bash", "/bin/bash", ""),
    "bash, a login shell": ("#!/bin/bash -l", "/bin/bash", ""),
    "bash without BASH_ENV": ("#!/bin/bash", "/bin/bash", "unset BASH_ENV"),
    "bash with another BASH_ENV": ("#!/bin/bash", "/bin/bash", "export BASH_ENV=/dev/null"),
    "bash in which no profile was read": (
        "#!/bin/bash", "/bin/bash", "unset BASH_ENV; unset -f module"
    ),
    "bash that stops at errors": ("#!/bin/bash -eu", "/bin/bash", "set -o pipefail"),
    "sh": ("#!/bin/sh", "/bin/sh", ""),
    "sh, a login shell": ("#!/bin/sh -l", "/bin/sh", ""),
    "sh for a script that names no shell": ("", "/bin/sh", ""),
    "bash for a user of zsh": ("#!/bin/bash", "/bin/zsh", ""),
}  # fmt: skip
REPORT = """
echo module $POLARIS_PARSL_MODULE
echo python $(command -v python)
echo base $CUDA_HOME
echo BASH_ENV ${BASH_ENV-unset}
"""
# Submits every script of the working directory, and waits until none is in the queue.
SUBMIT = """\
import subprocess, sys, time
from pathlib import Path

options = "-A datascience -q preemptable -l select=1:ncpus=1,walltime=0:10:00,filesystems=home:eagle"
scripts = sorted(Path().glob("*.job"))
for script in scripts:
    shell = script.with_suffix(".shell").read_text()
    out, err = script.with_suffix(".out"), script.with_suffix(".err")
    command = ["qsub", *options.split(), *sys.argv[1:], "-S", shell, "-o", out, "-e", err, script]
    subprocess.run(command, check=True)
deadline = time.monotonic() + 500
while time.monotonic() < deadline and subprocess.check_output(["qstat"]):
    time.sleep(0.2)
"""


def in_every_shell(
    text: str,
    folder: Path,
    run_isolated: Callable[..., str],
    *,
    before: str = "",
    options: str = "",
) -> Mapping[str, tuple[str, str]]:
    """Output and errors of a text as job script of each shell, by the shell's name.

    The user's shell runs the code `before`, then qsub with the options.
    """
    for number, (first, shell, prelude) in enumerate(SHELLS.values()):
        job = folder / f"{number}.job"
        job.write_text(f"{first}\n{prelude}\n{text}\n{REPORT}")
        job.with_suffix(".shell").write_text(shell)
    submit = f"{before}\n{quote(sys.executable)} -c {quote(SUBMIT)} {options}"
    run_isolated("loopback", "bash", "-c", submit)
    return {
        name: ((folder / f"{number}.out").read_text(), (folder / f"{number}.err").read_text())
        for number, name in enumerate(SHELLS)
    }


def prepared(place: places.Place) -> places.Place:
    """An install whose interpreter answers worker_init's question: its version of Parsl."""
    places.executable(place.conda_prefix() / "bin/python", f"echo {PARSL}")
    return place


@pytest.fixture
def place(tmp_path: Path) -> places.Place:
    return prepared(places.lmod_place(tmp_path))


def without_modules(shell: str, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a text in a shell on a machine whose profile starts no module system."""
    places.executable(folder / "bin" / "mpiexec", "exit 0")
    hide = "mount --bind /dev/null /etc/profile.d/lmod.sh"
    space = ["unshare", "--mount", "--map-root-user", "sh", "-c", f'{hide} && exec "$@"', "sh"]
    tried = subprocess.run([*space, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this machine gives no mount namespace: {tried.stderr.strip()}")
    return subprocess.run(
        [*space, shell, "-c", text],
        env={"PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder), "USER": "user"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def worker_init(place: Any, folder: Path, init: Path) -> str:
    driver = Driver(
        python=place.root("1.0") / "overlay/bin/python",
        parsl=PARSL,
        module="polaris-parsl/1.0",
        module_tree=place.prefix / place.tree,
        module_home=init.parents[1],
    )
    return compose(ExecutorOptions.parse({"account": "datascience", "run_dir": folder}), driver)


@pytest.mark.parametrize("options", ["", "-V"])
def test_every_shell_of_a_job_gets_the_module_of_the_driver_with_its_base(
    options: str, place: Any, tmp_path: Path, lmod: Path, run_isolated: Callable[..., str]
) -> None:
    # -V takes along what says that the module is loaded, but not the PATH that goes with it
    before = f". {lmod}; {place.use}; module load polaris-parsl/1.0" if options else ""
    text = worker_init(place, tmp_path, lmod)
    outputs = in_every_shell(text, tmp_path, run_isolated, before=before, options=options)
    expected = [
        "module polaris-parsl/1.0",
        f"python {place.root('1.0')}/overlay/bin/python",
        f"base {place.soft}/cuda",
        "BASH_ENV unset",
    ]
    assert {name: out.splitlines() for name, (out, _) in outputs.items()} == dict.fromkeys(
        SHELLS, expected
    )


def test_the_lines_of_the_document_work_in_every_shell(
    place: Any, tmp_path: Path, run_isolated: Callable[..., str]
) -> None:
    blocks = DOCUMENT.read_text().split("```bash\n")
    (shown,) = (block.partition("```")[0] for block in blocks if "/etc/profile" in block)
    tree, version = "/eagle/PROJECT/polaris-parsl/modulefiles", "polaris-parsl/2026.11.0"
    assert tree in shown
    assert version in shown
    text = shown.replace(tree, quote(f"{place.prefix}/modulefiles"))
    outputs = in_every_shell(text.replace(version, "polaris-parsl/1.0"), tmp_path, run_isolated)
    expected = ["module polaris-parsl/1.0", f"python {place.root('1.0')}/overlay/bin/python"]
    first = {name: out.splitlines()[:2] for name, (out, _) in outputs.items()}
    assert first == dict.fromkeys(SHELLS, expected)


@pytest.mark.parametrize("gone", ["versions", "modulefiles", "../soft/modulefiles"])
def test_in_every_shell_a_job_without_the_module_stops_with_the_reason(
    gone: str, place: Any, tmp_path: Path, lmod: Path, run_isolated: Callable[..., str]
) -> None:
    text = worker_init(place, tmp_path, lmod)
    (place.prefix / gone).rename(tmp_path / "gone")
    outputs = in_every_shell(text, tmp_path, run_isolated)
    tree = place.prefix / "modulefiles"
    for name, (out, err) in outputs.items():
        assert out == "", name
        assert f"cannot load the module polaris-parsl/1.0 of {tree}\n  fix: " in err, name


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_without_modules_from_a_profile_the_drivers_module_system_is_started(
    shell: str, place: Any, tmp_path: Path, lmod: Path
) -> None:
    done = without_modules(shell, f"{worker_init(place, tmp_path, lmod)}\n{REPORT}", tmp_path)
    assert done.stdout.splitlines()[:1] == ["module polaris-parsl/1.0"], done.stderr


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_environment_modules_are_started_as_well(
    shell: str, tmp_path: Path, environment_modules: Path
) -> None:
    place = prepared(places.tcl_place(tmp_path))
    text = worker_init(place, tmp_path, environment_modules)
    done = without_modules(shell, f"{text}\n{REPORT}", tmp_path)
    expected = ["module polaris-parsl/1.0", f"python {place.root('1.0')}/overlay/bin/python"]
    assert done.stdout.splitlines()[:2] == expected, done.stderr


def test_a_node_without_a_module_system_stops_the_job_with_the_reason(
    place: Any, tmp_path: Path
) -> None:
    text = worker_init(place, tmp_path, Path("/nowhere/init/bash"))
    done = without_modules("bash", f"{text}\n{REPORT}", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no module command\n  fix: ask the site how a batch job gets it" in done.stderr

"""A locked base that is built again: from a bundle, and where the base of a version is gone."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import builder
import conda_python
from polaris_parsl.below import remove_path
from polaris_parsl.files import digest


@pytest.fixture(scope="module")
def bundle(locked_install: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pin of the install, with its base."""
    target = tmp_path_factory.mktemp("pins") / "paper"
    command = [locked_install.root / "bin/polaris-parsl", "pin", target, "--wheelhouse"]
    done = builder.run(*command, "--with-base", env=locked_install.env)
    assert done.returncode == 0, done.stderr
    assert re.search(r"conda archives of GNU Parallel and the locked base: \d\d MB", done.stdout)
    return target


def test_a_bundle_is_built_again_by_the_systems_python_without_any_other(
    bundle: Path, locked_install: Any, tmp_path: Path
) -> None:
    """In a file system without the pinned install, with an empty cache, and without a network."""
    hidden = locked_install.prefix
    home, prefix = tmp_path / "home", tmp_path / "again"
    home.mkdir()
    space = builder.namespace("--net", "--map-root-user", "--mount")
    program = bundle / "source/scripts/bootstrap.py"
    script = 'mount -t tmpfs tmpfs "$1"; shift; exec "$@"'
    words = [
        "/usr/bin/python3",
        "-I",
        program,
        "recreate",
        bundle,
        "--prefix",
        prefix,
        "--base",
        "locked",
        "--trust",
        digest(bundle / "SHA256SUMS"),
    ]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = builder.run(*space, "sh", "-ec", script, "sh", hidden, *words, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unpacking the Python of the wheelhouse" in done.stderr
    same = re.search(r"(\d+) files and links are the same, 0 differ", done.stdout)
    assert same
    assert int(same[1]) > 5000
    (root,) = (prefix / "versions").iterdir()
    _, found = conda_python.loaded_libraries(root / "overlay/bin/python")
    assert not [name for name in found if name.startswith((str(hidden), str(conda_python.LIBRARY)))]
    assert (
        builder.run("sha256sum", "-c", "--quiet", "SHA256SUMS", env={}, cwd=bundle).returncode == 0
    )


def test_a_bundle_is_built_again_by_the_command_of_an_install_on_another_interpreter(
    bundle: Path, install: Any, tmp_path: Path
) -> None:
    prefix = tmp_path / "project"
    command = [install.root / "bin/polaris-parsl", "recreate", bundle, "--prefix", prefix]
    trust = ["--trust", digest(bundle / "SHA256SUMS")]
    done = builder.run(*builder.namespace("-rn"), *command, *trust, env=install.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 differ" in done.stdout


def test_the_base_of_a_pin_needs_a_wheelhouse(locked_install: Any, tmp_path: Path) -> None:
    command = [locked_install.root / "bin/polaris-parsl", "pin", tmp_path / "p", "--with-base"]
    done = builder.run(*command, env=locked_install.env)
    assert done.returncode == 2
    assert "--wheelhouse" in done.stderr


def test_a_version_whose_base_is_gone_is_built_again_by_the_command_that_its_module_names(
    locked_install: Any, conda_source: Path, wheelhouse: Path, lmod: Path, tmp_path: Path
) -> None:
    """And the workflow finds the checkpoints of its run before."""
    soft = tmp_path / "soft/mconda3"
    (base,) = (locked_install.prefix / "bases").iterdir()
    shutil.copytree(base, soft, symlinks=True)
    env = locked_install.env
    options = ["--base", soft, "--wheelhouse", wheelhouse]
    made = builder.installed(
        tmp_path / "project", *builder.install_command(conda_source, *options), env=env
    )
    script = tmp_path / "workflow.py"
    shutil.copy(builder.REPOSITORY / "tests/install/locked_workflow.py", script)

    def shell(code: str) -> Any:
        start = f"source {lmod}; module use {made.prefix}/modulefiles; module load polaris-parsl || exit; "
        given = {"PATH": env["PATH"], "HOME": env["HOME"], "LMOD_IGNORE_CACHE": "yes"}
        return builder.run("bash", "--norc", "-c", start + code, env={**env, **given})

    run = f"polaris-parsl sandbox -- python {script} {tmp_path / 'runs'}"
    done = shell(run)
    assert "42" in done.stdout.splitlines(), done.stdout + done.stderr
    remove_path(soft)
    done = shell(run)
    said = " ".join(done.stderr.split())
    assert "its base is gone" in said
    named = f"{made.root}/bin/polaris-parsl rebase --base locked"
    assert f"or build it again on a Python of its own: {named}" in said
    for verb in ("verify", "doctor"):
        answer = builder.run(
            *builder.command(conda_source, verb), env={**env, "POLARIS_PARSL_ROOT": str(made.root)}
        )
        assert named in answer.stdout, answer.stdout + answer.stderr
    words = [*named.split(), "--wheelhouse", wheelhouse]
    again = builder.run(*builder.namespace("-rn"), *words, env=env)
    assert again.returncode == 0, again.stdout + again.stderr
    new = made.prefix / "versions" / f"{made.root.name}+locked"
    assert f"installed in {new}, with the locks of {made.root.name}" in again.stdout
    receipts = [json.loads((root / "receipt.json").read_text()) for root in (made.root, new)]
    assert receipts[0]["locks"] == receipts[1]["locks"]
    assert receipts[1]["rebased_from"]["version"] == made.root.name
    assert receipts[1]["rebased_from"]["base"] == str(soft)
    # it is the default now
    done = shell(f"{run}; echo $POLARIS_PARSL_VERSION")
    assert done.stdout.splitlines()[-1] == new.name
    assert "42" in done.stdout.splitlines(), done.stdout + done.stderr
    records = sorted((tmp_path / "runs").glob("*/polaris_parsl/run.jsonl"))
    last = [json.loads(line) for line in records[-1].read_text().splitlines()]
    assert [each["from_checkpoints"] for each in last if each["event"] == "tasks"][-1] == 1

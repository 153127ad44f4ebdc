"""A locked base that is built again: from a bundle, and where the base of a version is gone."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import builder
import conda_python
import pythons
from code_blocks import typed
from polaris_parsl.below import remove_path
from polaris_parsl.env.locks.files import CondaPackage
from polaris_parsl.files import digest


@pytest.fixture(scope="module")
def bundle(locked_install: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pin of the install, with its base."""
    target = tmp_path_factory.mktemp("pins") / "paper"
    made, _ = typed("docs/pins.md", "$ polaris-parsl pin paper --wheelhouse --with-base")
    command = [str(target) if word == "paper" else word for word in made.command.split()[1:]]
    done = builder.run(locked_install.root / "bin/polaris-parsl", *command, env=locked_install.env)
    assert done.returncode == 0, done.stderr
    assert re.search(r"conda archives of GNU Parallel and the locked base: \d\d MB", done.stdout)
    return target


def test_the_bill_of_materials_names_the_conda_packages_of_the_base_and_of_parallel(
    bundle: Path, packages: list[CondaPackage]
) -> None:
    # takes its time, and every worker collects all tests
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (bundle / "sbom.cdx.json").read_text()
    bill, receipt = json.loads(text), json.loads((bundle / "receipt.json").read_text())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    names = [each["name"] for each in bill["components"]]
    assert len(names) == len(set(names))
    hashes = {
        each["bom-ref"]: [found["content"] for found in each.get("hashes", ())]
        for each in bill["components"]
    }
    closure = receipt["gnu_parallel"]["packages"]
    assert {"parallel", "perl"} <= {each["name"] for each in closure}
    wanted = {f"conda:{each['name']}": [each["sha256"]] for each in closure}
    for package in packages:
        # an imported distribution is listed as such
        if f"pkg:pypi/{package.name}" not in {ref.partition("@")[0] for ref in hashes}:
            ref = "interpreter" if package.name == "python" else f"conda:{package.name}"
            wanted[ref] = [package.sha256]
    assert wanted.items() <= hashes.items()
    needed = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert "conda:parallel" in needed["install"]
    assert "conda:machine-libraries" in needed["interpreter"]


@pytest.mark.parametrize(
    "starter",
    ["another", *(pytest.param(f"3.{minor}", marks=pytest.mark.long) for minor in (12, 13))],
)
def test_a_bundle_is_built_again_by_a_python_that_shares_nothing_with_the_first(
    starter: str, bundle: Path, locked_install: Any, tmp_path: Path
) -> None:
    """Without the pinned install, without the Python that made it, with an empty cache, without a network.

    The system's Python stays where it is: if it made the install, another of this machine begins.
    """
    ours = Path(sys.base_prefix)
    others = {
        minor: place / f"bin/python{minor}"
        for minor, place in pythons.interpreters().items()
        if place != ours
    }
    gone = [str(locked_install.prefix)]
    if ours == Path("/usr"):
        # it cannot be hidden, and may be the only one
        others["another"] = next(iter(others.values()), builder.PYTHON)
    else:
        others["another"] = Path("/usr/bin/python3")
        gone.append(str(ours))
    if starter not in others:
        pytest.skip(f"there is no other CPython {starter} on this machine")
    home, prefix = tmp_path / "home", tmp_path / "again"
    home.mkdir()
    space = builder.namespace("--net", "--map-root-user", "--mount")
    hide = 'while [ "$1" != -- ]; do mount -t tmpfs tmpfs "$1"; shift; done; shift; exec "$@"'
    _, again = typed("docs/pins.md", "$ polaris-parsl pin paper --wheelhouse --with-base")
    places = {"python3": str(others[starter]), "paper": str(bundle), "DIR": str(prefix)}
    places["paper/source/scripts/bootstrap.py"] = f"{bundle}/source/scripts/bootstrap.py"
    # the namespace of the test hides files, too
    words = [places.get(word, word) for word in again.command.split()[2:]]
    words += ["--trust", digest(bundle / "SHA256SUMS")]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = builder.run(*space, "sh", "-ec", hide, "sh", *gone, "--", *words, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unpacking the Python of the wheelhouse" in done.stderr
    same = re.search(r"(\d+) files and links are the same, 0 differ", done.stdout)
    assert same
    assert int(same[1]) > 4000
    (root,) = (prefix / "versions").iterdir()
    _, found = conda_python.loaded_libraries(root / "overlay/bin/python")
    assert not [name for name in found if name.startswith((gone[0], str(conda_python.LIBRARY)))]
    sums = builder.run("sha256sum", "-c", "--quiet", "SHA256SUMS", env={}, cwd=bundle)
    assert sums.returncode == 0


@pytest.mark.long
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
    *,
    locked_install: Any,
    conda_source: Path,
    channel: tuple[Path, str],
    wheelhouse: Path,
    lmod: Path,
    tmp_path: Path,
) -> None:
    """And the workflow finds the checkpoints of its run before."""
    soft = tmp_path / "soft/mconda3"
    # a name without blanks, at which pip would part it
    (shared := tmp_path / "house").symlink_to(wheelhouse)
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

    run = f"polaris-parsl sandbox --shared {tmp_path} -- python {script} {tmp_path / 'runs'}"
    done = shell(run)
    assert "42" in done.stdout.splitlines(), done.stdout + done.stderr
    remove_path(soft)
    done = shell(run)
    said = " ".join(done.stderr.split())
    assert "its base is gone" in said
    (documented,) = typed("docs/locks.md", "$ PREFIX/versions/VERSION")
    named = documented.command.replace("PREFIX/versions/VERSION", str(made.root))
    assert f"or build it again on a Python of its own: {named}" in said
    for verb in ("verify", "doctor"):
        answer = builder.run(
            *builder.command(conda_source, verb), env={**env, "POLARIS_PARSL_ROOT": str(made.root)}
        )
        assert named in answer.stdout, answer.stdout + answer.stderr
    # the very words; where wheels and archives lie, settings say
    own = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": f"{shared}/wheels"}
    own["POLARIS_PARSL_CONDA_MIRROR"] = channel[0].as_uri()
    words = [*builder.namespace("-rn"), "sh", "-c", named]
    again = builder.run(*words, env={**env, **own})
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

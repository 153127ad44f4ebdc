"""Bundles for papers: made of a real install and run, checked, and built again without a network."""

import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

import builder
from code_blocks import Typed, typed

ROOT = Path(__file__).parents[2]
TASK = """\
import sys
import parsl, polaris_parsl
from parsl import python_app

@python_app(cache=True)
def double(number):
    return 2 * number

options = {"queue": "debug", "available_accelerators": 1, "run_dir": sys.argv[1]}
with parsl.load(polaris_parsl.config(**options)):
    assert double(21).result() == 42
"""
OPTIONS = 'account = "datascience"  # ours\n'


def polaris_parsl(
    install: Any, *words: str | Path, before: tuple[str, ...] = (), folder: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*before, install.root / "bin/polaris-parsl", *words],
        env=install.env,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def run_dir(install: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a workflow in the sandbox."""
    folder = tmp_path_factory.mktemp("run")
    script = folder / "workflow.py"
    script.write_text(TASK)
    (folder / "polaris-parsl.toml").write_text(OPTIONS)
    python = install.root / "overlay/bin/python"
    words = ["sandbox", "--shared", folder, "--", python, script, folder / "runs"]
    done = polaris_parsl(install, *words, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "runs" / "000"


@pytest.fixture(scope="module")
def bundle(install: Any, run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with its wheelhouse."""
    folder = tmp_path_factory.mktemp("pins")
    (pin,) = typed("docs/pins.md", "$ polaris-parsl pin paper --run")
    words = [str(run_dir) if word == "runinfo/000" else word for word in pin.command.split()[1:]]
    done = polaris_parsl(install, *words, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert pin.shows(done.stdout, {folder: "/eagle/PROJECT"}), done.stdout
    return folder / "paper"


def identity(bundle: Path) -> str:
    """The sha256 of SHA256SUMS."""
    return hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the workflow read."""
    file = tmp_path_factory.mktemp("given") / "in.dat"
    file.write_text("data\n")
    return file


@pytest.fixture(scope="module")
def with_input(
    install: Any, run_dir: Path, given: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A bundle with the hash of an input, without a wheelhouse."""
    folder = tmp_path_factory.mktemp("pins") / "paper"
    done = polaris_parsl(install, "pin", folder, "--run", run_dir, "--input", given)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_same_install_and_run_give_the_same_bytes(
    install: Any, run_dir: Path, given: Path, with_input: Path, tmp_path: Path
) -> None:
    done = polaris_parsl(install, "pin", tmp_path / "again", "--run", run_dir, "--input", given)
    assert done.returncode == 0, done.stderr
    assert identity(tmp_path / "again") == identity(with_input)


def test_a_bundle_has_the_script_that_ran_and_the_hashes_of_its_inputs(
    with_input: Path, given: Path
) -> None:
    facts = json.loads((with_input / "run/run.json").read_text())
    assert (with_input / "run/workflow.py").read_text() == TASK
    assert (with_input / "run/polaris-parsl.toml").read_text() == OPTIONS
    assert "$ python workflow.py\n" in (with_input / "REPRODUCE.md").read_text()
    assert facts["script_sha256"] == hashlib.sha256(TASK.encode()).hexdigest()
    digest = hashlib.sha256(b"data\n").hexdigest()
    assert facts["inputs"] == [{"name": str(given), "bytes": 5, "sha256": digest}]


def test_the_bill_of_materials_follows_its_schema_and_has_nothing_twice(bundle: Path) -> None:
    # takes its time, and every worker collects all tests
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (bundle / "sbom.cdx.json").read_text()
    bill = json.loads(text)
    version = SchemaVersion.from_version(bill["specVersion"])
    assert JsonStrictValidator(version).validate_str(text) is None
    names = [component["name"] for component in bill["components"]]
    assert len(names) == len(set(names))
    assert {"parsl", "polaris-parsl"} <= set(names)


def with_packages(
    *packages: str, command: tuple[str | Path, ...]
) -> "subprocess.CompletedProcess[str]":
    """Run a command in an environment of its own: validators want other versions than we do."""
    uv = [str(Path(sys.executable).with_name("uv")), "run", "--quiet", "--no-project", "--isolated"]
    words = [word for package in packages for word in ("--with", package)]
    return subprocess.run(
        [*uv, *words, "--python", sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_crate_follows_its_profile_and_names_the_files_of_the_bundle(
    bundle: Path, tmp_path: Path
) -> None:
    name = "ro-crate-metadata.json"
    crate = json.loads((bundle / name).read_text())
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    top = {path.name + "/" * path.is_dir() for path in bundle.iterdir()} - {name}
    assert top <= parts
    # and that a crate with a fault fails the same checks
    del entities["./"]["license"]
    (tmp_path / name).write_text(json.dumps(crate))
    program = Path(__file__).with_name("validate_crate.py")
    command = ("python", program, bundle, tmp_path)
    done = with_packages("roc-validator==0.13.0", "rocrate==0.14.0", command=command)
    first, _, rest = done.stdout.partition("\n")
    assert re.fullmatch(r"\d\d checks", first), done.stdout + done.stderr
    assert "license" in rest
    assert done.stdout.endswith(f"{first}\n")


@pytest.mark.parametrize("whose", ["a bundle", "polaris-parsl"])
def test_a_citation_follows_its_schema(whose: str, bundle: Path) -> None:
    path = (bundle if whose == "a bundle" else ROOT) / "CITATION.cff"
    command = ("cffconvert", "--validate", "-i", path)
    done = with_packages("cffconvert==2.0.0", "setuptools<81", command=command)
    assert done.returncode == 0, done.stdout + done.stderr
    text = path.read_text()
    assert "Parsl" in text
    assert "Parallel" in text


def test_it_says_what_ran(bundle: Path) -> None:
    run = json.loads((bundle / "run/run.json").read_text())
    assert run["tasks"] == 1
    assert "PBS -l select" in "".join(
        path.read_text() for path in (bundle / "run/submit_scripts").iterdir()
    )
    rows = json.loads((bundle / "run/explain.json").read_text())
    assert any(row["name"] == "cpu_affinity" for row in rows)


def test_it_is_built_again_elsewhere_without_a_network_to_the_byte(
    install: Any, bundle: Path, tmp_path: Path
) -> None:
    (documented,) = typed("docs/pins.md", "$ unshare -rn polaris-parsl recreate")
    *alone, _, verb, _, option, _ = documented.command.split()
    alone = builder.namespace(*alone[1:])
    prefix = tmp_path / "years later"
    words = (verb, bundle, option, prefix, "--trust", identity(bundle))
    done = polaris_parsl(install, *words, before=tuple(alone))
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 differ" in done.stdout
    places = {
        quote(str(prefix)): "/eagle/OTHER/again", quote(f"{prefix}/modulefiles"): "/eagle/OTHER/again/modulefiles",
        prefix: "/eagle/OTHER/again", bundle: "/eagle/OTHER/paper", Path(sys.base_prefix): "/soft/conda",
    }  # fmt: skip
    before, _, after = documented.shown.partition("run it? [y/N]: y\n")
    assert Typed("", f"{before}...\n").shows(done.stderr, places), done.stderr
    assert Typed("", after).shows(done.stdout, places), done.stdout
    again = json.loads((prefix / "versions" / install.root.name / "receipt.json").read_text())
    was = json.loads((bundle / "receipt.json").read_text())
    bound = {*was["prefix_bound"]}
    assert {name: again["files"][name] for name in was["files"].keys() - bound} == {
        name: was["files"][name] for name in was["files"].keys() - bound
    }


def test_a_bundle_is_held_against_the_machine(install: Any, bundle: Path) -> None:
    done = polaris_parsl(install, "verify", bundle)
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "intact")


def test_a_pin_is_signed_and_shows_how_to_check_it(install: Any, tmp_path: Path) -> None:
    key, signers = tmp_path / "key", tmp_path / "signers"
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(keygen, check=True)
    signers.write_text(f"ada@example.org {Path(f'{key}.pub').read_text()}")
    target = tmp_path / "paper.tar.zst"
    places = {"paper": str(target), "~/.ssh/id_ed25519": str(key), "signers": str(signers)}
    pin, verify = typed("docs/pins.md", "$ polaris-parsl pin paper --sign")
    for each in (pin, verify):
        words = [places.get(word, word) for word in each.command.split()[1:]]
        done = polaris_parsl(install, *words)
        assert done.returncode == 0, done.stderr
    (signed,) = [line for line in done.stderr.splitlines() if line.startswith("signed by")]
    assert Typed("", verify.shown.splitlines()[0]).shows(f"{signed}\n", {}), signed
    unpack = ["tar", "-xOf", str(target), "paper/REPRODUCE.md"]
    text = subprocess.run(unpack, capture_output=True, text=True, check=True).stdout
    assert "python3 -I source/scripts/bootstrap.py recreate . --prefix" in text
    assert "`--trust`" in text
    assert "`--allowed-signers`" in text


@pytest.mark.parametrize("name", ["receipt.json", "source/overlay.lock", "METHODS.md"])
def test_a_bundle_that_was_tampered_with_is_refused(
    install: Any, bundle: Path, tmp_path: Path, name: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy, ignore=shutil.ignore_patterns("wheelhouse"))
    with (copy / name).open("a") as stream:
        stream.write(" ")
    for verb in (("verify", copy), ("recreate", copy, "--prefix", tmp_path / "p")):
        done = polaris_parsl(install, *verb)
        assert done.returncode == 14, done.stdout + done.stderr
        assert done.stderr.count("fix:") == 1
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("name", ["paper", "paper.tar.zst"])
def test_a_full_disk_is_named_and_no_bundle_is_left(
    name: str, install: Any, tmp_path: Path
) -> None:
    alone = builder.namespace("-rm")
    script = (
        'mount -t tmpfs -o size=200k tmpfs "$1"; disk=$1; shift; code=0; '
        '"$@" || code=$?; ls -A "$disk"; exit $code'
    )
    before = (*alone, "sh", "-ec", script, "sh", str(tmp_path))
    done = polaris_parsl(install, "pin", tmp_path / name, before=before)
    assert (done.returncode, done.stdout) == (6, "")
    assert re.search("the disk is full|No space left", done.stderr)
    assert done.stderr.count("fix:") == 1


def test_a_pin_that_is_stopped_leaves_nothing(install: Any, tmp_path: Path) -> None:
    command = [install.root / "bin/polaris-parsl", "pin", tmp_path / "paper", "--wheelhouse"]
    with subprocess.Popen(command, env=install.env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "collect the wheelhouse" in line:
                assert list(tmp_path.glob(".staging-*"))
                process.terminate()
                break
        rest = process.stderr.read()
    assert process.returncode == 128 + signal.SIGTERM, rest
    assert not list(tmp_path.iterdir())


def test_a_directory_that_exists_is_not_touched(install: Any, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    done = polaris_parsl(install, "pin", tmp_path)
    assert done.returncode == 6
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]

"""What is written down of a base, and what it costs to find out."""

import ast
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import builder
from polaris_parsl.env.base import fingerprint as module
from polaris_parsl.env.base.fingerprint import ask, base_dependencies, fingerprint
from polaris_parsl.env.modules.base_module import describe
from polaris_parsl.errors import BaseEnvironmentError

PROBE = Path(module.__file__).with_name("probe.py")

# Counts what the probe opens below a directory, from within the interpreter that runs it.
_COUNT = """\
import runpy, sys
opened, started = [], []
def hook(event, args):
    if event == "open" and str(args[0]).startswith(sys.prefix + "/"):
        opened.append(args[0])
    if event in ("subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn", "os.system"):
        started.append(event)
probe, sys.argv = sys.argv[1], sys.argv[1:]
sys.addaudithook(hook)
runpy.run_path(probe, run_name="__main__")
opened = [path for path in opened if "-info/" in path or path.endswith((".pth", "module.py"))]
print(len(opened), len(started))
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A conda prefix with three distributions, one of which requires another."""
    base = builder.stand_in_base(tmp_path / "mconda3", conda=True)
    site = builder.site_packages(base)
    builder.add_distribution(site, "Needs-Other", "1.0", "other>=1", "absent; sys_platform == 'x'")
    builder.add_distribution(site, "other", "2.0+local")
    builder.add_distribution(site, "apart", "3.0")
    (site / "paths.pth").write_text(f"{tmp_path}/more\n")
    (site / "sitecustomize.py").write_text("settled = True\n")
    (base / "conda-meta/python-3.11.1-h1_0_cpython.json").write_text("{}")
    (base / "conda-meta/zlib-1.3-h2.json").write_text("{}")
    return base


def taken(base: Path, *names: str, quick: bool = False) -> dict[str, Any]:
    python = base / "bin/python"
    answer = ask(python, names=names, quick=quick, env={"PATH": "/usr/bin:/bin"})
    return fingerprint(python, answer, depends_on=names, module=None)


def test_it_holds_the_interpreter_its_start_files_and_every_distribution(base: Path) -> None:
    known = taken(base, "needs-other")
    library = builder.site_packages(base).relative_to(base)
    assert known["prefix"] == str(base)
    assert known["interpreter"]["build"] == sys.version
    assert known["interpreter"]["libc"].startswith("glibc 2.")
    assert known["interpreter"]["cache_tag"] == sys.implementation.cache_tag
    assert known["interpreter"]["soabi"].startswith("cpython-3")
    settled = hashlib.sha256(b"settled = True\n").hexdigest()
    assert known["start_files"][f"{library}/sitecustomize.py"] == settled
    assert set(known["start_files"]) >= {f"{library}/paths.pth", f"{library}/sitecustomize.py"}
    assert known["conda"]["packages"] == 2
    assert known["conda"]["python"] == "python-3.11.1-h1_0_cpython"
    assert {"needs-other", "other", "apart", "pip"} <= known["distributions"].keys()
    record = hashlib.sha256(b"other.py,,\n").hexdigest()
    assert known["distributions"]["other"] == {"version": "2.0+local", "sha256": record}


def test_only_what_the_overlay_depends_on_has_its_files_read(base: Path) -> None:
    known = taken(base, "needs-other", "other")
    assert base_dependencies(known) == ["needs-other", "other"]
    assert known["distributions"]["other"]["files"] == 1
    assert known["distributions"]["needs-other"]["modules"] == ["Needs_Other"]
    assert "files" not in known["distributions"]["apart"]


def test_what_only_an_extra_requires_is_read_where_the_extra_is_asked_for(base: Path) -> None:
    site = builder.site_packages(base)
    either = "either; extra == 'a' or sys_platform == 'linux'"
    builder.add_distribution(site, "plain", "1.0", "tests>=1 ; extra == 'dev'", either, "asked[b]")
    builder.add_distribution(site, "asked", "1.0", "more; python_version > '3' and extra == \"b\"")
    for name in ("tests", "either", "more"):
        builder.add_distribution(site, name, "1.0")
    answer = ask(base / "bin/python", names=["plain"], quick=False, env={"PATH": "/usr/bin:/bin"})
    read = {name for name, each in answer["distributions"].items() if "files" in each}
    assert read == {"plain", "asked", "more", "either"}


def test_a_distribution_of_debian_without_record_is_known_by_its_metadata(base: Path) -> None:
    site = builder.site_packages(base)
    (site / "single-1.2.egg-info").write_text("Name: single\nVersion: 1.2\n")
    folder = site / "folder-0.1-py3.11.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Name: folder\n")
    found = taken(base)["distributions"]
    assert found["single"]["version"] == "1.2"
    assert found["single"]["sha256"] == hashlib.sha256(b"Name: single\nVersion: 1.2\n").hexdigest()
    assert found["folder"] == {
        "version": "0.1",
        "sha256": hashlib.sha256(b"Name: folder\n").hexdigest(),
    }


def test_a_distribution_whose_folder_names_no_version_is_known_by_its_metadata(base: Path) -> None:
    """As Debian's python3-cryptography, which has the same version once more in the usual way."""
    site = builder.site_packages(base)
    builder.add_distribution(site, "double", "38.0.4")
    for name in ("double", "nameless"):
        (site / f"{name}.egg-info").mkdir()
        (site / f"{name}.egg-info/PKG-INFO").write_text(f"Name: {name}\nVersion: 38.0.4\n\nText\n")
    (site / "silent.egg-info").write_text("")
    found = taken(base)["distributions"]
    versions = {name: found[name]["version"] for name in ("double", "nameless", "silent")}
    assert versions == {"double": "38.0.4", "nameless": "38.0.4", "silent": ""}


def test_the_same_base_gives_the_same_bytes_whoever_asks(base: Path, tmp_path: Path) -> None:
    python = base / "bin/python"
    site = builder.site_packages(base)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/sitecustomize.py").write_text("raise SystemExit\n")
    texts = set()
    for env in (
        {"PATH": "/usr/bin"},
        {"PATH": "/bin", "LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"},
        {"PATH": "/bin", "PYTHONPATH": str(tmp_path / "elsewhere"), "HOME": str(tmp_path)},
    ):
        answer = ask(python, names=["other"], quick=False, env=env)
        known = fingerprint(python, answer, depends_on=["other"], module=None)
        texts.add(json.dumps(known))
        # another order in the directory
        shutil.move(site / "apart.py", site / "apart.tmp")
        shutil.move(site / "apart.tmp", site / "apart.py")
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("quick", "fewest"),
    [
        # one RECORD each; a few more reads for the named one and for what it requires
        (False, 500),
        # one RECORD in all, and the start files
        (True, 1),
    ],
)
def test_a_prefix_of_500_distributions_costs_one_process_and_few_files(
    quick: bool, fewest: int, base: Path
) -> None:
    site = builder.site_packages(base)
    present = len(list(site.glob("*.dist-info")))
    for number in range(500 - present):
        builder.add_distribution(site, f"dist-{number}", "1.0")
    words = [*(["--quick"] if quick else []), "needs-other"]
    done = builder.run(
        base / "bin/python", "-I", "-c", _COUNT, PROBE, *words, env={"PATH": "/usr/bin"}
    )
    assert done.returncode == 0, done.stderr
    answer, counted = done.stdout.splitlines()
    assert len(json.loads(answer)["distributions"]) == 500
    files, processes = map(int, counted.split())
    assert processes == 0
    assert fewest <= files <= fewest + 12


def test_the_probe_is_written_for_any_python_3() -> None:
    tree = ast.parse(PROBE.read_text(), feature_version=(3, 4))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_what_a_start_file_prints_does_not_disturb(base: Path) -> None:
    (builder.site_packages(base) / "sitecustomize.py").write_text("print('welcome')\n")
    assert "other" in taken(base)["distributions"]


@pytest.mark.parametrize("program", ["/bin/true", "/bin/echo", "/does/not/exist"])
def test_a_program_that_is_no_python_is_said_to_be_silent(program: str) -> None:
    with pytest.raises(BaseEnvironmentError, match=f"{program} is not a working Python"):
        ask(Path(program), names=[], quick=True, env={"PATH": "/usr/bin"})


def test_the_module_of_the_base_is_known_by_name_file_and_digest(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "conda").mkdir(parents=True)
    (tree / "conda/2025-09-25.lua").write_text("-- one\n")
    loaded = tmp_path / "loaded.lua"
    loaded.write_text("-- loaded\n")
    searched = describe("conda/2025-09-25", {"MODULEPATH": f"/nowhere:{tree}"})
    assert searched == {
        "name": "conda/2025-09-25",
        "file": str(tree / "conda/2025-09-25.lua"),
        "sha256": hashlib.sha256(b"-- one\n").hexdigest(),
    }
    env = {"LOADEDMODULES": "PrgEnv-gnu/8.5:conda/2025-09-25", "_LMFILES_": f"/x:{loaded}"}
    found = describe("conda/2025-09-25", {**env, "MODULEPATH": str(tree)})
    assert found is not None
    assert found["file"] == str(loaded)
    assert describe("conda/nowhere", {}) == {"name": "conda/nowhere", "file": None, "sha256": None}
    assert describe(None, env) is None

"""The locked base: a Python from conda packages, below the prefix, in the place of the site's."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import builder
import conda_channel
import conda_python
from polaris_parsl.env.locks.files import CondaPackage


def test_the_install_has_a_python_of_its_own_and_asks_for_no_module(
    locked_install: Any, own_base: Path, packages: list[CondaPackage]
) -> None:
    receipt = json.loads((locked_install.root / "receipt.json").read_text())
    assert re.fullmatch("[0-9a-f]{16}", own_base.name)
    assert receipt["base"]["prefix"] == str(own_base)
    assert receipt["base"]["module"] is None
    assert receipt["locked_base"]["key"] == own_base.name
    assert [each["sha256"] for each in receipt["locked_base"]["packages"]] == [
        each.sha256 for each in packages
    ]
    assert receipt["from_base"] == {}
    modulefile = locked_install.prefix / f"modulefiles/polaris-parsl/{locked_install.root.name}.lua"
    assert "conda" not in modulefile.read_text()
    assert os.path.realpath(locked_install.root / "overlay/bin/python").startswith(
        f"{own_base}/bin/"
    )
    assert {
        each.stat().st_mode & 0o222 for each in own_base.rglob("*") if not each.is_symlink()
    } == {0}


def test_its_packages_name_the_place_where_they_lie(own_base: Path) -> None:
    assert conda_python.named_prefix(own_base) == str(own_base)
    assert (own_base / "bin/pip").read_text().startswith(f"#!{own_base}/bin/python")
    texts = [path for path in own_base.rglob("_sysconfigdata*.py") if path.is_file()]
    assert texts
    assert all(str(own_base) in path.read_text() for path in texts)
    left = [
        path for path in own_base.rglob("*") if path.is_file() and path.parent.name != "conda-meta"
    ]
    assert not [path for path in left if conda_channel.PLACEHOLDER.encode() in path.read_bytes()]


def test_it_finds_its_libraries_by_its_own_place(own_base: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved here"
    shutil.copytree(own_base, moved, symlinks=True)
    for place in (own_base, moved):
        prefix, found = conda_python.loaded_libraries(place / "bin/python3")
        assert prefix == place
        inside = {
            Path(name).name.partition(".")[0] for name in found if name.startswith(f"{place}/")
        }
        assert {"libssl", "libcrypto", "libsqlite3", "libz", "liblzma", "libffi"} <= inside
        assert not [name for name in found if name.startswith(str(own_base)) and place == moved]


def test_module_and_workflow_work_on_it_without_a_network(
    locked_install: Any, lmod: Path, tmp_path: Path
) -> None:
    load = f"source {lmod}; module use {locked_install.prefix}/modulefiles; module load polaris-parsl; "
    script = tmp_path / "workflow.py"
    script.write_text((builder.REPOSITORY / "tests/install/locked_workflow.py").read_text())
    code = (
        f"{load}polaris-parsl sandbox -- python {script} {tmp_path / 'runs'}; echo $?; "
        "polaris-parsl verify --files; echo $?; "
        f"polaris-parsl venv {tmp_path / 'own'} >/dev/null; {tmp_path / 'own/bin/python'} -c "
        "'import parsl, sys; print(sys.prefix)'; parallel --version | head -1"
    )
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LMOD_IGNORE_CACHE": "yes"}
    done = builder.run(*builder.namespace("-rn"), "bash", "--norc", "-c", code, env=env)
    lines = done.stdout.splitlines()
    assert "42" in lines, done.stdout + done.stderr
    codes = [line for line in lines if line in {"0", "1", "12"}]
    assert codes == ["0", "0"], done.stdout + done.stderr
    assert lines[-2:-1] == [str(tmp_path / "own")]
    assert lines[-1].startswith("GNU parallel ")


@pytest.mark.long
def test_the_demonstration_works_on_it_without_a_network(
    locked_install: Any, lmod: Path, tmp_path: Path
) -> None:
    load = f"source {lmod}; module use {locked_install.prefix}/modulefiles; module load polaris-parsl; "
    runs = "; ".join(["polaris-parsl sandbox -- python workflow.py"] * 2)
    code = f"{load}cd {tmp_path}; polaris-parsl init sweep nodes_per_block=1; cd sweep; {runs}"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LMOD_IGNORE_CACHE": "yes"}
    done = builder.run(*builder.namespace("-rn"), "bash", "--norc", "-c", code, env=env)
    assert "72 results: 72 computed, 0 from checkpoints" in done.stdout, done.stderr
    assert "72 results: 0 computed, 72 from checkpoints" in done.stdout
    assert done.stdout.count("4 workers; ") == 2


def test_a_damaged_file_of_it_is_found(locked_install: Any, own_base: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "copy"
    shutil.copytree(locked_install.prefix, prefix, symlinks=True)
    root = prefix / "versions" / locked_install.root.name
    # the copy has its base at the old place, so only that of the receipt can be damaged
    receipt = root / "receipt.json"
    receipt.chmod(0o644)
    receipt.write_text(
        receipt.read_text().replace(str(own_base), str(prefix / "bases" / own_base.name))
    )
    damaged = prefix / "bases" / own_base.name / "lib/liblzma.so.5"
    damaged.chmod(0o644)
    damaged.write_bytes(b"no library")
    command = [locked_install.root / "bin/polaris-parsl", "verify", "--files"]
    # as if it were loaded: of a stranger's install nothing is started
    command += ["--root", root]
    done = builder.run(*command, env={**locked_install.env, "POLARIS_PARSL_ROOT": str(root)})
    assert done.returncode == 12
    assert "files of the locked base, changed: lib/liblzma.so.5" in done.stdout


def test_without_network_and_with_another_interpreter_it_came_from_the_wheelhouse(
    locked_install: Any,
) -> None:
    assert "unpacking the Python of the wheelhouse" in locked_install.stderr


def test_everything_can_be_removed(locked_install: Any, tmp_path: Path) -> None:
    prefix = tmp_path / "project"
    shutil.copytree(locked_install.prefix, prefix, symlinks=True)
    (dead,) = (prefix / "bases").iterdir()
    unneeded = dead.with_name("f" * 16)
    unneeded.mkdir()
    command = locked_install.root / "bin/polaris-parsl"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = builder.run(command, "repair", "--prefix", prefix, env=env)
    assert f"deleted: bases/{unneeded.name}" in done.stdout
    assert dead.is_dir()
    name = locked_install.root.name
    for words in (("--all",), (name, "--force")):
        done = builder.run(command, "remove", *words, "--dry-run", "--prefix", prefix, env=env)
        assert f"deleted: versions/{name}\n" in done.stdout, done.stderr
        assert f"deleted: bases/{dead.name}\n" in done.stdout
    assert dead.is_dir()
    done = builder.run(command, "remove", "--all", "--prefix", prefix, env=env)
    assert done.returncode == 0, done.stderr
    assert f"deleted: bases/{dead.name}" in done.stdout
    assert not prefix.exists()


def test_a_dry_run_names_the_base_and_writes_nothing(
    conda_source: Path, wheelhouse: Path, env: dict[str, str], tmp_path: Path
) -> None:
    prefix = tmp_path / "prefix"
    options = ["--prefix", prefix, "--base", "locked", "--wheelhouse", wheelhouse, "--dry-run"]
    words = builder.command(conda_source, "--debug", "install", *options)
    done = builder.run(*words, env=env)
    assert done.returncode == 0, done.stderr
    # it is only asked what it is
    assert "/probe.py" in done.stderr
    assert "compileall" not in done.stderr
    assert re.search(
        rf"conda prefix {prefix}/bases/[0-9a-f]{{16}} \(from --base locked\)", done.stdout
    )
    assert not prefix.exists()

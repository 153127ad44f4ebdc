"""Which module provides a base, whatever its date."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest

from builder import small_release
from polaris_parsl.doctor.here import Here
from polaris_parsl.doctor.install import look_at_base
from polaris_parsl.env.base.drift import Verdict
from polaris_parsl.env.base.fingerprint import ask, fingerprint
from polaris_parsl.env.modules import base_module as module
from polaris_parsl.env.modules.base_module import NO_MODULE, base_module, choose_module, tree_of
from polaris_parsl.env.prefix.verify import verify_base
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.facts.polaris import polaris


@pytest.fixture
def soft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with a conda prefix of a date that no fact lists, and without its module."""
    soft = tmp_path / "soft"
    (soft / "applications/conda/2026-10-09/mconda3/conda-meta").mkdir(parents=True)
    (soft / "modulefiles/conda").mkdir(parents=True)
    facts = dataclasses.replace(
        polaris(), modulefiles=soft / "modulefiles", conda_prefixes=soft / "applications/conda"
    )
    monkeypatch.setattr(module, "polaris", lambda: facts)
    return soft


@pytest.fixture
def prefix(soft: Path) -> Path:
    return soft / "applications/conda/2026-10-09/mconda3"


def loaded(*modules: tuple[str, Path]) -> dict[str, str]:
    names, files = zip(*modules, strict=True)
    return {"LOADEDMODULES": ":".join(names), "_LMFILES_": ":".join(map(str, files))}


def test_a_loaded_module_is_known_by_its_name_in_the_path_of_the_base(prefix: Path) -> None:
    env = loaded(("PrgEnv-gnu/8.6.0", Path("/a.lua")), ("conda/2026-10-09", Path("/b.lua")))
    assert choose_module(prefix, None, env) == "conda/2026-10-09"


def test_a_loaded_module_is_known_by_a_base_that_its_modulefile_names(tmp_path: Path) -> None:
    prefix, file = tmp_path / "python", tmp_path / "tree/lab/1.lua"
    (prefix / "conda-meta").mkdir(parents=True)
    file.parent.mkdir(parents=True)
    file.write_text(f'prepend_path("PATH", "{prefix}/bin")\n')
    assert choose_module(prefix, None, loaded(("lab/1", file))) == "lab/1"
    # ours names its base, too
    assert choose_module(prefix, None, loaded(("polaris-parsl/1.0", file))) is None
    file.write_text('setenv("CC", "/usr/bin/gcc-14")\n')
    assert choose_module(Path("/usr"), None, loaded(("lab/1", file))) is None


def test_a_base_of_the_site_whose_module_is_there_needs_no_module_loaded(
    soft: Path, prefix: Path
) -> None:
    (soft / "modulefiles/conda/2026-10-09.lua").write_text("-- conda\n")
    assert choose_module(prefix, None, {}) == "conda/2026-10-09"
    (soft / "applications/conda/latest").symlink_to("2026-10-09")
    assert choose_module(soft / "applications/conda/latest/mconda3", None, {}) == "conda/2026-10-09"


def test_a_base_of_the_site_without_known_module_is_refused_unless_none_is_named(
    prefix: Path,
) -> None:
    for env in ({}, loaded(("conda/2025-09-25", Path("/conda/2025-09-25.lua")))):
        with pytest.raises(BaseEnvironmentError, match=f"{prefix} is one of the site's") as caught:
            choose_module(prefix, None, env)
        assert "CUDA, MPI and compilers" in caught.value.problem
        assert "--base-module none installs without" in caught.value.remedy
    assert choose_module(prefix, NO_MODULE, {}) is None
    assert choose_module(prefix, "conda/x", {}) == "conda/x"


def test_a_base_of_the_user_takes_no_module_of_the_site(tmp_path: Path, prefix: Path) -> None:
    mine = tmp_path / "miniconda"
    (mine / "conda-meta").mkdir(parents=True)
    env = loaded(("conda/2026-10-09", Path("/soft/modulefiles/conda/2026-10-09.lua")))
    assert choose_module(mine, None, {**env, "CONDA_PREFIX": str(prefix)}) is None


def test_the_facts_confirm_what_is_not_loaded() -> None:
    known = polaris().conda_modules[0]
    assert base_module(known.prefix, {}) == known.name
    assert all(polaris().conda_prefixes in each.prefix.parents for each in polaris().conda_modules)


def test_the_tree_of_a_module_is_that_of_its_file() -> None:
    assert tree_of("conda/1", Path("/lab/modules/conda/1.lua")) == Path("/lab/modules")
    assert tree_of("conda/2026.1", Path("/lab/modules/conda/2026.1")) == Path("/lab/modules")
    assert tree_of("conda/1", None) == polaris().modulefiles


def test_verify_and_doctor_say_what_an_install_without_module_has_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = small_release(tmp_path, "2026.1.0")
    base, python = Path(sys.base_prefix), Path(sys.executable).resolve()
    answer = ask(python, names=[], quick=True, env={})
    taken = fingerprint(python, answer, depends_on=[], module=None)
    file = root / "receipt.json"
    file.chmod(0o644)
    file.write_text(json.dumps({**json.loads(file.read_text()), "base": taken}))
    receipt = read_receipt(root)
    assert verify_base(receipt, quick=True, env={}) == []
    facts = dataclasses.replace(polaris(), conda_prefixes=base.parent)
    monkeypatch.setattr(module, "polaris", lambda: facts)
    (found,) = verify_base(receipt, quick=True, env={})
    assert found.verdict is Verdict.RELEVANT
    assert f"loads no module, although its base {base} is one of the site's" in found.text
    assert "it lacks the site's settings for CUDA, MPI and compilers" in found.text
    assert "install again with --base-module NAME" in found.remedy
    (shown,) = look_at_base(Here(env={}, folder=tmp_path, root=root, user_opts={}))
    assert (shown.status, shown.text, shown.remedy) == ("note", found.text, found.remedy)
    chosen = dataclasses.replace(receipt, command=("install", "--base-module", "none"))
    assert verify_base(chosen, quick=True, env={}) == []

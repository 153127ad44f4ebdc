"""Which install a verb is about, where the command line does not say."""

import sys
from pathlib import Path

import pytest

from polaris_parsl.cli.places import own_prefix, own_root
from polaris_parsl.errors import PrefixError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An install without a receipt, whose own command asks."""
    command = tmp_path / "bin" / "polaris-parsl"
    command.parent.mkdir()
    command.touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "tools"))
    monkeypatch.delenv("POLARIS_PARSL_ROOT", raising=False)
    return tmp_path


def test_the_command_of_an_install_speaks_of_it_even_without_a_receipt(root: Path) -> None:
    assert own_root(None) == root


def test_a_root_that_is_named_wins(root: Path) -> None:
    assert own_root(root / "other" / ".." / "more") == root / "more"


def test_another_command_speaks_of_the_loaded_install(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(root / "venv"))
    monkeypatch.setenv("POLARIS_PARSL_ROOT", "/loaded")
    assert own_root(None) == Path("/loaded")


def test_without_an_install_the_option_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(root / "venv"))
    with pytest.raises(PrefixError, match="name an install: --root"):
        own_root(None)


def test_the_prefix_is_that_of_the_own_install_and_else_the_option_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = root / "prefix" / "versions" / "2026.11.0"
    install.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(root / "venv"))
    monkeypatch.setenv("POLARIS_PARSL_ROOT", str(install))
    assert own_prefix(None) == root / "prefix"
    assert own_prefix(root / "prefix" / ".." / "venv" / "..") == root
    for loaded, reason in ((root, "is a copy"), (None, "belongs to no install")):
        monkeypatch.setenv("POLARIS_PARSL_ROOT", str(loaded or ""))
        with pytest.raises(PrefixError, match=f"{reason}.*\n.*--prefix PREFIX"):
            own_prefix(None)
    with pytest.raises(PrefixError, match="gone is not a directory"):
        own_prefix(root / "gone")

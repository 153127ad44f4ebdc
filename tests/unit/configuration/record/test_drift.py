"""What differs from the receipt of the install when a run begins."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.configuration.record.drift import InstallAtStart, look_at_install
from polaris_parsl.env.receipt import Tree, write_receipt
from polaris_parsl.files import digest
from polaris_parsl.version import VERSION


class Place:
    """An install on a base, both made up of names of metadata."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base, self.root = folder / "base", folder / "prefix" / "versions" / VERSION
        self.above = self.base / "lib/python3.11/site-packages"
        self.overlay = self.root / "overlay/lib/python3.11/site-packages"
        for each in (self.above, self.overlay):
            each.mkdir(parents=True)
        for name in ("numpy-2.1.0.dist-info", "PyYAML-6.0.egg-info"):
            (self.above / name).mkdir()
        for name in ("parsl-2026.10.26.dist-info", f"polaris_parsl-{VERSION}.dist-info"):
            (self.overlay / name).mkdir()
        (self.above / "site.pth").write_text("import os\n")
        self.receipt: dict[str, Any] = {
            "version": VERSION,
            "locks": {"overlay.lock": "cbbc"},
            "overlay": [{"name": "parsl", "version": "2026.10.26"}],
            "base": {
                "prefix": str(self.base),
                "interpreter": {"build": sys.version},
                "module": {"name": "conda/2026-08"},
                "start_files": {
                    "lib/python3.11/site-packages/site.pth": digest(self.above / "site.pth")
                },
                "distributions": {"numpy": {"version": "2.1.0"}, "pyyaml": {"version": "6.0"}},
            },
        }
        monkeypatch.setattr(sys, "base_prefix", str(self.base))
        monkeypatch.setattr(sys, "prefix", str(self.root / "overlay"))

    def look(self) -> InstallAtStart:
        (self.root / "receipt.json").write_text(json.dumps(self.receipt))
        found = look_at_install(self.root, ["", str(self.overlay), str(self.above)])
        assert found is not None
        return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_an_install_as_its_receipt_says_has_no_drift(place: Place) -> None:
    found = place.look()
    assert found.drift == []
    assert found.locks == {"overlay.lock": "cbbc"}
    assert (found.root, found.base_module) == (str(place.root), "conda/2026-08")


def test_each_difference_is_named(place: Place) -> None:
    (place.above / "numpy-2.1.0.dist-info").rename(place.above / "numpy-2.2.0.dist-info")
    (place.above / "PyYAML-6.0.egg-info").rmdir()
    (place.above / "scipy-1.0.dist-info").mkdir()
    (place.above / "site.pth").write_text("import sys\n")
    (place.above / "new.pth").write_text("")
    (place.overlay / "parsl-2026.10.26.dist-info").rename(place.overlay / "parsl-1.0.dist-info")
    drift = place.look().drift
    assert drift == [
        "numpy of the base: 2.1.0 -> 2.2.0",
        "pyyaml 6.0 of the base is gone",
        "scipy 1.0 of the base is new",
        "lib/python3.11/site-packages/new.pth of the base, which each Python reads, is new",
        "lib/python3.11/site-packages/site.pth of the base, which each Python reads, has changed",
        "parsl of the overlay: 2026.10.26 -> 1.0",
    ]


def test_another_python_and_another_base_are_drift(place: Place) -> None:
    place.receipt["base"]["interpreter"]["build"] = "3.11.0 (main)"
    place.receipt["base"]["prefix"] = "/soft/elsewhere"
    drift = "\n".join(place.look().drift or [])
    assert "Python of the base: 3.11.0 (main) -> " in drift
    assert "it was /soft/elsewhere" in drift


def test_of_very_many_differences_the_first_are_named(place: Place) -> None:
    for number in range(50):
        (place.above / f"new{number:02}-1.dist-info").mkdir()
    drift = place.look().drift
    assert drift is not None
    assert len(drift) == 21
    assert drift[-1] == "and 30 more differences"


def test_packages_of_an_environment_on_the_install_are_no_drift(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "base" / "venv" / "lib/python3.11/site-packages"
    (own / "mine-1.dist-info").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "base" / "venv"))
    place.look()
    found = look_at_install(place.root, [str(own), str(place.overlay), str(place.above)])
    assert found is not None
    assert found.drift == []


@pytest.mark.parametrize("text", [None, "no JSON", "[]", "{}", '{"base": 7, "locks": 7}'])
def test_of_a_receipt_that_cannot_be_read_drift_is_not_known(
    place: Place, text: str | None
) -> None:
    if text is not None:
        (place.root / "receipt.json").write_text(text)
    found = look_at_install(place.root, [])
    assert found == InstallAtStart(str(place.root), None, None, None)


def test_of_a_receipt_that_lists_thousands_of_files_only_what_is_compared_is_parsed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"overlay/lib/{number}.py": "0" * 64 for number in range(20_000)}
    write_receipt(place.root, place.receipt, Tree(files, {}, (), 7))
    parsed: list[int] = []
    parse = json.loads

    def count(text: bytes) -> Any:
        parsed.append(len(text))
        return parse(text)

    monkeypatch.setattr(json, "loads", count)
    found = look_at_install(place.root, ["", str(place.overlay), str(place.above)])
    assert found is not None
    assert found.drift == []
    assert (place.root / "receipt.json").stat().st_size > 1_500_000
    assert sum(parsed) < 5_000


def test_a_source_tree_is_no_install() -> None:
    assert look_at_install() is None

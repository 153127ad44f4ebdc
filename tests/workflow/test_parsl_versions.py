"""The releases of Parsl that are locked do what docs/compatibility.md says."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import polaris_parsl
from polaris_parsl.configuration.parsl_version import check_parsl
from polaris_parsl.errors import BaseEnvironmentError, PolarisParslWarning
from polaris_parsl.facts.polaris import polaris

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.parametrize("release", polaris().parsl.locked)
def test_a_locked_release_does_what_the_table_says(release: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "compatibility.py", "--check", release],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| all 7 | all 18 | works |" in done.stdout


@pytest.mark.long
def test_the_newest_release_that_the_index_has_works() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "compatibility.py", "--newest"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_has_a_row_for_every_tested_release_and_its_text_is_the_scripts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from compatibility import document

    text = (ROOT / "docs" / "compatibility.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| 20")]
    assert [row.split()[1] for row in rows] == list(polaris().parsl.tested)
    of_the_table = text.partition("CPython ")[2].partition(";")[0]
    monkeypatch.setattr(sys, "version_info", tuple(map(int, of_the_table.split("."))))
    assert document(rows) == text


def test_the_locked_parsl_is_one_of_them() -> None:
    assert version("parsl") == polaris().parsl.locked[0]
    assert set(polaris().parsl.locked) <= set(polaris().parsl.tested)


@pytest.mark.parametrize("found", ["2025.12.1", "2025.1.13", "2023.11.27"])
def test_an_older_parsl_is_refused_by_name(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: found)
    with pytest.raises(BaseEnvironmentError, match=f"Parsl {found} is older than 2025.12.8"):
        _ = polaris_parsl.config


def test_a_parsl_above_the_newest_tested_is_accepted_with_one_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newest = polaris().parsl.newest_tested
    monkeypatch.setattr("importlib.metadata.version", lambda _: "2027.01.04")
    text = f"Parsl 2027.01.04 is newer than {newest}, the newest that polaris_parsl is tested with"
    with pytest.warns(PolarisParslWarning, match=text) as warned:
        check_parsl()
    check_parsl()  # a second warning would be an error
    assert [each.filename for each in warned] == [__file__]


@pytest.mark.parametrize("found", polaris().parsl.tested)
def test_a_tested_parsl_gives_no_warning(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: found)
    check_parsl()

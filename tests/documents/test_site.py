"""The site, and what its page on troubleshooting says of the errors."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from code_blocks import ROOT

ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """scripts/messages.py."""
    spec = importlib.util.spec_from_file_location("messages", ROOT / "scripts" / "messages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_errors_of_the_code_are_found_with_their_remedies(script: ModuleType) -> None:
    found = script.messages()
    assert len(found) > 300
    assert {each.kind for each in found} == script.CLASSES.keys()
    (account,) = [each for each in found if each.problem.startswith("no account is given")]
    assert account.exit_code == 5
    assert account.remedy.startswith('pass account="..."')


def test_each_error_on_the_page_is_one_of_the_code(script: ModuleType) -> None:
    listed = ROW.findall((ROOT / "docs" / "troubleshooting.md").read_text())
    assert len(listed) > 15
    known = {each.problem for each in script.messages()}
    assert [text for text in listed if text not in known] == []


def test_the_site_builds_without_a_warning(tmp_path: Path, script: ModuleType) -> None:
    if importlib.util.find_spec("furo") is None:
        if "docs" in os.environ.get("POLARIS_PARSL_REQUIRE", ""):
            pytest.fail("the group docs of pyproject.toml is not installed")
        pytest.skip("the group docs of pyproject.toml is not installed")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"),
            *("-d", tmp_path / "read", "-c", ROOT / "docs", ROOT, tmp_path / "site"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.stem for path in (tmp_path / "site" / "docs").glob("*.html")}
    assert pages == {path.stem for path in (ROOT / "docs").glob("*.md")}
    page = (tmp_path / "site" / "docs" / "troubleshooting.html").read_text()
    assert page.count("<tr") > len(script.messages())
    index = (tmp_path / "site" / "index.html").read_text()
    assert "docs/tutorial.html" in index
    # nothing is asked of another server
    assert not re.search(r'(?:src|href)="https?://[^"]*\.(?:js|css|woff2?)"', index)

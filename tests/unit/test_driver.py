"""What of an environment does not fit the interpreter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import builder
import polaris_parsl
from polaris_parsl import installs
from polaris_parsl.configuration.executor import PolarisExecutor
from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError, PolarisParslWarning
from polaris_parsl.installs import LINK, PACKAGES, install_of, own_install, own_packages
from polaris_parsl.policy.request import check_request

SITE = Path("lib", "python3.12", "site-packages")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An install, from whose overlay this package seems to be imported."""
    root = tmp_path / "versions" / "2026.11.0"
    package = root / "overlay" / SITE / "polaris_parsl"
    package.mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "bin" / "polaris-parsl").touch()
    monkeypatch.setattr(installs, "__file__", str(package / "installs.py"))
    return root


@pytest.mark.parametrize(
    "command", [["explain", "account=datascience"], ["install", "--prefix", "here", "--dry-run"]]
)
def test_a_working_directory_that_is_gone_is_named(command: list[str], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    program = 'mkdir "$1"; cd "$1"; rmdir "$1"; shift; "$@"'
    python = [sys.executable, "-P", "-m", "polaris_parsl", *command]
    done = builder.run("sh", "-c", program, "sh", gone, *python, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == OptionError.exit_code
    assert done.stderr == (
        "error: the working directory cannot be read: No such file or directory\n"
        "  fix: `cd` to another one\n"
    )


@pytest.fixture
def environment(own: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "environment"
    (folder / SITE).mkdir(parents=True)
    (folder / SITE / LINK).write_text(f"# made by a test\n{own}/overlay/{SITE}\nimport site\n")
    (folder / "bin").mkdir()
    return folder


def test_an_environment_tells_its_install_even_when_that_is_gone(
    environment: Path, own: Path, tmp_path: Path
) -> None:
    assert install_of(environment) == own
    (environment / SITE / LINK).write_text(f"/gone/versions/1/overlay/{SITE}\n")
    assert install_of(environment) == Path("/gone/versions/1")
    assert install_of(tmp_path) is None
    assert install_of(tmp_path / "nowhere") is None


def test_a_package_outside_of_installs_has_no_install_and_no_doubts() -> None:
    assert own_install() is None
    assert Driver.current({"POLARIS_PARSL_ROOT": "/other"}).doubts == ()


def test_a_module_of_another_install_is_doubted_and_the_same_by_another_path_is_not(
    own: Path, tmp_path: Path
) -> None:
    assert own_install() == own
    (tmp_path / "alias").symlink_to(own.parents[1])
    for root in (own, tmp_path / "alias" / "versions" / "2026.11.0"):
        assert Driver.current({"POLARIS_PARSL_ROOT": str(root)}).doubts == ()
    driver = Driver.current({"POLARIS_PARSL_ROOT": "/other/versions/2026.12.0"})
    (doubt,) = driver.doubts
    assert f"{sys.executable} belongs to the install {own}" in doubt
    assert "the module that is loaded is that of /other/versions/2026.12.0" in doubt
    assert "fix: `module load polaris-parsl/2026.11.0`" in doubt
    with pytest.warns(PolarisParslWarning, match="belongs to the install"):
        check_request({"account": "datascience", "walltime": "0:10:00"}, driver)


def test_an_active_environment_that_does_not_come_first_is_doubted(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (doubt,) = Driver.current({"VIRTUAL_ENV": str(environment)}).doubts
    assert f"the environment {environment} is active, but {sys.executable} comes before it" in doubt
    assert f"source {environment}/bin/activate" in doubt
    monkeypatch.setattr(sys, "executable", str(environment / "bin" / "python"))
    assert Driver.current({"VIRTUAL_ENV": str(environment)}).doubts == ()
    assert Driver.current({"VIRTUAL_ENV": str(tmp_path)}).doubts == ()


def test_the_packages_of_an_environment_are_named_as_pip_takes_them(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.add_distribution(environment / SITE, "tabulate", "0.10.0")
    builder.add_distribution(environment / SITE, "my-science", "1.0")
    origin = environment / SITE / "my_science-1.0.dist-info" / "direct_url.json"
    url = "https://example.org/my.git"
    origin.write_text(json.dumps({"url": url, "vcs_info": {"vcs": "git", "commit_id": "abc"}}))
    (environment / SITE / "rest-1.0.dist-info").mkdir()
    assert own_packages() == ()
    monkeypatch.setattr(sys, "prefix", str(environment))
    assert own_packages() == (f"my-science @ git+{url}@abc", "tabulate==0.10.0")
    config = polaris_parsl.config(account="datascience", address="10.0.0.1", run_dir=tmp_path)
    (executor,) = config.executors
    assert isinstance(executor, PolarisExecutor)
    assert executor.record.files[PACKAGES].splitlines() == list(own_packages())


def test_the_command_speaks_for_the_environment_that_is_active(
    environment: Path, own: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    overlay = own / "overlay" / "bin" / "python"
    overlay.parent.mkdir()
    overlay.touch()
    monkeypatch.setattr(sys, "prefix", str(own / "tools"))
    assert Driver.current({}).python == overlay
    assert Driver.current({"VIRTUAL_ENV": str(tmp_path)}).python == overlay
    assert Driver.current({"VIRTUAL_ENV": str(environment)}).python == environment / "bin/python"


@pytest.mark.parametrize(
    ("words", "is_known"),
    [
        (["script.py"], True),
        (["-m", "script"], True),
        (["-c", "import script"], True),
        (["-P", "script.py"], False),
    ],
)
def test_the_directory_of_the_script_is_known_if_python_looks_there(
    tmp_path: Path, words: list[str], is_known: bool
) -> None:
    text = "from polaris_parsl.driver import folder_of_script\nprint(folder_of_script())\n"
    for folder, answer in ((tmp_path / "plain", is_known), (tmp_path / "with'quote", False)):
        folder.mkdir()
        (folder / "script.py").write_text(text)
        done = subprocess.run(
            [sys.executable, *words], cwd=folder, capture_output=True, text=True, check=True
        )
        assert done.stdout.split("\n")[0] == (str(folder) if answer else "None")

"""`polaris-parsl venv`: what an environment of a user's own sees, refuses and says."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import builder
from code_blocks import Typed, block
from polaris_parsl.env.base.drift import Verdict
from polaris_parsl.env.prefix.state import Deprecation, commit
from polaris_parsl.env.user.venv import PROVIDED, VenvPlan, make_venv, plan_venv
from polaris_parsl.env.user.verify_venv import verify_venv
from polaris_parsl.errors import (
    BaseEnvironmentError,
    OptionError,
    PolarisParslError,
    PrefixError,
    ReceiptError,
)

SHOWN = Typed("import parsl", block("docs/environments.md", "ImportError").text)
SHOWN_ROOT = "/eagle/PROJECT/polaris-parsl/versions/2026.11.0"
SHOW = "import sys; print(*filter(None, sys.path), sep='\\n')"
FIND = "import my_science, parsl, dill; print(my_science.__file__, parsl.__file__, sep='\\n')"


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    """The variables of a user whose ~/.local holds a Parsl."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    site = tmp_path / ".local" / "lib" / f"python{minor}" / "site-packages"
    builder.add_distribution(site, "parsl", "1.0")
    return {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}


def test_it_imports_itself_then_the_overlay_then_the_base(
    venv: VenvPlan, install: Any, user: dict[str, str]
) -> None:
    for option in ("-P", "-I"):
        done = builder.run(venv.python, option, "-c", SHOW, env=user)
        alone = builder.run(venv.receipt.base["executable"], option, "-c", SHOW, env=user)
        places, of_base = (
            [line for line in each.stdout.splitlines() if line.endswith("-packages")]
            for each in (done, alone)
        )
        assert places[:2] == [str(venv.folder / venv.site_packages), str(venv.overlay)]
        assert places[2:] == [each for each in of_base if not each.startswith(user["HOME"])] != []
    assert venv.overlay.is_relative_to(install.root)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_activated_without_a_module_it_gives_python_pip_and_the_command(
    venv: VenvPlan, install: Any, user: dict[str, str], shell: str
) -> None:
    script = '. "$1/bin/activate"; for name in python pip polaris-parsl; do command -v $name; done'
    script += "; pip --version; polaris-parsl script account=datascience address=10.140.56.1"
    done = builder.run(shell, "-ec", script, "sh", venv.folder, env=user)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == [f"{venv.folder}/bin/{name}" for name in ("python", "pip", "polaris-parsl")]
    assert lines[3].startswith("pip ")
    assert f"'{venv.python}' -P -m polaris_parsl." in done.stdout
    assert str(install.root / "overlay" / "bin") not in done.stdout


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_an_installer_adds_to_it_and_takes_the_rest_as_it_is(
    install: Any, wheel: Path, user: dict[str, str], tmp_path: Path, program: str
) -> None:
    before = builder.tree(install.root / "overlay")
    plan = plan_venv(tmp_path / "an environment", install.root, env=os.environ)
    make_venv(plan, env=os.environ)
    command = [plan.folder / "bin" / "pip", "install", "--no-index", wheel]
    if program == "uv":
        uv = Path(sys.executable).with_name("uv")
        command = [uv, "pip", "install", "--offline", "--python", plan.folder, "--no-index", wheel]
        command += ["--excludes", plan.folder / PROVIDED]
    done = builder.run(*command, env=user)
    assert done.returncode == 0, done.stderr
    assert sorted(plan.folder.glob("lib/*/site-packages/*.dist-info")) == [
        plan.folder / plan.site_packages / "my_science-1.0.dist-info"
    ]
    mine, parsl = builder.run(plan.python, "-c", FIND, env=user).stdout.splitlines()
    assert Path(mine).is_relative_to(plan.folder)
    assert Path(parsl).is_relative_to(install.root)
    assert builder.run(plan.folder / "bin" / "my-answer", env=user).returncode == 42
    assert builder.tree(install.root / "overlay") == before


def test_a_package_of_its_own_comes_first_and_verify_says_so(
    venv: VenvPlan, install: Any, user: dict[str, str], tmp_path: Path
) -> None:
    plan = replace(venv, folder=tmp_path / "environment")
    shutil.copytree(venv.folder, plan.folder, symlinks=True)
    assert not _named(verify_venv(plan.folder, every_file=False, env=user), plan.folder)
    builder.add_distribution(plan.folder / plan.site_packages, "dill", "0.1")
    builder.add_distribution(plan.folder / plan.site_packages, "unrelated", "0.1")
    done = builder.run(plan.python, "-c", "import dill; print(dill.__version__)", env=user)
    assert done.stdout.strip() == "0.1"
    report = verify_venv(plan.folder, every_file=False, env=user)
    (found,) = _named(report, plan.folder)
    assert found.verdict is Verdict.RELEVANT
    assert found.text.endswith("before those of the install and its base: dill")
    assert "bin/pip uninstall dill" in found.remedy


def test_without_its_install_it_says_which_that_was(
    install: Any, user: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "versions"
    root.symlink_to(install.root)
    plan = plan_venv(tmp_path / "environment", root, env=os.environ)
    make_venv(plan, env=os.environ)
    root.unlink()
    for module in ("parsl", "polaris_parsl"):
        done = builder.run(plan.python, "-c", f"import {module}", env=user)
        assert f"the environment {plan.folder} is built on" in done.stderr
        assert f"in {root}, which cannot be read here" in done.stderr
        said = done.stderr[done.stderr.index("ImportError: ") :]
        places = {plan.folder: "/eagle/PROJECT/me/my-env", root: SHOWN_ROOT}
        assert SHOWN.shows(said, places), said
    report = verify_venv(plan.folder, every_file=False, env=user)
    assert report.verdict is Verdict.BROKEN
    assert f"is built on the install {root}, which is gone" in report.findings[0].text


def test_verify_says_that_its_python_is_gone_or_another(
    venv: VenvPlan, user: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "environment"
    shutil.copytree(venv.folder, folder, symlinks=True)
    python = folder / "bin" / "python"
    python.unlink()
    # nothing of an environment is started to look at it
    other = f"it is {Path('/bin/echo').resolve()}"
    for target, message in {"/nowhere/python": "it does not start", "/bin/echo": other}.items():
        python.unlink(missing_ok=True)
        python.symlink_to(target)
        done = subprocess.run(
            [sys.executable, "-m", "polaris_parsl", "verify", folder],
            env={**os.environ, **user},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == Verdict.BROKEN, done.stderr
        assert f"the Python of {folder} is not the" in done.stdout
        assert message in done.stdout
        assert "fix: make the environment again" in done.stdout


@pytest.mark.parametrize(
    ("place", "kind", "message"),
    [
        ("{tmp}/taken", PrefixError, "exists already"),
        ("{tmp}/link", PrefixError, "exists already"),
        ("{prefix}/environment", PrefixError, "lies within the install"),
        ("{root}/overlay/environment", PrefixError, "lies within the install"),
        ("{tmp}/inside/environment", PrefixError, "lies within the install"),
        ("{tmp}/nowhere/environment", PrefixError, "there is no"),
        ("/proc/environment", PrefixError, "/proc/environment"),
        ("{tmp}/a$b", OptionError, "a$b"),
    ],
)
def test_a_place_where_it_cannot_be_is_refused(
    install: Any, tmp_path: Path, place: str, kind: type[Exception], message: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "inside").symlink_to(install.root)
    folder = Path(place.format(tmp=tmp_path, prefix=install.prefix, root=install.root))
    with pytest.raises(kind) as caught:
        make_venv(plan_venv(folder, install.root, env=os.environ), env=os.environ)
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n  fix: " in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "link", "taken"]


def test_an_install_that_cannot_carry_it_is_refused(install: Any, tmp_path: Path) -> None:
    folder, root = tmp_path / "environment", tmp_path / "root"
    with pytest.raises(ReceiptError, match=r"cannot read .*receipt\.json"):
        plan_venv(folder, root, env=os.environ)
    root.mkdir()
    text = (install.root / "receipt.json").read_text()
    (root / "receipt.json").write_text(text)
    with pytest.raises(BaseEnvironmentError, match="cannot carry an environment: there is no"):
        plan_venv(folder, root, env=os.environ)
    base = json.loads(text)["base"]["prefix"]
    (root / "receipt.json").write_text(text.replace(base, "/nowhere"))
    with pytest.raises(BaseEnvironmentError, match="the base is gone: there is no /nowhere"):
        plan_venv(folder, root, env=os.environ)


def test_verify_names_a_deprecated_install(
    venv: VenvPlan, user: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = venv.receipt.release
    deprecated = {release: Deprecation(date(2027, 3, 1), "its base goes")}
    commit(
        tmp_path, "a test", lambda state: replace(state, deprecated=deprecated, default="2027.1.0")
    )
    receipt = replace(venv.receipt, prefix=tmp_path)
    monkeypatch.setattr("polaris_parsl.env.user.verify_venv.read_receipt", lambda _: receipt)
    report = verify_venv(venv.folder, every_file=False, env=user)
    assert report.verdict is Verdict.RELEVANT
    notice = (
        f"{release} is deprecated: its base goes. It stays until 2027-03-01; load polaris-parsl"
    )
    assert any(notice in each.text for each in report.findings)


def test_one_that_fails_leaves_nothing(venv: VenvPlan, tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    root = tmp_path / "root"
    (root / "overlay" / venv.site_packages).mkdir(parents=True)
    plan = replace(venv, folder=tmp_path / "user" / "environment", root=root)
    with pytest.raises(PolarisParslError, match="does not see the overlay"):
        make_venv(plan, env=os.environ)
    assert list((tmp_path / "user").iterdir()) == []


def test_the_command_shows_first_and_then_makes_it(install: Any, tmp_path: Path) -> None:
    program = [install.root / "bin" / "polaris-parsl", "venv", "environment"]
    shown = builder.run(*program, "--dry-run", env=install.env, cwd=tmp_path)
    assert shown.stdout.startswith(f"would make {tmp_path}/environment\n")
    assert list(tmp_path.iterdir()) == []
    made = builder.run(*program, env=install.env, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[1:4] == shown.stdout.splitlines()[1:4] != []
    assert f"source {tmp_path}/environment/bin/activate" in made.stdout
    again = builder.run(*program, env=install.env, cwd=tmp_path)
    assert again.returncode == PrefixError.exit_code
    assert list(tmp_path.iterdir()) == [tmp_path / "environment"]


def _named(report: Any, folder: Path) -> list[Any]:
    return [each for each in report.findings if str(folder) in each.text]

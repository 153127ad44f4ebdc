"""Which bases an install accepts, and what it takes from them."""

import json
import os
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import builder
from code_blocks import block
from polaris_parsl.env.base.choice import choose_base, probe
from polaris_parsl.errors import BaseEnvironmentError
from polaris_parsl.files import digest

# an install after which the cache holds what each of these asks for
pytestmark = pytest.mark.usefixtures("filled_cache")


@pytest.fixture
def plan(env: dict[str, str], tmp_path: Path) -> Callable[..., Any]:
    """Runs `install --dry-run` on a base."""

    def run(*arguments: str | Path, **more: str) -> Any:
        options = ["--prefix", tmp_path / "prefix", "--dry-run", *arguments]
        return builder.run(
            *builder.install_command(builder.REPOSITORY, *options), env={**env, **more}
        )

    return run


@pytest.fixture(scope="module")
def planned(cache: Path, conda_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `install --dry-run` said of the conda prefix, and the prefix that it was to make."""
    folder = tmp_path_factory.mktemp("planned")
    options = ["--prefix", folder / "prefix", "--dry-run", "--base", conda_base]
    command = builder.install_command(builder.REPOSITORY, *options)
    done = builder.run(*command, env=builder.user_environment(folder, cache))
    assert done.returncode == 0, done.stderr
    return done, folder / "prefix"


def test_the_lines_of_the_readme_take_the_base_of_the_loaded_conda_module(
    conda_base: Path, env: dict[str, str], lmod: Path, tmp_path: Path
) -> None:
    module = tmp_path / "modulefiles/conda/2025-09-25.lua"
    module.parent.mkdir(parents=True)
    module.write_text(
        f'prepend_path("PATH", "{conda_base}/bin")\nsetenv("CONDA_PREFIX", "{conda_base}")\n'
        'set_shell_function("conda", ":", ":")\n'
    )
    lines = block("README.md", "module use /soft").text
    lines = lines.replace("/soft/modulefiles", str(module.parents[1]))
    lines = lines.replace("/eagle/PROJECT/polaris-parsl", str(tmp_path / "prefix"))
    typed = f". {lmod}; cd {builder.REPOSITORY}\n{lines.rstrip()} --dry-run\n"
    done = builder.run("bash", "--norc", "-c", typed, env={**env, "LMOD_IGNORE_CACHE": "yes"})
    assert done.returncode == 0, done.stderr
    assert "the base has 2.13.3, which is not accepted" in done.stdout
    assert "conda/2025-09-25" in done.stdout


def test_a_base_that_is_not_there_is_refused_and_the_prefix_named_first_where_nobody_names_one(
    env: dict[str, str], tmp_path: Path
) -> None:
    command = builder.install_command(builder.REPOSITORY, "--dry-run", "--base", tmp_path / "gone")
    done = builder.run(*command, env=env)
    assert done.returncode == 3
    first, _, rest = done.stderr.partition("\n")
    assert first.startswith(f"prefix: {env['HOME']}/polaris-parsl (your own; --prefix names")
    assert rest.endswith(f"error: {refusal_of(tmp_path / 'gone', env)}\n")
    assert rest.count("\n  fix: ") == 1


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_dry_run_shows_the_plan_and_writes_nothing(planned: Any) -> None:
    done, prefix = planned
    assert "typeguard 4" in done.stdout
    assert "the base has 2.13.3, which is not accepted" in done.stdout
    assert "tblib" in done.stdout
    assert "the base has none" in done.stdout
    assert "filelock 3.20.0" in done.stdout
    assert not prefix.exists()
    assert "beyond ASCII" not in done.stderr


def test_packages_that_are_new_enough_come_from_the_base(conda_install: Any) -> None:
    receipt = json.loads((conda_install.root / "receipt.json").read_text())
    assert receipt["from_base"]["filelock"] == "3.20.0"
    assert receipt["base"]["distributions"]["filelock"]["leaned_on"] is True
    assert receipt["base"]["conda"]["packages"] == 0
    installed = {entry["name"]: entry["why"] for entry in receipt["overlay"]}
    assert "filelock" not in installed
    assert installed["typeguard"] == "the base has 2.13.3, which is not accepted"


def test_the_overlay_prefers_its_own_packages_to_those_of_the_base(conda_install: Any) -> None:
    code = "import typeguard, filelock; print(typeguard.__file__, filelock.__version__)"
    python = conda_install.root / "overlay/bin/python"
    done = builder.run(python, "-c", code, env={"PATH": "/usr/bin:/bin"})
    place, version = done.stdout.split()
    assert place.startswith(str(conda_install.root))
    assert version == "3.20.0"


def test_packages_of_the_base_that_the_overlay_breaks_are_named(conda_install: Any) -> None:
    assert "warning: needs-old 1.0 has requirement typeguard<3" in conda_install.stderr


def test_a_base_with_everything_gets_only_our_own_package(
    plan: Callable[..., Any],
    cache: Path,
    tmp_path: Path,
) -> None:
    base = builder.stand_in_base(tmp_path / "base")
    lock = digest(builder.REPOSITORY / "overlay.lock")[:16]
    for wheel in (cache / "polaris-parsl/wheels").glob(
        f"{sys.implementation.cache_tag}-{lock}/*.whl"
    ):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(builder.site_packages(base))
    done = plan("--base", base)
    assert done.returncode == 0, done.stderr
    assert "overlay, installed (0):" in done.stdout
    assert "parsl 20" in done.stdout.split("overlay, from the base")[1]


def test_packages_of_the_user_do_not_count_and_are_reported(
    plan: Callable[..., Any], planned: Any, conda_base: Path, tmp_path: Path
) -> None:
    minor = f"python3.{sys.version_info.minor}"
    user = tmp_path / "user"
    builder.add_distribution(user / "lib" / minor / "site-packages", "tblib", "3.2.2")
    builder.add_distribution(user / "lib" / minor / "site-packages", "filelock", "1.0")
    builder.add_distribution(tmp_path / "path", "sortedcontainers", "2.4.0")
    clean, prefix = planned
    assert "note: ignored" not in clean.stderr
    shadowed = plan(
        "--base", conda_base, PYTHONUSERBASE=str(user), PYTHONPATH=str(tmp_path / "path")
    )
    assert shadowed.stdout.replace(str(tmp_path / "prefix"), str(prefix)) == clean.stdout
    note = "note: ignored: "
    assert f"{note}PYTHONPATH: {tmp_path}/path holds sortedcontainers," in shadowed.stderr
    assert "unset PYTHONPATH" in shadowed.stderr
    assert f"{note}user site: {user}/lib/{minor}/site-packages holds filelock," in shadowed.stderr


def test_a_name_that_needs_no_permission_is_refused(plan: Callable[..., Any]) -> None:
    done = plan("--allow-shadow", "Mpi4Pi")
    assert done.returncode == 5
    assert "--allow-shadow mpi4pi: that package is not protected" in done.stderr


def test_the_active_conda_prefix_is_the_default_base_and_the_loaded_module_is_taken_whatever_its_date(
    plan: Callable[..., Any], conda_base: Path, tmp_path: Path
) -> None:
    file = tmp_path / "site/conda/2031-01-02.lua"
    file.parent.mkdir(parents=True)
    file.write_text(f'setenv("CONDA_EXE", "{conda_base}/bin/conda")\n')
    loaded = {"LOADEDMODULES": "x/1:conda/2031-01-02", "_LMFILES_": f"/x/1.lua:{file}"}
    done = plan(CONDA_PREFIX=str(conda_base), **loaded)
    assert "module: conda/2031-01-02" in done.stdout
    chosen = plan("--base-module", "none", CONDA_PREFIX=str(conda_base), **loaded)
    assert "module: none" in chosen.stdout
    for each in (done, chosen):
        assert f"conda prefix {conda_base} (from CONDA_PREFIX" in each.stdout


def test_a_conda_module_that_is_loaded_and_not_activated_gives_the_base(
    plan: Callable[..., Any], conda_base: Path, tmp_path: Path
) -> None:
    file = tmp_path / "site/conda/2031-01-02.lua"
    file.parent.mkdir(parents=True)
    file.write_text(f'setenv("CONDA_EXE", "{conda_base}/bin/conda")\n')
    loaded = {"LOADEDMODULES": "conda/2031-01-02", "_LMFILES_": str(file)}
    done = plan(CONDA_EXE=f"{conda_base}/bin/conda", **loaded)
    assert f"conda prefix {conda_base} (from the loaded module, whose conda is not" in done.stdout
    assert "module: conda/2031-01-02" in done.stdout


def test_the_base_of_the_loaded_module_is_that_of_the_next_version(
    plan: Callable[..., Any], install: Any
) -> None:
    done = plan(PATH=f"{install.root}/bin:{install.root}/overlay/bin:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert f"prefix {sys.base_prefix} (from the base of the loaded {install.root}" in done.stdout


def refusal_of(base: Path, env: dict[str, str]) -> str:
    """What an install says of a base before anything else, as the test of a base that is not there shows."""
    with pytest.raises(BaseEnvironmentError) as refusal:
        probe(choose_base(base, env)[0], names=[], env=env)
    return str(refusal.value)


def test_a_directory_without_python_is_no_base(env: dict[str, str], tmp_path: Path) -> None:
    assert "holds no bin/python" in refusal_of(tmp_path, env)


def test_a_program_that_is_no_python_is_no_base(env: dict[str, str]) -> None:
    assert "is not a working Python" in refusal_of(Path("/bin/true"), env)


@pytest.mark.parametrize("name", [".", "bin/python3"])
def test_a_base_that_may_not_be_read_is_refused(
    name: str, install: Any, env: dict[str, str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    (secret / "bin").mkdir(parents=True)
    secret.chmod(0)
    options = ["--prefix", tmp_path / "prefix", "--base", secret / name]
    # as a user, for whom permissions count
    command = builder.without_network(*builder.install_command(builder.REPOSITORY, *options))
    done = builder.run(*command, env={**install.env, "HOME": env["HOME"]})
    secret.chmod(0o755)
    assert done.returncode == 3, done.stderr
    assert f"the base cannot be read: Permission denied: {secret}/bin/python" in done.stderr
    assert not (tmp_path / "prefix").exists()


@pytest.mark.parametrize(
    ("name", "version", "platform"),
    [
        ("cpython", "3.10", "linux-x86_64"),
        ("cpython", "3.14", "linux-x86_64"),
        ("pypy", "3.11", "linux-x86_64"),
        ("cpython", "3.12", "linux-aarch64"),
    ],
)
def test_an_unsupported_python_is_refused_with_what_is_supported(
    name: str, version: str, platform: str, env: dict[str, str], tmp_path: Path
) -> None:
    answer = {
        "interpreter": {
            "implementation": name,
            "version": f"{version}.1",
            "platform": platform,
        },
        "markers": {"python_version": version},
        "distributions": {},
    }
    said = refusal_of(program(tmp_path / "python3", f"echo '{json.dumps(answer)}'"), env)
    assert f"is {name} {version}.1 on {platform}" in said
    assert "CPython 3.11-3.13 on linux x86-64" in said


def test_a_base_without_pip_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    said = refusal_of(builder.stand_in_base(tmp_path / "base", pip=False), env)
    assert "without pip" in said


def test_a_virtual_environment_is_no_base_and_its_own_base_is_named(
    env: dict[str, str], tmp_path: Path
) -> None:
    python = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    os.spawnv(os.P_WAIT, python, [str(python), "-m", "venv", "--without-pip", f"{tmp_path}/v"])
    assert f"--base {sys.base_prefix}" in refusal_of(tmp_path / "v", env)


def test_a_prefix_that_cannot_be_written_is_refused_at_once(
    env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for prefix in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/polaris-parsl")):
        command = builder.install_command(
            builder.REPOSITORY, "--prefix", prefix, "--base", "/bin/true"
        )
        done = builder.run(*command, env=env)
        assert done.returncode == 6
        assert str(prefix) in done.stderr

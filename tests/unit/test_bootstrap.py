"""scripts/bootstrap.py fills the tools environment with the wheels of locks, and with no others."""

import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import builder
from polaris_parsl.files import digest

VERSION = ".".join(map(str, sys.version_info[:3]))
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


@pytest.fixture
def bootstrap(tmp_path: Path) -> Any:
    (tmp_path / "wheels").mkdir()
    return builder.load_bootstrap()


def locked(folder: Path, *more: str) -> dict[Path, Path]:
    """A lock of the wheels in a folder, and where they lie."""
    wheels = folder / "wheels"
    lines = [
        f"{path.name.split('-')[0].replace('_', '-')}==1.0 --hash=sha256:{digest(path)}\n"
        for path in wheels.iterdir()
    ]
    lock = folder / "some.lock"
    lock.write_text("".join([*lines, *more]))
    return {lock: wheels}


def test_wheels_come_into_an_environment_that_imports_them(bootstrap: Any, tmp_path: Path) -> None:
    wheel = builder.small_wheel(tmp_path / "wheels", "my-tool", "1.0", module="NAME = 'mine'\n")
    data = "my_tool-1.0.data"
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(f"{data}/purelib/more.py", "")
        archive.writestr(f"{data}/scripts/program", "#!/bin/sh\necho runs\n")
        archive.writestr(f"{data}/data/share/text", "")
        runs = zipfile.ZipInfo("my_tool_data/inner")
        runs.external_attr = 0o755 << 16
        archive.writestr(runs, "#!/bin/sh\n")
    folder = tmp_path / "tools"
    bootstrap.fill(sys.executable, VERSION, folder, locked(tmp_path))
    code = (
        "import more, my_tool, importlib.metadata as m; print(my_tool.NAME, m.version('my-tool'))"
    )
    done = builder.run(folder / "bin/python", "-I", "-c", code, env={})
    assert done.stdout == "mine 1.0\n", done.stderr
    assert builder.run(folder / "bin/program", env={}).stdout == "runs\n"
    assert os.access(folder / SITE / "my_tool_data/inner", os.X_OK)
    assert (folder / "share/text").is_file()
    assert (folder / "complete").exists()


def test_a_wheel_that_was_damaged_in_the_cache_is_refused(bootstrap: Any, tmp_path: Path) -> None:
    wheel = builder.small_wheel(tmp_path / "wheels", "my-tool", "1.0")
    wheels = locked(tmp_path)
    wheel.write_bytes(wheel.read_bytes() + b" ")
    with pytest.raises(bootstrap.RefusalError, match="has another sha256") as refusal:
        bootstrap.fill(sys.executable, VERSION, tmp_path / "tools", wheels)
    assert f"fix: remove {wheel.parent}" in str(refusal.value)
    assert refusal.value.code == bootstrap.LOCK
    assert not list((tmp_path / "tools" / SITE).iterdir())


def test_a_wheel_that_the_cache_has_lost_is_missed_unless_it_is_for_other_pythons(
    bootstrap: Any, tmp_path: Path
) -> None:
    builder.small_wheel(tmp_path / "wheels", "my-tool", "1.0")
    elsewhere = "backport==2.0 ; python_full_version < '3.2' --hash=sha256:00\n"
    bootstrap.fill(sys.executable, VERSION, tmp_path / "whole", locked(tmp_path, elsewhere))
    wheels = locked(tmp_path, elsewhere, "Other_Tool==2.0 ; sys_platform == 'linux'\n")
    with pytest.raises(
        bootstrap.RefusalError, match=r"some\.lock names: there is none of Other_Tool"
    ):
        bootstrap.fill(sys.executable, VERSION, tmp_path / "tools", wheels)


def test_a_full_disk_is_named(bootstrap: Any, tmp_path: Path) -> None:
    builder.small_wheel(tmp_path / "wheels", "my-tool", "1.0", module="#" * 2_000_000)
    space = builder.namespace("-rm")
    mount = 'mount -t tmpfs -o size=1m tmpfs "$0"; exec "$@"'
    code = "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import bootstrap; "
    code += "paths = [pathlib.Path(each) for each in sys.argv[3:]]; "
    code += "bootstrap.fill(sys.executable, sys.argv[2], paths[0], {paths[1]: paths[2]})"
    ((lock, wheels),) = locked(tmp_path).items()
    (tmp_path / "disk").mkdir()
    words = ["-c", code, bootstrap.ROOT / "scripts", VERSION, tmp_path / "disk/tools", lock, wheels]
    command = [*space, "sh", "-ec", mount, tmp_path / "disk", builder.PYTHON, *words]
    done = builder.run(*command, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})
    assert "cannot install the tools: No space left on device" in done.stderr
    assert f"fix: make room in {tmp_path}/disk" in done.stderr

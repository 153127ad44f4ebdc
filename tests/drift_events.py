"""What happens to bases and installs, as a change of a real install each, and the verdicts on it.

The table of docs/drift.md is the list EVENTS below.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

import builder
import pythons
from polaris_parsl.cli.main import app
from polaris_parsl.env.base.drift import Verdict

_BUILT = "__version__ = '3.20.0'\n"


@dataclass
class World:
    """A base in a module, and an install on it; both are put back after each event."""

    base: Path
    tree: Path
    prefix: Path
    root: Path
    env: dict[str, str]
    packages: Path

    def verify(self, *options: str, **more: str) -> Any:
        """Run the install's own command."""
        command = self.root / "bin" / "polaris-parsl"
        return builder.run(command, "verify", *options, env={**self.env, **more})

    def report(self, *options: str, **more: str) -> dict[str, Any]:
        """What the polaris-parsl of the source tree says, in this process: it needs nothing of the install."""
        command = ["verify", "--root", str(self.root), "--json", *options]
        # of an install that is not loaded nothing would be started
        env = {**self.env, "POLARIS_PARSL_ROOT": str(self.root), **more}
        with patch.dict(os.environ, env, clear=True):
            done = CliRunner().invoke(app, command)
        report: dict[str, Any] = json.loads(done.stdout)
        assert done.exit_code == report["exit_code"], done.stderr
        return report


def nothing(_: World) -> None:
    pass


def compiler_gone(world: World) -> None:
    shutil.rmtree(world.tree / "gcc-native")


def module_gone(world: World) -> None:
    shutil.rmtree(world.tree / "conda")


def module_edited(world: World) -> None:
    with (world.tree / "conda/2025-09-25.lua").open("a") as stream:
        stream.write('setenv("CUDA_HOME", "/soft/cuda-13")\n')


def rebuilt(world: World) -> None:
    """The same versions again, with other files."""
    (world.packages / "filelock.py").write_text(f"{_BUILT}rebuilt = True\n")
    (world.packages / "filelock-3.20.0.dist-info/RECORD").write_text("filelock.py,sha256=x,9\n")


def used_package_updated(world: World) -> None:
    shutil.rmtree(world.packages / "filelock-3.20.0.dist-info")
    builder.add_distribution(world.packages, "filelock", "3.21.0")


def used_package_metadata_gone(world: World) -> None:
    shutil.rmtree(world.packages / "filelock-3.20.0.dist-info")


def used_package_gone(world: World) -> None:
    used_package_metadata_gone(world)
    (world.packages / "filelock.py").unlink()


def used_package_patched(world: World) -> None:
    (world.packages / "filelock.py").write_text(f"{_BUILT}patched = True\n")


def package_added(world: World) -> None:
    builder.add_distribution(world.packages, "vllm", "0.20")


def package_updated(world: World) -> None:
    shutil.rmtree(world.packages / "numpy-2.2.6.dist-info")
    builder.add_distribution(world.packages, "numpy", "2.3.3")


def package_rebuilt(world: World) -> None:
    (world.packages / "numpy-2.2.6.dist-info/RECORD").write_text("numpy.py,sha256=x,9\n")


def start_file_added(world: World) -> None:
    (world.packages / "trace.pth").write_text("import sys\n")


def other_minor(world: World) -> None:
    """A newer base was built into the directory of the old one."""
    replace_python(world.base, "3.13" if sys.version_info[:2] != (3, 13) else "3.12")


def other_minor_under_the_same_name(world: World) -> None:
    """The old name of the interpreter now starts the new one."""
    other_minor(world)
    name = f"python3.{sys.version_info.minor}"
    (world.base / "bin" / name).symlink_to("python3")


def replace_python(base: Path, version: str) -> None:
    """A prefix with another Python, in the place of one that was there."""
    place = pythons.interpreters().get(version)
    if place is None:
        pytest.skip(f"CPython {version} is not on this machine")
    shutil.rmtree(base)
    (base / "bin").mkdir(parents=True)
    (base / "lib").mkdir()
    shutil.copy(os.path.realpath(place / "bin" / f"python{version}"), base / "bin/python3")
    (base / "bin/python").symlink_to("python3")
    for entry in (place / "lib").iterdir():
        if entry.name.startswith(("libpython", "python")):
            (base / "lib" / entry.name).symlink_to(entry)


def base_gone(world: World) -> None:
    shutil.rmtree(world.base)


def interpreter_damaged(world: World) -> None:
    """As after a copy that ran out of space."""
    path = world.base / "bin" / f"python3.{sys.version_info.minor}"
    os.truncate(path, 1000)


def overlay_packages(world: World) -> Path:
    return next((world.root / "overlay/lib").iterdir()) / "site-packages"


def file_changed(world: World) -> None:
    with (overlay_packages(world) / "parsl/version.py").open("a") as stream:
        stream.write("# changed\n")


def file_gone(world: World) -> None:
    (overlay_packages(world) / "parsl/version.py").unlink()


def package_put_into_the_overlay(world: World) -> None:
    builder.add_distribution(overlay_packages(world), "extra", "1.0")


def modulefile_gone(world: World) -> None:
    shutil.rmtree(world.prefix / "modulefiles")


def receipt_damaged(world: World) -> None:
    path = world.root / "receipt.json"
    path.write_text(path.read_text()[:-500])


def receipt_gone(world: World) -> None:
    (world.root / "receipt.json").unlink()


INTACT, COSMETIC, RELEVANT, BROKEN = Verdict


@dataclass(frozen=True)
class Event:
    """A row of the table: what happened, and the verdict of a look of a second and of --files."""

    name: str
    happen: Callable[[World], None]
    quick: Verdict
    thorough: Verdict
    said: str


EVENTS = (
    Event("nothing", nothing, INTACT, INTACT, ""),
    Event(
        "August 2026: the base's modulefile names a compiler module that is gone",
        compiler_gone, BROKEN, BROKEN, "does not load: .*gcc-native/14.2",
    ),
    Event("the base's module is gone", module_gone, BROKEN, BROKEN, "conda/2025-09-25 is gone"),
    Event(
        "the base's modulefile sets something else",
        module_edited, RELEVANT, RELEVANT, "modulefile of conda/2025-09-25 has changed",
    ),
    Event("the base's directory is gone", base_gone, BROKEN, BROKEN, "the base is gone"),
    Event(
        "the base's Python is there, but does not start",
        interpreter_damaged, BROKEN, BROKEN, "is not a working Python",
    ),
    Event(
        "another minor Python in the base's directory",
        other_minor, BROKEN, BROKEN, "another Python under the same path: .* and no python3",
    ),
    Event(
        "another minor Python under the old one's name, too",
        other_minor_under_the_same_name, BROKEN, BROKEN, r"holds cpython 3\.1\d\..*; it was 3",
    ),
    Event(
        "a package that the overlay uses is rebuilt at the same version",
        rebuilt, RELEVANT, RELEVANT, "filelock .* rebuilt at the same version",
    ),
    Event(
        "a package that the overlay uses is updated",
        used_package_updated, RELEVANT, RELEVANT, r"filelock .* 3\.20\.0 -> 3\.21\.0",
    ),
    Event(
        "a file of a package that the overlay uses is edited",
        used_package_patched, INTACT, RELEVANT, "filelock .* changed, added or removed in place",
    ),
    Event(
        "the metadata of a package that the overlay uses is deleted",
        used_package_metadata_gone, RELEVANT, RELEVANT, "filelock .* its metadata is gone",
    ),
    Event(
        "a package that the overlay uses is deleted",
        used_package_gone, BROKEN, BROKEN, "cannot import what it needs: .*filelock",
    ),
    Event("an unrelated package is added", package_added, COSMETIC, COSMETIC, "vllm 0.20, new"),
    Event(
        "an unrelated package is updated",
        package_updated, COSMETIC, COSMETIC, r"numpy 2\.2\.6 -> 2\.3\.3",
    ),
    Event(
        "an unrelated package is rebuilt at the same version",
        package_rebuilt, INTACT, COSMETIC, r"numpy 2\.2\.6, rebuilt",
    ),
    Event(
        "a .pth or sitecustomize file appears in the base",
        start_file_added, RELEVANT, RELEVANT, "trace.pth of the base, .* is new",
    ),
    Event(
        "a file of the install is edited",
        file_changed, BROKEN, BROKEN, "files of the install, changed: .*parsl/version.py",
    ),
    Event(
        "a file of the install is deleted",
        file_gone, BROKEN, BROKEN, "files of the install, missing: .*parsl/version.py",
    ),
    Event(
        "a package is installed into the overlay",
        package_put_into_the_overlay, BROKEN, BROKEN, "added: .*extra",
    ),
    Event(
        "the install's modulefile is deleted",
        modulefile_gone, BROKEN, BROKEN, "module polaris-parsl/.* does not load",
    ),
    Event("the receipt is damaged", receipt_damaged, BROKEN, BROKEN, "receipt.json is damaged"),
    Event("the receipt is deleted", receipt_gone, BROKEN, BROKEN, "cannot read .*receipt.json"),
)  # fmt: skip

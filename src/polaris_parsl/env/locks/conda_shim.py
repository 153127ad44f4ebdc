"""A conda that can only solve: what conda-lock needs of `conda`, on py-rattler.

conda-lock calls `--version`, `info --json` and `create --dry-run --json`. This
program answers these three, so that `pip install` alone gives a locker where no
conda is installed. It is started by its path, in a process of its own, because
py-rattler now and then crashes while the interpreter shuts down; it imports
nothing of this package.

With `--repodata DIR` before conda's own arguments it solves over the recorded
files `DIR/<subdir>.repodata.json[.gz]`, as if the channel had served them.
"""

import argparse
import asyncio
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rattler import (
    Channel,
    GenericVirtualPackage,
    PackageName,
    RepoDataRecord,
    SparseRepoData,
    Version,
    solve,
)
from rattler.package import BuildString
from rattler.platform import Subdir


def main(arguments: Sequence[str]) -> int:
    """Answer one call of conda-lock; returns the exit code."""
    recorded = None
    if arguments[:1] == ["--repodata"]:
        recorded, arguments = Path(arguments[1]), arguments[2:]
    if "--version" in arguments:
        return _say(f"conda 24.1.0 (polaris-parsl, py-rattler {version('py-rattler')})")
    if arguments[:1] == ["info"]:
        return _say(json.dumps({"pkgs_dirs": [], "conda_version": "24.1.0"}))
    if arguments[:1] != ["create"] or "--dry-run" not in arguments:
        return _refuse(f"this conda only solves; it was asked to: {' '.join(arguments)}")
    try:
        answer = _create(arguments[1:], recorded)
    except Exception as error:  # noqa: BLE001 - rattler's exceptions share no base class
        return _refuse(str(error))
    return _say(json.dumps(answer))


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0


def _refuse(message: str) -> int:
    _say(json.dumps({"error": message, "message": message}))
    return 1


def _create(arguments: Sequence[str], recorded: Path | None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--prefix")
    parser.add_argument("--channel", "-c", action="append", default=[], dest="channels")
    for flag in ("--dry-run", "--json", "--override-channels"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("specs", nargs="+")
    options = parser.parse_args(arguments)
    subdir = os.environ.get("CONDA_SUBDIR", "linux-64")
    found = {name: _virtual_packages(name, subdir) for name in options.channels}
    virtual = [package for packages in found.values() for package in packages]
    channels = [name for name, packages in found.items() if not packages]
    records = asyncio.run(_solve(channels, virtual, options.specs, subdir, recorded))
    actions = [_action(record) for record in records]
    actions.sort(key=lambda action: action["name"])
    return {"success": True, "actions": {"FETCH": actions, "LINK": actions}}


async def _solve(
    channels: Sequence[str],
    virtual: Sequence[GenericVirtualPackage],
    specs: Sequence[str],
    subdir: str,
    recorded: Path | None,
) -> list[RepoDataRecord]:
    subdirs = (subdir, "noarch")
    with tempfile.TemporaryDirectory() as scratch:
        sources: list[Any] = list(channels)
        if recorded:
            sources = _recorded_sources(recorded, channels, subdirs, Path(scratch))
        return await solve(
            sources=sources,
            specs=list(specs),
            platforms=[Subdir(name) for name in subdirs],
            virtual_packages=list(virtual),
        )


def _recorded_sources(
    folder: Path, channels: Sequence[str], subdirs: Sequence[str], scratch: Path
) -> list[SparseRepoData]:
    sources = []
    for subdir in subdirs:
        plain = folder / f"{subdir}.repodata.json"
        if not plain.exists():
            packed = folder / f"{subdir}.repodata.json.gz"
            plain = scratch / plain.name
            plain.write_bytes(gzip.decompress(packed.read_bytes()))
        sources += [SparseRepoData(Channel(name), subdir, plain) for name in channels]
    return sources


def _virtual_packages(channel: str, subdir: str) -> list[GenericVirtualPackage]:
    """What conda-lock pretends of the machine: it passes that as one more channel of files.

    A channel with any other package is a real one, for which there are none.
    """
    if not channel.startswith("file:"):
        return []
    root = Path(url2pathname(urlsplit(channel).path))
    found = []
    for path in (root / name / "repodata.json" for name in (subdir, "noarch")):
        if path.exists():
            repodata = json.loads(path.read_text())
            found += [*repodata["packages"].values(), *repodata.get("packages.conda", {}).values()]
    if not all(record["name"].startswith("__") for record in found):
        return []
    return [_virtual_package(record) for record in found]


def _virtual_package(record: dict[str, Any]) -> GenericVirtualPackage:
    return GenericVirtualPackage(
        PackageName(record["name"]),
        Version(record["version"]),
        BuildString(record.get("build") or "0"),
    )


def _action(record: RepoDataRecord) -> dict[str, Any]:
    md5, sha256 = record.md5, record.sha256
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "build": str(record.build),
        "build_number": record.build_number,
        "channel": record.channel,
        "subdir": record.subdir,
        "fn": record.file_name,
        "dist_name": f"{record.name.normalized}-{record.version}-{record.build}",
        "url": record.url,
        "md5": md5.hex() if md5 else None,
        "sha256": sha256.hex() if sha256 else None,
        "depends": list(record.depends),
    }


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # leaves out the shutdown of the interpreter, in which py-rattler crashes
    os._exit(code)

"""A program: changes of a prefix on a disk that is full but for some pages.

    unshare -rm python full_disk.py FOLDER

Mounts a small tmpfs on FOLDER, which ends with the namespace, and prints as JSON, for each
change and number of free pages: how it ended, and the copy of the prefix as it left it, outside.
"""

import json
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import builder
import kills
from polaris_parsl.env.prefix.lifecycle import publish
from polaris_parsl.env.prefix.publish import staging
from polaris_parsl.errors import PolarisParslError

_PAGE = 4096
_FREE_PAGES_MAX = 24


def fill(folder: Path, *, but: int) -> Path:
    """Fill a disk but for some pages."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(_PAGE))
        except OSError:
            size = stream.tell() // _PAGE * _PAGE
        stream.truncate(max(0, size - but * _PAGE))
    return filler


def try_with(name: str, disk: Path, template: Path, *, pages: int) -> str:
    """One change; "" where it came to its end, else what it said."""
    prefix = kills.copy(template, disk / "prefix")
    with ExitStack() as held:
        if name == "publish":
            staged = held.enter_context(staging(prefix, kills.NEW, group=None))
            builder.small_release(prefix, kills.NEW, folder=staged)
        filler = fill(disk, but=pages)
        try:
            if name == "publish":
                publish(prefix, staged, kills.NEW, check=lambda: None)
            else:
                kills.CHANGES[name][1](prefix)
        except PolarisParslError as refusal:
            return refusal.problem
        finally:
            filler.unlink()
    return ""


def main(disk: Path, kept: Path) -> None:
    """Try each change with ever more free pages, until it comes to its end."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    results = []
    for name in ("publish", "default", "deprecate", "rollback", "remove"):
        template = kept / f"{name} template"
        kills.CHANGES["install" if name == "publish" else name][0](template)
        for pages in range(_FREE_PAGES_MAX):
            problem = try_with(name, disk, template, pages=pages)
            copy = kills.copy(disk / "prefix", kept / f"{name} {pages}")
            results.append([name, pages, problem, str(copy)])
            shutil.rmtree(disk / "prefix")
            if not problem:
                break
    print(json.dumps(results))


if __name__ == "__main__":
    kills.alone()
    main(Path(sys.argv[1]), Path(sys.argv[2]))

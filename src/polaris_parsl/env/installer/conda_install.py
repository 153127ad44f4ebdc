"""Installs conda archives that lie on disk into a prefix, with py-rattler.

Started by its path in a process of its own, because py-rattler now and then
crashes while the interpreter shuts down; it imports nothing of this package.
Standard input is JSON: `archives` (paths), `folder` (where to write), `prefix`
(the path that the files will name) and `cache` (scratch directory). The hashes
of the archives have been checked before: py-rattler does not check local files.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from rattler import PathsJson, RepoDataRecord, install


async def main(order: dict[str, Any]) -> None:
    """Install what an order names."""
    _refuse_long(order["archives"], order["prefix"])
    records = [await RepoDataRecord.from_package_archive(path) for path in order["archives"]]
    await install(
        records,
        target_prefix=order["folder"],
        alternative_target_prefix=order["prefix"],
        cache_dir=Path(order["cache"]),
        execute_link_scripts=False,
        show_progress=False,
    )


def _refuse_long(archives: list[str], prefix: str) -> None:
    """Refuse a prefix for which the bytes of a program have no room; the caller reads the words."""
    for archive in archives:
        for entry in PathsJson.from_package_archive(Path(archive)).paths:
            held = entry.prefix_placeholder
            if held and held.file_mode.binary and len(held.placeholder) < len(prefix):
                raise TooLongError(f"{Path(archive).name} {len(held.placeholder)}")


class TooLongError(Exception):
    """A prefix is longer than the placeholder of a binary file."""


if __name__ == "__main__":
    code = 0
    try:
        asyncio.run(main(json.load(sys.stdin)))
    except TooLongError as error:
        sys.stderr.write(f"too long: {error}\n")
        code = 1
    except Exception as error:  # noqa: BLE001 - rattler's exceptions share no base class
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        code = 1
    sys.stderr.flush()
    # leaves out the shutdown of the interpreter, in which py-rattler crashes
    os._exit(code)

"""A program: a conda that can do what `conda-lock install` asks of it, with py-rattler. No test can install conda.

conda_stand_in.py create --prefix DIR --file EXPLICIT --yes
conda_stand_in.py run --prefix DIR COMMAND...
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.request import urlopen

from rattler import RepoDataRecord, install


def main(arguments: Sequence[str]) -> int:
    """Answer one call; returns the exit code."""
    if "--version" in arguments:
        sys.stdout.write("conda 24.1.0\n")
    elif arguments[0] == "info":
        sys.stdout.write(json.dumps({"pkgs_dirs": [], "conda_version": "24.1.0"}))
    else:
        parser = argparse.ArgumentParser()
        parser.add_argument("verb", choices=["create", "run"])
        parser.add_argument("--prefix", "-p", type=Path, required=True)
        parser.add_argument("--file", type=Path)
        for flag in ("--yes", "--quiet", "--no-capture-output", "--live-stream"):
            parser.add_argument(flag, action="store_true")
        options, words = parser.parse_known_args(arguments)
        if options.verb == "run":
            os.execv(
                options.prefix / "bin" / words[0],
                [str(options.prefix / "bin" / words[0]), *words[1:]],
            )
        with tempfile.TemporaryDirectory() as scratch:
            archives = _fetch(options.file.read_text().splitlines(), Path(scratch))
            asyncio.run(_install(archives, options.prefix, Path(scratch)))
    return 0


def _fetch(lines: Sequence[str], folder: Path) -> list[Path]:
    """Download what an explicit file names."""
    archives = []
    for url in (line.partition("#")[0] for line in lines if line.startswith(("http", "file"))):
        archives.append(folder / url.rpartition("/")[2])
        with urlopen(url) as answer:
            archives[-1].write_bytes(answer.read())
    return archives


async def _install(archives: Sequence[Path], prefix: Path, scratch: Path) -> None:
    await install(
        [await RepoDataRecord.from_package_archive(path) for path in archives],
        target_prefix=prefix,
        cache_dir=scratch / "cache",
        execute_link_scripts=False,
        show_progress=False,
    )


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # leaves out the shutdown of the interpreter, in which py-rattler crashes
    os._exit(code)

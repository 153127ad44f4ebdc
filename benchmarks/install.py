"""Measures an install, ours and the page's, with full caches, on the same base and in alternation.

    python benchmarks/install.py [--base PYTHON] [--rounds N]

The page's recipe is `python -m venv --system-site-packages DIR` and `pip install parsl` in it. Counts files,
directories and links that it leaves, processes that it starts (with strace, in a run of its own) and the bytes
of wheels that an empty cache makes it fetch; then takes the median of CPU time and of wall time. Both
install from the same index.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
TITLE = "What an install costs"


def page(base: str, folder: Path, cache: Path) -> list[list[str]]:
    """The commands of the page, with a cache of pip's own."""
    pip = [
        str(folder / "bin/pip"),
        "install",
        "--quiet",
        "--cache-dir",
        str(cache / "page"),
        "parsl",
    ]
    return [[base, "-m", "venv", "--system-site-packages", str(folder)], pip]


def ours(base: str, folder: Path, _cache: Path) -> list[list[str]]:
    """Our command; its cache is set by XDG_CACHE_HOME."""
    return [[str(ROOT / "scripts/install.sh"), "--prefix", str(folder), "--base", base]]


def run(commands: list[list[str]], env: dict[str, str]) -> tuple[float, float]:
    """Run commands; CPU seconds of all their processes, and seconds."""
    before, began = os.times(), time.monotonic()
    for command in commands:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{command}: {done.stderr}")
    after = os.times()
    cpu = after.children_user + after.children_system
    return cpu - before.children_user - before.children_system, time.monotonic() - began


def processes(commands: list[list[str]], env: dict[str, str], folder: Path) -> int | None:
    """How many programs they start; None without strace."""
    if not shutil.which("strace"):
        return None
    traced = [
        ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(folder / f"trace{number}"), *each]
        for number, each in enumerate(commands)
    ]
    run(traced, env)
    text = "".join(each.read_text() for each in folder.glob("trace*"))
    return len(re.findall(r"execve\(.*\) = 0", text))


def size(folder: Path) -> tuple[int, int, int]:
    """Files, files with directories and links, and bytes."""
    everything = [each.lstat() for each in folder.rglob("*")]
    files = [each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()]
    return len(files), len(everything), sum(each.stat().st_size for each in files)


def forget(folder: Path) -> None:
    """Remove what an install has made read-only."""
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
    shutil.rmtree(folder)


def wheel_bytes(cache: Path, base: str) -> tuple[int, int]:
    """Bytes of wheels that each fetches with an empty cache: the page's by pip, and ours."""
    with tempfile.TemporaryDirectory() as name:
        environment = Path(name, "page")
        run([[base, "-m", "venv", "--system-site-packages", str(environment)]], dict(os.environ))
        command = [str(environment / "bin/pip"), "install", "--dry-run", "--quiet", "--report", "-"]
        report = subprocess.run(
            [*command, "parsl"], capture_output=True, text=True, check=True
        ).stdout
        names = re.findall(r'"url": "[^"]*?([^/"]+\.whl)"', report)
        download = [str(environment / "bin/pip"), "download", "--quiet", "--no-deps", "-d", name]
        wanted = [f"{each.split('-')[0]}=={each.split('-')[1]}" for each in names]
        run([[*download, *wanted]], dict(os.environ))
        by_page = sum(each.stat().st_size for each in Path(name).glob("*.whl"))
    return by_page, sum(each.stat().st_size for each in cache.rglob("wheels/*/*.whl"))


def main() -> None:
    """Print a row for each measure, ours and the page's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default=str(Path(sys.base_prefix, "bin/python3")))
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    ways: dict[str, Callable[[str, Path, Path], list[list[str]]]] = {"page": page, "ours": ours}
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        cache = top / "cache"
        own = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
        env = {**own, "XDG_CACHE_HOME": str(cache), "HOME": str(top)}
        counts, times = (
            {},
            {way: [run(make(args.base, top / way, cache), env)] for way, make in ways.items()},
        )
        cold = {way: each[0] for way, each in times.items()}
        for way, make in ways.items():
            counts[way] = size(top / way)
            forget(top / way)
            (top / "traces").mkdir()
            started = processes(make(args.base, top / way, cache), env, top / "traces")
            counts[way] += (started,)
            shutil.rmtree(top / "traces")
            forget(top / way)
            times[way] = []
        for _ in range(args.rounds):
            for way, make in ways.items():
                times[way].append(run(make(args.base, top / way, cache), env))
                forget(top / way)
        fetched = dict(zip(ways, wheel_bytes(cache, args.base), strict=True))
    rows: dict[str, dict[str, float | None]] = {
        "files": {way: counts[way][0] for way in ways},
        "files, directories and links": {way: counts[way][1] for way in ways},
        "bytes": {way: counts[way][2] for way in ways},
        "programs started": {way: counts[way][3] for way in ways},
        "CPU, full cache, s": {
            way: statistics.median(cpu for cpu, _ in times[way]) for way in ways
        },
        "wall, full cache, s": {
            way: statistics.median(wall for _, wall in times[way]) for way in ways
        },
        "CPU, empty cache, s": {way: cold[way][0] for way in ways},
        "bytes of wheels fetched, empty cache": fetched,
    }
    print(f"## {TITLE}\n\n| | page | ours | ours/page |\n|---|---|---|---|")
    for what, row in rows.items():
        by_page, by_us = row["page"], row["ours"]
        if by_page is None or by_us is None:
            continue
        digits = 1 if isinstance(by_page, float) else 0
        print(f"| {what} | {by_page:,.{digits}f} | {by_us:,.{digits}f} | {by_us / by_page:.2f} |")


if __name__ == "__main__":
    main()

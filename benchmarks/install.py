"""Measures an install, ours and the page's, with full caches, on the same base and in alternation.

    python benchmarks/install.py [--base PYTHON] [--rounds N]

The page's recipe is `python -m venv --system-site-packages DIR` and `pip install parsl` in it. Counts files,
directories and links that it leaves, processes that it starts (with strace, in a run of its own) and the bytes
of wheels that an empty cache makes it fetch; then takes the median of CPU time and of wall time. After each of
ours, the next version follows in the same prefix, from a source tree with the same locks and without an index; the
page's recipe makes another environment for it, as it did before. Both install from the same index.
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

from polaris_parsl.version import VERSION

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


def ours(base: str, folder: Path, _cache: Path, source: Path | None = None) -> list[list[str]]:
    """What scripts/install.sh does, with the base's Python; its cache is set by XDG_CACHE_HOME."""
    bootstrap = str((source or ROOT) / "scripts/bootstrap.py")
    return [[base, "-I", bootstrap, "install", "--prefix", str(folder), "--base", base]]


def next_source(folder: Path, number: int) -> Path:
    """A source tree of another version, whose locks are the same."""
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", "shared", "tests")
    shutil.copytree(ROOT, folder, symlinks=True, ignore=ignored)
    file = folder / "src/polaris_parsl/version.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(VERSION, f"{VERSION}.post{number}"), encoding="utf-8")
    return folder


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


def processes(commands: list[list[str]], env: dict[str, str], folder: Path) -> int:
    """How many programs they start."""
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
    # pip keeps what two locks name, and fetches it once
    ours = {each.name: each.stat().st_size for each in cache.rglob("wheels/*/*.whl")}
    return by_page, sum(ours.values())


def full_cache(
    base: str, rounds: int, top: Path, env: dict[str, str]
) -> dict[str, dict[str, float]]:
    """What each takes when one came before; and when the next version follows where the first stays."""
    cache = top / "cache"
    taken: dict[str, list[tuple[float, float]]] = {"page": [], "ours": [], "next": []}
    files: dict[str, float] = {}
    for number in range(rounds):
        taken["page"].append(run(page(base, top / "page", cache), env))
        files["page"] = size(top / "page")[0]
        forget(top / "page")
        taken["ours"].append(run(ours(base, top / "ours", cache), env))
        before = size(top / "ours")[0]
        commands = ours(base, top / "ours", cache, next_source(top / f"source-{number}", number))
        taken["next"].append(run(commands, {**env, "PIP_NO_INDEX": "1"}))
        files["ours"] = size(top / "ours")[0] - before
        forget(top / "ours")
    cpu, wall = (
        {way: statistics.median(each[at] for each in found) for way, found in taken.items()}
        for at in (0, 1)
    )
    return {
        "CPU, full cache, s": cpu,
        "wall, full cache, s": wall,
        "files, next version with the same locks": files,
        "CPU, next version with the same locks, s": {"page": cpu["page"], "ours": cpu["next"]},
    }


def measure(base: str, rounds: int) -> dict[str, dict[str, float]]:
    """Each measure by its name, the page's and ours."""
    ways: dict[str, Callable[[str, Path, Path], list[list[str]]]] = {"page": page, "ours": ours}
    rows: dict[str, dict[str, float]] = {}

    def note(what: str, way: str, value: float) -> None:
        rows.setdefault(what, {})[way] = value

    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        cache = top / "cache"
        own = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
        env = {**own, "XDG_CACHE_HOME": str(cache), "HOME": str(top)}
        for way, make in ways.items():
            note("CPU, empty cache, s", way, run(make(base, top / way, cache), env)[0])
            names = ("files", "files, directories and links", "bytes")
            for what, number in zip(names, size(top / way), strict=True):
                note(what, way, number)
            forget(top / way)
            if shutil.which("strace"):
                (top / "traces").mkdir()
                started = processes(make(base, top / way, cache), env, top / "traces")
                note("programs started", way, started)
                shutil.rmtree(top / "traces")
                forget(top / way)
        rows |= full_cache(base, rounds, top, env)
        for way, fetched in zip(ways, wheel_bytes(cache, base), strict=True):
            note("bytes of wheels fetched, empty cache", way, fetched)
    return rows


def main() -> None:
    """Print a row for each measure, ours and the page's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default=str(Path(sys.base_prefix, "bin/python3")))
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(f"## {TITLE}\n\n| | page | ours | ours/page |\n|---|---|---|---|")
    for what, row in measure(args.base, args.rounds).items():
        digits = 1 if "CPU" in what or "wall" in what else 0
        cells = (f"{row['page']:,.{digits}f}", f"{row['ours']:,.{digits}f}")
        print(f"| {what} | {' | '.join(cells)} | {row['ours'] / row['page']:.2f} |")


if __name__ == "__main__":
    main()

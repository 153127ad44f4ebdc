"""What processes have used, of CPU and memory, and what they left."""

import os
import resource
import time
from pathlib import Path


def cpu_seconds(run_dir: Path) -> tuple[float, float, float]:
    """Of the driver, which is this process, of its interchange, and of the pool with all that it started."""
    folders = {int(each.name): each for each in Path("/proc").iterdir() if each.name.isdecimal()}
    above = {number: int(_stat(number)[1]) for number in folders}
    named = {number: _command(folder) for number, folder in folders.items()}
    interchange = {
        number
        for number, words in named.items()
        if above[number] == os.getpid() and "interchange" in words
    }
    pool = {number for number, words in named.items() if f"--logdir={run_dir}" in words}
    while more := {number for number in above if above[number] in pool} - pool:
        pool |= more
    others = sum(map(_used, interchange)), sum(map(_used, pool))
    return time.process_time(), *others


def resident() -> float:
    """MiB of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 2**20


def peak() -> float:
    """MiB that it has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def size(folder: Path) -> int:
    """Bytes of all files below a directory."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def _stat(number: int) -> list[str]:
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8")
    except OSError:
        return ["0"] * 20
    return text.rpartition(")")[2].split()


def _used(number: int) -> float:
    """Of the threads that a process has now; in ns, where /proc/PID/stat counts in hundredths of a second."""
    return 1e-9 * sum(map(_used_by_thread, Path(f"/proc/{number}/task").glob("*/schedstat")))


def _used_by_thread(schedstat: Path) -> int:
    try:
        return int(schedstat.read_text(encoding="utf-8").split()[0])
    except OSError:
        return 0


def _command(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""

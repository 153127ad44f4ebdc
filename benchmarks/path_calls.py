"""What the processes of a node ask of shared places, as strace saw it.

A path call is a system call that names a path, failing ones included, or lists a directory; a place is shared
if it lies in the environment, its base or the run directory. Bytes are those of the files that were opened to be
read, each file once: a node keeps what it has read. Neither depends on the machine's load.
"""

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_LINE = re.compile(r"^(?:(\d+) +)?(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)$")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FOLDER = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")
_EMPTY_PATH = ', "", '
_OPENS = ("open", "openat", "execve")
_UNFINISHED = "<unfinished ...>"
_ENDS = {".pyc": ".pyc", ".py": ".py", ".pth": ".pth", ".image": "image", ".tar.gz": "archive"}


@dataclass
class Asked:
    """What one node asked.

    Attributes:
        kinds: path calls by kind of path.
        read: files that were opened to be read, with their sizes.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    read: dict[str, int] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """All path calls."""
        return self.kinds.total()

    @property
    def size(self) -> int:
        """Bytes of the files that were read, each once."""
        return sum(self.read.values())

    @property
    def opened(self) -> int:
        """How many files were read."""
        return len(self.read)

    @property
    def archives(self) -> int:
        """How many archives were read: the node's own copy lies in no shared place."""
        return sum(each.endswith(".tar.gz") for each in self.read)


def traced(command: str, folder: Path) -> str:
    """A command of a shell, run under strace, which writes a file for each node."""
    # Parsl's job script expands what begins with a dollar sign, and once for all nodes
    script = folder.with_name("traced.sh")
    what = "--seccomp-bpf -f -qq -y -s 4096 -e trace=%file,getdents64"
    script.write_text(f'exec strace {what} -o "$1/$(uname -n)" /bin/sh -c "$2"\n', encoding="utf-8")
    return shlex.join(["/bin/sh", str(script), str(folder), command])


def asked(trace: Path, roots: Mapping[str, str]) -> Asked:
    """What the processes of one trace asked of shared places."""
    found = Asked()
    for name, path, is_read in _calls(trace):
        if any(path == root or path.startswith(f"{root}/") for root in roots.values()):
            if name:
                found.kinds[kind(path, roots)] += 1
            if is_read and Path(path).is_file():
                # a run removes its keys when it ends
                with suppress(OSError):
                    found.read[os.path.realpath(path)] = Path(path).stat().st_size
    return found


def kind(path: str, roots: Mapping[str, str]) -> str:
    """What sort of path it is."""
    if path.startswith(roots["run"]):
        return "run directory"
    if ".dist-info" in path or ".egg-info" in path:
        return "dist-info"
    for end, name in _ENDS.items():
        if path.endswith(end):
            return name
    if ".so" in path or "glibc-hwcaps" in path or path.endswith("/lib"):
        return "shared libraries"
    if path.endswith(("site-packages", "lib-dynload", ".zip")) or re.search(r"python3\.\d+$", path):
        return "directories of sys.path"
    return "package directories and others"


def _calls(trace: Path) -> Iterator[tuple[str, str, bool]]:
    """The name of each call, the path that it names, and whether a file was opened to be read.

    A call that another process interrupts is two lines; the second has no name here.
    """
    waiting: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        process, name, begins, rest = found.groups()
        is_open = name in _OPENS
        if begins != "(":
            path = waiting.pop(process, "")
            yield "", path, is_open and bool(path) and _succeeded(rest)
            continue
        path = _path(name, rest)
        if not path:
            continue
        reads = is_open and "O_WRONLY" not in rest and "O_CREAT" not in rest
        if reads and rest.endswith(_UNFINISHED):
            waiting[process] = path
        yield name, path, reads and _succeeded(rest)


def _path(name: str, rest: str) -> str:
    folder = _FOLDER.match(rest)
    if name == "getdents64":
        return folder.group(1) if folder else ""
    text = _TEXT.search(rest)
    if text is None or _EMPTY_PATH in rest or name == "getcwd":
        return ""  # asks about an open file, or the kernel alone
    return os.path.normpath(Path(folder.group(1) if folder else "/", text.group(1)))


def _succeeded(rest: str) -> bool:
    return not rest.endswith(_UNFINISHED) and " = -1 " not in rest

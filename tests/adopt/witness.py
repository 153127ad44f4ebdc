"""What a hostile file could reach, made for it to be reached, and looked at afterwards."""

import array
import fcntl
import os
import pty
import select
import socket
import subprocess
import termios
import time
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

HARMLESS = """
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import PBSProProvider
config = Config(executors=[HighThroughputExecutor(provider=PBSProProvider(account="A", queue="debug"))])
"""
FILES = tomllib.loads(Path(__file__).with_name("hostile.toml").read_text())
_END_SECONDS = 120
OUTSIDERS = (Path("/tmp"), Path("/dev/shm"), Path("/var/tmp"), Path.home())


class Witness:
    """A directory, a process, sockets, a pipe and a terminal of one user."""

    def __init__(self, folder: Path, user: int) -> None:
        self.mark = uuid.uuid4().hex
        self.key = int(self.mark[:7], 16) or 1
        self.out = folder / "out"
        (self.out / "folder").mkdir(parents=True)
        (self.out / "kept").write_text("kept")
        os.mkfifo(self.out / "pipe")
        for place in (folder, self.out, *self.out.iterdir()):
            os.chown(place, user, user)
        with ExitStack() as stack:
            self.pipe = os.open(self.out / "pipe", os.O_RDWR | os.O_NONBLOCK)
            stack.callback(os.close, self.pipe)
            self.sockets = {
                name: stack.enter_context(closing(each))
                for name, each in _sockets(self.out, self.mark)
            }
            self.terminal, self.tty = pty.openpty()
            stack.callback(os.close, self.terminal)
            stack.callback(os.close, self.tty)
            os.fchown(self.tty, user, user)
            self.victim = (
                subprocess.Popen(
                    ["sleep", "infinity"],
                    user=user,
                    group=user,
                    extra_groups=[],
                    start_new_session=True,
                )
                if user
                else subprocess.Popen(["sleep", "infinity"], start_new_session=True)
            )
            stack.callback(self.victim.wait)
            stack.callback(self.victim.kill)
            self._open = stack.pop_all()
        self._before = self._seen()

    @property
    def environment(self) -> dict[str, str]:
        """Where the file finds it all."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.out),
            "OUT": str(self.out),
            "VICTIM": str(self.victim.pid),
            "PIPE": str(self.out / "pipe"),
            "SOCKET": str(self.out / "socket-of-others"),
            "ABSTRACT": self.mark,
            "TCP": str(self.sockets["tcp"].getsockname()[1]),
            "UDP": str(self.sockets["udp"].getsockname()[1]),
            "TTY": os.ttyname(self.tty),
            "KEY": str(self.key),
            "MARK": self.mark,
        }

    def traces(self) -> Iterator[str]:
        """In words, what the file has reached."""
        if self.victim.poll() is not None:
            yield f"the process ended with {self.victim.returncode}"
            return
        for (what, before), after in zip(self._before.items(), self._seen().values(), strict=True):
            if before != after:
                yield f"{what}: {before} -> {after}"
        for name, each in self.sockets.items():
            if select.select([each], [], [], 0)[0]:
                yield f"{name} was reached"
        if select.select([self.pipe], [], [], 0)[0]:
            yield "the pipe was written to"
        if select.select([self.terminal], [], [], 0)[0]:
            yield f"the terminal shows {os.read(self.terminal, 100)!r}"
        if self._is_a_process_left():
            yield "a process is left"

    def forget(self) -> None:
        """Take what there is now for untouched."""
        for name in ("a path", "a name", "tcp"):
            self.sockets[name].setblocking(False)
            with suppress(OSError):
                self.sockets[name].accept()[0].close()
        self._before = self._seen()

    def close(self) -> None:
        """End the process, close the rest."""
        self._open.close()

    def _is_a_process_left(self) -> bool:
        """Whether one stays: what was killed needs a moment to end."""
        latest = time.monotonic() + _END_SECONDS
        while f"MARK={self.mark}".encode() in b"".join(_environments()):
            if time.monotonic() > latest:
                return True
            time.sleep(0.05)
        return False

    def _seen(self) -> dict[str, object]:
        status = self.victim.pid
        ipc = "".join(path.read_text() for path in sorted(Path("/proc/sysvipc").iterdir()))
        waiting = array.array("i", [0])
        fcntl.ioctl(self.tty, termios.FIONREAD, waiting)
        return {
            "files": [_file(path) for path in sorted(self.out.rglob("*"))],
            "outside": [path for place in OUTSIDERS for path in place.glob(f"*{self.mark}*")],
            "limits": Path(f"/proc/{status}/limits").read_text(),
            "priority": os.getpriority(os.PRIO_PROCESS, status),
            "processors": os.sched_getaffinity(status),
            "shared": str(self.key) in ipc.split(),
            "input of the terminal": list(waiting),
            "settings of the terminal": termios.tcgetattr(self.tty),
        }


def _sockets(out: Path, mark: str) -> Iterator[tuple[str, socket.socket]]:
    tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    yield from (("tcp", tcp), ("udp", udp))
    for name, place in (("a path", str(out / "socket-of-others")), ("a name", f"\0{mark}")):
        each = socket.socket(socket.AF_UNIX)
        each.bind(place)
        each.listen()
        if name == "a path":
            Path(place).chmod(0o777)
        yield name, each


def _file(path: Path) -> tuple[object, ...]:
    seen = path.lstat()
    return (path.name, seen.st_mode, seen.st_uid, seen.st_size, seen.st_nlink, seen.st_ctime_ns)


def _environments() -> Iterator[bytes]:
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            yield place.read_bytes()
        except OSError:
            continue

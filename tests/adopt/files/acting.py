"""Tries everything that reading a file must not do; its label lists the actions that worked."""

import multiprocessing
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import PBSProProvider

HERE = Path(__file__).parent
DATAGRAM = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ACTIONS: dict[str, Callable[[], object]] = {
    "qsub": lambda: subprocess.run(["qsub", "job.sh"], check=False),
    "shell": lambda: os.system("touch shell"),
    "popen": lambda: os.popen("touch popen").read(),
    "spawn": lambda: os.spawnlp(os.P_WAIT, "touch", "touch", "spawn"),
    "fork": lambda: multiprocessing.get_context("fork").Process(target=os.getpid).start(),
    "process": lambda: multiprocessing.get_context("spawn").Process(target=os.getpid).start(),
    "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
    "listen": lambda: socket.create_server(("127.0.0.1", 0)),
    "send": lambda: DATAGRAM.sendto(b"x", ("127.0.0.1", 9)),
    "resolve": lambda: socket.getaddrinfo("pbs.example.org", 80),
    "signal": lambda: os.kill(os.getppid(), 0),
    "database": lambda: sqlite3.connect("database").execute("create table x(a)"),
    "remove": (HERE / "kept").unlink,
    "remove_all": lambda: shutil.rmtree(HERE),
    "rename": lambda: (HERE / "kept").rename(HERE / "renamed"),
    "link": lambda: (HERE / "link").symlink_to("kept"),
    "mode": lambda: (HERE / "kept").chmod(0o777),
    "owner": lambda: shutil.chown(HERE / "kept", 12345),
    "time": lambda: os.utime(HERE / "kept", (1, 1)),
}
# Reading discards these, because many files prepare their directory.
NOWHERE: list[Callable[[], object]] = [
    lambda: Path("text").write_text("x"),
    lambda: Path("touched").touch(),
    lambda: os.close(os.open("opened", os.O_WRONLY | os.O_CREAT)),
    lambda: tempfile.mkstemp(dir="."),
    lambda: Path("folder").mkdir(),
    lambda: os.makedirs("folders/more"),
    lambda: os.mkfifo("fifo"),
]


def was_done(action: Callable[[], object]) -> bool:
    try:
        action()
    except OSError:
        return False
    return True


threading.Thread(target=threading.Event().wait).start()  # would keep the process alive for ever
for action in NOWHERE:
    action()
done = [name for name, action in ACTIONS.items() if was_done(action)]
config = Config(
    executors=[
        HighThroughputExecutor(label=f"done.{'.'.join(done)}", provider=PBSProProvider(account="x"))
    ]
)

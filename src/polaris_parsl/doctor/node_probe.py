"""Runs on each node of a block, under the Python of the workers, and writes what it finds.

    python node_probe.py FOLDER TMPDIR SCRATCH TOKEN CPUS ADDRESS:PORT...

It needs only the standard library, and python_probe.py beside it. It writes the answer to
FOLDER/HOST.json, which is complete as soon as it exists.
"""

import json
import os
import platform
import resource
import runpy
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONNECT_SECONDS = 10
SMI_SECONDS = 60


def answer(tmpdir, scratch, token, cpus, addresses):
    """The answers to all questions about this node."""
    beside = Path(__file__).with_name("python_probe.py")
    return {
        "host": socket.gethostname(),
        "executable": sys.executable,
        "python": runpy.run_path(str(beside))["identity"](),
        "system": f"Linux {platform.release()}, {' '.join(platform.libc_ver())}",
        "cpus": sorted(os.sched_getaffinity(0)),
        "unbound": bind(cpus),
        "gpus": gpus(),
        "interfaces": [name for _, name in socket.if_nameindex()],
        "reached": {each: reach(each, token) for each in addresses},
        "tmpdir": space(os.environ.get("TMPDIR", tmpdir), writes=True),
        "scratch": space(scratch, writes=False),
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }


def bind(cpus):
    """Bind this process to the CPUs of each worker in turn; return those that Linux refuses."""
    before = os.sched_getaffinity(0)
    lacking = set()
    for wanted in map(set, cpus):
        try:
            os.sched_setaffinity(0, wanted)
            lacking |= wanted - os.sched_getaffinity(0)
        except OSError:
            lacking |= wanted - before
    os.sched_setaffinity(0, before)
    return sorted(lacking)


def gpus():
    """The lines of nvidia-smi, or its error."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=SMI_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": str(error)}
    if done.returncode != 0:
        return {"error": (done.stderr or done.stdout).strip()}
    return {"lines": done.stdout.splitlines()}


def reach(address, token):
    """Connect to the driver; its clock's offset from ours and the uncertainty, in seconds."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS) as connection:
            asked = time.time()
            connection.sendall(token.encode() + b"\n")
            theirs = float(connection.makefile().readline())
            answered = time.time()
    except (OSError, ValueError) as error:
        return {"error": str(error)}
    return {"ahead": (asked + answered) / 2 - theirs, "within": (answered - asked) / 2}


def space(folder, writes):
    """The free bytes of a directory, or the error."""
    try:
        if writes:
            with (
                tempfile.TemporaryDirectory(prefix="pymp-", dir=folder) as place,
                socket.socket(socket.AF_UNIX) as listener,
            ):
                listener.bind(f"{place}/listener-xxxxxxxx")
        return {"folder": folder, "free": shutil.disk_usage(folder).free}
    except OSError as error:
        return {"folder": folder, "error": error.strerror or str(error)}


def main(folder, *question):
    """Write the answer."""
    tmpdir, scratch, token, cpus, *addresses = question
    found = answer(tmpdir, scratch, token, json.loads(cpus), addresses)
    final = Path(folder, f"{found['host']}.json")
    staged = final.with_suffix(".part")
    staged.write_text(json.dumps(found))
    staged.rename(final)


if __name__ == "__main__":
    main(*sys.argv[1:])

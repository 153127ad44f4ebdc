"""What a notebook does with a kernel, by the real jupyter_client: run, interrupt, restart, end.

python notebook.py KERNEL         prints what it saw as JSON
python notebook.py KERNEL --look  only runs one cell and ends
"""

import json
import sys
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

SECONDS = 300
LOOK = """\
import json, os, sys
import parsl, polaris_parsl
names = ("POLARIS_PARSL_MODULE", "CUDA_HOME", "VIRTUAL_ENV", "PYTHONNOUSERSITE", "PYTHONHOME", "TOKEN")
print(json.dumps({
    "pid": os.getpid(),
    "executable": sys.executable,
    "places": [parsl.__file__, polaris_parsl.__file__],
    "variables": {name: os.environ.get(name) for name in names},
    "path": os.environ["PATH"].split(":")[:2],
    "remembers": "remembered" in globals(),
}))
remembered = True
"""


def run(client: BlockingKernelClient, code: str) -> Any:
    """What a cell prints, as JSON; raises where the cell fails."""
    printed: list[str] = []

    def collect(message: dict[str, Any]) -> None:
        printed.append(message["content"].get("text", ""))

    reply = client.execute_interactive(code, output_hook=collect, timeout=SECONDS)
    assert reply["content"]["status"] == "ok", reply["content"]
    return json.loads("".join(printed))


def interrupted(manager: KernelManager, client: BlockingKernelClient) -> str:
    """How a cell ends that is interrupted while it runs."""
    client.execute("import time; print('runs', flush=True); time.sleep(600)")
    while "runs" not in client.get_iopub_msg(timeout=SECONDS)["content"].get("text", ""):
        pass
    manager.interrupt_kernel()
    while True:
        reply = client.get_shell_msg(timeout=SECONDS)
        if reply["msg_type"] == "execute_reply" and reply["content"]["status"] != "ok":
            return str(reply["content"]["ename"])


def main(name: str, *, only_looks: bool) -> None:
    """Go through the life of a kernel, or only look at it."""
    # a port that is free now may be taken by the time that the kernel wants it; a name in a new directory is not
    sockets = TemporaryDirectory()
    manager = KernelManager(kernel_name=name, transport="ipc", ip=f"{sockets.name}/kernel")
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        seen = {"first": run(client, LOOK)}
        if not only_looks:
            seen["again"] = run(client, LOOK)
            seen["interrupted"] = interrupted(manager, client)
            manager.restart_kernel()
            client.wait_for_ready(timeout=SECONDS)
            seen["restarted"] = run(client, LOOK)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
        sockets.cleanup()
    print(json.dumps(seen))


main(sys.argv[1], only_looks="--look" in sys.argv[2:])

"""Runs the cells of a notebook in a kernel; prints as JSON what each of code printed.

python cells.py NOTEBOOK
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.manager import KernelManager

SECONDS = 300


def main(notebook: Path) -> None:
    """Start a kernel, run the cells one by one, end it."""
    # a port that is free now may be taken by the time that the kernel wants it; a name in a new directory is not
    sockets = TemporaryDirectory()
    manager = KernelManager(kernel_name="python3", transport="ipc", ip=f"{sockets.name}/kernel")
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        outputs = []
        for cell in json.loads(notebook.read_text())["cells"]:
            if cell["cell_type"] == "code":
                printed: list[str] = []

                def collect(message: dict[str, Any], to: list[str] = printed) -> None:
                    content = message["content"]
                    if content.get("name") == "stdout":
                        to.append(content["text"])

                reply = client.execute_interactive(
                    "".join(cell["source"]), output_hook=collect, timeout=SECONDS
                )
                assert reply["content"]["status"] == "ok", reply["content"]
                outputs.append("".join(printed))
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
        sockets.cleanup()
    print(json.dumps(outputs))


main(Path(sys.argv[1]))

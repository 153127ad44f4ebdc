"""Hand a file on to other nodes; standard library only.

    python serve.py PORT FILE TIMES SECONDS

Each connection gets the file, as often as TIMES says, and not after SECONDS. Without a file ("")
it gets nothing, and knows that there is none.
"""

import socket
import sys
import time
from pathlib import Path


def serve(port: int, file: str, times: int, seconds: float) -> None:
    """Hand the file on."""
    data = Path(file).read_bytes() if file else b""
    latest = time.monotonic() + seconds
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(times)
        for _ in range(times):
            listener.settimeout(max(0.0, latest - time.monotonic()) or 0.001)
            try:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(max(1.0, latest - time.monotonic()))
                    connection.sendall(data)
            except OSError:
                if time.monotonic() >= latest:
                    return


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))

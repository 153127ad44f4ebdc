"""The keeper's side of client.py: takes calls from a socket and answers them."""

import contextlib
import json
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 5.0
_LENGTH = struct.Struct("!I")


class Request:
    """One call of a client, with its standard streams; answered once, maybe much later."""

    def __init__(self, connection: socket.socket, message: dict[str, Any], fds: list[int]) -> None:
        self._connection = connection
        self.message = message
        self.fds = fds

    @property
    def tool(self) -> str:
        """The command that was called."""
        return str(self.message["tool"])

    def fileno(self) -> int:
        """Readable once the client has gone."""
        return self._connection.fileno()

    def answer(self, **fields: Any) -> None:
        """Tell the client what to print and return, and end the connection."""
        with contextlib.suppress(OSError):
            self._connection.sendall(json.dumps(fields).encode() + b"\n")
        self.close_streams()
        self._connection.close()

    def close_streams(self) -> None:
        """Close our copies of the client's standard streams."""
        while self.fds:
            os.close(self.fds.pop())


def listen(path: Path) -> socket.socket:
    """The socket that clients of this sandbox find; its path may be of any length."""
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)
    path.chmod(0o600)  # whoever can connect can run commands as we do
    listener.listen(128)
    listener.setblocking(False)
    return listener


def accept(listener: socket.socket, handle: Callable[[Request], None]) -> None:
    """Take one call and handle it; a client that says nothing sensible is dropped."""
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return
    connection.settimeout(_TIMEOUT_SECONDS)
    fds: list[int] = []
    try:
        head, fds, _, _ = socket.recv_fds(connection, _LENGTH.size, 3)
        (length,) = _LENGTH.unpack(head)
        data = b""
        while len(data) < length:
            part = connection.recv(length - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        message = json.loads(data)
    except (OSError, struct.error, ValueError):
        for fd in fds:
            os.close(fd)
        connection.close()
        return
    handle(Request(connection, message, fds))

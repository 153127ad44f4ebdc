"""The daemon's side of client.py: takes calls from a socket and answers them."""

import contextlib
import marshal
import os
import select
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from polaris_parsl.sandbox.programs.client import LENGTH_BYTES, MARSHAL_VERSION

_TIMEOUT_SECONDS = 5.0


class ClientRequest:
    """One call of a client, with its standard streams; answered once, perhaps much later."""

    def __init__(self, connection: socket.socket, message: dict[str, Any], fds: list[int]) -> None:
        self._connection = connection
        self.message = message
        self.fds = fds

    @property
    def tool(self) -> str:
        """The name of the called command."""
        return str(self.message["tool"])

    def fileno(self) -> int:
        """A descriptor that becomes readable when the client has ended."""
        return self._connection.fileno()

    def answer(self, **fields: Any) -> None:
        """Send the client its output and exit code, and close the connection."""
        with contextlib.suppress(OSError):
            self._connection.sendall(marshal.dumps(fields, MARSHAL_VERSION))
            # the client reads to the end, also while a forked copy of the daemon has this open
            self._connection.shutdown(socket.SHUT_WR)
        self.close()

    def is_gone(self) -> bool:
        """Whether the client has ended; it sends nothing after its call."""
        readable, _, _ = select.select([self._connection], [], [], 0)
        return bool(readable)

    def close(self) -> None:
        """Close the connection and our copies of the client's streams."""
        self.close_streams()
        self._connection.close()

    def close_streams(self) -> None:
        """Close our copies of the client's standard streams."""
        while self.fds:
            os.close(self.fds.pop())


def listen(path: Path) -> socket.socket:
    """The socket for the clients of this sandbox; its path may have any length."""
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)
    path.chmod(0o600)  # a client that can connect can run commands as this user
    listener.listen(128)
    listener.setblocking(False)
    return listener


def accept(listener: socket.socket, handle: Callable[[ClientRequest], None]) -> None:
    """Accept one call and handle it; close the connection of a client that sends no valid call."""
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return
    connection.settimeout(_TIMEOUT_SECONDS)
    fds: list[int] = []
    try:
        head, fds, _, _ = socket.recv_fds(connection, LENGTH_BYTES, 3)
        for fd in fds:
            os.set_inheritable(fd, False)  # a job that starts before the answer must not have them
        if len(head) < LENGTH_BYTES:
            raise ConnectionResetError
        length = int.from_bytes(head, "big")
        data = b""
        while len(data) < length:
            part = connection.recv(length - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        # who can connect is this user, and may run anything here
        message = marshal.loads(data)
    except (OSError, EOFError, ValueError, TypeError):
        for fd in fds:
            os.close(fd)
        connection.close()
        return
    handle(ClientRequest(connection, message, fds))

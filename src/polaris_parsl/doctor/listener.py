"""Listens where Parsl's interchange would, so that nodes can show that they reach this one."""

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence

from polaris_parsl.errors import PolarisParslError

_CLIENT_SECONDS = 10


@contextlib.contextmanager
def listening(addresses: Sequence[str], ports: tuple[int, int]) -> Iterator[tuple[str, list[str]]]:
    """Send this node's time to clients that know the token, on each of the addresses.

    Args:
        addresses: of this node.
        ports: the first port to try, and the first not to try.

    Yields:
        The token, and ADDRESS:PORT of each address.

    Raises:
        PolarisParslError: no port of an address is free.
    """
    token = secrets.token_hex(16)
    with contextlib.ExitStack() as stack:
        names = []
        for address in addresses:
            listener = stack.enter_context(_listen(address, ports))
            names.append(f"{address}:{listener.getsockname()[1]}")
            thread = threading.Thread(target=_serve, args=(listener, token), daemon=True)
            thread.start()
            stack.callback(thread.join)
            # closing alone would leave the thread waiting, and the port taken
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
        yield token, names


def _listen(address: str, ports: tuple[int, int]) -> socket.socket:
    reason = ""
    for port in range(*ports):
        try:
            return socket.create_server((address, port))
        except OSError as error:
            reason = str(error)
    raise PolarisParslError(
        f"no port of {address} from {ports[0]} to {ports[1] - 1} is free: {reason}",
        remedy="end other runs of Parsl on this node, or use another login node",
    )


def _serve(listener: socket.socket, token: str) -> None:
    """Answer one client after the other until the socket is shut down."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_CLIENT_SECONDS)
            if connection.makefile().readline().strip() == token:
                connection.sendall(f"{time.time()}\n".encode())

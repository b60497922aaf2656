"""An upstream on loopback that accepts connections and never responds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class UnresponsiveServer:
    """Keeps every connection open until the end."""

    def __init__(self, listener: socket.socket) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        self._listener = listener
        self._kept: list[socket.socket] = []

    @property
    def connections(self) -> int:
        """Number of accepted connections."""
        return len(self._kept)

    def accept(self) -> None:
        """Accept connections until the listener is shut down."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                break
            self._kept.append(connection)
        for connection in self._kept:
            connection.close()


@contextmanager
def unresponsive_server() -> Iterator[UnresponsiveServer]:
    """Listen for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = UnresponsiveServer(listener)
        thread = threading.Thread(target=server.accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)

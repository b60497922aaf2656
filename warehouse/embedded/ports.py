"""Choose the port of an embedded server: the configured one, or a free one that the home stores."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from warehouse.core.errors import ConfigurationError
from warehouse.embedded.home import Home

__all__ = ["choose_port", "is_free"]

# Below the range of ephemeral ports, so that no outgoing connection takes a stored port.
PORT_RANGE = range(15000, 30000)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: ignore connections of an earlier server in TIME_WAIT.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose_port(home: Home, *, configured: int, port_file: Path, product: str, variable: str) -> int:
    """The port to listen on.

    An automatic port stays the same between starts, so that saved connections of SQL clients keep working, unless
    another program has taken it.

    Args:
        home: the home.
        configured: the port from the environment; 0 chooses a free one.
        port_file: file that stores the automatic port.
        product: name of the server, for messages.
        variable: the environment variable, for messages.

    Raises:
        ConfigurationError: the configured port is in use.
    """
    if configured:
        if not is_free(configured):
            raise ConfigurationError(
                f"port {configured} for {product} is in use or not allowed",
                f"set {variable} to a free port, or to 0",
            )
        return configured
    if port_file.exists():
        text = port_file.read_text(encoding="utf-8").strip()
        if text.isdigit() and int(text) in PORT_RANGE and is_free(int(text)):
            return int(text)
    port = next(port for port in random.sample(PORT_RANGE, len(PORT_RANGE)) if is_free(port))
    home.write(port_file, f"{port}\n")
    return port

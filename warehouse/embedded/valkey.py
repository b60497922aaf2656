"""The embedded Valkey: a cache that listens on 127.0.0.1 and requires a password."""

from __future__ import annotations

import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from warehouse.embedded.binaries import valkey_bin
from warehouse.embedded.server import Server

__all__ = ["Valkey"]

CONFIGURATION = """\
# Written by ladder at each start.
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
daemonize no
# The command line contains the path of this file, by which ladder identifies the process.
set-proc-title no
loglevel notice

# A cache: all of its content can be published again from PostgreSQL.
save ""
appendonly no

maxmemory 256mb
# Responses and boards have a time to live and can be refilled with one query each. The pointer to the published
# generation has none, so that it is not evicted: without it every response would be a miss.
maxmemory-policy volatile-lru
# Old boards are large; their memory is freed in the background.
lazyfree-lazy-user-del yes
lazyfree-lazy-expire yes
lazyfree-lazy-eviction yes
"""


class Valkey(Server):
    """The Valkey of a home."""

    name = "valkey"
    product = "Valkey"
    port_variable = "LADDER_VALKEY_PORT"
    start_timeout_s = 30.0
    stop_signals = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))

    @property
    def folder(self) -> Path:
        """Valkey's working directory."""
        return self.home.valkey

    @property
    def command_line_marker(self) -> str:
        """The path of the configuration, the only argument."""
        return str(self._configuration)

    @property
    def _configuration(self) -> Path:
        return self.home.servers / "valkey.conf"

    def prepare(self, port: int, lock: int) -> Sequence[str | Path]:
        """Write the configuration, which contains the password so that the command line does not."""
        account = self.home.server_account
        self.home.folder(self.folder, 0o700, account)
        text = CONFIGURATION.format(
            port=port, password=self.home.password(self.name, create=True), folder=_quoted(self.folder)
        )
        self.home.write(self._configuration, text, account)
        return [valkey_bin(), self._configuration]

    def is_ready(self) -> bool:
        """Whether the server runs and responds."""
        if self.process() is None:
            return False
        password = self.home.password(self.name, create=False)
        try:
            with socket.create_connection(("127.0.0.1", self.port()), timeout=2.0) as connection:
                connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as answers:
                    return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
        except OSError:
            return False

    def address(self) -> str:
        """`redis://` URL with the password, database 0."""
        password = quote(self.home.password(self.name, create=False), safe="")
        return f"redis://:{password}@127.0.0.1:{self.port()}/0"


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'

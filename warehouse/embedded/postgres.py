"""The embedded PostgreSQL, which listens on 127.0.0.1 and requires SCRAM passwords."""

from __future__ import annotations

import shutil
import signal
import socket
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import psutil

from warehouse.core.errors import DatabaseError
from warehouse.core.files import sync_folder
from warehouse.embedded.binaries import postgres_bin
from warehouse.embedded.launch import run_tool
from warehouse.embedded.postgres_configuration import ACCESS, render_configuration
from warehouse.embedded.server import Server

__all__ = ["Postgres"]

ADMIN = "ladder_admin"
DATABASE = "ladder"
PROTOCOL_3 = 3 << 16


class Postgres(Server):
    """The PostgreSQL of a home."""

    name = "postgres"
    product = "PostgreSQL"
    port_variable = "LADDER_POSTGRES_PORT"
    start_timeout_s = 300.0  # recovery after a crash replays up to max_wal_size
    # Fast shutdown first, which rolls back, writes a checkpoint and ends; immediate shutdown requires recovery later.
    stop_signals = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))

    @property
    def folder(self) -> Path:
        """The data directory."""
        return self.home.postgres / "data"

    @property
    def command_line_marker(self) -> str:
        """The argument of `-D`."""
        return str(self.folder)

    @property
    def _logs(self) -> Path:
        return self.home.postgres / "log"

    def prepare(self, port: int, lock: int) -> Sequence[str | Path]:
        """Create the cluster at the first start, and write the configuration at every start."""
        account = self.home.server_account
        self.home.folder(self._logs, 0o700, account)
        if not self.folder.exists():
            self._create(lock)
        elif not self.password_file.exists():
            raise DatabaseError(
                f"the password of {self.folder} is missing",
                f"restore {self.password_file}, or move {self.folder} away to create a new cluster",
            )
        self.home.chown(self.folder, account)
        self._remove_stale_postmaster_pid()
        configuration = self.home.servers / "postgresql.conf"
        access = self.home.servers / "pg_hba.conf"
        self.home.write(access, ACCESS, account)
        self.home.write(configuration, render_configuration(logs=self._logs, access=access), account)
        return [
            *(postgres_bin("postgres"), "-D", self.folder, "-c", f"config_file={configuration}"),
            # Set on the command line, since ALTER SYSTEM must not change the address.
            *("-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", "unix_socket_directories="),
        ]

    def is_ready(self) -> bool:
        """Whether our process is ready by its pid file and accepts connections, as it does not during recovery."""
        process = self.process()
        if process is None:
            return False
        lines = self._postmaster_lines()
        is_up = len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready"
        return is_up and _accepts_connections(self.port())

    def address(self) -> str:
        """`postgresql://` URL of the administrator, with the percent-encoded password."""
        password = quote(self.home.password(self.name, create=False), safe="")
        return f"postgresql://{ADMIN}:{password}@127.0.0.1:{self.port()}/{DATABASE}"

    def logs(self) -> list[Path]:
        """The log of the start, before the server opens its own log, and its logs by day of the week."""
        return [*super().logs(), *self._logs.glob("*.log")]

    def orphaned_processes(self) -> list[psutil.Process]:
        """Children of a killed postmaster; a busy one runs until its query ends."""
        return [
            process
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self.folder)
        ]

    def _create(self, lock: int) -> None:
        """Initialise the cluster in a temporary folder and rename it, so that `data` is complete or does not exist."""
        account = self.home.server_account
        for abandoned in self.home.postgres.glob("initialising-*"):
            shutil.rmtree(abandoned)
        place = Path(tempfile.mkdtemp(dir=self.home.postgres, prefix="initialising-"))
        try:
            cluster, password = place / "data", place / "password"
            place.chmod(0o711)
            self.home.folder(cluster, 0o700, account)
            self.home.write(password, self.home.password(self.name, create=True) + "\n", account)
            self._run_tool(
                cluster,
                lock,
                *("initdb", "-D", cluster, "--username", ADMIN, "--pwfile", password),
                *("--auth", "scram-sha-256", "--encoding", "UTF8"),
                # Collation by code point, from PostgreSQL itself: the same on every machine and version.
                *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            )
            self._run_tool(
                cluster,
                lock,
                "postgres",
                "--single",
                "-D",
                cluster,
                "postgres",
                text=f"CREATE DATABASE {DATABASE}\n",
            )
            cluster.rename(self.folder)
            sync_folder(self.home.postgres)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _run_tool(self, folder: Path, lock: int, name: str, *arguments: str | Path, text: str = "") -> None:
        command = (postgres_bin(name), *arguments)
        code, output = run_tool(self.home, command, folder=folder, lock=lock, text=text)
        if code != 0:
            self.home.write(self.log, output)
            errors = [line for line in output.splitlines() if "FATAL" in line or "error:" in line or "PANIC" in line]
            raise DatabaseError(
                f"PostgreSQL could not be set up: {errors[-1] if errors else f'{name} failed'}",
                f"see {self.log}",
            )

    def _remove_stale_postmaster_pid(self) -> None:
        """Remove the pid file of a dead server.

        PostgreSQL does not start if a process with that pid exists, even a zombie that is not reaped (containers) or
        another program that got the same pid. This process holds the lock of our own pid file, so none of our servers
        is left; a postmaster that was started by hand is not touched.

        Raises:
            DatabaseError: a postmaster that was started by hand uses the data directory.
        """
        lines = self._postmaster_lines()
        if not lines or not lines[0].isdigit():
            return
        try:
            process = psutil.Process(int(lines[0]))
            if process.name() == "postgres" and self.command_line_marker in process.cmdline():
                raise DatabaseError(
                    f"process {process.pid}, which ladder did not start, already serves {self.folder}",
                    "stop it first",
                )
        except psutil.NoSuchProcess:
            pass
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _postmaster_lines(self) -> list[str]:
        try:
            return (self.folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []


def _accepts_connections(port: int) -> bool:
    """Whether PostgreSQL requests a password, which it does not do while it starts, recovers or stops."""
    words = b"".join(word.encode() + b"\0" for word in ("user", ADMIN, "database", DATABASE)) + b"\0"
    hello = struct.pack("!ii", 8 + len(words), PROTOCOL_3) + words
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
            connection.sendall(hello)
            # Read everything: PostgreSQL logs connections that are closed with unread bytes.
            return connection.recv(4096).startswith(b"R")
    except OSError:
        return False

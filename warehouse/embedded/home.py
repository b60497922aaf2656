"""The folders of the embedded servers under `LADDER_HOME`, and their owners.

    secrets/    passwords, 0600
    servers/    lock, leases, ports, rendered configuration, start-up logs
    postgres/   `data/` and `log/`
    valkey/     Valkey's working directory

If root runs a command, the servers run as an unprivileged account, which owns `postgres/data`, `postgres/log` and
`valkey` and nothing else. Root never writes into a folder that this account could have replaced by a link.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from warehouse.core.errors import ConfigurationError, LadderError
from warehouse.core.file_modes import create_home
from warehouse.core.files import write_atomically

__all__ = ["Account", "Home", "try_lock", "user_switch_error"]

# The first start runs initdb, and the last stop may write a long checkpoint; both hold the lock.
LOCK_TIMEOUT_S = 180.0


@dataclass(frozen=True)
class Account:
    """A user that owns files or runs servers."""

    uid: int
    gid: int


class Home:
    """The data directory, with the folders of the embedded servers."""

    def __init__(self, path: Path) -> None:
        # Resolved, since running servers are identified by the path on their command line.
        self.path = path.resolve()
        self.secrets = self.path / "secrets"
        self.servers = self.path / "servers"
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"

    def create(self) -> None:
        """Create the folders that belong to the home's owner.

        Raises:
            OSError: the home cannot be written.
        """
        create_home(self.path)
        self.folder(self.secrets, 0o700)
        # The servers' account must be able to traverse these two; each file in them has its own mode.
        self.folder(self.servers, 0o711)
        self.folder(self.postgres, 0o711)

    @property
    def owner_account(self) -> Account:
        """The home's owner, who also owns the files that root creates in it."""
        status = self.path.stat()
        return Account(status.st_uid, status.st_gid)

    @property
    def server_account(self) -> Account:
        """The user that the servers run as: the current one; for root the home's owner or an unprivileged account.

        Raises:
            ConfigurationError: the process runs as root and there is no unprivileged account.
        """
        if os.geteuid() != 0:
            return Account(os.geteuid(), os.getegid())
        if self.owner_account.uid != 0:
            return self.owner_account
        for name in ("nobody", "daemon"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return Account(entry.pw_uid, entry.pw_gid)
        raise ConfigurationError(
            "PostgreSQL does not run as root, and this machine has neither a user nobody nor a user daemon",
            "run ladder as a normal user, or set LADDER_DATABASE_URL",
        )

    def folder(self, path: Path, mode: int, owner: Account | None = None) -> None:
        """Create a folder with exactly this mode, independent of the umask; by default the home's owner owns it."""
        path.mkdir(exist_ok=True)
        # Root follows no links: folders that it opens or gives away must be in the home.
        flags = os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if os.geteuid() == 0 else 0)
        descriptor = os.open(path, flags)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        self.chown(path, owner or self.owner_account)

    def chown(self, path: Path, owner: Account) -> None:
        """As root, change the owner of a path and everything below it, unless `owner` already owns the path."""
        if os.geteuid() != 0 or path.is_symlink() or path.lstat().st_uid == owner.uid:
            return
        try:
            for folder, folders, files in os.walk(path):
                for name in (*folders, *files):
                    os.lchown(os.path.join(folder, name), owner.uid, owner.gid)
            os.lchown(path, owner.uid, owner.gid)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.EPERM):  # root of a container that maps no other user
                raise user_switch_error(owner) from error
            raise

    def write(self, path: Path, text: str, owner: Account | None = None) -> None:
        """Write a file with mode 0600 atomically."""
        account = owner or self.owner_account
        write_atomically(
            path,
            text.encode(),
            mode=0o600,
            durable=True,
            before_rename=lambda temporary: self.chown(temporary, account),
        )

    def password(self, name: str, *, create: bool) -> str:
        """The password of a server, which is created at its first start.

        Raises:
            FileNotFoundError: there is none and `create` is false.
        """
        path = self.secrets / name
        if create and not path.exists():
            self.write(path, secrets.token_urlsafe(24) + "\n")
        return path.read_text(encoding="utf-8").strip()

    @contextmanager
    def start_lock(self, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[int]:
        """Hold the lock for starting and stopping servers; yields its descriptor.

        A program that inherits the descriptor keeps the lock, so that other processes wait for an initdb even if the
        process that started it was killed.

        Args:
            timeout_s: how long to wait for the lock.

        Raises:
            LadderError: another process held the lock for longer.
        """
        path = self.servers / "lock"
        deadline = time.monotonic() + timeout_s
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self.chown(path, self.owner_account)
            while not try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise LadderError(
                        f"another process has been starting or stopping the servers for {timeout_s:.0f} s",
                        f"end the process that holds {path}",
                    )
                time.sleep(0.01)
            yield descriptor
        finally:
            os.close(descriptor)


def user_switch_error(account: Account) -> ConfigurationError:
    """The error if root cannot switch to another account, since PostgreSQL does not run as root."""
    return ConfigurationError(
        f"root cannot switch to user id {account.uid} here, and PostgreSQL does not run as root",
        "run ladder as a normal user, or set LADDER_DATABASE_URL and LADDER_REDIS_URL",
    )


def try_lock(descriptor: int) -> bool:
    """Take an exclusive lock on an open file; false if another descriptor holds a lock, shared or exclusive."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""The folders of the embedded servers under `LADDER_HOME`, and who owns them.

    secrets/    passwords, 0600
    servers/    lock, leases, ports, rendered configuration, start-up logs
    postgres/   `data/` and `log/`
    valkey/     Valkey's working directory

As root the servers run as an unprivileged account, which owns `postgres/data`, `postgres/log` and `valkey`
and nothing else: we never write into a folder that the account could have swapped for a link.
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

# A first start runs initdb and a last stop may write a long checkpoint, both under the lock.
LOCK_TIMEOUT_S = 180.0


@dataclass(frozen=True)
class Account:
    """A user that files or servers belong to."""

    uid: int
    gid: int


class Home:
    """The data directory as the embedded servers see it."""

    def __init__(self, path: Path) -> None:
        # Resolved, since servers are known by the path they were started with.
        self.path = path.resolve()
        self.secrets = self.path / "secrets"
        self.servers = self.path / "servers"
        self.postgres = self.path / "postgres"
        self.valkey = self.path / "valkey"

    def create(self) -> None:
        """Make the folders that are ours.

        Raises:
            OSError: the home cannot be written.
        """
        create_home(self.path)
        self.folder(self.secrets, 0o700)
        # The account has to pass through these two; each file in them has a mode of its own.
        self.folder(self.servers, 0o711)
        self.folder(self.postgres, 0o711)

    @property
    def owner_account(self) -> Account:
        """Whoever owns the home: its files stay his, even when root runs a command in it."""
        status = self.path.stat()
        return Account(status.st_uid, status.st_gid)

    @property
    def server_account(self) -> Account:
        """The user that the servers run as: ourselves; for root the home's owner or an unprivileged account.

        Raises:
            ConfigurationError: we are root and there is no unprivileged account.
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
            "PostgreSQL refuses to run as root and this machine has neither a user nobody nor a user daemon",
            "run ladder as a normal user, or set LADDER_DATABASE_URL",
        )

    def folder(self, path: Path, mode: int, owner: Account | None = None) -> None:
        """Make a folder with exactly this mode, whatever the umask; its owner is the keeper by default."""
        path.mkdir(exist_ok=True)
        # Root follows no link: what it opens or gives away must lie in the home.
        flags = os.O_RDONLY | os.O_DIRECTORY | (os.O_NOFOLLOW if os.geteuid() == 0 else 0)
        descriptor = os.open(path, flags)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        self.chown(path, owner or self.owner_account)

    def chown(self, path: Path, owner: Account) -> None:
        """Hand a path, and all below it where the owner changes, to `owner`; only root has anything to do."""
        if os.geteuid() != 0 or path.is_symlink() or path.lstat().st_uid == owner.uid:
            return
        try:
            for folder, folders, files in os.walk(path):
                for name in (*folders, *files):
                    os.lchown(os.path.join(folder, name), owner.uid, owner.gid)
            os.lchown(path, owner.uid, owner.gid)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.EPERM):  # root of a container that knows no other user
                raise user_switch_error(owner) from error
            raise

    def write(self, path: Path, text: str, owner: Account | None = None) -> None:
        """Write a 0600 file whole or not at all."""
        account = owner or self.owner_account
        write_atomically(
            path,
            text.encode(),
            mode=0o600,
            durable=True,
            before_rename=lambda temporary: self.chown(temporary, account),
        )

    def password(self, name: str, *, create: bool) -> str:
        """The password of a server, made at its first start.

        Raises:
            FileNotFoundError: there is none and `create` is false.
        """
        path = self.secrets / name
        if create and not path.exists():
            self.write(path, secrets.token_urlsafe(24) + "\n")
        return path.read_text(encoding="utf-8").strip()

    @contextmanager
    def start_lock(self, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[int]:
        """Hold the lock under which servers start and stop; yields its descriptor.

        A program that is given the descriptor keeps the lock alive: an initdb whose starter was killed is
        waited for.

        Args:
            limit_s: for how long it waits for the lock.

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
    """Root is not allowed to use another account, and PostgreSQL refuses to run as root."""
    return ConfigurationError(
        f"root may not use user id {account.uid} here, and PostgreSQL refuses to run as root",
        "run ladder as a normal user, or set LADDER_DATABASE_URL and LADDER_REDIS_URL",
    )


def try_lock(descriptor: int) -> bool:
    """Take an exclusive lock on an open file unless another open file of it holds one, shared or not."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Modes of files: a home is for its owner alone, whatever the umask; files that a user names follow the user's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from warehouse.core.errors import ConfigurationError

__all__ = ["create_home", "create_private_file", "drop_privileges_to_owner", "original_umask", "set_private_umask"]

_PRIVATE_UMASK = 0o077
_saved_umask: list[int] = []


def set_private_umask() -> None:
    """Make what this process and its children create readable for their user alone, from here on."""
    before = os.umask(_PRIVATE_UMASK)
    if not _saved_umask:
        _saved_umask.append(before)


@contextmanager
def original_umask() -> Iterator[None]:
    """Create files as the umask says with which the process was started: those that a user has named."""
    if not _saved_umask:
        yield
        return
    before = os.umask(_saved_umask[0])
    try:
        yield
    finally:
        os.umask(before)


def drop_privileges_to_owner(home: Path) -> None:
    """As root in another user's home, go on as that user: the owner of a folder decides where its links lead.

    Raises:
        ConfigurationError: that user cannot read the program.
    """
    if os.geteuid() != 0 or not home.exists():
        return
    _reject_links_of_other_users(home)
    owner = home.stat()
    if owner.st_uid == 0:
        return
    needed = [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).resolve()]
    if not _is_readable_for(owner.st_uid, owner.st_gid, needed):
        raise ConfigurationError(
            f"{home} belongs to user id {owner.st_uid}, who cannot read the program at {sys.prefix}",
            "run ladder as that user, from an installation that all users can read",
        )
    os.setgroups([])
    os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
    os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)


def create_home(path: Path) -> None:
    """Make the data directory, unless it is there. Folders above it are the user's own.

    Root's can be passed through, since its servers run as another user; what is in it cannot be read.

    Raises:
        ConfigurationError: it cannot be made, or another user decides where it is.
    """
    if os.geteuid() == 0:
        _reject_links_of_other_users(path)
    try:
        with original_umask():
            path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.mkdir(exist_ok=True)
            path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise ConfigurationError(
            f"cannot use the data directory {path}: {(error.strerror or str(error)).lower()}",
            "set LADDER_HOME to a directory of your own with room to write",
        ) from None


def create_private_file(path: Path) -> int:
    """A new 0600 file, open for writing.

    Raises:
        ConfigurationError: something is there already, or it cannot be made.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{path} is there already", "choose another file") from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {(error.strerror or str(error)).lower()}", "choose another file"
        ) from None


def _is_readable_for(uid: int, gid: int, paths: Sequence[Path]) -> bool:
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        return all(os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0), effective_ids=True) for path in paths)
    except PermissionError:
        return False
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _reject_links_of_other_users(path: Path) -> None:
    """Root would write wherever another user lets a link lead."""
    absolute = Path(os.path.abspath(path))
    for part in (*reversed(absolute.parents), absolute):
        if part.is_symlink() and part.lstat().st_uid != 0:
            raise ConfigurationError(
                f"{part} is a link of user id {part.lstat().st_uid}, which root does not follow",
                "set LADDER_HOME to the directory itself",
            )

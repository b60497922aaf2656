"""Permissions of files: a home is private to its owner; files that a user names follow the user's own umask."""

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
    """Make files that this process and its children create from now on readable by their owner only."""
    before = os.umask(_PRIVATE_UMASK)
    if not _saved_umask:
        _saved_umask.append(before)


@contextmanager
def original_umask() -> Iterator[None]:
    """Restore the umask that the process was started with, for files whose path the user has given."""
    if not _saved_umask:
        yield
        return
    before = os.umask(_saved_umask[0])
    try:
        yield
    finally:
        os.umask(before)


def drop_privileges_to_owner(home: Path) -> None:
    """If root runs a command in another user's home, switch to that user, who controls the links in that folder.

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
            f"{home} belongs to user id {owner.st_uid}, which cannot read the program at {sys.prefix}",
            "run ladder as that user, from an installation that all users can read",
        )
    os.setgroups([])
    os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
    os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)


def create_home(path: Path) -> None:
    """Create the data directory if it does not exist, and its parents with the user's own umask.

    Other users may traverse root's data directory but not list it, since root's servers run as another user.

    Raises:
        ConfigurationError: it cannot be created, or its path contains another user's link.
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
    """Create a file with mode 0600 and return its descriptor, open for writing.

    Raises:
        ConfigurationError: the path exists, or the file cannot be created.
    """
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"{path} already exists", "choose another file") from None
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
    """Reject links that another user could point at files of root.

    Raises:
        ConfigurationError: a part of the path is a link that another user owns.
    """
    absolute = Path(os.path.abspath(path))
    for part in (*reversed(absolute.parents), absolute):
        if part.is_symlink() and part.lstat().st_uid != 0:
            raise ConfigurationError(
                f"{part} is a link of user id {part.lstat().st_uid}, which root does not follow",
                "set LADDER_HOME to the directory itself",
            )

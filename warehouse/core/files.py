"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["sync_folder", "write_atomically"]


def write_atomically(
    path: Path,
    content: bytes,
    *,
    mode: int = 0o666,
    durable: bool = False,
    before_rename: Callable[[Path], object] | None = None,
) -> None:
    """Write a temporary file in the same folder and rename it, so that readers find the old content or the new.

    Args:
        path: the file; its folder must exist.
        content: all of it.
        mode: permissions of the file; the umask applies.
        durable: flush the file and its folder to the disk before returning.
        before_rename: called with the temporary file, for instance to change its owner.

    Raises:
        OSError: the file cannot be written; it is as it was before, and the temporary file is removed.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(descriptor)
        if before_rename is not None:
            before_rename(temporary)
        temporary.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):  # the reason why the file cannot be written may also keep it from being removed
            temporary.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Flush a folder to the disk: only then do renames and removals in it survive a crash.

    Raises:
        OSError: the folder cannot be opened or flushed.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

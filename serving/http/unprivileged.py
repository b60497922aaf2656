"""API workers drop root: a process that serves clients may read its code and the data it serves, and nothing else."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from warehouse.embedded import launcher
from warehouse.embedded.home import Account, Home

__all__ = ["drop_root", "worker_account"]

#: Certificates, in addition to the system files that PostgreSQL and Valkey servers read.
_CERTIFICATES = ("/etc/ssl/certs", "/etc/pki", "/usr/share/ca-certificates")
_CODE = ("serving", "warehouse", "ingestion", "orchestration")
_ROOT = Path(__file__).parents[2]
_log = logging.getLogger(__name__)


def worker_account(home: Path) -> Account | None:
    """The user account of workers; None if the server does not run as root."""
    return Home(home).server_account if os.geteuid() == 0 else None


def drop_root(account: Account, readable: Sequence[Path]) -> None:
    """Switch to another user permanently. It may read the code and some folders, even those of other owners.

    Must be called before the process starts threads: on Linux each thread has its own capabilities, which new threads
    inherit. If the kernel cannot restrict reads to folders, all capabilities are dropped, and the process can read only
    what that user can read.
    """
    code = [Path(sys.prefix), Path(sys.base_prefix), *(_ROOT / package for package in _CODE)]
    places = [*map(str, (*code, *readable)), *_CERTIFICATES]
    launcher.switch_user(account.uid, account.gid)
    if sys.platform != "linux":
        return
    if not (launcher.keep_read_capability() and launcher.restrict_reading(places)):
        launcher.set_capabilities(0, 0)
        _log.warning("this kernel has no Landlock: the catalogue, and code that only root can read, may be unavailable")

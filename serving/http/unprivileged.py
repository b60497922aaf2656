"""Workers of the API give up root: what answers strangers reads its own code and what it serves, and nothing else."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from warehouse.embedded import launcher
from warehouse.embedded.home import Account, Home

__all__ = ["drop_root", "worker_account"]

#: Beside what servers of PostgreSQL and Valkey read of the system: certificates.
_CERTIFICATES = ("/etc/ssl/certs", "/etc/pki", "/usr/share/ca-certificates")
_CODE = ("serving", "warehouse", "ingestion", "orchestration")
_ROOT = Path(__file__).parents[2]
_log = logging.getLogger(__name__)


def worker_account(home: Path) -> Account | None:
    """The user that workers become; None where they need not, since they are no root's."""
    return Home(home).account if os.geteuid() == 0 else None


def drop_root(account: Account, readable: Sequence[Path]) -> None:
    """Become another user for good, who may read the code and some folders, also those of other owners.

    Called before the process has threads: on Linux each has rights of its own, which later ones inherit. Where the
    kernel cannot bound reading, nothing of root is left, and what is closed to that user cannot be read.
    """
    code = [Path(sys.prefix), Path(sys.base_prefix), *(_ROOT / package for package in _CODE)]
    places = [*map(str, (*code, *readable)), *_CERTIFICATES]
    launcher.become(account.uid, account.gid)
    if sys.platform != "linux":
        return
    if not (launcher.keep_passage() and launcher.bound_reading(places)):
        launcher.set_capabilities(0, 0)
        _log.warning("this kernel has no Landlock: the catalogue may be missing, and code that others cannot read")

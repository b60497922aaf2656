"""Settings of the embedded PostgreSQL for one warehouse, beside Dagster and an API, on a small machine."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

__all__ = ["ACCESS", "render_configuration"]

ACCESS = """\
# Written by ladder at each start. Every login requires a password and comes from this machine.
host all all 127.0.0.1/32 scram-sha-256
"""

CONFIGURATION = """\
# Written by ladder at each start; change settings with ALTER SYSTEM, which this file does not overwrite.
hba_file = {access}
password_encryption = 'scram-sha-256'
max_connections = 100
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'

# Memory. An eighth of the machine for shared buffers: Python, Valkey and the page cache need the rest. A sort
# or hash may use 32 MB, since many of the 100 connections may sort at the same time.
shared_buffers = {shared_buffers}MB
effective_cache_size = {effective_cache_size}MB
work_mem = 32MB
maintenance_work_mem = 128MB
dynamic_shared_memory_type = {dynamic_shared_memory_type}

# Writing. Loads and builds come in bursts: up to 2 GB of log between checkpoints, and 64 MB before a writer waits for
# the disk. Page images are not compressed: these binaries support only pglz, which takes ten times as long as the
# scattered updates themselves. Commits are durable (synchronous_commit). The server is not replicated, so a table that
# is created and filled in one transaction, as dbt does, is synced once instead of being written twice.
synchronous_commit = on
wal_buffers = 64MB
max_wal_size = 2GB
min_wal_size = 128MB
checkpoint_timeout = 15min
wal_compression = off
wal_level = minimal
max_wal_senders = 0
max_logical_replication_workers = 0

# Planning. On solid-state disks random reads cost nearly the same as sequential ones. Compiling a query costs more
# than it saves for queries of some milliseconds.
random_page_cost = 1.1
jit = off

# A week of logs, by day of the week.
logging_collector = on
log_directory = {logs}
log_filename = 'postgresql-%a.log'
log_file_mode = 0600
log_rotation_age = 1d
log_rotation_size = 0
log_truncate_on_rotation = on
log_line_prefix = '%m [%p] %q%u@%d/%a '
log_checkpoints = off
log_lock_waits = on
"""

MEGABYTE = 1024 * 1024


def render_configuration(*, logs: Path, access: Path) -> str:
    """Text of `postgresql.conf` for this machine."""
    memory = psutil.virtual_memory().total // MEGABYTE
    return CONFIGURATION.format(
        access=_quoted(access),
        logs=_quoted(logs),
        shared_buffers=min(1024, max(128, memory // 8)),
        effective_cache_size=max(512, memory // 2),
        dynamic_shared_memory_type="posix" if _has_shared_memory() else "mmap",
    )


def _has_shared_memory() -> bool:
    """Whether /dev/shm is large enough for parallel hash joins; the 64 MB of many containers are not."""
    try:
        status = os.statvfs("/dev/shm")
    except OSError:
        return True  # no such folder: shared memory is not in a file system here
    return status.f_frsize * status.f_blocks >= 512 * MEGABYTE


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "''") + "'"

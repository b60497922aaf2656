"""All logs of a home are kept within their size limit."""

from __future__ import annotations

import time
from pathlib import Path

from orchestration.processes.log_rotation import rotating_logs
from orchestration.processes.managed_process import ManagedProcess


def test_all_logs_of_a_home_are_rotated(tmp_path: Path) -> None:
    paths = [
        tmp_path / "logs/daemon.log",
        tmp_path / "servers/valkey.log",
        tmp_path / "postgres/log/postgresql-Mon.log",
    ]
    for path in paths:
        path.parent.mkdir(parents=True)
        with path.open("wb") as stream:
            stream.truncate((10 << 20) + 1)
    with rotating_logs(tmp_path, every_s=60):
        deadline = time.monotonic() + 30
        while any(path.stat().st_size for path in paths):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert all(path.with_name(f"{path.name}.1").exists() for path in paths)


def test_a_process_starts_with_a_log_within_the_limit(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    with log.open("wb") as stream:
        stream.truncate((10 << 20) + 1)
    with ManagedProcess("child", ["http.server", "0", "--bind", "127.0.0.1"], tmp_path):
        assert log.stat().st_size < 1 << 20

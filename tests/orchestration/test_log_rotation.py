"""Rotation keeps logs within their size limit while processes write to them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.processes.log_rotation import rotate_when_large, rotating_logs
from orchestration.processes.managed_process import ManagedProcess

_WRITER = """
import sys
for line in sys.stdin:
    print(line.strip() * 1000, flush=True)
"""


def test_a_process_continues_in_the_truncated_log(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    with (
        log.open("ab") as stream,
        subprocess.Popen([sys.executable, "-c", _WRITER], stdin=subprocess.PIPE, stdout=stream, text=True) as writer,
    ):
        assert writer.stdin is not None
        for letter in "abcde":
            writer.stdin.write(f"{letter}\n")
            writer.stdin.flush()
            deadline = time.monotonic() + 30
            while log.stat().st_size < 1001:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert rotate_when_large(log, max_bytes=1000, kept=3)
        writer.stdin.close()
    assert log.read_text() == ""
    kept = {path.name: path.read_text()[0] for path in tmp_path.iterdir() if path != log}
    assert kept == {"child.log.1": "e", "child.log.2": "d", "child.log.3": "c"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.log.*")} == {0o600}


def test_a_log_within_the_limit_and_a_missing_log_are_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    assert not rotate_when_large(log)
    log.write_bytes(b"x" * 1000)
    assert not rotate_when_large(log, max_bytes=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["child.log"]


@pytest.mark.parametrize("is_symbolic", [True, False])
def test_a_link_that_the_servers_account_may_have_set_is_not_followed(tmp_path: Path, is_symbolic: bool) -> None:
    target, log = tmp_path / "target", tmp_path / "postgres.log"
    target.write_bytes(b"x" * 1000)
    if is_symbolic:
        log.symlink_to(target)
        with pytest.raises(OSError, match="symbolic link"):
            rotate_when_large(log, max_bytes=10)
    else:
        log.hardlink_to(target)
        assert not rotate_when_large(log, max_bytes=10)
    assert target.stat().st_size == 1000


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

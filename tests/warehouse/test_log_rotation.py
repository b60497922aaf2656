"""A log that another process holds open is copied and truncated once it is too large."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from warehouse.core.log_rotation import rotate_when_large

_WRITER = """
import sys
for line in sys.stdin:
    print(line.strip() * 1000, flush=True)
"""


def test_a_process_goes_on_in_the_emptied_log(tmp_path: Path) -> None:
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
            assert rotate_when_large(log, max_bytes=1000, backup_count=3)
        writer.stdin.close()
    assert log.read_text() == ""
    kept = {path.name: path.read_text()[0] for path in tmp_path.iterdir() if path != log}
    assert kept == {"child.log.1": "e", "child.log.2": "d", "child.log.3": "c"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.log.*")} == {0o600}


def test_a_log_within_its_bounds_and_one_that_is_not_there_stay_as_they_are(tmp_path: Path) -> None:
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

"""Promise 1 on a full disk: one line with the next step, nothing is lost, and the next run continues."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.rate_limits import RequestLimits
from sandbox.server import serve
from sandbox.world import World
from tests.orchestration.conftest import CommandLine

pytestmark = [pytest.mark.long, pytest.mark.slow]

_MB = 1 << 20
_NO_LIMIT = 1_000_000


@pytest.fixture
def small_home() -> Iterator[Path]:
    """A home on its own disk of 700 MB."""
    with tempfile.TemporaryDirectory(prefix="ladder-test-") as name:
        home = Path(name)
        mount = ["mount", "-t", "tmpfs", "-o", "size=700m,mode=755", "tmpfs", name]
        if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("a disk that can be filled needs the right to mount one (root on Linux)")
        try:
            yield home
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def _fill(home: Path, but: int) -> Path:
    """Fill the disk except for some bytes."""
    room = os.statvfs(home)
    filler = home / "filler"
    with filler.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, room.f_bavail * room.f_frsize - but)
    return filler


def test_a_full_disk_of_postgresql_ends_in_one_line_and_the_next_run_continues(
    small_home: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LADDER_")}
    with serve(
        World(seed=11, players=20, days=20), limits=RequestLimits(per_minute=_NO_LIMIT, per_day=_NO_LIMIT)
    ) as sandbox:
        environment |= {"LADDER_HOME": str(small_home), "LADDER_LAKE_URL": str(lake)}
        environment |= {"LADDER_OPENDOTA_URL": sandbox.url, "LADDER_OPENDOTA_MATCH_BUDGET": "5"}
        ladder = CommandLine(environment, tmp_path)
        players = [str(one) for one in sandbox.world.suggested_players(2)]
        assert ladder("track", "opendota", "player", *players).code == 0
        # Keeps the servers running while their disk is full.
        keeper = ladder.start("serve", "--port", "0")
        try:
            ended = ladder("run")
            assert ended.code == 0, ended.errors
            sandbox.advance(days=2)
            for room in (0, 300_000, 3 * _MB):
                filler = _fill(small_home, but=room)
                try:
                    full = ladder("run")
                    spilled = ladder(
                        "query",
                        "SELECT count(*) FROM (SELECT DISTINCT n FROM generate_series(1, 5000000) AS s (n)) AS d",
                    )
                finally:
                    filler.unlink()
                for ended in (full, spilled):
                    assert ended.code == 1
                    assert len(ended.error_lines) == 1, ended.errors
                    assert (
                        "PostgreSQL has no space left" in ended.error_lines[0]
                        or "No space left" in ended.error_lines[0]
                    )
                    assert "free some space" in ended.error_lines[0]
                    assert [
                        line for line in ended.errors.splitlines() if not line.startswith(("  ", "failed:", "error:"))
                    ] == []
            assert ladder("run").code == 0
            assert ladder("verify", "fct_player_matches").code == 0
            assert "lake: " in ladder("doctor").output
        finally:
            keeper.terminate()
            keeper.communicate(timeout=60)

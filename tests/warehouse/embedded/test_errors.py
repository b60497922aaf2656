"""Ports in use, unusable homes and damaged data end in one clear line each."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.warehouse.embedded.lease_holders import (
    kill_server,
    processes_of,
    server_process,
    settings_for,
    wait_until,
)
from warehouse.core.errors import ConfigurationError, DatabaseError
from warehouse.core.settings import Settings
from warehouse.embedded import find_running, running


@pytest.fixture
def other_socket() -> Iterator[socket.socket]:
    """A listening socket of another program."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def free_port() -> int:
    """A port that is free at this time."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("field", "variable"),
    [("postgres_port", "LADDER_POSTGRES_PORT"), ("valkey_port", "LADDER_VALKEY_PORT")],
)
def test_a_configured_port_in_use_is_rejected_by_name(
    home: Path, other_socket: socket.socket, field: str, variable: str
) -> None:
    port = other_socket.getsockname()[1]
    settings = settings_for(home, **{field: port})
    with pytest.raises(ConfigurationError, match=rf"port {port} .*{variable}") as raised, running(settings):
        pass
    assert "\n" not in str(raised.value)
    assert not processes_of(home)


@pytest.mark.usefixtures("initialised_home")
def test_a_configured_port_is_used(home: Path) -> None:
    port = free_port()
    with running(settings_for(home, postgres_port=port), redis=False) as servers:
        assert f"@127.0.0.1:{port}/" in servers.database_url


def test_a_stored_port_in_use_is_replaced(settings: Settings, home: Path) -> None:
    with running(settings, database=False) as servers:
        before = servers.redis_url
    kept = home / "servers" / "valkey.port"
    with (
        socket.create_server(("127.0.0.1", int(kept.read_text()))),
        running(settings, database=False) as servers,
    ):
        moved = servers.redis_url
        assert moved != before
    with running(settings, database=False) as servers:
        assert servers.redis_url == moved


def test_a_running_server_with_other_leases_does_not_change_its_port(home: Path) -> None:
    with running(settings_for(home), database=False) as servers:
        other = settings_for(home, valkey_port=free_port())
        with pytest.raises(ConfigurationError, match="already runs on port"), running(other, database=False):
            pass
        assert find_running(settings_for(home, database_url="postgresql://db/x")) is not None
        assert servers.redis_url


def test_a_running_server_without_other_leases_moves_to_the_configured_port(home: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom warehouse.embedded import running\n"
        "from warehouse.core.settings import Settings\n"
        "with running(Settings(home=Path(sys.argv[1])), database=False): os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, home], check=True)
    assert processes_of(home)
    port = free_port()
    with running(settings_for(home, valkey_port=port), database=False) as servers:
        assert f":{port}/" in servers.redis_url


def test_a_server_started_by_hand_is_not_stopped(open_directory: Path) -> None:
    home = open_directory / "home"
    with running(settings_for(home), redis=False):
        command = server_process(home, "postgres").cmdline()
    with as_owner_of(home / "postgres" / "data", *command) as by_hand:
        try:
            pidfile = home / "postgres" / "data" / "postmaster.pid"
            wait_until(lambda: pidfile.exists() and "ready" in pidfile.read_text())
            with (
                pytest.raises(DatabaseError, match=f"process {by_hand.pid}"),
                running(settings_for(home), redis=False),
            ):
                pass
            assert by_hand.poll() is None
        finally:
            by_hand.terminate()


def as_owner_of(path: Path, *command: str) -> subprocess.Popen[bytes]:
    """A process that belongs to the owner of a path."""
    if os.geteuid() != 0:
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)
    owner = path.stat()
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, user=owner.st_uid, group=owner.st_gid, extra_groups=[])


@pytest.mark.usefixtures("initialised_home")
def test_a_stale_pid_file_with_the_pid_of_another_program_does_not_prevent_the_start(
    settings: Settings, home: Path
) -> None:
    with running(settings, redis=False):
        pidfile = home / "postgres" / "data" / "postmaster.pid"
        text = pidfile.read_text()
        kill_server(home, "postgres")
    with as_owner_of(home / "postgres" / "data", "sleep", "60") as other_process:
        try:
            pidfile.write_text("\n".join([str(other_process.pid), *text.splitlines()[1:]]) + "\n")
            with running(settings, redis=False) as servers, psycopg.connect(servers.database_url) as connection:
                assert connection.execute("select 1").fetchone() == (1,)
            assert other_process.poll() is None
        finally:
            other_process.kill()


def test_a_home_below_a_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = settings_for(tmp_path / "file" / "home")
    with pytest.raises(ConfigurationError, match="LADDER_HOME"), running(settings):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_rejected(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(ConfigurationError, match="Permission denied"), running(settings_for(closed / "home")):
        pass


@pytest.mark.usefixtures("initialised_home")
def test_the_error_for_a_damaged_cluster_names_its_log(settings: Settings, home: Path) -> None:
    with running(settings, redis=False):
        pass
    (home / "postgres" / "data" / "global" / "pg_control").write_bytes(b"\0" * 8192)
    with pytest.raises(DatabaseError, match="PostgreSQL did not start") as raised, running(settings):
        pass
    log = Path(str(raised.value).rpartition("see ")[2])
    assert log.is_relative_to(home)
    assert log.exists()
    assert "\n" not in str(raised.value)
    assert not processes_of(home)


@pytest.mark.usefixtures("initialised_home")
def test_a_cluster_of_another_version_is_rejected(settings: Settings, home: Path) -> None:
    with running(settings, redis=False):
        pass
    (home / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseError, match="incompatible"), running(settings, redis=False):
        pass


@pytest.mark.usefixtures("initialised_home")
def test_a_lost_password_is_rejected_with_its_file(settings: Settings, home: Path) -> None:
    with running(settings, redis=False):
        pass
    (home / "secrets" / "postgres").unlink()
    with pytest.raises(DatabaseError, match="password") as raised, running(settings, redis=False):
        pass
    assert str(home / "secrets" / "postgres") in str(raised.value)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 30 MB: a cluster needs more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=30m", "ladder-test", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_too_small_for_a_cluster_is_reported(small_disk: Path) -> None:
    with (
        pytest.raises(DatabaseError, match="No space left") as raised,
        running(settings_for(small_disk / "home")),
    ):
        pass
    assert "\n" not in str(raised.value)
    assert not list((small_disk / "home" / "postgres").glob("initialising-*"))


def test_a_full_disk_is_reported(small_disk: Path) -> None:
    with suppress(OSError), open(small_disk / "ballast", "wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    with pytest.raises(ConfigurationError, match="No space left"), running(settings_for(small_disk / "home")):
        pass

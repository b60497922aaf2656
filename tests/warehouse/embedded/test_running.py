"""The servers that `running` yields, and their state after the block."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from tests.warehouse.embedded.lease_holders import LeaseHolder, processes_of, server_process, settings_for
from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings
from warehouse.embedded import Servers, find_running, postgres_bin, running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Servers]]:
    """Servers that tests only read."""
    path = tmp_path_factory.mktemp("shared")
    with running(settings_for(path)) as servers:
        yield path, servers
    assert not processes_of(path)


def test_both_servers_respond_at_their_addresses(shared: tuple[Path, Servers]) -> None:
    _, servers = shared
    with psycopg.connect(servers.database_url) as connection:
        row = connection.execute(
            "select current_database()::text, current_user::text, current_setting('server_version_num')::int / 10000"
        ).fetchone()
        assert row == ("ladder", "ladder_admin", 18)
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.info("server")["valkey_version"].startswith("9.")
    assert servers.is_embedded_database
    assert servers.is_embedded_redis


def test_wrong_or_missing_passwords_are_rejected(shared: tuple[Path, Servers]) -> None:
    _, servers = shared
    at = servers.database_url.partition("@")[2]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://ladder_admin:wrong@{at}")
    with (
        redis.Redis.from_url(f"redis://{servers.redis_url.partition('@')[2]}") as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_passwords_are_scram_verifiers_in_the_database(shared: tuple[Path, Servers]) -> None:
    with psycopg.connect(shared[1].database_url) as connection:
        row = connection.execute("select rolpassword from pg_authid where rolname = 'ladder_admin'").fetchone()
    assert row
    assert row[0].startswith("SCRAM-SHA-256$")


def test_passwords_are_in_private_files_and_on_no_command_line(shared: tuple[Path, Servers]) -> None:
    path, servers = shared
    secrets = [servers.database_url.split(":")[2].split("@")[0], servers.redis_url.split(":")[2].split("@")[0]]
    for process in processes_of(path):
        assert not any(secret in " ".join(process.cmdline()) for secret in secrets)
    for file in path.rglob("*"):
        if file.is_file() and file.stat().st_size < 100_000:
            content = file.read_bytes()
            if any(secret.encode() in content for secret in secrets):
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE((path / "secrets").stat().st_mode) == 0o700


def test_servers_listen_on_loopback_only(shared: tuple[Path, Servers]) -> None:
    path, _ = shared
    for name in ("postgres", "valkey"):
        listening = [c for c in server_process(path, name).net_connections("all") if c.status == "LISTEN"]
        assert [connection.laddr.ip for connection in listening] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("TimeZone", "UTC"),
        ("data_checksums", "on"),
        ("synchronous_commit", "on"),
        ("jit", "off"),
        ("max_connections", "100"),
        ("server_encoding", "UTF8"),
        ("unix_socket_directories", ""),
    ],
)
def test_postgres_is_set_up_for_a_warehouse(shared: tuple[Path, Servers], setting: str, value: str) -> None:
    with psycopg.connect(shared[1].database_url) as connection:
        assert connection.execute("select current_setting(%s)", (setting,)).fetchone() == (value,)


def test_text_sorts_by_code_point_and_folds_all_letters(shared: tuple[Path, Servers]) -> None:
    with psycopg.connect(shared[1].database_url) as connection:
        row = connection.execute(
            "select datlocprovider::text, datlocale, 'Z' < 'a', upper('é') from pg_database where datname = 'ladder'"
        ).fetchone()
    assert row == ("b", "C.UTF-8", True, "É")


def test_valkey_has_a_memory_limit_and_does_not_write_to_disk(shared: tuple[Path, Servers]) -> None:
    with redis.Redis.from_url(shared[1].redis_url, decode_responses=True) as client:
        read = client.config_get("*")
    assert read["maxmemory"] == str(256 * 1024 * 1024)
    assert read["maxmemory-policy"] == "volatile-lru"
    assert (read["save"], read["appendonly"]) == ("", "no")


def test_psql_of_the_wheel_connects(shared: tuple[Path, Servers]) -> None:
    command = [postgres_bin("psql"), shared[1].database_url, "-XAtc", "select 6 * 7"]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stdout == "42\n"


def test_a_program_that_is_not_in_the_wheel_is_named() -> None:
    with pytest.raises(ConfigurationError, match="pg_nothing"):
        postgres_bin("pg_nothing")


@pytest.mark.usefixtures("initialised_home")
def test_servers_are_stopped_when_the_last_lease_is_released(settings: Settings, home: Path) -> None:
    with running(settings):
        assert len(processes_of(home)) > 1
    assert not processes_of(home)


@pytest.mark.usefixtures("initialised_home")
def test_data_and_addresses_survive_a_restart(settings: Settings) -> None:
    with running(settings) as before, psycopg.connect(before.database_url) as connection:
        connection.execute("create table kept as select 1 as one")
    with running(settings) as after, psycopg.connect(after.database_url) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)
    assert after == before


def test_urls_replace_servers_and_no_server_is_started(home: Path) -> None:
    settings = settings_for(home, database_url="postgresql://db/x", redis_url="redis://cache/1")
    expected = Servers("postgresql://db/x", "redis://cache/1", False, False)
    with running(settings) as servers:
        assert servers == expected
    assert find_running(settings) == expected
    assert not home.exists()


def test_one_url_leaves_the_other_server_embedded(home: Path) -> None:
    with running(settings_for(home, database_url="postgresql://db/x")) as servers:
        assert (servers.database_url, servers.is_embedded_database) == ("postgresql://db/x", False)
        assert {process.name() for process in processes_of(home)} == {"valkey-server"}


def test_only_requested_servers_are_started(settings: Settings, home: Path) -> None:
    with running(settings, database=False) as servers:
        assert servers.database_url == ""
        assert {process.name() for process in processes_of(home)} == {"valkey-server"}


def test_find_running_starts_and_writes_nothing(settings: Settings, home: Path) -> None:
    assert find_running(settings) is None
    assert not home.exists()
    with running(settings) as servers:
        assert find_running(settings) == servers
    assert find_running(settings) is None


@pytest.mark.usefixtures("initialised_home")
def test_find_running_is_none_while_one_of_the_two_is_down(settings: Settings) -> None:
    with running(settings, database=False):
        assert find_running(settings) is None


@pytest.mark.usefixtures("initialised_home")
def test_a_nested_use_does_not_stop_the_servers_of_the_outer_one(settings: Settings) -> None:
    with running(settings) as outer:
        with running(settings) as inner:
            assert inner == outer
        assert find_running(settings) == outer


@pytest.mark.usefixtures("initialised_home")
def test_the_process_that_started_the_servers_may_exit_first(
    settings: Settings, home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    starter = start_holder()
    servers = starter.servers()
    with running(settings) as joined:
        assert joined == servers
        starter.leave()
        assert find_running(settings) == servers
    assert not processes_of(home)


@pytest.mark.usefixtures("initialised_home")
def test_a_child_process_takes_a_lease_of_its_own(
    settings: Settings, home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    with running(settings) as servers:
        child = start_holder()
        assert child.servers() == servers
    assert find_running(settings) == servers
    child.leave()
    assert not processes_of(home)


@pytest.mark.usefixtures("initialised_home")
def test_a_fork_that_exits_stops_no_server(settings: Settings) -> None:
    with running(settings) as servers:
        code = (
            "import os, sys\nfrom pathlib import Path\nfrom warehouse.embedded import running\n"
            "from warehouse.core.settings import Settings\n"
            "with running(Settings(home=Path(sys.argv[1]))):\n"
            "    child = os.fork()\n"
            "    if child: os.waitpid(child, 0)\n"
            "    from warehouse.embedded import find_running\n"
            "    assert child == 0 or find_running(Settings(home=Path(sys.argv[1])))\n"
        )
        subprocess.run([sys.executable, "-c", code, settings.home], check=True)
        assert find_running(settings) == servers


def test_processes_that_start_at_the_same_time_share_one_server(
    home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    holders = [start_holder() for _ in range(4)]
    addresses = {holder.servers() for holder in holders}
    assert len(addresses) == 1
    parents = {process.ppid() for process in processes_of(home)}
    masters = [process for process in processes_of(home) if process.pid in parents or process.name() != "postgres"]
    assert sorted(process.name() for process in masters) == ["postgres", "valkey-server"]
    for holder in holders:
        assert holder.leave() == 0
    assert not processes_of(home)


@pytest.mark.usefixtures("initialised_home")
def test_a_home_reached_through_a_link_is_the_same_home(settings: Settings, home: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(home)
    with running(settings) as servers, running(settings_for(link)) as linked:
        assert linked == servers


def test_a_home_with_spaces_and_quotes_works(tmp_path: Path) -> None:
    path = tmp_path / 'it\'s a "home"'
    with running(settings_for(path)) as servers, psycopg.connect(servers.database_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert not processes_of(path)


@pytest.mark.usefixtures("initialised_home")
def test_the_environment_of_the_caller_does_not_reach_the_servers(
    settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("LC_ALL", "xx_XX")
    with running(settings, redis=False):
        assert "PGPORT" not in server_process(home, "postgres").environ()


def test_files_are_private_under_any_umask(settings: Settings, home: Path) -> None:
    before = os.umask(0)
    try:
        with running(settings):
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*") if path.parent == home}
            assert modes["secrets"] == 0o700
            assert stat.S_IMODE((home / "postgres" / "data").stat().st_mode) == 0o700
            readable = [path for path in (home, *home.rglob("*")) if stat.S_IMODE(path.lstat().st_mode) & 0o066]
            assert readable == []
    finally:
        os.umask(before)

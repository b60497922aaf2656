"""One command runs the schedules of a home: two daemons on one storage would start every scheduled run twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest
from click import ClickException

from orchestration.engine import storage
from orchestration.processes.schedules_lock import acquire, hold, is_held
from warehouse.core.errors import LadderError

_HOLDER = """
import sys
from pathlib import Path
from orchestration.processes.schedules_lock import hold
with hold(Path(sys.argv[1]), "ladder up", "http://127.0.0.1:3000"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _holder(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock until its standard input closes."""
    command = [sys.executable, "-c", _HOLDER, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process


def test_a_second_command_fails_with_the_name_and_url_of_the_first(tmp_path: Path) -> None:
    with _holder(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(LadderError, match=r"^`ladder up` already runs at http://127\.0\.0\.1:3000 .*LADDER_HOME$"):
            acquire(tmp_path, "dagster dev")
    assert not is_held(tmp_path)
    with hold(tmp_path, "dagster dev"):
        assert is_held(tmp_path)


def test_a_killed_command_leaves_no_lock_behind(tmp_path: Path) -> None:
    with _holder(tmp_path) as process:
        process.kill()
    with hold(tmp_path, "dagster dev"):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_child_processes_share_the_lock_of_the_holder(tmp_path: Path) -> None:
    child = "import sys; from pathlib import Path; from orchestration.processes.schedules_lock import acquire; "
    child += "print(acquire(Path(sys.argv[1]), 'dagster-daemon run'))"
    with hold(tmp_path, "dagster dev"):
        done = subprocess.run([sys.executable, "-c", child, str(tmp_path)], capture_output=True, check=True)
    assert done.stdout == b"None\n"


def test_a_home_without_a_lock_runs_no_schedules(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    descriptor = acquire(tmp_path, "dagster dev")
    assert descriptor is not None
    os.close(descriptor)
    assert not is_held(tmp_path)


def test_dagster_dev_beside_ladder_up_fails_in_one_line_before_it_starts_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LADDER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_IS_DEV_CLI", "1")
    with _holder(tmp_path), pytest.raises(ClickException, match=r"^`ladder up` already runs at http") as refused:
        storage.HomeStorage()
    assert "\n" not in refused.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["dagster"]


def test_a_dagster_home_in_another_data_directory_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    (other / "secrets").mkdir(parents=True)
    monkeypatch.setenv("DAGSTER_HOME", str(other / "dagster"))
    monkeypatch.setenv("LADDER_HOME", str(tmp_path / "home"))
    with pytest.raises(ClickException, match=rf"set LADDER_HOME={other}, or unset DAGSTER_HOME$"):
        storage.HomeStorage()
    assert not (tmp_path / "home").exists()


def test_dagsters_programs_have_the_names_by_which_they_are_recognised() -> None:
    commands = {point.name for point in entry_points(group="console_scripts")}
    for module, (path, command) in {
        "dagster._daemon": storage._DAEMON,
        "dagster_webserver": storage._WEBSERVER,
    }.items():
        found = find_spec(f"{module}.__main__")
        assert found is not None
        assert (found.origin or "").endswith(path)
        assert command in commands

"""The socket of Dagster's code server: always at the same path, in a folder that only its user can enter."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster._core.workspace.load import location_origins_from_yaml_paths

from orchestration.engine import dagster_commands
from warehouse.core.errors import ConfigurationError

_LONG = "deeper/" * 20


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ladder-") as name:
        yield Path(name)


@pytest.fixture
def home(short_path: Path) -> Path:
    """A data directory that other users may enter."""
    (short_path / "home").mkdir(mode=0o755)
    return short_path / "home"


def test_the_socket_is_in_a_private_folder_of_the_home(home: Path) -> None:
    path = dagster_commands.prepare_socket(home)
    assert path == home / "run" / "code.sock"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.chmod(0o755)
    assert dagster_commands.prepare_socket(home) == path
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_with_a_long_home_the_socket_is_in_a_folder_of_that_home_in_the_runtime_directory(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_path))
    first, again, other = (dagster_commands.prepare_socket(short_path / f"{_LONG}{name}") for name in ("a", "a", "b"))
    assert first == again != other
    assert first.parent.parent == short_path
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_path / _LONG))
    with pytest.raises(ConfigurationError, match="TMPDIR"):
        dagster_commands.prepare_socket(short_path / f"{_LONG}a")


def test_a_folder_of_another_user_is_rejected(home: Path, tmp_path: Path) -> None:
    (home / "run").symlink_to(tmp_path)
    with pytest.raises(ConfigurationError, match="not a directory owned by this user"):
        dagster_commands.prepare_socket(home)
    (home / "run").unlink()
    (home / "run").mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    os.chown(home / "run", 65534, 65534)
    with pytest.raises(ConfigurationError, match="not a directory owned by this user"):
        dagster_commands.prepare_socket(home)


def test_the_workspace_file_has_the_socket_also_with_special_characters_in_its_path(home: Path) -> None:
    (home / "dagster").mkdir()
    path = dagster_commands.write_workspace(home, Path('/a "b" #c: d/code.sock'))
    (found,) = location_origins_from_yaml_paths([str(path)])
    assert found.location_name == "ladderhouse"
    assert found.get_display_metadata()["socket"] == '/a "b" #c: d/code.sock'

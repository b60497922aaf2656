"""Files: a home is private to its owner, and root follows no link of another user."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestration.conftest import CommandLine


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="ladder-files-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_all_files_of_a_home_are_private_even_with_umask_000(ladder: CommandLine, place: Path) -> None:
    home = place / "new" / "home"
    before = os.umask(0)
    try:
        for command in (("status",), ("track", "opendota", "player", "7"), ("keys", "create", "x"), ("run", "--plan")):
            assert ladder.process(*command, LADDER_HOME=str(home), LADDER_LOG_LEVEL="debug").code == 0
        csv = place / "named.csv"
        assert (
            ladder.process("query", "select 1", "--format", "csv", "--output", str(csv), LADDER_HOME=str(home)).code
            == 0
        )
    finally:
        os.umask(before)
    open_ones = [
        path for path in home.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o066 and not path.is_symlink()
    ]
    assert open_ones == []
    assert stat.S_IMODE(home.stat().st_mode) & 0o066 == 0
    # The umask applies to parent folders, and to files that the user names.
    assert stat.S_IMODE((place / "new").stat().st_mode) == 0o777
    assert stat.S_IMODE(csv.stat().st_mode) == 0o666


def test_a_key_is_written_to_a_new_private_file(ladder: CommandLine, place: Path) -> None:
    file = place / "dashboard.key"
    made = ladder("keys", "create", "dashboard", "--to", str(file))
    assert (made.code, made.output) == (0, "")
    assert re.fullmatch("ldr_[a-z0-9]{8}_[A-Za-z0-9]{32}\n", file.read_text())
    assert file.read_text().strip() not in made.errors
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_no_key_is_created_if_its_file_cannot_be(ladder: CommandLine, place: Path, kind: str) -> None:
    file, other = place / "there", place / "other"
    {"file": file.touch, "link": lambda: file.symlink_to(other), "folder": file.mkdir}[kind]()
    refused = ladder("keys", "create", "unmade", "--to", str(file))
    assert (refused.code, refused.output, len(refused.error_lines)) == (1, "", 1)
    assert not other.exists()
    assert "unmade" not in ladder("keys", "list").output


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_follows_no_link_of_another_user_to_a_home(ladder: CommandLine, place: Path) -> None:
    target = place / "target"
    target.mkdir()
    link = place / "home"
    link.symlink_to(target)
    user = pwd.getpwnam("daemon")
    os.lchown(link, user.pw_uid, user.pw_gid)
    refused = ladder.process("status", LADDER_HOME=str(link))
    assert refused.code == 1
    assert "which root does not follow" in refused.errors
    assert list(target.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_writes_nothing_as_root_in_the_home_of_another_user(ladder: CommandLine, place: Path) -> None:
    """If that user can read the program, `ladder` continues as that user; otherwise it exits with an error."""
    user = pwd.getpwnam("daemon")
    home, target = place / "home", place / "of-root"
    home.mkdir()
    target.mkdir(mode=0o700)
    (home / "logs").symlink_to(target)
    for path in (home, home / "logs"):
        os.lchown(path, user.pw_uid, user.pw_gid)
    ended = ladder.process("status", LADDER_HOME=str(home))
    assert list(target.iterdir()) == []
    assert {path.lstat().st_uid for path in home.rglob("*")} == {user.pw_uid}
    assert ended.code == 0 or "which cannot read the program" in ended.errors or "logs" in ended.errors

"""Files are written whole or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from warehouse.core.files import write_atomically


def test_a_file_is_replaced_with_the_mode_that_is_given(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_atomically(path, b"new", mode=0o600, durable=True)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_keeps_its_content_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(temporary: Path) -> None:
        assert temporary.read_bytes() == b"new"
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        write_atomically(path, b"new", before_rename=fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_readers_see_complete_content_while_several_threads_write(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([letter]) * 100_000 for letter in b"abcd"]
    write_atomically(path, contents[0])
    with ThreadPoolExecutor(4) as executor:
        writes = [executor.submit(write_atomically, path, content) for content in contents * 20]
        while not all(write.done() for write in writes):
            assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]

"""Shared artifacts of test sessions are created once and atomically, and are never stale."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import build_cache


def test_processes_that_arrive_during_the_creation_wait_and_get_the_complete_folder(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(place: Path) -> None:
        made.append(place)
        time.sleep(0.2)
        for number in range(100):
            (place / str(number)).touch()

    def find(_: int) -> int:
        return len(list(build_cache.cached_folder("thing", "name", make, tmp_path).iterdir()))

    with ThreadPoolExecutor(8) as executor:
        assert set(executor.map(find, range(16))) == {100}
    assert len(made) == 1


def test_a_failed_creation_leaves_nothing_and_is_repeated(tmp_path: Path) -> None:
    def fail(place: Path) -> None:
        (place / "half").touch()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        build_cache.cached_folder("thing", "name", fail, tmp_path)
    place = build_cache.cached_folder("thing", "name", lambda place: (place / "whole").touch(), tmp_path)
    assert [path.name for path in place.iterdir()] == ["whole"]


def test_a_digest_depends_on_the_content_and_path_of_every_source_and_on_nothing_else(tmp_path: Path) -> None:
    def write(name: str, text: str) -> str:
        (tmp_path / "sources" / name).write_text(text)
        return build_cache.source_digest("sources", root=tmp_path)

    (tmp_path / "sources").mkdir()
    texts = [("one.py", "a"), ("one.py", "b"), ("two.sql", "b"), ("two.sql", "")]
    digests = [write(name, text) for name, text in texts]
    assert len(set(digests)) == len(texts)
    assert write("cache.pyc", "x") == digests[-1]
    (tmp_path / "sources" / "two.sql").rename(tmp_path / "sources" / "three.sql")
    assert build_cache.source_digest("sources", root=tmp_path) not in digests


def test_a_change_of_a_migration_a_table_or_a_setting_requires_another_cluster(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    for name in ("warehouse", "ingestion"):
        shutil.copytree(root / name, tmp_path / name)
    (tmp_path / "tests").mkdir()
    shutil.copy(root / "tests" / "build_cache.py", tmp_path / "tests")
    digests = [build_cache.cluster_digest(tmp_path)]
    assert digests == [build_cache.cluster_digest()]
    (tmp_path / "warehouse" / "migrations" / "9999_more.sql").write_text("SELECT 1;")
    digests.append(build_cache.cluster_digest(tmp_path))
    for name in ("ingestion/sources/opendota/tables.py", "warehouse/embedded/postgres_configuration.py"):
        (tmp_path / name).write_text((tmp_path / name).read_text() + "\n")
        digests.append(build_cache.cluster_digest(tmp_path))
    assert len(set(digests)) == 4

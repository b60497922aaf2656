"""The lake: every response as it was fetched, in Parquet, written before any other step can fail.

    <root>/raw/<source>/<endpoint>/date=YYYY-MM-DD/<batch>.parquet

A file contains one or more pages, one per row. It is written under a temporary name, flushed to the disk and renamed,
so that a file with its final name is always complete. File names sort by landing time.

    <root>/pending/<source>/<endpoint>~YYYY-MM-DD~<batch>

An empty marker for each file that was landed and is not loaded yet, written before the file is renamed, so that pending
files are found without listing the lake (`warehouse.lake.pending`).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.core.errors import LakeError
from warehouse.core.files import sync_folder, write_atomically
from warehouse.core.json_text import encode_json, read_json, remove_fields
from warehouse.model.source import CursorUpdate, Page, Source

__all__ = ["Lake", "write_lake_file"]

_SCHEMA = pa.schema(
    [
        pa.field("page", pa.int32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("request", pa.string(), nullable=False),
        pa.field("params", pa.string(), nullable=False),
        pa.field("status", pa.int16(), nullable=False),
        pa.field("observed_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("cursor", pa.string()),
        pa.field("digest", pa.binary(16), nullable=False),
        pa.field("body", pa.binary(), nullable=False),
    ]
)
_ROW_GROUP_PAGES = 16
_TOKEN = "listed.token"


class Lake:
    """A directory of landed pages.

    Args:
        root: the lake's directory; created when the first page is landed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def land(self, source: Source, endpoint: str, pages: Sequence[Page]) -> Path:
        """Write pages of one endpoint into a new file and return its path once it is on the disk.

        Fields that must not be stored (`Endpoint.excluded_fields`) are removed first.

        Raises:
            LakeError: the disk is full, or the lake cannot be written.
        """
        day = pages[0].observed_at.astimezone(UTC).date()
        folder = self.root / "raw" / source.name / endpoint / f"date={day}"
        path = folder / f"{time.time_ns():016x}-{secrets.token_hex(4)}.parquet"
        unfinished = path.with_suffix(".unfinished")
        table = _to_table(pages, source.endpoints[endpoint].excluded_fields)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as stream:
                pq.write_table(
                    table,
                    stream,
                    compression="zstd",
                    compression_level=1,
                    use_dictionary=False,
                    write_statistics=False,
                    row_group_size=_ROW_GROUP_PAGES,
                )
                stream.flush()
                os.fsync(stream.fileno())
            self.mark_pending([path])
            unfinished.rename(path)
            sync_folder(folder)
        except OSError as error:
            with suppress(OSError):  # the reason why the file cannot be written may also keep it from being removed
                unfinished.unlink()
            raise _lake_error(error, "write", path) from None
        return path

    def files(self, source: str, endpoint: str | None = None) -> list[Path]:
        """Complete files of a source, or of one of its endpoints, in landing order."""
        folder = self.root / "raw" / source
        pattern = f"{endpoint or '*'}/date=*/*.parquet"
        return sorted(folder.glob(pattern), key=lambda path: path.name)

    def mark_pending(self, paths: Sequence[Path]) -> None:
        """Write markers for files of one source that are not loaded yet, and flush them to the disk.

        Raises:
            OSError: the lake cannot be written.
        """
        if not paths:
            return
        folder = self._pending_folder(paths[0].parents[2].name)
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            (folder / _marker_name(path)).touch()
        sync_folder(folder)

    def marked_pending(self, source: str) -> list[Path]:
        """Files with a marker, in landing order; a file that is still being written does not exist yet."""
        folder = self._pending_folder(source)
        try:
            names = [entry.name for entry in os.scandir(folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = (self._marked_path(source, name) for name in names)
        return sorted((path for path in found if path is not None), key=lambda path: path.name)

    def start_markers(self, source: str, pending: Sequence[Path], token: str) -> None:
        """Write markers for all pending files, and a token that identifies the listing that found them.

        Raises:
            LakeError: the lake cannot be written.
        """
        try:
            self.mark_pending(pending)
        except OSError as error:
            raise _lake_error(error, "write", self._pending_folder(source)) from None
        write_lake_file(self._pending_folder(source) / _TOKEN, token.encode())

    def listing_token(self, source: str) -> str | None:
        """Token of the listing that the markers continue; None if there was none."""
        try:
            return (self._pending_folder(source) / _TOKEN).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return None

    def clear_pending(self, paths: Sequence[Path]) -> None:
        """Remove the markers of files that are loaded or were never completed."""
        for path in paths:
            # A marker that cannot be removed costs one lookup in the next load.
            with suppress(OSError):
                (self._pending_folder(path.parents[2].name) / _marker_name(path)).unlink()

    def remove_stale_markers(self, source: str, *, older_than_s: float) -> None:
        """Remove old markers of files that were never completed or no longer exist."""
        for path in self.marked_pending(source):
            marker = self._pending_folder(source) / _marker_name(path)
            with suppress(OSError):
                if time.time() - marker.stat().st_mtime > older_than_s and not path.exists():
                    marker.unlink()

    def _pending_folder(self, source: str) -> Path:
        return self.root / "pending" / source

    def _marked_path(self, source: str, marker: str) -> Path | None:
        endpoint, _, rest = marker.partition("~")
        day, _, batch = rest.partition("~")
        # Other files in the folder, such as the token, have no batch in their name.
        return self.root / "raw" / source / endpoint / f"date={day}" / f"{batch}.parquet" if batch else None

    def has_files(self) -> bool:
        """Whether any source has landed a file."""
        return next((self.root / "raw").glob("*/*/date=*/*.parquet"), None) is not None

    def unfinished_files(self, source: str) -> list[Path]:
        """Incomplete files of a source: their writer is still writing, or was killed."""
        return sorted((self.root / "raw" / source).glob("*/date=*/*.unfinished"))

    def endpoint_of(self, path: Path) -> str:
        """Endpoint of a file, by its folder."""
        return path.parent.parent.name

    def name_of(self, path: Path) -> str:
        """Path of a file relative to the lake, as stored in `ops.lake_files`."""
        return path.relative_to(self.root).as_posix()

    def digests(self, path: Path) -> list[bytes]:
        """Digest of each page of a file: equal for the same response to the same request at the same time.

        Raises:
            LakeError: the file cannot be read or is damaged.
        """
        try:
            digests: list[bytes] = pq.read_table(path, columns=["digest"])["digest"].to_pylist()
        except (OSError, pa.ArrowInvalid) as error:
            raise _lake_error(error, "read", path) from None
        return digests

    def read(self, path: Path) -> Iterator[Page]:
        """Read a file's pages in order, a few at a time.

        Raises:
            LakeError: the file cannot be read or is damaged.
        """
        endpoint = self.endpoint_of(path)
        try:
            with pq.ParquetFile(path, memory_map=True) as file:
                columns = [name for name in _SCHEMA.names if name != "digest"]
                for batch in file.iter_batches(batch_size=_ROW_GROUP_PAGES, columns=columns):
                    for row in batch.to_pylist():
                        yield _to_page(endpoint, row)
        except (OSError, pa.ArrowInvalid) as error:
            raise _lake_error(error, "read", path) from None


def write_lake_file(path: Path, content: bytes) -> None:
    """Write a small file of the lake atomically and flush it to the disk.

    Raises:
        LakeError: the lake cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content, durable=True)
    except OSError as error:
        raise _lake_error(error, "write", path) from None


def _marker_name(path: Path) -> str:
    return "~".join((path.parents[1].name, path.parent.name.removeprefix("date="), path.stem))


def _to_table(pages: Sequence[Page], excluded_fields: frozenset[str]) -> pa.Table:
    rows: dict[str, list[Any]] = {
        "page": list(range(len(pages))),
        "kind": [page.kind for page in pages],
        "request": [page.request for page in pages],
        "params": [json.dumps(page.params, sort_keys=True) for page in pages],
        "status": [page.status for page in pages],
        "observed_at": [page.observed_at for page in pages],
        "cursor": [None if page.cursor is None else _cursor_text(page.cursor) for page in pages],
        "body": [_strip(page.body, excluded_fields) for page in pages],
    }
    described = zip(
        *(rows[name] for name in ("kind", "request", "params", "status", "observed_at", "cursor")), strict=True
    )
    rows["digest"] = [_digest(about, body) for about, body in zip(described, rows["body"], strict=True)]
    return pa.table(rows, schema=_SCHEMA)


def _digest(about: tuple[Any, ...], body: bytes) -> bytes:
    digest = hashlib.blake2b(repr(about).encode(), digest_size=16)
    digest.update(body)
    return digest.digest()


def _cursor_text(cursor: CursorUpdate) -> str:
    return json.dumps({"name": cursor.name, "value": cursor.value}, sort_keys=True)


def _to_page(endpoint: str, row: dict[str, Any]) -> Page:
    cursor = None
    if row["cursor"] is not None:
        stored = json.loads(row["cursor"])
        cursor = CursorUpdate(stored["name"], stored["value"])
    return Page(
        endpoint=endpoint,
        request=row["request"],
        params=json.loads(row["params"]),
        status=row["status"],
        observed_at=row["observed_at"],
        body=row["body"],
        kind=row["kind"],
        cursor=cursor,
    )


def _strip(body: bytes, excluded_fields: frozenset[str]) -> bytes:
    """Remove fields that must not be stored, at any depth; a payload without them keeps its bytes."""
    if not any(f'"{key}"'.encode() in body for key in excluded_fields):
        return body
    try:
        return encode_json(_without(read_json(body), excluded_fields)).encode()
    except (ValueError, RecursionError):
        return remove_fields(body, excluded_fields)


def _without(value: Any, excluded_fields: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, excluded_fields) for key, item in value.items() if key not in excluded_fields}
    if isinstance(value, list):
        return [_without(item, excluded_fields) for item in value]
    return value


def _lake_error(error: Exception, verb: str, path: Path) -> LakeError:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return LakeError(
            f"no space left for the lake at {path.parent}", "free some space and run again; nothing is lost"
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return LakeError(f"no permission to {verb} the lake at {path.parent}", "check LADDER_HOME or LADDER_LAKE_URL")
    return LakeError(f"cannot {verb} {path}: {error}", "restore the file from a backup or move it away")

"""Output of commands: results on standard output, progress and errors on standard error.

Output may contain text from upstreams, so control characters are escaped here, for all commands.
"""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, cast

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from orchestration.progress import (
    FailingTest,
    LoadFailed,
    MartsPublished,
    NodeDone,
    ProgressEvent,
    SourceSkipped,
    SyncDone,
    SyncProgress,
)
from warehouse.core.control_characters import escape_control_characters

__all__ = ["RunView", "VisibleConsole", "console", "errors", "output_stream", "table", "warn", "write_json"]


class VisibleConsole(Console):
    """A console for plain text, with escaped control characters, without markup, and without wrapped sentences."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print. Line ends in strings are kept; other objects, such as tables, are fitted to the terminal."""
        options.setdefault("soft_wrap", all(isinstance(one, str) for one in objects))
        super().print(
            *(escape_control_characters(one, is_multiline=True) if isinstance(one, str) else one for one in objects),
            **options,
        )


class _VisibleTable(Table):
    """A table with one line per cell, in which control characters are escaped."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(
            *(escape_control_characters(cell) if isinstance(cell, str) else cell for cell in cells), **options
        )


class _VisibleStream(io.RawIOBase):
    """A stream of UTF-8 to a terminal, in which control characters are escaped."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(escape_control_characters(self._decoder.decode(data), is_multiline=True).encode())
        return len(data)


console = VisibleConsole()
errors = VisibleConsole(stderr=True)


def warn(line: str) -> None:
    """Write one line about a partial failure."""
    sys.stderr.write(f"failed: {escape_control_characters(line, is_multiline=True)}\n")


def output_stream() -> IO[bytes]:
    """Standard output for bytes: unchanged to a pipe or a file, with control characters escaped to a terminal."""
    stream = sys.stdout.buffer
    return cast(IO[bytes], _VisibleStream(stream)) if sys.stdout.isatty() else stream


def write_json(found: Any) -> None:
    """Write one line of JSON to standard output."""
    output_stream().write(msgspec.json.encode(found) + b"\n")


def table(columns: Sequence[str], *, numbers: Sequence[str] = ()) -> Table:
    """A plain table. The columns `numbers` are aligned to the right."""
    shown = _VisibleTable(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        shown.add_column(
            escape_control_characters(column), justify="right" if column in numbers else "left", overflow="fold"
        )
    return shown


class RunView:
    """Shows the progress of a run, and collects its failures."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.failing_tests: list[FailingTest] = []
        self.requests = 0
        self.changed = 0
        self.published: MartsPublished | None = None
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=errors,
            transient=True,
            disable=not errors.is_terminal,
        )

    @contextmanager
    def shown(self) -> Iterator[RunView]:
        """Show progress bars for the length of the block, if standard error is a terminal."""
        with self._progress:
            yield self

    def show_activity(self, text: str) -> None:
        """Show an activity until the first progress bar."""
        self._bar("", text)

    def handle(self, event: ProgressEvent) -> None:
        """Handle a progress event of a run."""
        match event:
            case SyncProgress(source, name, done, total):
                self._progress.update(self._bar(f"{source}/{name}"), completed=done, total=total)
            case SyncDone():
                self._on_sync_done(event)
            case SourceSkipped(line, tracked):
                self._on_source_skipped(line, tracked)
            case LoadFailed(line):
                self.failures.append(line)
            case NodeDone(name, status, done, total):
                if status in ("fail", "error", "warn"):
                    errors.print(f"  dbt: {name}: {status}")
                self._progress.update(self._bar("dbt"), completed=done, total=total, note=name)
            case FailingTest():
                self.failing_tests.append(event)
            case MartsPublished():
                self.published = event

    def _on_sync_done(self, event: SyncDone) -> None:
        self.requests += event.requests
        self.changed += event.changed
        self.failures += event.failures
        note = f"{event.requests} requests, {event.changed} rows changed"
        if event.rejected:
            note += f", {event.rejected} rejected"
        name = f"{event.source}/{event.name}"
        self._progress.update(self._bar(name), completed=1, total=1, note=note)
        if event.requests or event.failures:
            errors.print(f"  {name}: {note}")
        for line in event.notes:
            errors.print(f"  {name}: {line}")

    def _on_source_skipped(self, line: str, tracked: int) -> None:
        """A skipped source is a failure if it has tracked entities, and a note otherwise."""
        if tracked:
            self.failures.append(f"{line}; {tracked} of its entities are tracked and not synced")
        else:
            errors.print(f"  {line}")

    def _bar(self, name: str, text: str = "") -> TaskID:
        if "" in self._bars and name:
            self._progress.remove_task(self._bars.pop(""))
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(text or name, total=None, note="")
        return self._bars[name]

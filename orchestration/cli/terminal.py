"""How commands look: results on standard output, progress and errors on standard error.

Whatever is shown may hold text of others: its control characters are shown as escapes, here, for all commands.
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
from warehouse.core.visible import visible

__all__ = ["RunView", "VisibleConsole", "console", "errors", "output_stream", "table", "warn", "write_json"]


class VisibleConsole(Console):
    """A console for plain text: control characters are shown, brackets are no markup, and no sentence is broken."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; line ends in a text stay, since our own texts have them. What is no text, as a table, is fitted in."""
        options.setdefault("soft_wrap", all(isinstance(one, str) for one in objects))
        super().print(*(visible(one, has_lines=True) if isinstance(one, str) else one for one in objects), **options)


class _VisibleTable(Table):
    """A table whose cells are a line each, with control characters shown."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(visible(cell) if isinstance(cell, str) else cell for cell in cells), **options)


class _VisibleStream(io.RawIOBase):
    """Bytes of UTF-8 on their way to a terminal."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(visible(self._decoder.decode(data), has_lines=True).encode())
        return len(data)


console = VisibleConsole()
errors = VisibleConsole(stderr=True)


def warn(line: str) -> None:
    """One line about something that failed while the rest was done."""
    sys.stderr.write(f"failed: {visible(line, has_lines=True)}\n")


def output_stream() -> IO[bytes]:
    """Standard output for bytes: as they are for a pipe or a file, with control characters shown for a terminal."""
    stream = sys.stdout.buffer
    return cast(IO[bytes], _VisibleStream(stream)) if sys.stdout.isatty() else stream


def write_json(found: Any) -> None:
    """Write one line of JSON to standard output."""
    output_stream().write(msgspec.json.encode(found) + b"\n")


def table(columns: Sequence[str], *, numbers: Sequence[str] = ()) -> Table:
    """A plain table; columns of numbers are set to the right."""
    made = _VisibleTable(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        made.add_column(visible(column), justify="right" if column in numbers else "left", overflow="fold")
    return made


class RunView:
    """Shows a run as it tells of itself, and keeps what failed."""

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
        """Show bars for the length of the block, where there is a terminal."""
        with self._progress:
            yield self

    def begin(self, text: str) -> None:
        """Say what is being done before anything can be counted."""
        self._bar("", text)

    def handle(self, message: ProgressEvent) -> None:
        """Take in what a run tells."""
        match message:
            case SyncProgress(source, name, done, total):
                self._progress.update(self._bar(f"{source}/{name}"), completed=done, total=total)
            case SyncDone():
                self._pass_is_over(message)
            case SourceSkipped(line, tracked):
                self._is_left_out(line, tracked)
            case LoadFailed(line):
                self.failures.append(line)
            case NodeDone(name, status, done, total):
                if status in ("fail", "error", "warn"):
                    errors.print(f"  dbt: {name}: {status}")
                self._progress.update(self._bar("dbt"), completed=done, total=total, note=name)
            case FailingTest():
                self.failing_tests.append(message)
            case MartsPublished():
                self.published = message

    def _pass_is_over(self, message: SyncDone) -> None:
        self.requests += message.requests
        self.changed += message.changed
        self.failures += message.failures
        note = f"{message.requests} requests, {message.changed} rows changed"
        if message.rejected:
            note += f", {message.rejected} rejected"
        name = f"{message.source}/{message.name}"
        self._progress.update(self._bar(name), completed=1, total=1, note=note)
        if message.requests or message.failures:
            errors.print(f"  {name}: {note}")
        for line in message.notes:
            errors.print(f"  {name}: {line}")

    def _is_left_out(self, line: str, tracked: int) -> None:
        """What nobody asked for is mentioned; what is tracked and not read has failed."""
        if tracked:
            self.failures.append(f"{line}; {tracked} of its things are tracked and not read")
        else:
            errors.print(f"  {line}")

    def _bar(self, name: str, text: str = "") -> TaskID:
        if "" in self._bars and name:
            self._progress.remove_task(self._bars.pop(""))
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(text or name, total=None, note="")
        return self._bars[name]

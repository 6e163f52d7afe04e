"""Telling the user how far the work is: bars on a terminal, plain lines elsewhere, JSON lines on request.

Bars and messages go to standard error, results to standard output, so that output can be piped.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from pipeline.text import printable

PLAIN_INTERVAL_SECONDS = 5.0


class Track(Protocol):
    """One running count."""

    def advance(self, note: str = "") -> None:
        """Count one more; `note` says what it was."""
        ...


class Progress(Protocol):
    """Where a command speaks."""

    verbose: bool

    def result(self, text: str, /, **fields: Any) -> None:
        """Print an answer on standard output: `text` for people, `fields` as JSON."""
        ...

    def note(self, text: str) -> None:
        """Tell something worth knowing."""
        ...

    def error(self, text: str) -> None:
        """Tell what went wrong."""
        ...

    def track(self, label: str, total: int) -> "TrackContext":
        """Count `total` things under a label."""
        ...

    def close(self) -> None:
        """Flush."""
        ...


class TrackContext(Protocol):
    """A running count as a context."""

    def __enter__(self) -> Track: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


def make_progress(*, json_lines: bool = False, verbose: bool = False) -> Progress:
    """Return the kind of progress that fits where standard error goes."""
    if json_lines:
        return JsonProgress(verbose)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return TerminalProgress(verbose)
    return PlainProgress(verbose)


class _Counter:
    """Counts, and says so at most once an interval."""

    def __init__(self, label: str, total: int, say: Any) -> None:
        self._label, self._total, self._say = label, total, say
        self._done, self._started, self._said = 0, time.monotonic(), time.monotonic()

    def advance(self, note: str = "") -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._said >= PLAIN_INTERVAL_SECONDS and self._done < self._total:
            self._said = now
            self._say(self._label, self._done, self._total, now - self._started)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._say(self._label, self._done, self._total, time.monotonic() - self._started)


class PlainProgress:
    """Lines, for logs."""

    def __init__(self, verbose: bool = False, errors: TextIO | None = None) -> None:
        self.verbose = verbose
        self._errors = errors or sys.stderr

    def result(self, text: str, /, **fields: Any) -> None:
        print("\n".join(printable(line, 2000) for line in text.split("\n")), flush=True)

    def note(self, text: str) -> None:
        for line in text.split("\n"):
            print(printable(line, 2000), file=self._errors, flush=True)

    def error(self, text: str) -> None:
        self.note(f"error: {text}")

    def track(self, label: str, total: int) -> TrackContext:
        return _Counter(label, total, self._say)

    def close(self) -> None:
        self._errors.flush()

    def _say(self, label: str, done: int, total: int, seconds: float) -> None:
        self.note(f"{label}: {done:,} of {total:,} ({seconds:.0f} s)")


class JsonProgress:
    """One JSON object a line on standard output."""

    def __init__(self, verbose: bool = False) -> None:
        self.verbose = verbose

    def result(self, text: str, /, **fields: Any) -> None:
        self._write("result", **(fields or {"text": text}))

    def note(self, text: str) -> None:
        self._write("note", text=text)

    def error(self, text: str) -> None:
        self._write("error", text=text)

    def track(self, label: str, total: int) -> TrackContext:
        return _Counter(label, total, self._say)

    def close(self) -> None:
        sys.stdout.flush()

    def _say(self, label: str, done: int, total: int, seconds: float) -> None:
        self._write("progress", label=label, done=done, total=total, seconds=round(seconds, 1))

    def _write(self, event: str, /, **fields: Any) -> None:
        line = json.dumps({"event": event, **fields}, default=str)
        print(line.replace("##[", "##\\u005b"), flush=True)  # to GitHub's log reader a command, anywhere in a line


class TerminalProgress:
    """Bars and colours through rich, which honours NO_COLOR."""

    def __init__(self, verbose: bool = False) -> None:
        from rich.console import Console

        self.verbose = verbose
        self._errors = Console(stderr=True, highlight=False)
        self._output = Console(highlight=False)

    def result(self, text: str, /, **fields: Any) -> None:
        for line in text.split("\n"):
            self._output.print(printable(line, 2000), markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        for line in text.split("\n"):
            self._errors.print(printable(line, 2000), markup=False, soft_wrap=True)

    def error(self, text: str) -> None:
        for line in f"error: {text}".split("\n"):
            self._errors.print(printable(line, 2000), style="bold red", markup=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is held open between tracks."""

    @contextmanager
    def track(self, label: str, total: int) -> Iterator[Track]:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with RichProgress(*columns, console=self._errors) as bar:
            identity = bar.add_task(label, total=total, note="")
            yield _Bar(bar, identity)


class _Bar:
    def __init__(self, bar: Any, identity: Any) -> None:
        self._bar, self._identity = bar, identity

    def advance(self, note: str = "") -> None:
        self._bar.update(self._identity, advance=1, note=printable(note, 60))

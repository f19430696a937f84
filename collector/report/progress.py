"""Progress of a report: what is done of how much, and a line of it on a terminal for whoever waits longer than a second."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TextIO, TypeVar

Progress = Callable[[int, int], None]
"""Called with what is done and the total, which may grow."""

T = TypeVar("T")
STEP: Final = 256
"""Rows between two calls: telling costs less than a thousandth of the work."""
PATIENCE_MS: Final = 1_000
REFRESH_MS: Final = 200
WIDTH: Final = 30


def counted(items: Iterable[T], total: int, progress: Progress | None) -> Iterable[T]:
    """The items, told to `progress` as they pass."""
    return items if progress is None else _telling(items, total, progress)


def _telling(items: Iterable[T], total: int, progress: Progress) -> Iterator[T]:
    for done, item in enumerate(items, 1):
        yield item
        if done % STEP == 0:
            progress(done, total)
    progress(total, total)


class Bar:
    """A progress bar on one line of a terminal; silent elsewhere and for the first second.

    `now_ms` is a monotonic clock. As a context manager it clears its line at the end, whatever happened.
    """

    def __init__(self, stream: TextIO, now_ms: Callable[[], int], label: str) -> None:
        self._stream, self._now_ms, self._label = stream, now_ms, label
        self._on = stream.isatty()
        self._next_ms = now_ms() + PATIENCE_MS
        self._shown = 0

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()

    def __call__(self, done: int, total: int) -> None:
        """Tell how far it is; safe to call as often as one likes."""
        now = self._now_ms()
        if not self._on or now < self._next_ms:
            return
        self._next_ms = now + REFRESH_MS
        full = min(done * WIDTH // total, WIDTH) if total > 0 else 0
        share = min(done * 100 // total, 100) if total > 0 else 0
        line = f"{self._label} [{'#' * full}{'.' * (WIDTH - full)}] {share:3d} %"
        self._stream.write("\r" + line.ljust(self._shown))
        self._stream.flush()
        self._shown = max(self._shown, len(line))

"""Asks mounts for their space without waiting for one that hangs; serves kind `filesystem`.

A question to the kernel about a dead network mount cannot be ended, only left behind: its thread is given up to that
mount, and the mount is not asked again until the thread came back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final

Space = tuple[float, float, float, float, float]
"""Size, free and available bytes; file nodes, free file nodes."""
Measure = Callable[[str], Space]
"""Asks the operating system about the file system at a path. Raises `OSError`."""

MAX_STUCK: Final = 16
"""Threads given up at most. While so many hang, no further mount of this sort is asked."""
PATIENCE: Final = 4
"""Timeouts that one collection waits for at most, however many mounts are slow."""


class _Round:
    """The questions of one thread, worked off in order."""

    __slots__ = ("answers", "done", "left_behind", "paths")

    def __init__(self, paths: list[str], done: threading.Event) -> None:
        self.paths = paths
        self.answers: dict[str, Space | None] = {}
        self.done = done
        self.left_behind = False


class Asker:
    """Measures mounts that may hang (network, FUSE) on a helper thread, waiting `timeout_s` for each."""

    def __init__(self, measure: Measure, timeout_s: float, event: Callable[[], threading.Event] = threading.Event) -> None:
        self._measure = measure
        self._event = event
        self._timeout_s = timeout_s
        self._stuck: set[str] = set()
        self._lock = threading.Lock()

    def ask(self, paths: Iterable[str]) -> dict[str, Space | None]:
        """Space of each mount; `None` where the system answered with an error, no entry where it did not answer."""
        answers: dict[str, Space | None] = {}
        todo = [path for path in dict.fromkeys(paths) if path not in self._stuck]
        patience = PATIENCE
        while todo and patience > 0 and len(self._stuck) < MAX_STUCK:
            round_ = _Round(todo, self._event())
            threading.Thread(target=self._work, args=(round_,), name="mounts", daemon=True).start()
            patience = self._await(round_, patience)
            answers |= round_.answers
            todo = todo[len(round_.answers) + 1 :]
        return answers

    def _await(self, round_: _Round, patience: int) -> int:
        """Wait until all is answered or one mount hangs, which is then left to its thread. The patience that remains."""
        answered = 0
        while not round_.done.wait(self._timeout_s):
            patience -= 1
            with self._lock:
                got_on = len(round_.answers) > answered
                answered = len(round_.answers)
                if answered == len(round_.paths):
                    break
                if not got_on or patience == 0:
                    round_.left_behind = True
                    self._stuck.add(round_.paths[answered])
                    break
        return patience

    def _work(self, round_: _Round) -> None:
        for path in round_.paths:
            try:
                space: Space | None = self._measure(path)
            except OSError:
                space = None
            with self._lock:
                if round_.left_behind:
                    self._stuck.discard(path)
                    return
                round_.answers[path] = space
        round_.done.set()

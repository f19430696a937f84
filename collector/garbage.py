"""When the interpreter looks for garbage in cycles. Nearly everything here is freed by reference counting; a look at ten
thousand targets, or at a report of them, finds nothing and holds the event loop for tenths of a second.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

YOUNG_S: Final = 0.05
"""How often the newest values are looked at: then they are few. The interpreter counts what was made less what was freed, so
that its own looks come when a cache of all targets was made anew, and take 0.1 s."""
OLD_S: Final = 3_600.0
GROWTH: Final = 100_000
"""Everything is looked at when there are so many values more than half as many again."""


class _Now(msgspec.Struct):
    resting: int = 0
    """How many works are under way that make very many values."""
    sweepers: int = 0
    most: int = 0
    """More values than these make a look at everything necessary."""

    def keep(self) -> None:
        """What there is stays, and is not looked at."""
        gc.freeze()
        count = gc.get_freeze_count()
        self.most = count + count // 2 + GROWTH


_now = _Now()


@contextmanager
def uncollected(*, stays: bool = False) -> Iterator[None]:
    """Inside, work makes many values and no cycles: only the newest ones are looked at, where somebody sweeps, and none where
    nobody does. It goes on afterwards if it did before. `stays`: what was made is there for good."""
    was_on = gc.isenabled()
    gc.disable()
    _now.resting += 1
    try:
        yield
    finally:
        _now.resting -= 1
        if stays and _now.sweepers:
            _now.keep()
        if was_on and not _now.sweepers:
            gc.enable()


class Sweeper:
    """Looks for cycles in place of the interpreter, in a process that serves for a long time.

    The newest values are looked at all the time; all of them, which holds the event loop, only when there are half as many
    again: memory stays bounded.
    """

    def __init__(self, now_s: float) -> None:
        _now.sweepers += 1
        gc.disable()
        _now.keep()
        self._old_s = now_s

    def close(self) -> None:
        """Leave it to the interpreter again."""
        _now.sweepers -= 1
        gc.unfreeze()
        gc.enable()

    def turn(self, now_s: float) -> None:
        """Look at what is due at a moment of a steady clock."""
        gc.collect(0)
        if _now.resting or now_s - self._old_s < OLD_S:
            return
        self._old_s = now_s
        gc.freeze()
        if gc.get_freeze_count() > _now.most:
            gc.unfreeze()
            gc.collect()
            _now.keep()

    async def sweep(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                await asyncio.sleep(YOUNG_S)
                self.turn(time.monotonic())
        finally:
            self.close()

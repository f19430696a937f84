"""How much of one sender, and of all together, is heard: token buckets, what was heard already, and strangers.

Pure: told the time. Everything is bounded, and what is pushed out is the oldest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

import msgspec

K = TypeVar("K", bound=Hashable)

MAX_SOURCES: Final = 20_000
MAX_HEARD: Final = 20_000
MAX_STRANGERS: Final = 1_000


class Bucket:
    """Tokens that come back at `rate` a second, at most `burst` of them."""

    __slots__ = ("_at_ms", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate / 1000
        self._burst = burst
        self._tokens = burst
        self._at_ms = 0

    def take(self, now_ms: int) -> bool:
        """Whether there is a token, which is then gone. Time that goes back brings none."""
        gone_ms = max(0, now_ms - self._at_ms)
        self._at_ms = now_ms
        self._tokens = min(self._burst, self._tokens + gone_ms * self._rate)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Buckets(Generic[K]):
    """One bucket for each source, of the sources that were heard last."""

    def __init__(self, rate: float, burst: float, most: int = MAX_SOURCES) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[K, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, source: K, now_ms: int) -> bool:
        """Whether this source may be heard."""
        bucket = self._buckets.get(source)
        if bucket is None:
            bucket = self._buckets[source] = Bucket(self._rate, self._burst)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(source)
        return bucket.take(now_ms)


class Repeats:
    """What was heard already. Of one alarm, a `clear` after a `raise` is news, and so is the next `raise`."""

    def __init__(self, window_s: int, most: int = MAX_HEARD) -> None:
        self._window_ms = window_s * 1000
        self._most = most
        self._heard: OrderedDict[Hashable, tuple[Hashable, int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._heard)

    def is_repeat(self, key: Hashable, state: Hashable, now_ms: int) -> bool:
        """Whether `key` was heard in the same `state` within the window, which begins when it was heard for the first time:
        a repetition is counted, and does not keep the next evidence away for ever."""
        last = self._heard.get(key)
        if last is not None and last[0] == state and 0 <= now_ms - last[1] < self._window_ms:
            self._heard[key] = (state, last[1], last[2] + 1)
            return True
        return False

    def note(self, key: Hashable, state: Hashable, now_ms: int) -> int:
        """`key` is news: remember it. How often its last state had been repeated."""
        last = self._heard.pop(key, None)
        self._heard[key] = (state, now_ms, 0)
        if len(self._heard) > self._most:
            self._heard.popitem(last=False)
        return last[2] if last is not None else 0


class Stranger(msgspec.Struct, frozen=True):
    """A sender that is not heard, and why it was not the last time."""

    source: str
    why: str
    count: int
    first_ms: int
    last_ms: int


class Strangers:
    """Senders that are counted and listed, and not trusted."""

    def __init__(self, most: int = MAX_STRANGERS) -> None:
        self._most = most
        self._found: OrderedDict[str, Stranger] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def add(self, source: str, why: str, now_ms: int) -> None:
        """Note one message of `source`."""
        last = self._found.pop(source, None)
        count, first_ms = (last.count + 1, last.first_ms) if last else (1, now_ms)
        self._found[source] = Stranger(source, why, count, first_ms, now_ms)
        if len(self._found) > self._most:
            self._found.popitem(last=False)

    def forget(self, source: str) -> None:
        """It is one of ours now."""
        self._found.pop(source, None)

    def listed(self) -> list[Stranger]:
        """All of them, the last heard first."""
        return list(reversed(self._found.values()))


class Rates:
    """Events a source has had within a window; says once a window that it was too many."""

    def __init__(self, most: int = MAX_SOURCES) -> None:
        self._most = most
        self._seen: OrderedDict[Hashable, tuple[int, int]] = OrderedDict()

    def is_too_many(self, key: Hashable, limit: int, within_s: int, now_ms: int) -> bool:
        """Count one; true for the one that makes `limit` of them within the window."""
        start_ms, count = self._seen.pop(key, (now_ms, 0))
        if not 0 <= now_ms - start_ms < within_s * 1000:
            start_ms, count = now_ms, 0
        self._seen[key] = (start_ms, count + 1)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return count + 1 == limit

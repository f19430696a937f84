"""How much one agent or address may ask for: token buckets, a byte budget and the credit for backlogs.

Pure: every answer depends on the time that is passed in (seconds, any steady clock).
"""

from __future__ import annotations

from collections import OrderedDict


class Bucket:
    """A token bucket: `rate` tokens a second, at most `burst` saved up; starts full."""

    __slots__ = ("_at", "_left", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._left = burst
        self._at = now

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take `amount` and return 0, or take nothing and return the seconds until it would be there.

        An amount above the burst is taken when the bucket is full, so it waits but is never refused for ever.
        """
        left = min(self.burst, self._left + max(0.0, now - self._at) * self.rate)
        self._at = max(now, self._at)
        wanted = min(amount, self.burst)
        if left >= wanted:
            self._left = left - amount
            return 0.0
        self._left = left
        return (wanted - left) / self.rate


class Buckets:
    """One bucket per key; at most `keys` are remembered, the longest unused is forgotten (and thereby full again)."""

    def __init__(self, rate: float, burst: float, keys: int) -> None:
        self._rate = rate
        self._burst = burst
        self._keys = keys
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float, amount: float = 1.0) -> float:
        """As `Bucket.take`, of the bucket of `key`."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._burst, now)
            if len(self._buckets) > self._keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket.take(now, amount)


class Budget:
    """Bytes held at once by all requests together; what does not fit is refused, never queued."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def reserve(self, amount: int) -> bool:
        """Hold `amount` more bytes if they fit. The first holder always fits, however small the limit."""
        if self.held and self.held + amount > self.limit:
            return False
        self.held += amount
        return True

    def release(self, amount: int) -> None:
        """Give back what was reserved."""
        self.held -= amount


def credit(waiting: int, capacity: int, most: int) -> int:
    """Backlog reports that the next batch may carry: `most` while the queue is short, falling to none when it is half full,
    so that a returning site never delays fresh reports of others."""
    free = max(0, capacity // 2 - waiting)
    return most * free // max(1, capacity // 2)

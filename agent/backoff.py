"""How long to wait before the next try: exponential with full jitter. Pure: the random number is handed in."""

from __future__ import annotations

import msgspec


class Backoff(msgspec.Struct, frozen=True):
    """Waits grow from `base_s` by `factor` up to `max_s`; the wait is a random part of that ceiling, never under `floor_s`."""

    base_s: float = 1.0
    max_s: float = 60.0
    factor: float = 2.0
    floor_s: float = 0.1

    def ceiling_s(self, failures: int) -> float:
        """Upper end of the wait after `failures` failures in a row (1 or more)."""
        if failures < 1:
            raise ValueError(f"failures {failures}: expected 1 or more")
        # The exponent is capped: 2.0 ** 2000 is an overflow, and the ceiling is reached long before.
        return min(self.max_s, self.base_s * self.factor ** min(failures - 1, 64))

    def wait_s(self, failures: int, random: float) -> float:
        """Seconds to wait; `random` is a number in [0, 1)."""
        ceiling = self.ceiling_s(failures)
        return max(min(self.floor_s, ceiling), ceiling * random)

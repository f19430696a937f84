"""Where on the collector's timeline a report belongs (SPEC 3.2, R2.1 to R2.4).

Pure: told every time it needs. An agent's wall clock is never used while its boot has been heard live.
"""

from __future__ import annotations

import msgspec


class BootClock(msgspec.Struct, frozen=True):
    """What live batches told about one boot: its instant on our timeline (R2.2) and the wall clock's offset (R2.4)."""

    instant_ms: int
    current_ms: int
    since_ms: int
    offset_ms: int

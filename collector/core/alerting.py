"""What is kept of alerts, incidents, silences and the outbox, as it is read back after a start. Pure values."""

from __future__ import annotations

import msgspec

from collector.core.alert import Alert
from collector.core.incident import Incident
from collector.core.silencing import Silence


class Loaded(msgspec.Struct, frozen=True):
    """Where paging goes on after a start."""

    alerts: list[Alert] = []
    """Open ones, and all those of `incidents`; by `known_ms`."""
    incidents: list[Incident] = []
    """Not resolved, resolved lately, or with an alert that is still open; by number."""
    next_number: int = 1
    """Number of the next incident."""
    silences: list[Silence] = []
    """Not ended, ended lately, or with an end that was not dealt with; by number."""
    next_silence: int = 1
    """Number of the next silence: 3 for `S3`."""


class OutboxSummary(msgspec.Struct, frozen=True):
    """How the outbox stands."""

    pending: int = 0
    oldest_ms: int | None = None
    """`created_ms` of the oldest pending row; None: there is none."""
    dead: int = 0


def silence_number(id_: str) -> int:
    """17 of `S17`. Raises ValueError for what is no id of a silence."""
    if not id_.startswith("S"):
        raise ValueError(f"found {id_!r}, expected the id of a silence such as S17")
    return int(id_[1:])

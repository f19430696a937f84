"""The transition table of SPEC 3.4, as data: what one sample does to a sequence, and to the run that waits to be confirmed.

Pure, and alone in its file: `machine` walks it, a test walks all of it. A pair that is not in the table does not exist.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple


class Phase(enum.Enum):
    """Where a sequence of samples stands. SOFT and RECOVERING carry a run of unconfirmed samples."""

    UNKNOWN = "unknown"
    UP = "up"
    SOFT = "soft"
    DOWN = "down"
    RECOVERING = "recovering"
    UNREACHABLE = "unreachable"


class Seen(enum.Enum):
    """What a sample is to the table: its result and, for a failure, the path it took (R7.2); or that none came in time."""

    GOOD = "ok or degraded"
    FAIL = "fail, path ok"
    FAIL_BROKEN = "fail, path broken"
    FAIL_UNCLEAR = "fail, path unclear"
    GAP = "gap > TTL since last sample"


class Pending(enum.Enum):
    """What becomes of the samples of an unconfirmed run."""

    NONE = "there is none"
    START = "this sample begins one"
    KEEP = "this sample joins it"
    GOOD = "cancelled: relabelled with the last good label, listed as a soft run"
    DOWN = "relabelled down"
    UNREACHABLE = "relabelled unreachable"
    UNKNOWN = "relabelled unknown"


class Cell(NamedTuple):
    """Next phase, and what happens to the pending run."""

    phase: Phase
    pending: Pending


def _fresh(gap: Phase) -> dict[Seen, Cell]:
    """The row of a phase without a pending run that is not DOWN: UNKNOWN, UP and UNREACHABLE differ in nothing."""
    return {
        Seen.GOOD: Cell(Phase.UP, Pending.NONE),
        Seen.FAIL: Cell(Phase.SOFT, Pending.START),
        Seen.FAIL_BROKEN: Cell(Phase.UNREACHABLE, Pending.NONE),
        Seen.FAIL_UNCLEAR: Cell(Phase.UNKNOWN, Pending.NONE),
        Seen.GAP: Cell(gap, Pending.NONE),
    }


TABLE: Final[dict[Phase, dict[Seen, Cell]]] = {
    Phase.UNKNOWN: _fresh(Phase.UNKNOWN),
    Phase.UP: _fresh(Phase.UNKNOWN),
    Phase.SOFT: {
        Seen.GOOD: Cell(Phase.UP, Pending.GOOD),
        Seen.FAIL: Cell(Phase.SOFT, Pending.KEEP),
        Seen.FAIL_BROKEN: Cell(Phase.UNREACHABLE, Pending.UNREACHABLE),
        Seen.FAIL_UNCLEAR: Cell(Phase.UNKNOWN, Pending.UNKNOWN),
        Seen.GAP: Cell(Phase.UNKNOWN, Pending.UNKNOWN),
    },
    Phase.DOWN: {
        Seen.GOOD: Cell(Phase.RECOVERING, Pending.START),
        Seen.FAIL: Cell(Phase.DOWN, Pending.NONE),
        Seen.FAIL_BROKEN: Cell(Phase.DOWN, Pending.NONE),
        Seen.FAIL_UNCLEAR: Cell(Phase.DOWN, Pending.NONE),
        Seen.GAP: Cell(Phase.UNKNOWN, Pending.NONE),
    },
    Phase.RECOVERING: {
        Seen.GOOD: Cell(Phase.RECOVERING, Pending.KEEP),
        Seen.FAIL: Cell(Phase.DOWN, Pending.DOWN),
        Seen.FAIL_BROKEN: Cell(Phase.DOWN, Pending.DOWN),
        Seen.FAIL_UNCLEAR: Cell(Phase.DOWN, Pending.DOWN),
        Seen.GAP: Cell(Phase.UNKNOWN, Pending.DOWN),
    },
    Phase.UNREACHABLE: _fresh(Phase.UNKNOWN),
}
"""State x sample -> what follows (3.4). A confirmed DOWN ignores its parents (R4.5)."""

CONFIRMED: Final[dict[Phase, Phase]] = {Phase.SOFT: Phase.DOWN, Phase.RECOVERING: Phase.UP}
"""What a run becomes with its `fail_after`-th or `recover_after`-th sample, from its first sample on (R4.1)."""


def as_markdown() -> str:
    """The table as SPEC 3.4 draws it, from the data: one row a state, one column a kind of sample."""
    rows = [["State \\ sample", *[seen.value for seen in Seen]], ["---"] * (len(Seen) + 1)]
    for phase in Phase:
        cells = [TABLE[phase][seen] for seen in Seen]
        rows.append([phase.name, *[_in_words(cell) for cell in cells]])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _in_words(cell: Cell) -> str:
    following = f"; when confirmed {CONFIRMED[cell.phase].name}" if cell.pending in (Pending.START, Pending.KEEP) else ""
    pending = "" if cell.pending is Pending.NONE else f"; pending: {cell.pending.value}"
    return f"{cell.phase.name}{pending}{following}"

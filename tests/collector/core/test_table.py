"""The transition table is walked in full, against SPEC 3.4 typed again (R4.1 to R4.5)."""

from __future__ import annotations

from itertools import product

import pytest

from collector.core.table import CONFIRMED, TABLE, Cell, Pending, Phase, Seen, as_markdown

# phase: after ok | after fail, path ok | broken | unclear | gap; in brackets what becomes of the pending run.
SPEC = """
UNKNOWN     | UP                | SOFT (START) | UNREACHABLE               | UNKNOWN           | UNKNOWN
UP          | UP                | SOFT (START) | UNREACHABLE               | UNKNOWN           | UNKNOWN
SOFT        | UP (GOOD)         | SOFT (KEEP)  | UNREACHABLE (UNREACHABLE) | UNKNOWN (UNKNOWN) | UNKNOWN (UNKNOWN)
DOWN        | RECOVERING (START)| DOWN         | DOWN                      | DOWN              | UNKNOWN
RECOVERING  | RECOVERING (KEEP) | DOWN (DOWN)  | DOWN (DOWN)               | DOWN (DOWN)       | UNKNOWN (DOWN)
UNREACHABLE | UP                | SOFT (START) | UNREACHABLE               | UNKNOWN           | UNKNOWN
"""
ORDER = (Seen.GOOD, Seen.FAIL, Seen.FAIL_BROKEN, Seen.FAIL_UNCLEAR, Seen.GAP)


def _cell(text: str) -> Cell:
    phase, _, pending = text.strip().partition("(")
    return Cell(Phase[phase.strip()], Pending[pending.rstrip(") ")] if pending else Pending.NONE)


ROWS = [[cell.strip() for cell in row.split("|")] for row in SPEC.strip().splitlines()]
EXPECTED = {(Phase[row[0]], seen): _cell(text) for row in ROWS for seen, text in zip(ORDER, row[1:], strict=True)}


@pytest.mark.parametrize(("phase", "seen"), list(product(Phase, Seen)), ids=lambda value: value.name)
def test_table_says_what_spec_3_4_says(phase: Phase, seen: Seen) -> None:
    """Every state with every kind of sample."""
    assert TABLE[phase][seen] == EXPECTED[phase, seen]


def test_nothing_is_in_the_table_twice_or_beside_it() -> None:
    """The product of states and samples, no more and no less."""
    assert {(phase, seen) for phase, row in TABLE.items() for seen in row} == set(product(Phase, Seen)) == set(EXPECTED)


def test_r4_1_only_runs_are_confirmed_and_whoever_keeps_a_run_can_confirm_it() -> None:
    """A run becomes final from its first sample on; the phases with a pending run are exactly those."""
    assert CONFIRMED == {Phase.SOFT: Phase.DOWN, Phase.RECOVERING: Phase.UP}
    carrying = {cell.phase for row in TABLE.values() for cell in row.values() if cell.pending in (Pending.START, Pending.KEEP)}
    assert carrying == set(CONFIRMED)


def test_no_run_is_left_behind() -> None:
    """From a phase with a pending run every way out says what becomes of it; elsewhere there is none to speak of."""
    for phase, row in TABLE.items():
        for cell in row.values():
            if phase in CONFIRMED:
                assert cell.pending not in (Pending.NONE, Pending.START)
            else:
                assert cell.pending in (Pending.NONE, Pending.START)


def test_markdown_draws_every_cell() -> None:
    """The drawing for the documents has a row for each state and a column for each kind of sample."""
    head, rule, *rows = as_markdown().splitlines()
    cells = [row.strip("| ").split(" | ") for row in rows]
    assert head.strip("| ").split(" | ")[1:] == [seen.value for seen in Seen]
    assert rule == "|" + " --- |" * 6
    assert [row[0] for row in cells] == [phase.name for phase in Phase]
    for row in cells:
        for seen, text in zip(Seen, row[1:], strict=True):
            cell = EXPECTED[Phase[row[0]], seen]
            assert text.split(";")[0] == cell.phase.name
            assert (f"pending: {cell.pending.value}" in text) is (cell.pending is not Pending.NONE)
    assert "when confirmed DOWN" in cells[1][2]
    assert "when confirmed UP" in cells[3][1]

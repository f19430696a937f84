"""The collector of cycles rests while a report is made, and is done a little at a time where somebody sweeps."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from collector import garbage
from collector.garbage import OLD_S, Sweeper, uncollected


class Knot:
    """Refers to itself: only a look for cycles frees it."""

    def __init__(self) -> None:
        self.me = self


def knot() -> weakref.ref[Knot]:
    return weakref.ref(Knot())


@pytest.fixture
def sweeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sweeper]:
    monkeypatch.setattr(garbage, "GROWTH", 20_000)
    one = Sweeper(0.0)
    yield one
    one.close()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_it_rests_inside_and_goes_on_afterwards() -> None:
    """Also when the work fails, and when one is inside another."""
    assert gc.isenabled()
    with uncollected(), uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), uncollected():
        _ = 1 // 0
    assert gc.isenabled()


def test_it_stays_off_where_it_was_off() -> None:
    """Whoever turned it off turns it on again."""
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_sweeper_looks_at_the_newest_values_at_once(sweeper: Sweeper) -> None:
    """Also while a report is made."""
    assert not gc.isenabled()
    one = knot()
    assert one() is not None
    sweeper.turn(0.05)
    assert one() is None
    with uncollected():
        two = knot()
        sweeper.turn(0.1)
        assert two() is None
    assert not gc.isenabled(), "the sweeper goes on"


def test_memory_stays_bounded(sweeper: Sweeper) -> None:
    """Nothing is looked at for hours, until there is half as much again."""
    kept = Knot()
    with uncollected(stays=True):
        pass
    old = weakref.ref(kept)
    del kept
    sweeper.turn(OLD_S)
    sweeper.turn(2 * OLD_S)
    assert old() is not None
    count = gc.get_freeze_count()
    more = [[number] for number in range(count // 2 + 40_000)]
    with uncollected():
        sweeper.turn(3 * OLD_S)
    assert old() is not None, "a report is made"
    sweeper.turn(3 * OLD_S)
    assert old() is None
    assert len(more) > count // 2

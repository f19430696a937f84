"""The collector of cycles rests while a report is made, and only then."""

from __future__ import annotations

import gc

import pytest

from collector.garbage import uncollected


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

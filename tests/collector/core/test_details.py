"""Unconfirmed failures and hard instants of closed days: packed, cut into days, put together again (R4.1, R4.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.details import NOTHING, Details, pack, unpack
from collector.core.intervals import union
from collector.core.sealing import seal_month
from collector.core.state import View

T = 1_700_000_000_000
pairs = st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 90)))
some = st.builds(
    lambda soft, hard: Details(
        tuple(union([(T + a, T + a + n) for a, n in soft])), tuple(sorted({(T + a, T + a + n) for a, n in hard}))
    ),
    pairs,
    pairs,
)


def test_nothing_takes_no_bytes() -> None:
    assert pack(NOTHING, NOTHING, T) == b""
    assert unpack(b"", View.E2E, T) == NOTHING
    assert seal_month("web1", "2023-11", (T, T), [], []).beside == b""


@given(some, some)
def test_what_is_packed_is_unpacked(device: Details, e2e: Details) -> None:
    blob = pack(device, e2e, T)
    assert (unpack(blob, View.DEVICE, T), unpack(blob, View.E2E, T)) == (device, e2e)
    assert len(pack(device, device, T)) <= 7 + 10 * (len(device.soft) + len(device.confirmed)), "views alike are kept once"


@given(some, st.integers(-10, 2_100), st.integers(-10, 2_100))
def test_r4_3_days_in_a_row_are_the_whole_again(whole: Details, first: int, second: int) -> None:
    """Cut anywhere, also within a failure that was not confirmed."""
    a, b = sorted((T + first, T + second))
    days = [whole.within(T - 100, a), whole.within(a, b), whole.within(b, T + 9_999)]
    assert days[0].followed(days[1]).followed(days[2]) == whole


def test_r4_1_an_outage_belongs_to_the_day_of_its_onset() -> None:
    """Also when it was confirmed in the next one."""
    told = Details((), ((T + 90, T + 110),))
    assert told.within(T, T + 100).confirmed == ((T + 90, T + 110),)
    assert told.within(T + 100, T + 200) is not told
    assert told.within(T + 100, T + 200) == NOTHING


@pytest.mark.parametrize("blob", [b"\x91\x90", b"\x92\x91\x01\x90", b"\x93\x90\x90\x90", b"x", b"\x92\xa1a\x90"])
def test_other_bytes_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match=r"(?i)expected|trailing|MessagePack"):
        unpack(blob, View.DEVICE, T)


def test_a_month_has_them_beside_its_spans() -> None:
    device, e2e = Details(((T + 1, T + 2),)), Details((), ((T + 3, T + 9),))
    month = seal_month("web1", "2023-11", (T, T + 9), [], [], beside=(device, e2e))
    assert (month.details(View.DEVICE), month.details(View.E2E)) == (device, e2e)

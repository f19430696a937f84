"""Waits between tries: exponential, jittered, bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.backoff import Backoff


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 1.0), (2, 2.0), (3, 4.0), (7, 60.0), (5000, 60.0)])
def test_the_ceiling_doubles_up_to_the_maximum(failures: int, ceiling: float) -> None:
    assert Backoff(base_s=1.0, max_s=60.0).ceiling_s(failures) == ceiling


@given(failures=st.integers(1, 10**6), random=st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_between_floor_and_ceiling(failures: int, random: float) -> None:
    backoff = Backoff(base_s=0.5, max_s=30.0, floor_s=0.2)
    assert 0.2 <= backoff.wait_s(failures, random) <= backoff.ceiling_s(failures)


def test_jitter_is_full() -> None:
    backoff = Backoff(base_s=8.0, max_s=60.0, floor_s=0.1)
    assert [backoff.wait_s(2, random) for random in (0.0, 0.25, 0.5, 0.75)] == [0.1, 4.0, 8.0, 12.0]


def test_a_floor_over_the_ceiling_gives_the_ceiling() -> None:
    assert Backoff(base_s=1.0, max_s=60.0, floor_s=15.0).wait_s(1, 0.0) == 1.0


@pytest.mark.parametrize("failures", [0, -3])
def test_no_failure_is_no_reason_to_wait(failures: int) -> None:
    with pytest.raises(ValueError, match=f"failures {failures}"):
        Backoff().ceiling_s(failures)

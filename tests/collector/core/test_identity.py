"""The identity rule over its full table."""

from __future__ import annotations

import itertools

import pytest

from collector.core.identity import SILENT_AFTER_MS, Present, Verdict, explain, judge

PRESENT = Present("s1", "b1", 1_000_000)


def expected(stream: str, boot: str, superseded: bool, silent: bool) -> Verdict:
    """The rule as it is written, without a table."""
    if (stream, boot) == ("s1", "b1"):
        return Verdict.SAME
    if superseded:
        return Verdict.SUPERSEDED
    if stream == "s1":
        return Verdict.REBOOT
    return Verdict.TAKEOVER if silent else Verdict.ALIVE


@pytest.mark.parametrize(
    ("stream", "boot", "superseded", "silent"),
    list(itertools.product(("s1", "s2"), ("b1", "b2"), (False, True), (False, True))),
)
def test_every_sender_gets_the_verdict_of_the_rule(stream: str, boot: str, superseded: bool, silent: bool) -> None:
    now = PRESENT.heard_ms + SILENT_AFTER_MS + (1 if silent else 0)
    verdict = judge(PRESENT, stream, boot, superseded=superseded, now_ms=now)
    assert verdict is expected(stream, boot, superseded, silent)
    assert verdict.accepted == (verdict not in (Verdict.ALIVE, Verdict.SUPERSEDED))


def test_the_first_sender_is_taken() -> None:
    assert judge(None, "s", "b", superseded=False, now_ms=0) is Verdict.FIRST


def test_a_sender_heard_in_the_future_counts_as_alive() -> None:
    assert judge(PRESENT, "s2", "b9", superseded=False, now_ms=0) is Verdict.ALIVE


@pytest.mark.parametrize(
    ("verdict", "words"), [(Verdict.ALIVE, "was heard 7 s ago"), (Verdict.SUPERSEDED, "replaced by spool s1")]
)
def test_a_refusal_says_why(verdict: Verdict, words: str) -> None:
    assert words in explain(verdict, PRESENT, now_ms=PRESENT.heard_ms + 7_900)

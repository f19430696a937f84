"""The part of an issued report says what the whole says of it, and its pools add up."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest

from collector.core.assembly import Ask, Facts, assemble
from collector.core.court import Court, Terms
from collector.core.issued import changed_lines, decode, encode, figures_of, reclassify
from collector.core.limiting import limited
from collector.core.monthly import IncidentLine, Provenance, Report
from collector.core.roll import Roll
from collector.core.state import Span, State, View, Why
from collector.core.subject import Group, GroupRule, Subject, SubjectKind
from collector.core.windows import Selector, Window

HOUR = 3_600_000
PERIOD = (0, 100 * HOUR)
TARGETS = {"hn-1": "hn", "hn-2": "hn", "hue-1": "hue", "hue-2": "hue"}
SUBJECTS = [
    *[Subject(id_, site=site, class_="switch" if id_.endswith("2") else "server") for id_, site in TARGETS.items()],
    Subject("site:hn", SubjectKind.SITE, "hn", group=Group(GroupRule.ALL, ("hn-1", "hn-2"))),
    Subject("site:hue", SubjectKind.SITE, "hue", group=Group(GroupRule.ALL, ("hue-1", "hue-2"))),
    Subject("group:core", SubjectKind.GROUP, group=Group(GroupRule.ANY, ("hn-1", "hue-1"))),
]
DOWN = {"hn-1": (10, 20), "hue-1": (15, 40), "hue-2": (50, 51)}
WINDOWS = [
    Window("M1", 12 * HOUR, 14 * HOUR, (Selector(subjects=("hn-1",)),), False, "u1", "u2", "", "", False, 0),
    Window("M2", 16 * HOUR, 17 * HOUR, (Selector(site="hue"),), False, "u1", "u2", "", "", False, 0),
]


def observed(id_: str, _: View) -> list[Span]:
    a, b = DOWN.get(id_, (99, 100))
    edges = [(0, a, State.UP), (a, b, State.DOWN), (b, 100, State.UP)]
    return [Span(x * HOUR, y * HOUR, state, Why.OBSERVED) for x, y, state in edges if x < y]


def court() -> Court:
    return Court(Roll.of(SUBJECTS), observed, Terms(WINDOWS), PERIOD, PERIOD[1])


def made(limit: str = "") -> Report:
    facts = Facts(Provenance(PERIOD[1], "ab", "1", "2025b", "cd"), "sealed", 1)
    return assemble(court(), Ask("2026-03", PERIOD, "Asia/Ho_Chi_Minh", limit, objective=Fraction(99, 100)), facts)


@pytest.mark.parametrize("limit", ["site:hn", "site:hue", "group:core"])
def test_a_part_of_the_whole_is_what_would_be_made_of_it_alone(limit: str) -> None:
    part, alone = limited(made(), court(), limit), made(limit)
    assert part.title_site == limit
    assert figures_of(part) == figures_of(alone)
    assert [line.id for line in part.subjects] == [line.id for line in alone.subjects]
    assert part.windows == alone.windows
    assert {(one.subject, one.view): one.by_cause for one in part.lost} == {
        (one.subject, one.view): one.by_cause for one in alone.lost
    }
    assert part.incidents == alone.incidents
    assert part.unknown == alone.unknown


def test_an_unknown_part_is_refused() -> None:
    for limit in ("site:x", "hn-1", ""):
        with pytest.raises(ValueError, match="expected a site or group"):
            limited(made(), court(), limit)


def test_what_is_kept_is_read_back_and_other_bytes_are_refused() -> None:
    report = made()
    assert decode(encode(report)) == report
    assert encode(decode(encode(report))) == encode(report)
    for bad in (b"", b"[]", encode(report)[:-2], encode(report).replace(b"99/100", b"99/0")):
        with pytest.raises(ValueError):  # noqa: PT011
            decode(bad)


def test_a_report_of_an_older_program_is_read() -> None:
    """Members that were added since have their defaults, and members that are not known any more are passed over."""
    body = encode(made()).replace(b',"reclassified":""', b',"retired":7')
    assert b"retired" in body
    assert decode(body) == made()


def test_r17_3_marks_stay_over_versions() -> None:
    def line(onset_ms: int, restored_ms: int = 99, **more: object) -> IncidentLine:
        fields = ("hn-1", View.DEVICE, onset_ms, 0, restored_ms, 5, "host", "observed", "E1")
        return IncidentLine(*fields, **more)  # type: ignore[arg-type]

    def version(number: int, *lines: IncidentLine) -> Report:
        return msgspec.structs.replace(made(), version=number, incidents=lines)

    first = version(1, line(1), line(2), line(3))
    second = reclassify(first, version(2, line(1), line(3, 100), line(4)))
    marks = [(one.onset_ms, one.charged_ms, one.reclassified) for one in second.incidents]
    assert marks == [(1, 5, ""), (2, 0, "2026-03 v2"), (3, 5, "2026-03 v2"), (4, 5, "")]
    third = reclassify(second, version(3, line(1), line(2), line(3, 100)))
    marks = [(one.onset_ms, one.charged_ms, one.reclassified) for one in third.incidents]
    assert marks == [(1, 5, ""), (2, 5, "2026-03 v3"), (3, 5, "2026-03 v2"), (4, 0, "2026-03 v3")]


def test_lines_that_come_or_go_are_changes() -> None:
    whole, part = made(), made("site:hn")
    assert ("hue-1", View.DEVICE) in changed_lines(whole, part)
    assert ("hn-1", View.DEVICE) not in changed_lines(whole, part)
    assert changed_lines(whole, whole) == []

"""An explanation as text, in two languages and in local time, and as JSON in UTC."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest

from agent.model import Kind, Lane, Outcome, Reason
from collector.commands.explain_text import plain, render_json, render_text
from collector.commands.explain_words import WORDS
from collector.core.court import Court, Terms
from collector.core.evidence import Evidence, Grade, Run, TimeQuality, start_run
from collector.core.explanation import Explanation, Sources, Wanted, explain
from collector.core.roll import Roll
from collector.core.state import Span, State, View, Why
from collector.core.stretch import BlindSpan
from collector.core.subject import Group, GroupRule, Rules, Subject, SubjectKind
from collector.core.windows import Selector, Window

START = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000
"""Midnight UTC of 2026-09-21: 07:00 in Ho Chi Minh City."""
HOUR = 3_600_000
DAY = 24 * HOUR
ZONE = "Asia/Ho_Chi_Minh"


def run(id_: int, from_hour: int, to_hour: int, outcome: Outcome, detail: str = "") -> Run:
    t_ms = START + from_hour * HOUR
    reason = Reason.REFUSED if outcome is Outcome.FAILED else Reason.NONE
    seen = Evidence(
        "srv", "collector", "tcp", Kind.OBS, t_ms, t_ms + 100, outcome, reason, detail, 60_000, "s", "", Lane.FACTS, id_, 0, 0,
        t_ms, Grade.LIVE, TimeQuality.MEASURED,
    )  # fmt: skip
    row = start_run(seen)
    changes = {"id": id_, "last_t_ms": START + to_hour * HOUR - 60_000, "count": 60 * (to_hour - from_hour)}
    changes["last_rx_ms"] = changes["last_t_ms"] + 100
    return Run(*[changes.get(name, getattr(row, name)) for name in Run.__struct_fields__])


def explained(detail: str = "port closed") -> Explanation:
    """A day with an outage of six hours, two of them under a window, and three hours of blindness."""
    link, srv = (
        Subject(id="link", site="hue"),
        Subject(id="srv", site="hue", class_="server", rules=Rules(parents=(("link",),))),
    )
    rows = [(0, 4, State.UP, Why.OBSERVED), (4, 10, State.DOWN, Why.OBSERVED), (10, 15, State.UP, Why.OBSERVED),
            (15, 18, State.UNKNOWN, Why.BLIND), (18, 20, State.UNREACHABLE, Why.PATH),
            (20, 24, State.UP, Why.OBSERVED)]  # fmt: skip
    lines = {
        "srv": [Span(START + a * HOUR, START + b * HOUR, state, why) for a, b, state, why in rows],
        "link": [Span(START, START + 18 * HOUR, State.UP, Why.OBSERVED),
                 Span(START + 18 * HOUR, START + DAY, State.DOWN, Why.OBSERVED)],
    }  # fmt: skip
    window = Window("w1", START + 4 * HOUR, START + 6 * HOUR, (Selector(site="hue"),), False, "u1", "u2", "", "", False, 0)
    court = Court(Roll.of([link, srv]), lambda id_, _: lines[id_], Terms(windows=[window]), (START, START + DAY))
    sources = Sources(
        START + 2 * DAY,
        [
            run(1, 0, 4, Outcome.OK),
            run(2, 4, 10, Outcome.FAILED, detail),
            run(3, 10, 15, Outcome.OK),
            run(4, 20, 24, Outcome.OK),
        ],
        [BlindSpan("collector", START + 15 * HOUR, START + 18 * HOUR)],
        {View.DEVICE: [(START + 4 * HOUR, START + 4 * HOUR + 30_000)]},
        {View.DEVICE: [(START + HOUR, START + HOUR + 15_000)]},
        [(START + 2 * HOUR, START + 2 * HOUR + 60_000, True)],
    )
    wanted = Wanted("srv", "2026-09-21", (START, START + DAY), names={"vi": "Máy chủ Huế", "en": "Hue server"})
    return explain(court, wanted, sources)


def test_text_has_local_times_and_every_part_of_the_explanation() -> None:
    """Figures, incident, spans with their evidence, parents, blindness, soft run, reboot."""
    text = render_text(explained(), "en", ZONE)
    for expected in (
        "srv (Hue server) · target · site hue · class server",
        "2026-09-21 07:00:00 – 2026-09-22 07:00:00 (Asia/Ho_Chi_Minh, UTC+07:00)",
        "View: device (this one decides); policy device_contract",
        "View: end to end; policy e2e",
        "confirmed 2026-09-21 13:00:00, restored",
        "under window w1",
        "since 2026-09-21 11:00:00",
        "#2 says so: probe tcp, by collector, failed (refused) [port closed], 2026-09-21 11:00:00 – 2026-09-21 16:59:00, 360 ×",
        "#3 after it:",
        "collector was blind 2026-09-21 22:00:00 – 2026-09-22 01:00:00",
        "link was down (probe) 2026-09-22 01:00:00 – 2026-09-22 07:00:00",
        "Failures never confirmed (listed, not charged): 2026-09-21 08:00:00 – 2026-09-21 08:00:15",
        "(stop and start announced by the agent)",
    ):
        assert expected in text, expected
    assert text.endswith("\n")
    assert "\x1b" not in text


def test_columns_stand_below_each_other() -> None:
    """In both languages the state begins where its heading does."""
    for language, head, state in (("en", "STATE", "unreachable"), ("vi", "TRẠNG THÁI", "không tới được")):
        lines = render_text(explained(), language, ZONE, evidence=False).splitlines()
        at = next(line.index(head) for line in lines if head in line)
        assert any(line[at:].startswith(state) for line in lines)


def test_vietnamese_text_has_decimal_commas_and_local_dates() -> None:
    """And no English word of its own."""
    text = render_text(explained(), "vi", ZONE)
    assert "Độ sẵn sàng" in text
    assert "21/09/2026 11:00:00" in text
    assert "srv (Máy chủ Huế) · đối tượng · địa điểm hue" in text
    assert "cận dưới" in text
    for english in ("says so", "Availability", "under window", "not counted"):
        assert english not in text


def test_colours_are_only_codes_around_the_state() -> None:
    """Without them the text is the same."""
    coloured = render_text(explained(), "en", ZONE, colour=True)
    bare = coloured
    for code in ("31", "32", "33", "35", "0"):
        bare = bare.replace(f"\x1b[{code}m", "")
    assert coloured != bare
    assert bare == render_text(explained(), "en", ZONE)


def test_evidence_can_be_left_out() -> None:
    """The spans stay."""
    text = render_text(explained(), "en", ZONE, evidence=False)
    assert "#2" not in text
    assert "under window w1" in text


def test_nothing_from_an_agent_reaches_the_terminal_as_a_command() -> None:
    """Control characters and line feeds in a detail are shown as such."""
    assert plain("a\x1b[2Jb\nc") == "a�[2Jb�c"
    assert "\x1b" not in render_text(explained("\x1b[31mred\nline"), "en", ZONE)


def test_a_pool_and_a_period_without_data_say_so() -> None:
    """Not an empty table."""
    group = Subject(id="group:p", kind=SubjectKind.GROUP, group=Group(GroupRule.POOLED, ("a",)))
    court = Court(Roll.of([Subject(id="a"), group]), lambda *_: (), Terms(), (START, START + DAY))
    pooled = render_text(explain(court, Wanted("group:p", "d", (START, START + DAY)), Sources(START)), "en", ZONE)
    assert "adds up the seconds of its members" in pooled
    alone = render_text(explain(court, Wanted("a", "d", (START, START + DAY)), Sources(START)), "en", ZONE)
    assert "Nothing counts in this period: no data" in alone
    assert "no evidence within reach" in alone


def test_json_has_stable_keys_and_utc_times() -> None:
    """And the same figures and evidence."""
    document: dict[str, Any] = json.loads(render_json(explained()))
    assert list(document) == [
        "format", "subject", "kind", "site", "class", "names", "period", "from", "to", "known_at", "interval_ms",
        "objective_ppm", "views", "reboots", "alerts",
    ]  # fmt: skip
    assert (document["from"], document["known_at"]) == ("2026-09-21T00:00:00.000Z", "2026-09-23T00:00:00.000Z")
    device, e2e = document["views"]
    assert (device["view"], e2e["view"]) == ("device", "e2e")
    assert device["incidents"][0]["onset"] == "2026-09-21T06:00:00.000Z"
    assert [span["counts"] for span in device["spans"]] == [
        "good", "maintenance", "bad", "good", "excluded", "excluded", "good"
    ]  # fmt: skip
    down = device["spans"][2]
    assert (down["since"], down["windows"], down["cause"]) == ("2026-09-21T04:00:00.000Z", [], "host")
    assert [(row["id"], row["role"], row["count"]) for row in down["evidence"]] == [(2, "said", 360), (3, "after", 300)]
    assert render_json(explained()) == render_json(explained())


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_have_the_same_places(key: str) -> None:
    """A text that takes values takes the same ones in each language."""
    english, vietnamese = ({name for _, name, _, _ in string.Formatter().parse(text) if name} for text in WORDS[key])
    assert english == vietnamese


def test_every_role_outcome_kind_and_reason_has_a_word() -> None:
    """Closed lists are closed."""
    from collector.core.witness import Role

    for value in (
        *Role,
        *Outcome,
        *[reason for reason in Reason if reason],
        *[kind for kind in Kind if kind is not Kind.BLIND],
    ):
        assert value.value in WORDS

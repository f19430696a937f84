"""Every state, reason and missing figure has words in English and Vietnamese; nothing is left to fill in."""

from __future__ import annotations

import re

import pytest

from collector.core.court import Terms
from collector.core.intervals import Interval
from collector.core.life import Judgement, Life
from collector.core.state import State, Why
from collector.core.windows import Selector, Window
from collector.expose.api import Api
from collector.expose.words import LANGUAGES, NO_DATA, STATES, WHY, Nothing, reason
from tests.collector.expose.ledger_kit import HOUR, Live, every
from tests.collector.fleet_kit import NOW, info, make_fleet

LIFE = Life(NOW - HOUR, NOW - 95_000, 15_000)
TABLES = {"state": (STATES, State), "why": (WHY, Why), "nothing": (NO_DATA, Nothing)}


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_whole(name: str) -> None:
    table, kinds = TABLES[name]
    assert set(table) == set(kinds)
    for words in table.values():
        assert tuple(words) == LANGUAGES
        assert words["en"] != words["vi"]
        assert words["en"].isascii()
    assert any(not words["vi"].isascii() for words in table.values())


@pytest.mark.parametrize("planned", [False, True])
@pytest.mark.parametrize("life", [None, LIFE])
def test_every_reason_of_every_state_is_a_finished_sentence(life: Life | None, planned: bool) -> None:
    for state in State:
        for why in Why:
            said = {language: reason(Judgement(state, 0, why), life, NOW, language, planned=planned) for language in LANGUAGES}
            assert said["en"] != said["vi"]
            for text in said.values():
                assert text
                assert not re.search(r"[{}]|  |^\W|\W$", text.removesuffix(")")), text


def test_reasons_tell_interval_and_age_where_these_are_known() -> None:
    silent = Judgement(State.DOWN, 0, Why.SILENT)
    assert reason(silent, LIFE, NOW, "en") == "silent for 1 min 35 s; a report was due every 15 s"
    assert reason(silent, LIFE, NOW, "vi") == "im lặng 1 phút 35 giây; lẽ ra có báo cáo mỗi 15 giây"
    assert reason(silent, None, NOW, "en") == "reports that were due did not come"
    observed = Judgement(State.DOWN, 0, Why.OBSERVED)
    assert reason(observed, LIFE, NOW, "en") == "probes fail although the way to it works"
    assert reason(observed, None, NOW, "vi", planned=True).startswith("đang trong khoảng bảo trì nên không tính: ")


@pytest.mark.parametrize(
    ("window", "planned"), [((NOW - HOUR, NOW + HOUR), True), ((NOW - HOUR, NOW), True), ((NOW, NOW + 1), False)]
)
def test_targets_under_maintenance_say_so(window: Interval, planned: bool) -> None:
    live = Live()
    live.beat("h1", every(NOW - HOUR, NOW))
    counted = Window("M1", *window, (Selector(subjects=("h1",)),), False, "u1", "u2", "patches", "C-7", False, NOW - HOUR)
    live.keeper.terms = Terms([counted])
    live.keeper.version += 1
    fleet = make_fleet()
    fleet.set_targets([info("h1"), info("h9")])
    views = {id_: Api(fleet, live.keeper).view(target, NOW) for id_ in ("h1", "h9") if (target := fleet.get(id_)) is not None}
    assert (views["h1"].maintenance, views["h9"].maintenance) == (planned, False)
    assert ("under maintenance" in views["h1"].reason["en"]) is planned
    assert ("bảo trì" in views["h1"].reason["vi"]) is planned
    assert Api(fleet).view(fleet.get("h1"), NOW).maintenance is False  # type: ignore[arg-type]

"""What the running collector says of its ledger, beside what its evidence says to somebody who judges it anew."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.core.court import Court
from collector.core.periods import PERIODS
from collector.core.standing import WINDOWS
from collector.core.state import State, View
from tests.e2e.branch import ZONE, ask, court_of, instant_ms
from tests.e2e.ground import Centre

_LINE = re.compile(r"(\w+)\{([^}]*)\} (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_FIELDS = (
    "ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown", "good", "bad", "doubt", "charged", "maint_up",
    "maint_down", "up_backfill", "up_inferred",
)  # fmt: skip
Key = tuple[str, View, State]


class Counters(NamedTuple):
    """Milliseconds by subject, view and state as `/metrics` counts them, and what was moved since."""

    totals: dict[Key, int]
    moved: dict[tuple[str, View, State, State], int]

    def truth(self) -> dict[Key, int]:
        """What the counters say when what was moved is moved."""
        found = Counter(self.totals)
        for (id_, view, was, now), ms in self.moved.items():
            found[id_, view, was] -= ms
            found[id_, view, now] += ms
        return dict(found)

    def fallen(self, before: Counters) -> dict[object, tuple[int, int]]:
        """What is less than before: a counter never falls, though it may be gone."""
        pairs = [(before.totals, self.totals), (before.moved, self.moved)]
        return {key: (old, new[key]) for was, new in pairs for key, old in was.items() if key in new and new[key] < old}


def counters(page: str) -> Counters:
    """From the text of `/metrics`."""
    found = Counters({}, {})
    for line in page.splitlines():
        if not line.startswith(("haidang_target_seconds_total{", "haidang_target_restated_seconds_total{")):
            continue
        match = _LINE.fullmatch(line)
        assert match is not None, line
        labels = dict(_LABEL.findall(match[2]))
        id_, view, ms = labels["instance"], View(labels["view"]), round(float(match[3]) * 1000)
        if "state" in labels:
            found.totals[id_, view, State(labels["state"])] = ms
        else:
            found.moved[id_, view, State(labels["from"]), State(labels["to"])] = ms
    return found


def check_live(centre: Centre, zone: ZoneInfo = ZONE) -> tuple[Court, Counters]:
    """The collector's counters, and its figures of every window to date of every subject in both views, are what the evidence
    in its database says; that evidence judged anew, and the counters. Time must stand still, and the counters of groups
    are worked out once a minute: the last scrape must be longer ago."""
    status, page = centre.page("/metrics")
    assert status == 200, page
    now_ms = instant_ms(ask(centre, "/api/v1/targets")["now"])
    starts = {name: PERIODS[name](zone, now_ms)[0] for name in WINDOWS}
    court = court_of(centre.database, (min(starts.values()), now_ms), now_ms)
    found = counters(page)
    ids = {id_ for id_, _, _ in found.totals}
    assert ids == {id_ for id_ in court.roll.ids if not court.roll.is_pool(id_)}
    truth = found.truth()
    for id_ in ids:
        for view in View:
            counted = {state: ms for state in State if (ms := truth[id_, view, state])}
            judged = Counter[State]()
            for span in court.raw(id_, view):
                judged[span.state] += span.to_ms - span.from_ms
            assert counted == dict(judged), _told(found, court, id_, view)
    for name, start_ms in starts.items():
        _check_window(centre, court, name, (start_ms, now_ms))
    return court, found


def _told(found: Counters, court: Court, id_: str, view: View) -> str:
    totals = {key[2].value: ms for key, ms in found.totals.items() if key[:2] == (id_, view) and ms}
    moved = {f"{key[2]}>{key[3]}": ms for key, ms in found.moved.items() if key[:2] == (id_, view)}
    spans = [(span.from_ms, span.to_ms, span.state.value, span.why.value) for span in court.raw(id_, view)]
    return f"{id_} {view}: counted {totals}, moved {moved}, judged {spans[-12:]}"


def _check_window(centre: Centre, court: Court, name: str, period: tuple[int, int]) -> None:
    rows = ask(centre, "/api/v1/availability", window=name, limit="1000")
    assert rows["live"] is True
    shown = {(row["subject"], View(row["view"])): row for row in rows["figures"]}
    assert shown.keys() == {(id_, view) for id_ in court.roll.ids for view in View}
    for (id_, view), row in shown.items():
        figures = court.figures(id_, view, period)
        assert {field: row["ms"][field] for field in _FIELDS} == {field: getattr(figures, field) for field in _FIELDS}, (
            name, id_, view,
        )  # fmt: skip
        assert _incidents(row) == (figures.incidents, figures.incidents_started, figures.closed_count), (name, id_, view)


def _incidents(row: dict[str, dict[str, int]]) -> tuple[int, int, int]:
    told = row["incidents"]
    return told["count"], told["started"], told["closed"]

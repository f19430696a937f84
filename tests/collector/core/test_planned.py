"""Windows that the inventory asks for: never for what is past, once for what it says, taken back when it says it no more."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
import pytest

from collector.core.acts import Act, ActKind, Body, fold, instant_ms
from collector.core.planned import Planned, asked, no_longer_said, owed, says, still_to_come, taking_back
from collector.core.repeats import Repeat, Weekday
from collector.core.windows import Once, Selector, WindowAct, WindowPlan, WindowRecord, counted

HOUR = 3_600_000
NOW = instant_ms(datetime.fromisoformat("2026-11-24T08:00+07:00"))
SCOPE = (Selector(subjects=("T",)),)
EVERY_NIGHT = Repeat("22:00", 2 * HOUR, "Asia/Ho_Chi_Minh", date(2026, 11, 1), date(2026, 12, 31), tuple(Weekday))
FROM_TONIGHT = msgspec.structs.replace(EVERY_NIGHT, first=date(2026, 11, 24))
TEN_PM = instant_ms(datetime.fromisoformat("2026-11-24T22:00+07:00"))


def planned(when: Once | Repeat, entry: str = "patch", reason: str = "patching", **more: str) -> Planned:
    return Planned(entry, "maintenance.yml", WindowPlan(when, SCOPE), reason, **more)


def once(from_h: int, to_h: int) -> Once:
    return Once(NOW + from_h * HOUR, NOW + to_h * HOUR)


def acts_of(said: Planned, t_ms: int, *more: tuple[ActKind, int, str], id_: str = "M1") -> list[WindowAct]:
    """The window of an entry taken at `t_ms`, and what was done to it since."""
    body = asked(said, t_ms)
    assert body is not None
    made = [Act(1, id_, ActKind.CREATE, t_ms, "inventory", body)]
    return [*made, *(Act(2 + index, id_, kind, at, who, Body()) for index, (kind, at, who) in enumerate(more))]


def record(said: Planned, t_ms: int, *more: tuple[ActKind, int, str], id_: str = "M1") -> WindowRecord:
    return fold(acts_of(said, t_ms, *more, id_=id_), 1 << 62)[id_]


@pytest.mark.parametrize(
    ("when", "rest"),
    [
        (once(1, 2), once(1, 2)),
        (once(-1, 2), once(0, 2)),
        (once(-2, 0), None),
        (EVERY_NIGHT, FROM_TONIGHT),
        (FROM_TONIGHT, FROM_TONIGHT),
        (msgspec.structs.replace(EVERY_NIGHT, last=date(2026, 11, 23)), None),
    ],
)  # fmt: skip
def test_what_is_past_is_not_asked_for(when: Once | Repeat, rest: Once | Repeat | None) -> None:
    """R11.3: only people ask for the past."""
    assert still_to_come(when, NOW) == rest


def test_an_occurrence_that_has_begun_is_not_asked_for() -> None:
    rest = still_to_come(EVERY_NIGHT, TEN_PM + 1)
    assert isinstance(rest, Repeat)
    assert rest.first == date(2026, 11, 25)


@pytest.mark.parametrize("when", [once(-1, 2), once(1, 2), EVERY_NIGHT])
def test_an_entry_that_stays_is_asked_for_once(when: Once | Repeat) -> None:
    """However much of it was past when it was taken, and in whatever file it stands later."""
    said = planned(when)
    made = record(said, NOW)
    moved = msgspec.structs.replace(said, file="other.yml")
    assert owed([made], [moved]) == []
    assert no_longer_said([made], {"patch": moved}, NOW + HOUR) == []


@pytest.mark.parametrize(
    "changed",
    [
        planned(once(1, 3)), planned(once(1, 2), reason="other work"), planned(once(1, 2), change="CR-2"),
        Planned("patch", "maintenance.yml", WindowPlan(once(1, 2), (Selector(site="dic"),)), "patching"),
        Planned("patch", "maintenance.yml", WindowPlan(once(1, 2), SCOPE, propagate=True), "patching"),
    ],
)  # fmt: skip
def test_an_entry_that_changes_asks_anew(changed: Planned) -> None:
    """Nobody approved what it says now: times, scope, what it hands on, why."""
    made = record(planned(once(1, 2)), NOW, (ActKind.APPROVE, NOW, "u2"))
    assert not says(changed, made)
    assert no_longer_said([made], {"patch": changed}, NOW) == [(made, ActKind.CANCEL)]
    assert owed([made], [changed]) == [changed]


@pytest.mark.parametrize(
    ("when", "at", "kind"),
    [
        (once(1, 2), NOW, ActKind.CANCEL),
        (once(1, 2), NOW + HOUR, ActKind.CANCEL),
        (once(1, 2), NOW + HOUR + 1, ActKind.END),
        (once(1, 2), NOW + 2 * HOUR, None),
        (EVERY_NIGHT, NOW, ActKind.CANCEL),
        (EVERY_NIGHT, TEN_PM + HOUR, ActKind.END),
    ],
)
def test_what_lies_in_the_past_is_never_taken_back(when: Once | Repeat, at: int, kind: ActKind | None) -> None:
    """A window that runs is over now; what counted of it goes on counting."""
    said = planned(when)
    made = record(said, NOW, (ActKind.APPROVE, NOW, "u2"))
    assert taking_back(made, at) is kind
    if kind is None:
        return
    horizon = (NOW, NOW + 90 * 24 * HOUR)
    before = counted(acts_of(said, NOW, (ActKind.APPROVE, NOW, "u2")), at, horizon)
    after = counted(acts_of(said, NOW, (ActKind.APPROVE, NOW, "u2"), (kind, at, "inventory")), at, horizon)
    assert [(w.from_ms, w.to_ms) for w in after] == [(w.from_ms, min(w.to_ms, at)) for w in before if w.from_ms < at]


def test_what_a_person_took_back_stays_so() -> None:
    """The inventory does not ask again for what somebody cancelled or ended; what it took back itself it may."""
    said = planned(once(1, 2))
    assert owed([record(said, NOW, (ActKind.CANCEL, NOW, "u3"))], [said]) == []
    assert owed([record(said, NOW, (ActKind.END, NOW + HOUR, "u3"))], [said]) == []
    assert owed([record(said, NOW, (ActKind.CANCEL, NOW, "inventory"))], [said]) == [said]


def test_only_the_newest_window_of_an_entry_stands() -> None:
    """An entry that changes to and fro is asked for each time, and no window of it is left behind."""
    first, second = planned(once(1, 2)), planned(once(3, 4))
    records = [record(first, NOW, id_="M9"), record(second, NOW + 1, id_="M10")]
    assert no_longer_said(records, {"patch": first}, NOW + 2) == [(records[0], ActKind.CANCEL), (records[1], ActKind.CANCEL)]
    assert owed(records, [first]) == [first]


def test_windows_of_people_are_left_alone() -> None:
    body = Body(plan=WindowPlan(once(1, 2), SCOPE))
    made = fold([Act(1, "M1", ActKind.CREATE, NOW, "u1", body)], NOW)["M1"]
    assert no_longer_said([made], {}, NOW) == []

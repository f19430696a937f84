"""Maintenance that the inventory plans: what an entry may say, and the window that it asks for (R11.1).

An entry is a request. It counts once a person approves the window that the collector makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from collector.config_forms import (
    DATE,
    DATE_OR_TIME,
    ID,
    LABEL,
    LENGTH,
    MONTHLY,
    START,
    TEXT,
    day_of,
    instant_ms,
    length_of,
    monthly_of,
)
from collector.core.planned import Planned
from collector.core.repeats import Repeat, Weekday
from collector.core.windows import Once, Selector, WindowPlan

Id = Annotated[str, Meta(extra={"form": ID})]
Text = Annotated[str, Meta(extra={"form": TEXT})]
Label = Annotated[str, Meta(extra={"form": LABEL})]
Date = Annotated[str, Meta(extra={"form": DATE})]
Moment = Annotated[str, Meta(extra={"form": DATE_OR_TIME})]
Length = Annotated[str, Meta(extra={"form": LENGTH})]
Zone = Annotated[str, Meta(extra={"form": "time zone name"})]
DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_MS: Final = timedelta(milliseconds=1)


class ScopeEntry(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """Picks subjects: those of which everything that is said here is true."""

    subjects: Annotated[
        tuple[Id, ...], Meta(description="Ids of which it is one: targets, `group:ID`, `site:ID`, `agent:ID`.")
    ] = ()
    site: Annotated[Id | None, Meta(description="Targets and agents of this site.")] = None
    class_: Annotated[Id | None, Meta(description="Targets and agents of this class.")] = None
    labels: Annotated[dict[Label, Text], Meta(description="Targets with these labels.")] = {}


class RepeatEntry(msgspec.Struct, frozen=True, kw_only=True, rename={"for_": "for"}):
    """When a window repeats: what `maintenance add` can say."""

    weekly: Annotated[
        tuple[DayName, ...] | Literal["daily"] | None, Meta(description="On these days of the week: `[mon, fri]`, or `daily`.")
    ] = None
    monthly: Annotated[
        Annotated[str, Meta(extra={"form": MONTHLY})] | None,
        Meta(description='Each month on a day, `"15"` or `last`, or on a day of the week: `2-tue` (the second), `last-sun`.'),
    ] = None
    at: Annotated[str, Meta(description="When each begins, local time, in quotes.", extra={"form": START})]
    for_: Annotated[Length, Meta(description="How long each lasts: `90m`, `2h`, `1h30m`.")]
    first: Annotated[Date, Meta(description="First day on which one may begin.")]
    last: Annotated[Date, Meta(description="Last day on which one may begin; at most 5 years later.")]
    zone: Annotated[Zone | None, Meta(description="Zone of the times; not said: `time_zone` of `collector.yml`.")] = None


class MaintenanceEntry(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from", "for_": "for"}):
    """A window that is asked for: once (`from` and `to` or `for`), or again and again (`repeat`)."""

    id: Annotated[Id, Meta(description="Id of the entry; the window that it asks for names it.")]
    title: Annotated[Text, Meta(description="What is done: the reason of the window.")] = ""
    change: Annotated[Text, Meta(description="Number of the change request.")] = ""
    scope: Annotated[
        tuple[Id | ScopeEntry, ...],
        Meta(description="What it is for: ids of targets, `group:ID`, `site:ID`, `agent:ID`, or what picks targets."),
    ]
    from_: Annotated[
        Moment | None, Meta(description="When it begins; a date is its local midnight. What is past is not asked for.")
    ] = None
    to: Annotated[Moment | None, Meta(description="When it ends; a date is its local midnight.")] = None
    for_: Annotated[Length | None, Meta(description="How long it lasts, in place of `to`: `90m`, `2h`, `1d`.")] = None
    repeat: Annotated[RepeatEntry | None, Meta(description="How it repeats, in place of `from`.")] = None
    propagate: Annotated[
        bool, Meta(description="Whether it also covers what depends on it, while that is unreachable (R11.4).")
    ] = False


def plan_of(entry: MaintenanceEntry, zone: str) -> WindowPlan:
    """The window of an entry that was checked, as it is written; `zone` is that of the collector."""
    ids = tuple([each for each in entry.scope if isinstance(each, str)])
    named = (Selector(subjects=ids),) if ids else ()
    picked = tuple([_selector(each) for each in entry.scope if isinstance(each, ScopeEntry)])
    return WindowPlan(when_of(entry, zone), (*named, *picked), entry.propagate)


def _selector(entry: ScopeEntry) -> Selector:
    return Selector(entry.subjects, entry.site or "", entry.class_ or "", entry.labels)


def when_of(entry: MaintenanceEntry, zone: str) -> Once | Repeat:
    """When it is, as it is written. Raises `ValueError` where it does not say when."""
    if entry.repeat is not None:
        return repeat_of(entry.repeat, zone)
    if entry.from_ is None or (entry.to is None and entry.for_ is None):
        raise ValueError(entry.id)
    start = instant_ms(entry.from_, zone)
    return Once(start, start + length_of(entry.for_) // _MS if entry.for_ is not None else instant_ms(entry.to or "", zone))


def repeat_of(entry: RepeatEntry, zone: str) -> Repeat:
    """The repeating times as they are written."""
    weekday, nth, month_day = monthly_of(entry.monthly) if entry.monthly is not None else ("", 0, 0)
    named = tuple(Weekday) if entry.weekly == "daily" else tuple([Weekday(day) for day in entry.weekly or ()])
    return Repeat(
        start=entry.at,
        duration_ms=length_of(entry.for_) // _MS,
        zone=entry.zone or zone,
        first=day_of(entry.first),
        last=day_of(entry.last),
        weekdays=(Weekday(weekday),) if weekday else named,
        nth=nth,
        month_day=month_day,
    )


def planned_of(
    entries: Mapping[str, MaintenanceEntry], places: Mapping[tuple[str, str], str], folder: str, zone: str
) -> list[Planned]:
    """What an inventory asks for, in its order; files count from its `folder`."""
    return [
        Planned(id_, _below(places.get(("maintenance", id_), ""), folder), plan_of(entry, zone), entry.title, entry.change)
        for id_, entry in entries.items()
    ]


def _below(place: str, folder: str) -> str:
    file = Path(place.rpartition(":")[0])
    return str(file.relative_to(folder)) if folder and file.is_relative_to(folder) else file.name

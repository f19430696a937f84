"""What the on-call file may say: whom to tell, when, and how long to wait. Receivers: `collector.notify.settings`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from collector.config_forms import DATE, DATE_OR_TIME, DAY_HOURS, HAND_OVER, ID, LABEL, LENGTH, NOTIFY, START, TEXT, WAIT
from collector.notify.settings import ReceiverEntry

Id = Annotated[str, Meta(extra={"form": ID})]
Text = Annotated[str, Meta(extra={"form": TEXT})]
Label = Annotated[str, Meta(extra={"form": LABEL})]
Date = Annotated[str, Meta(extra={"form": DATE})]
Moment = Annotated[str, Meta(extra={"form": DATE_OR_TIME})]
Length = Annotated[str, Meta(extra={"form": LENGTH})]
Wait = Annotated[str, Meta(extra={"form": WAIT})]
Clock = Annotated[str, Meta(extra={"form": START})]
DayHours = Annotated[str, Meta(extra={"form": DAY_HOURS})]
HandOver = Annotated[str, Meta(extra={"form": HAND_OVER})]
NotifyName = Annotated[str, Meta(extra={"form": NOTIFY})]
Url = Annotated[str, Meta(extra={"form": "http:// or https:// URL"})]
Language = Literal["vi", "en"]
SeverityName = Literal["critical", "warning", "info"]
KindName = Literal["down", "degraded", "no_data", "burn", "agent_wedged", "certificate", "on_battery", "collector"]
DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Ids = Id | tuple[Id, ...]


class PersonEntry(msgspec.Struct, frozen=True):
    """Somebody who can be on call."""

    receivers: Annotated[tuple[Id, ...], Meta(description="Receivers that reach this person: all of them get each message.")]
    name: Annotated[Text, Meta(description="Name that people read: a role rather than a person.")] = ""
    language: Annotated[
        Language | None, Meta(description="Language of these receivers, where they do not say it; not said: that of the file.")
    ] = None


class HoursEntry(msgspec.Struct, frozen=True, kw_only=True):
    """When something holds, local time; everything that is said must be true, and nothing said means always."""

    hours: Annotated[
        DayHours | tuple[DayHours, ...] | None,
        Meta(description='Hours, in quotes: `"22:00-06:00"` reaches over midnight and belongs to the day it begins on.'),
    ] = None
    days: Annotated[tuple[DayName, ...] | None, Meta(description="Days of the week: `[sat, sun]`.")] = None
    calendar: Annotated[Id | None, Meta(description="Within the service hours of this calendar of the inventory.")] = None
    outside: Annotated[Id | None, Meta(description="Outside the service hours of this calendar of the inventory.")] = None


class HolidaysEntry(msgspec.Struct, frozen=True):
    """Who is on call on holidays, from the first hand-over time of the day to that of the next day."""

    days: Annotated[Ids, Meta(description="Dates, or ids of lists under `holidays` of the inventory.")]
    people: Annotated[
        tuple[Id, ...], Meta(description="They take the holidays of a year in turn: the first day of it, the second ...")
    ]


class OverrideEntry(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Somebody takes the place of another for a while."""

    from_: Annotated[Moment, Meta(description="When it begins; a date is its local midnight.")]
    to: Annotated[Moment, Meta(description="When it ends; a date is its local midnight.")]
    person: Annotated[Id, Meta(description="Who is on call then.")]
    instead_of: Annotated[
        Id | None, Meta(description="In whose place; not said: whoever it would be, through every hand-over in that time.")
    ] = None
    reason: Annotated[Text, Meta(description="Why, for those who read the file.")] = ""


class SwapEntry(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Two people exchange their turns: each has those of the other in this time, so it must hold a turn of both."""

    from_: Annotated[Moment, Meta(description="When it begins; a date is its local midnight.")]
    to: Annotated[Moment, Meta(description="When it ends; a date is its local midnight.")]
    people: Annotated[tuple[Id, ...], Meta(description="The two people.")]
    reason: Annotated[Text, Meta(description="Why, for those who read the file.")] = ""


class RotaEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A rota: people who are on call in turn."""

    kind: Annotated[
        Literal["weekly", "daily"], Meta(description="Whether hand-overs are on days of the week, or the same every day.")
    ] = "weekly"
    hand_over: Annotated[
        HandOver | tuple[HandOver, ...],
        Meta(description='When the next person takes over: `mon 08:00`, daily `"08:00"`; several are several turns.'),
    ]
    starts: Annotated[Date, Meta(description="Day on which the first turn of the first person begins; a day of a hand-over.")]
    people: Annotated[tuple[Id, ...], Meta(description="Who takes turns, in this order.")]
    only: Annotated[HoursEntry, Meta(description="Outside of these hours nobody of this rota is on call.")] = HoursEntry()
    holidays: Annotated[HolidaysEntry | None, Meta(description="Who is on call on holidays.")] = None
    overrides: Annotated[tuple[OverrideEntry, ...], Meta(description="Who takes whose place, and when.")] = ()
    swaps: Annotated[tuple[SwapEntry, ...], Meta(description="Who exchanges turns with whom, and when.")] = ()


class StepEntry(msgspec.Struct, frozen=True):
    """A step of an escalation: carried out if nobody has acknowledged by then."""

    notify: Annotated[
        tuple[NotifyName, ...],
        Meta(description="Who is told: `rota:NAME` (who is on call in it then), `person:NAME`, `receiver:NAME`."),
    ]
    after: Annotated[Wait, Meta(description="How long after the beginning of the escalation.")] = "0m"


class EscalationEntry(msgspec.Struct, frozen=True):
    """Who is told of an incident, one after the other, until somebody acknowledges it."""

    steps: Annotated[tuple[StepEntry, ...], Meta(description="The steps, in the order of their times.")]
    repeat: Annotated[int, Meta(ge=0, le=100, description="How often it begins anew after the last step.")] = 0
    repeat_after: Annotated[Length, Meta(description="How long after the last step it begins anew.")] = "30m"


class MatchEntry(HoursEntry, frozen=True, kw_only=True, rename={"class_": "class"}):
    """What a route takes: everything that is said must be true, of a list one is enough."""

    severity: Annotated[SeverityName | tuple[SeverityName, ...], Meta(description="How grave: one, or a list.")] = ()
    kind: Annotated[KindName | tuple[KindName, ...], Meta(description="Kinds of alerts: one, or a list.")] = ()
    site: Annotated[Ids, Meta(description="Sites: an id, or a list.")] = ()
    class_: Annotated[Ids, Meta(description="Classes of targets: one, or a list.")] = ()
    group: Annotated[
        Ids,
        Meta(description="Groups of the inventory, by id: their members, what is in members that are sites, and themselves."),
    ] = ()
    labels: Annotated[
        dict[Label, Text | tuple[Text, ...]], Meta(description="Labels of the target and the values one of which it must have.")
    ] = {}


class QuietEntry(HoursEntry, frozen=True, kw_only=True):
    """When nobody is told: what is still true at the end is told then, and all of it stands in the digest."""

    severity: Annotated[SeverityName | tuple[SeverityName, ...], Meta(description="What is kept: one severity, or a list.")] = (
        "warning",
        "info",
    )
    until: Annotated[
        Clock | None, Meta(description='Local time at which it ends, in quotes, `"06:30"`; not said: with its hours.')
    ] = None


class RouteEntry(msgspec.Struct, frozen=True):
    """Where alerts go: an incident has one route, the first that matches."""

    name: Annotated[Id, Meta(description="Name of the route.")]
    escalation: Annotated[Id, Meta(description="The escalation that its incidents go through.")]
    match: Annotated[MatchEntry, Meta(description="What it takes; nothing said: everything that came so far.")] = MatchEntry()
    quiet: Annotated[QuietEntry | None, Meta(description="When it keeps what is not grave for the digest.")] = None


class SeveritiesEntry(msgspec.Struct, frozen=True):
    """How grave, by the `priority` of the target in the inventory."""

    critical: Annotated[SeverityName, Meta(description="For targets of the priority critical.")]
    normal: Annotated[SeverityName, Meta(description="For targets of the priority normal, and those that say none.")]
    low: Annotated[SeverityName, Meta(description="For targets of the priority low.")]


class AlertEntry(msgspec.Struct, frozen=True):
    """How alerts of a kind are treated; what is not said is as the program has it."""

    after: Annotated[Wait | None, Meta(description="How long it must last before anybody is told.")] = None
    pages: Annotated[bool, Meta(description="`false`: it is recorded and shown, and nobody is told.")] = True
    severity: Annotated[
        SeverityName | SeveritiesEntry | None, Meta(description="How grave it is: one word, or by priority.")
    ] = None


class AlertsEntry(msgspec.Struct, frozen=True):
    """Kinds of alerts."""

    down: Annotated[
        AlertEntry, Meta(description="An outage. Built in: at once; critical, for targets of low priority warning.")
    ] = AlertEntry()
    degraded: Annotated[AlertEntry, Meta(description="It works badly. Built in: after 5 minutes; warning, low: info.")] = (
        AlertEntry()
    )
    no_data: Annotated[AlertEntry, Meta(description="Nobody knows. Built in: after 15 minutes; warning, low: info.")] = (
        AlertEntry()
    )
    burn: Annotated[AlertEntry, Meta(description="The error budget is used too fast (R14.3), which says how grave it is.")] = (
        AlertEntry()
    )
    agent_wedged: Annotated[AlertEntry, Meta(description="An agent runs and delivers nothing. Built in: at once; warning.")] = (
        AlertEntry()
    )
    certificate: Annotated[AlertEntry, Meta(description="A certificate ends soon; how soon says how grave it is.")] = (
        AlertEntry()
    )
    on_battery: Annotated[
        AlertEntry, Meta(description="A UPS is on battery. Built in: after 1 minute; its charge says how grave it is.")
    ] = AlertEntry()
    collector: Annotated[AlertEntry, Meta(description="Trouble of the collector itself, which says how grave it is.")] = (
        AlertEntry()
    )


class InhibitEntry(msgspec.Struct, frozen=True):
    """An alert that mutes others because it explains them. Dependencies of the inventory need no rule."""

    name: Annotated[Id, Meta(description="Name of the rule, shown where the absence of a page is asked about.")]
    source: Annotated[dict[Label, Text | tuple[Text, ...]], Meta(description="Labels of the alert that mutes.")]
    target: Annotated[dict[Label, Text | tuple[Text, ...]], Meta(description="Labels of those that it mutes.")]
    equal: Annotated[tuple[Label, ...], Meta(description="Labels that must be the same in both.")] = ()


class HoldingEntry(msgspec.Struct, frozen=True):
    """How long the pager waits for certainty."""

    hold_limit: Annotated[Length, Meta(description="No page waits longer for a fresh look at what is before its target.")] = (
        "2m"
    )
    recheck_limit: Annotated[
        Length, Meta(description="Nothing waits longer for a target to be seen again after what is before it has returned.")
    ] = "2m"
    merge_gap: Annotated[Wait, Meta(description="An incident that comes back within it is re-opened.")] = "5m"
    group_window: Annotated[
        Wait, Meta(description="What becomes known of a site within it after an incident was opened joins it.")
    ] = "30s"
    look_timeout: Annotated[Length, Meta(description="How long a fresh look may take.")] = "5s"


class SilencesEntry(msgspec.Struct, frozen=True):
    """What holds for silences."""

    notify: Annotated[
        tuple[Id, ...], Meta(description="Receivers that are told when one hides an outage, ends too early or is forgotten.")
    ] = ()
    longest: Annotated[Length, Meta(description="No silence may be made for longer.")] = "30d"


class DigestEntry(msgspec.Struct, frozen=True):
    """A list of what quiet hours held back."""

    at: Annotated[Clock | tuple[Clock, ...], Meta(description="Local times at which it is sent, in quotes.")]
    notify: Annotated[tuple[NotifyName, ...], Meta(description="Who gets it: `rota:NAME`, `person:NAME`, `receiver:NAME`.")]
    days: Annotated[tuple[DayName, ...] | None, Meta(description="Days of the week; not said: every day.")] = None


class HeartbeatEntry(msgspec.Struct, frozen=True):
    """A dead man's switch: a request while all is well, so that somebody outside notices when it stops."""

    url: Annotated[Url | None, Meta(description="Where to send it; not said where `url_file` or `url_env` has it.")] = None
    url_file: Annotated[str, Meta(description="File whose first line is the URL, where the URL itself is a secret.")] = ""
    url_env: Annotated[str, Meta(description="Environment variable that holds the URL.")] = ""
    every: Annotated[Length, Meta(description="How often.")] = "60s"
    method: Annotated[Literal["GET", "POST"], Meta(description="Method of the request.")] = "POST"
    timeout_s: Annotated[float, Meta(gt=0, le=60, description="Seconds one request may take.")] = 10.0


class OnCallEntry(msgspec.Struct, frozen=True):
    """Everything the on-call file may say. Relative paths count from its folder; times: `time_zone` of `collector.yml`."""

    language: Annotated[Language, Meta(description="Language of messages where neither receiver nor person says it.")] = "vi"
    link: Annotated[
        Url | None,
        Meta(description="Address under which people reach the collector's pages; not said: messages have no links."),
    ] = None
    receivers: Annotated[dict[Id, ReceiverEntry], Meta(description="Ways to reach somebody, by name.")] = {}
    people: Annotated[dict[Id, PersonEntry], Meta(description="Who can be on call, by name.")] = {}
    rotas: Annotated[dict[Id, RotaEntry], Meta(description="Rotas, by name.")] = {}
    escalations: Annotated[dict[Id, EscalationEntry], Meta(description="Escalations, by name.")] = {}
    routes: Annotated[tuple[RouteEntry, ...], Meta(description="Routes: the first that matches takes an alert.")] = ()
    alerts: Annotated[AlertsEntry, Meta(description="How kinds of alerts are treated.")] = AlertsEntry()
    inhibit: Annotated[tuple[InhibitEntry, ...], Meta(description="What mutes what.")] = ()
    holding: Annotated[HoldingEntry, Meta(description="How long the pager waits for certainty.")] = HoldingEntry()
    silences: Annotated[SilencesEntry, Meta(description="What holds for silences.")] = SilencesEntry()
    digest: Annotated[tuple[DigestEntry, ...], Meta(description="Lists of what quiet hours held back.")] = ()
    heartbeat: Annotated[tuple[HeartbeatEntry, ...], Meta(description="Dead man's switches.")] = ()
    emergency: Annotated[
        tuple[Id, ...],
        Meta(
            description="Receivers of the collector's own trouble when its database cannot be written, and of every step that "
            "would reach nobody."
        ),
    ] = ()

"""What the files of the inventory may say: sites, targets, groups, calendars, holidays and defaults by class."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from collector.config_forms import DATE, DATE_OR_TIME, HOURS, ID, LABEL, PERCENT, TEXT
from collector.inventory.maintenance import MaintenanceEntry
from collector.inventory.snmp import SnmpEntry
from collector.inventory.watching import Location, PriorityName, ProbeEntry, ReadersEntry, ReflectorEntry, UplinkEntry

COLLECTOR: Final = "collector"
"""`via` of what the collector itself polls; no agent may have this id."""

Id = Annotated[str, Meta(extra={"form": ID})]
Text = Annotated[str, Meta(extra={"form": TEXT})]
Percent = Annotated[str, Meta(extra={"form": PERCENT})]
Date = Annotated[str, Meta(extra={"form": DATE})]
DateOrTime = Annotated[str, Meta(extra={"form": DATE_OR_TIME})]
Hours = Annotated[str, Meta(extra={"form": HOURS})]
Label = Annotated[str, Meta(extra={"form": LABEL})]
Zone = Annotated[str, Meta(extra={"form": "time zone name"})]
DayHours = tuple[Hours, ...]
PolicyName = Literal[
    "device_contract",
    "e2e",
    "unknown_as_down",
    "unknown_as_up",
    "degraded_bad",
    "maintenance_as_up",
    "calendar",
    "calendar_strict",
]
"""Names of the policies of SPEC 3.12 (`collector.core.policy`)."""
Samples = Annotated[int, Meta(ge=1, le=100)]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]
LongSeconds = Annotated[int, Meta(ge=1, le=864_000)]
MaybeSeconds = Annotated[int, Meta(ge=0, le=86_400)]


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What is promised of a target, a group or a site. What is not said comes from its class, then from `collector.yml`."""

    objective: Annotated[Percent | None, Meta(description='Availability aimed at, in per cent and in quotes: `"99.9"`.')] = None
    policy: Annotated[
        PolicyName | None,
        Meta(description="How its time is counted (3.12); not said: `device_contract` for the device view, `e2e` end to end."),
    ] = None
    calendar: Annotated[Id | None, Meta(description="Id of its service hours (R12.4); not said: around the clock.")] = None
    merge_gap_s: Annotated[
        MaybeSeconds | None, Meta(description="Up time shorter than this does not separate two incidents (R10.3), in seconds.")
    ] = None


class ClassDefaults(Promise, frozen=True, kw_only=True):
    """What holds for the targets of a class, a site or a kind of site that do not say it themselves."""

    judged_by: Annotated[
        Literal["push", "probe", "probe+push"] | None,
        Meta(
            description="What judges it: its agent's reports, probes, or both (then probes judge, R9.4); "
            "not said: `push` for an agent's own host, else `probe`."
        ),
    ] = None
    silence_means: Annotated[
        Literal["unknown", "down"] | None,
        Meta(
            description="What silence counts as (R6.3); not said: `down` for what is judged by `push` and has an objective, "
            "else `unknown`."
        ),
    ] = None
    fail_after: Annotated[Samples | None, Meta(description="Failed samples in a row until it is down (3.4).")] = None
    recover_after: Annotated[Samples | None, Meta(description="Good samples in a row until it is up again (3.4).")] = None
    interval_s: Annotated[
        Seconds | None, Meta(description="Seconds between two samples, where the samples do not say it themselves.")
    ] = None
    ttl_s: Annotated[
        LongSeconds | None,
        Meta(description="Seconds that a sample holds (R5.1), at least 1.5 intervals; not said: `ttl_factor` intervals."),
    ] = None
    dep_slack_s: Annotated[
        MaybeSeconds | None,
        Meta(
            description="Seconds by which a parent's outage is widened backwards (R7.3); not said: the longest written "
            "interval of its parents and the longest timeout of its probes, else 5 s; 60 s where a parent does not say it."
        ),
    ] = None
    gap_policy: Annotated[
        Literal["unknown", "bridge_down"] | None, Meta(description="What a gap between two outages counts as (R5.5).")
    ] = None
    accept_uptime_evidence: Annotated[
        bool | None, Meta(description="Whether an unbroken boot proves that it was up (R9.2).")
    ] = None
    owner: Annotated[Text | None, Meta(description="Who answers for it: a role or a unit.")] = None
    snmp: Annotated[SnmpEntry | None, Meta(description="How it is polled by SNMP; needs `address`.")] = None
    probes: Annotated[
        tuple[Text | ProbeEntry, ...] | None,
        Meta(description="Its probes: names of modules, or more about each; they replace those of the defaults."),
    ] = None
    also_via: Annotated[
        tuple[Id, ...] | None,
        Meta(
            description="Further observers that probe it besides `via`: agents, or `collector`. In the device view any counts."
        ),
    ] = None
    priority: Annotated[
        PriorityName | None, Meta(description="What is left out last when there is too much to probe; not said: `normal`.")
    ] = None
    uplink: Annotated[
        Id | None, Meta(description="The way out of its observer that leads to it; not said: the one of its site, or none.")
    ] = None
    readers: Annotated[ReadersEntry | None, Meta(description="Of the host of an agent: what the centre orders it to read.")] = (
        None
    )
    reflector: Annotated[
        ReflectorEntry | None, Meta(description="Of the host of an agent: that it answers `rtp` probes of other agents.")
    ] = None


class InService(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """One interval in which a target is in service."""

    from_: Annotated[DateOrTime, Meta(description="First moment in service (R12.3); a date is its local midnight.")]
    to: Annotated[DateOrTime | None, Meta(description="First moment out of service again; a date is its local midnight.")] = (
        None
    )


class Critical(msgspec.Struct, frozen=True):
    """The devices without which a site does not work."""

    of: Annotated[tuple[Id, ...], Meta(description="Ids of the critical devices.")]
    require: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="How many of them must work (R15.4); not said: all.")
    ] = None


class Site(Promise, frozen=True):
    """A place, and as subject `site:ID` what it is worth: end to end the link and enough critical devices (R15.4)."""

    id: Annotated[Id, Meta(description="Value of the label `site`; without `:`.")]
    name: Annotated[Text, Meta(description="Name that people read.")] = ""
    name_en: Annotated[Text, Meta(description="Name on English pages; empty: `name`.")] = ""
    kind: Annotated[Text, Meta(description="Kind of place, a free word, for example `commune`.")] = ""
    district: Annotated[Text, Meta(description="District in which it lies.")] = ""
    location: Annotated[Location | None, Meta(description="Where it is.")] = None
    agent: Annotated[Id | None, Meta(description="The agent that observes its targets that do not say `via`.")] = None
    uplink: Annotated[Id | None, Meta(description="The way out of the observer that leads to its targets.")] = None
    template: Annotated[
        Id | None, Meta(description="Template under `templates.site` from which its other keys and its targets come.")
    ] = None
    values: Annotated[
        dict[Label, str], Meta(description="Texts for the placeholders of the template: `{net}` stands for `net`.")
    ] = {}
    targets: Annotated[
        tuple[dict[str, Any], ...],
        Meta(
            description="Targets of this site, with the keys of `targets[]` but `site`; one with the id of a target of the "
            "template changes those of its keys that it says."
        ),
    ] = ()
    link: Annotated[Id | None, Meta(description="Id of the target that is its line.")] = None
    critical: Annotated[Critical | None, Meta(description="The devices without which the site does not work.")] = None


class TargetEntry(ClassDefaults, frozen=True, rename={"class_": "class"}):
    """One thing we have an opinion about."""

    id: Annotated[Id, Meta(description="Value of the label `instance`; stays when a device is replaced (R12.3).")]
    site: Annotated[Id, Meta(description="Id of its site.")]
    class_: Annotated[Id, Meta(description="Value of the label `class`, for example `server` or `switch`.")]
    via: Annotated[
        Id, Meta(description="The agent that reports it, or `collector`; empty: the agent of its site, else `collector`.")
    ] = ""
    name: Annotated[Text, Meta(description="Name that people read.")] = ""
    name_en: Annotated[Text, Meta(description="Name on English pages; empty: `name`.")] = ""
    each: Annotated[
        tuple[dict[str, Any] | Text, ...],
        Meta(
            description="Makes a target of every row of this list: `{NAME}` in the other keys stands for the value of NAME in "
            "the row, `{item}` for a row that is a text."
        ),
    ] = ()
    address: Annotated[
        Annotated[str, Meta(extra={"form": "host name or IP address"})] | None,
        Meta(description="Host name or IP address under which it is polled, and from which its traps come."),
    ] = None
    parents: Annotated[
        tuple[Id | tuple[Id, ...], ...],
        Meta(description="Ids of what must work to reach it (R7.1): all of them; of a list inside the list any one."),
    ] = ()
    in_service: Annotated[tuple[InService, ...], Meta(description="When it is in service; not said: always.")] = ()
    labels: Annotated[dict[Label, Text], Meta(description="Further names by which windows and groups may pick it.")] = {}


class Selector(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """Picks targets: those of which everything that is said here is true."""

    site: Annotated[Id | None, Meta(description="Targets of this site.")] = None
    class_: Annotated[Id | None, Meta(description="Targets of this class.")] = None
    labels: Annotated[dict[Label, Text], Meta(description="Targets with these labels.")] = {}


class GroupEntry(Promise, frozen=True):
    """Several subjects as one: subject `group:ID`."""

    id: Annotated[Id, Meta(description="Id of the group; without `:`.")]
    rule: Annotated[
        Literal["all", "any", "k_of_n", "pooled"],
        Meta(description="How many members must work (R15.2); `pooled` adds their seconds (R15.3)."),
    ]
    members: Annotated[
        tuple[Id | Selector, ...],
        Meta(description="Ids of targets, `group:ID`, `site:ID`, `agent:ID`; or what picks targets by site, class and labels."),
    ]
    name: Annotated[Text, Meta(description="Name that people read.")] = ""
    name_en: Annotated[Text, Meta(description="Name on English pages; empty: `name`.")] = ""
    k: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="Members that must work, for `k_of_n`.")] = None
    weights: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=1_000_000)], ...],
        Meta(description="Weights of the members in a pool (R15.3), one each; not said: all the same."),
    ] = ()


class Week(msgspec.Struct, frozen=True):
    """Service hours of each day of the week, local time; a day that is not said has none."""

    mon: Annotated[DayHours, Meta(description="Hours of service on Mondays.")] = ()
    tue: Annotated[DayHours, Meta(description="Hours of service on Tuesdays.")] = ()
    wed: Annotated[DayHours, Meta(description="Hours of service on Wednesdays.")] = ()
    thu: Annotated[DayHours, Meta(description="Hours of service on Thursdays.")] = ()
    fri: Annotated[DayHours, Meta(description="Hours of service on Fridays.")] = ()
    sat: Annotated[DayHours, Meta(description="Hours of service on Saturdays.")] = ()
    sun: Annotated[DayHours, Meta(description="Hours of service on Sundays.")] = ()


class CalendarEntry(msgspec.Struct, frozen=True):
    """When availability counts at all (R12.4)."""

    id: Annotated[Id, Meta(description="Id of the calendar.")]
    hours: Annotated[Week, Meta(description="Hours of service by day of the week.")] = Week()
    time_zone: Annotated[Zone | None, Meta(description="Zone of the hours; not said: `time_zone` of `collector.yml`.")] = None
    holidays: Annotated[
        Id | tuple[Id, ...], Meta(description="Days without service: dates, or ids of lists under `holidays`.")
    ] = ()
    special_days: Annotated[
        dict[Date, DayHours], Meta(description="Hours of service of single dates, in place of all the above.")
    ] = {}


class HolidaysEntry(msgspec.Struct, frozen=True):
    """A list of holidays, for calendars and for counting working days (R11.3)."""

    id: Annotated[Id, Meta(description="Id of the list, for example `vietnam-2026`.")]
    days: Annotated[tuple[Date, ...], Meta(description="The days: dates as 2026-09-02.")]


class Defaults(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """What holds where nothing is said. A target comes first, then its site, the kind of its site, its class."""

    class_: Annotated[dict[Id, ClassDefaults], Meta(description="By class of target.")] = {}
    site: Annotated[dict[Id, ClassDefaults], Meta(description="By id of site.")] = {}
    site_kind: Annotated[dict[Text, ClassDefaults], Meta(description="By kind of site.")] = {}


class Templates(msgspec.Struct, frozen=True):
    """What a site that names a template becomes; see `collector.inventory.templates`."""

    site: Annotated[
        dict[Id, dict[str, Any]],
        Meta(
            description="By name: the keys of a site, with `targets`, `values` that hold where the site has none, and "
            "`template` for one on which it builds. `{site}`, `{name}`, `{name_en}` and `{VALUE}` in texts are replaced."
        ),
    ] = {}


class InventoryFile(msgspec.Struct, frozen=True):
    """What one file may say."""

    include: Annotated[
        tuple[Text, ...], Meta(description="Further files inside the folder, relative to this one: `sites/*.yml`.")
    ] = ()
    sites: Annotated[tuple[Site, ...], Meta(description="Places.")] = ()
    targets: Annotated[tuple[TargetEntry, ...], Meta(description="Targets; hosts of enrolled agents need no entry.")] = ()
    groups: Annotated[tuple[GroupEntry, ...], Meta(description="Groups of targets, sites and groups.")] = ()
    calendars: Annotated[tuple[CalendarEntry, ...], Meta(description="Service hours.")] = ()
    holidays: Annotated[tuple[HolidaysEntry, ...], Meta(description="Lists of holidays.")] = ()
    uplinks: Annotated[tuple[UplinkEntry, ...], Meta(description="Ways out of observers.")] = ()
    maintenance: Annotated[
        tuple[MaintenanceEntry, ...],
        Meta(description="Planned windows: each is asked for when the inventory is taken and waits for approval (R11.1)."),
    ] = ()
    templates: Annotated[Templates, Meta(description="What sites are made from.")] = Templates()
    defaults: Annotated[Defaults, Meta(description="What holds for targets that do not say it themselves.")] = Defaults()

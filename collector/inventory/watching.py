"""What the inventory may say of watching beside SNMP: probes, observers, ways out, and what an agent's host is told."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from collector.config_forms import ID, TEXT

Id = Annotated[str, Meta(extra={"form": ID})]
Text = Annotated[str, Meta(extra={"form": TEXT})]
Host = Annotated[str, Meta(extra={"form": "host name or IP address"})]
Port = Annotated[int, Meta(ge=1, le=65_535)]
ProbeSeconds = Annotated[int, Meta(ge=1, le=86_400)]
RetrySeconds = Annotated[float, Meta(ge=0.1, le=86_400)]
PriorityName = Literal["critical", "normal", "low"]
PRIORITIES: Final[dict[str, int]] = {"critical": 2, "normal": 1, "low": 0}
"""Priorities of `agent.probes.probe.Job`: what is shed last is greatest."""


class ProbeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One probe of a target, run again and again. A bare name of a module is a probe that says nothing else."""

    module: Annotated[Text, Meta(description="Name of the module: a shipped one, or one of `probes.module_files`.")]
    name: Annotated[
        Id | None,
        Meta(description="Name of the probe among those of its target, and value of the label `module`; not said: the module."),
    ] = None
    address: Annotated[
        Text | None,
        Meta(
            description="What is probed, where it is not the target's `address`: a host, `host:port` or a URL. `{address}`, "
            "`{id}` and `{site}` stand for those of the target."
        ),
    ] = None
    port: Annotated[Port | None, Meta(description="Port that completes the address; not said: that of the module's kind.")] = (
        None
    )
    interval_s: Annotated[
        ProbeSeconds | None, Meta(description="Seconds between two runs; not said: `interval_s` of the target, else 15.")
    ] = None
    retry_s: Annotated[
        RetrySeconds | None,
        Meta(
            description="Seconds between runs after a failed one, until it is confirmed or over (R4.3); not said: a quarter "
            "of the interval. 0.2 confirms a refused connection within half a second."
        ),
    ] = None
    judged: Annotated[bool, Meta(description="Whether it says if the target is up; `false`: it only brings values.")] = True
    via: Annotated[
        Id | None,
        Meta(
            description="The one observer that runs it; not said: `via` and `also_via` of the target, and `collector` for the "
            "host of an agent without `also_via`."
        ),
    ] = None


class ReadersEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent of a host is told to read of it, beside or in place of the usual readers."""

    enable: Annotated[tuple[Id, ...], Meta(description="Readers to run besides the usual ones.")] = ()
    disable: Annotated[tuple[Id, ...], Meta(description="Usual readers not to run.")] = ()
    settings: Annotated[
        dict[Id, dict[str, Any]], Meta(description="Settings of single readers, by kind, as in `agent.yml`.")
    ] = {}


class ReflectorEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the agent of a host answers `rtp` probes of other agents."""

    port: Annotated[Port, Meta(description="UDP port on which it answers `rtp` probes.")] = 8603


class UplinkEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A way out of an observer: as long as none of its references answers, nobody behind it is accused."""

    id: Annotated[Id, Meta(description="Name of the way out, for `uplink` of sites and targets.")]
    references: Annotated[
        tuple[Host, ...], Meta(description="IP addresses that answer ICMP echoes as long as this way out works.")
    ]
    name: Annotated[Text, Meta(description="Name that people read.")] = ""
    name_en: Annotated[Text, Meta(description="Name on English pages; empty: `name`.")] = ""
    via: Annotated[Id, Meta(description="Whose way out it is: an agent, or `collector`.")] = "collector"


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where a site is."""

    latitude: Annotated[Annotated[float, Meta(ge=-90, le=90)] | None, Meta(description="Degrees north, WGS 84, as 20.94.")] = (
        None
    )
    longitude: Annotated[
        Annotated[float, Meta(ge=-180, le=180)] | None, Meta(description="Degrees east, WGS 84, as 106.33.")
    ] = None
    address: Annotated[Text, Meta(description="Postal address.")] = ""

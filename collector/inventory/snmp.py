"""What the inventory may say of polling a device by SNMP, for a target or for a class. Credentials are named, never written."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from collector.config_forms import ID, TEXT


class SnmpEntry(msgspec.Struct, frozen=True, kw_only=True):
    """How a device is polled. What is not said comes from its class, then from `collector.yml`, then from its profile."""

    enabled: Annotated[bool | None, Meta(description="`false`: not polled, although its class is.")] = None
    auth: Annotated[
        Annotated[str, Meta(extra={"form": ID})] | None,
        Meta(description="Name of its credentials in the file `snmp.auths_file` of `collector.yml`."),
    ] = None
    profile: Annotated[
        Annotated[str, Meta(extra={"form": ID})] | None,
        Meta(
            description="What to poll from this family of devices; not said: `auto`, chosen by what the device says of itself."
        ),
    ] = None
    modules: Annotated[
        tuple[Annotated[str, Meta(extra={"form": ID})], ...] | None,
        Meta(description="Modules to poll besides those of the profile."),
    ] = None
    port: Annotated[Annotated[int, Meta(ge=1, le=65_535)] | None, Meta(description="UDP port; not said: 161.")] = None
    context: Annotated[
        Annotated[str, Meta(extra={"form": TEXT})] | None,
        Meta(description="SNMPv3 context, in place of that of the credentials."),
    ] = None
    timeout_s: Annotated[
        Annotated[float, Meta(ge=0.1, le=60)] | None, Meta(description="Seconds until a request is tried again.")
    ] = None
    retries: Annotated[
        Annotated[int, Meta(ge=0, le=5)] | None, Meta(description="How often a request that got no answer is tried again.")
    ] = None
    max_repetitions: Annotated[
        Annotated[int, Meta(ge=1, le=100)] | None,
        Meta(description="Most rows of a table in one answer; 1: the table is read row by row (GETNEXT)."),
    ] = None
    get_only: Annotated[bool | None, Meta(description="Whether it answers nothing but GET of single objects.")] = None
    strict_source: Annotated[
        bool | None, Meta(description="Whether its answers must come from the very address that was asked.")
    ] = None
    full_interval_s: Annotated[
        Annotated[int, Meta(ge=1, le=86_400)] | None,
        Meta(description="Seconds between two reads of everything; not said: as often as it is polled."),
    ] = None
    wan: Annotated[bool | None, Meta(description="Whether its ports are lines whose load is judged.")] = None
    ping: Annotated[
        bool | None,
        Meta(description="Whether it is sent an ICMP echo when it is silent, which tells a dead device from a dead agent."),
    ] = None


SNMP_KEYS: Final[tuple[str, ...]] = SnmpEntry.__struct_fields__
NOTHING: Final = SnmpEntry()


def over(own: SnmpEntry | None, of_class: SnmpEntry | None) -> SnmpEntry:
    """The target's own word over that of its defaults, key by key."""
    if own is None or of_class is None:
        return own or of_class or NOTHING
    said = {key: value for key in SNMP_KEYS if (value := getattr(own, key)) is not None}
    return msgspec.structs.replace(of_class, **said)


__all__ = ["NOTHING", "SNMP_KEYS", "SnmpEntry", "over"]

"""What `collector.yml` may say about traps: where they are heard, who may send them, and how many are too many."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from collector.config_forms import ENGINE_ID, ID, MAYBE_ENGINE_ID


class TrapEngine(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that sends SNMPv3 traps and is not left to be discovered."""

    engine_id: Annotated[str, Meta(description="Its engine id.", extra={"form": ENGINE_ID})]
    auth: Annotated[
        str, Meta(description="Name of the credentials in `snmp.auths_file` whose user it sends with.", extra={"form": ID})
    ]

    @property
    def octets(self) -> bytes:
        """The engine id itself."""
        return bytes.fromhex(self.engine_id.removeprefix("0x"))


class TrapSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Notifications that devices send by themselves (SNMP traps and informs)."""

    listen: Annotated[
        tuple[Annotated[str, Meta(extra={"form": "host:port"})], ...],
        Meta(
            description="UDP addresses where traps are heard, as `0.0.0.0:162` and `[::]:162`; empty: no traps. "
            "On a machine of several networks name its addresses one by one: an inform is acknowledged from the address "
            "that the system chooses.",
        ),
    ] = ()
    auths: Annotated[
        tuple[Annotated[str, Meta(extra={"form": ID})], ...],
        Meta(description="Names of the credentials in `snmp.auths_file` that senders may use; empty: all of them."),
    ] = ()
    proxies: Annotated[
        tuple[Annotated[str, Meta(extra={"form": "host name or IP address"})], ...],
        Meta(description="Addresses that forward traps of others; they are believed about whose trap it is."),
    ] = ()
    engines: Annotated[
        tuple[TrapEngine, ...],
        Meta(description="SNMPv3 engines that are known beforehand; others are learnt from authenticated traps."),
    ] = ()
    learnt_engines: Annotated[
        int,
        Meta(ge=0, le=100_000, description="Most SNMPv3 engines that are learnt; 0: only those in `engines` are heard."),
    ] = 2_000
    rate_per_source: Annotated[float, Meta(gt=0, le=10_000, description="Traps a second of one sender, sustained.")] = 2.0
    burst_per_source: Annotated[float, Meta(ge=1, le=100_000, description="Traps that one sender may send at once.")] = 40.0
    rate: Annotated[float, Meta(gt=0, le=10_000, description="Traps a second of all senders together, sustained.")] = 100.0
    burst: Annotated[float, Meta(ge=1, le=100_000, description="Traps that all senders together may send at once.")] = 1_000.0
    queue: Annotated[int, Meta(ge=1, le=100_000, description="Traps that may wait to be decoded.")] = 1_000
    same_s: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description="Seconds in which the same notification of the same object is heard once; a UPS repeats its own "
            "every minute while it runs on battery.",
        ),
    ] = 300
    poll_gap_s: Annotated[
        float, Meta(ge=0, le=600, description="Least seconds between two polls of one target that traps cause.")
    ] = 5.0
    engine_id: Annotated[
        str,
        Meta(
            description="Engine id of this collector, to which SNMPv3 informs are sent; empty: made from the machine's name.",
            extra={"form": MAYBE_ENGINE_ID},
        ),
    ] = ""

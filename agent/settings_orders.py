"""The part of `agent.yml` about orders from the centre: frozen structs from which the reference is generated."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from agent.settings_forms import expect


class OrdersSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the collector may order this agent to do. Orders that break a rule here are refused as a whole, and it is told."""

    enabled: Annotated[
        bool,
        Meta(
            description="Whether orders are taken: what to read of this host, what to probe and poll.",
            extra=expect("true or false"),
        ),
    ] = True
    forbid_kinds: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z", extra=expect("a kind"))], ...],
        Meta(
            description="Kinds of probes and readers that nobody may order, such as `script`; `snmp` for all polling.",
            extra=expect("a list of kinds"),
        ),
    ] = ()
    allow_addresses: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=64, extra=expect("a network, such as 10.20.0.0/16"))], ...],
        Meta(
            description="Networks in which ordered probes and polls must stay; empty: anywhere. With networks here an order "
            "may name addresses only, no host names, for where a name leads can change later, and its http modules must say "
            "`follow_redirects: false`.",
            extra=expect("a list of networks, such as 10.20.0.0/16"),
        ),
    ] = ()

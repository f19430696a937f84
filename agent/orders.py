"""What the centre orders an agent to read, probe and poll, as bytes and as values; with the credentials it needs and no others.

Loaded only where there are orders. Pure: no files, no clock; whether they can be obeyed here is for `agent.orders_check`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any, Final

import msgspec

from agent.orders_copy import MAX_BYTES, NO_ORDERS, TAG_PATTERN
from agent.probes.probe import Job
from agent.probes.sight import Uplink
from agent.settings import ReadersSettings, Secret, SnmpDevice
from agent.snmp.auth import NO_SECRET, Auth

VERSION: Final = 1
MAX_JOBS: Final = 10_000
MAX_DEVICES: Final = 5_000
MAX_FILES: Final = 1_000
MAX_UPLINKS: Final = 64
MAX_REFERENCES: Final = 16
_FILE: Final = re.compile(r"(?:(?:modules|profiles)/)?[0-9A-Za-z][0-9A-Za-z._-]{0,99}\.yml\Z")
_TAG: Final = re.compile(TAG_PATTERN)
_TAG_CHARS: Final = 32


class OrdersError(ValueError):
    """Bytes that are no orders, or past a bound; says what was found."""


class Orders(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that the centre wants of one agent. What is empty is not ordered, and stays as the agent's own file says."""

    version: int
    tag: str = ""
    """Names this very content; see `sealed`."""
    interval_s: int = 0
    """Between two collections of the host; 0: as the agent's file says."""
    readers: ReadersSettings | None = None
    """Which readers of the host run, in place of what the agent's file says; None: as that says."""
    jobs: tuple[Job, ...] = ()
    devices: tuple[SnmpDevice, ...] = ()
    """Devices to poll by SNMP; their `auth` names one of `auths`."""
    auths: tuple[Auth, ...] = ()
    snmp_files: dict[str, str] = {}
    """The site's own modules and profiles, text by path below a folder of such (`profiles/x.yml`)."""
    uplinks: tuple[Uplink, ...] = ()
    uplink_of: dict[str, str] = {}
    """The way out over which a target is observed, beside what jobs say of themselves."""
    reflector_port: int = 0
    """UDP port on which `rtp` probes of other agents are answered; 0: none."""
    reflector_key: Secret = NO_SECRET

    def __repr__(self) -> str:
        """Counts only: what they hold may be secret."""
        return f"Orders(tag={self.tag!r}, {len(self.jobs)} jobs, {len(self.devices)} devices)"

    @property
    def is_empty(self) -> bool:
        """Whether nothing is ordered."""
        return msgspec.structs.replace(self, tag="") == NOTHING

    @property
    def observes(self) -> bool:
        """Whether the agent is to watch others than its own host, or to answer those who do."""
        return bool(self.jobs or self.devices or self.reflector_port)


NOTHING: Final = Orders(version=VERSION)


def _shown(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value).__name__)


def _hidden(type_: type, value: Any) -> Any:
    if type_ is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("expected text")


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_shown)
_decoder: Final = msgspec.msgpack.Decoder(Orders, dec_hook=_hidden)


def sealed(orders: Orders, key: bytes) -> Orders:
    """The orders with their tag: a keyed hash, because the tag is shown where the secrets in the orders must not be guessed
    from it; `NO_ORDERS` for orders of nothing."""
    if orders.is_empty:
        return msgspec.structs.replace(orders, tag=NO_ORDERS)
    digest = hmac.new(key, _encoder.encode(msgspec.structs.replace(orders, tag="")), hashlib.sha256)
    return msgspec.structs.replace(orders, tag=digest.hexdigest()[:_TAG_CHARS])


def encode(orders: Orders) -> bytes:
    """As bytes. Raises `OrdersError` for more than an agent takes."""
    data = _encoder.encode(orders)
    if len(data) > MAX_BYTES:
        raise OrdersError(f"{len(data)} bytes, expected at most {MAX_BYTES}")
    return data


def decode(data: bytes) -> Orders:
    """Orders from bytes that anybody may have made. Raises `OrdersError`; unknown fields are left out."""
    if len(data) > MAX_BYTES:
        raise OrdersError(f"{len(data)} bytes, expected at most {MAX_BYTES}")
    try:
        orders = _decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as error:
        raise OrdersError(str(error)[:300] or "no orders") from None
    if orders.version != VERSION:
        raise OrdersError(f"version {orders.version}, expected {VERSION}: the agent and the collector are too far apart")
    _check(orders)
    return orders


def _check(orders: Orders) -> None:
    counts = (("jobs", orders.jobs, MAX_JOBS), ("devices", orders.devices, MAX_DEVICES),
              ("snmp_files", orders.snmp_files, MAX_FILES), ("uplinks", orders.uplinks, MAX_UPLINKS))  # fmt: skip
    for name, found, most in counts:
        if len(found) > most:
            raise OrdersError(f"{name}: {len(found)}, expected at most {most}")
    if not _TAG.match(orders.tag or NO_ORDERS):
        raise OrdersError("tag: expected at most 64 of [0-9a-z]")
    if not 0 <= orders.interval_s <= 3_600:
        raise OrdersError(f"interval_s: {orders.interval_s}, expected 0 to 3600")
    if not 0 <= orders.reflector_port <= 65_535:
        raise OrdersError(f"reflector_port: {orders.reflector_port}, expected 0 to 65535")
    for path in orders.snmp_files:
        if not _FILE.match(path):
            raise OrdersError(f"snmp_files: {path[:64]!r}, expected modules/NAME.yml, profiles/NAME.yml or NAME.yml")
    for uplink in orders.uplinks:
        if len(uplink.references) > MAX_REFERENCES:
            raise OrdersError(f"uplinks: {len(uplink.references)} references, expected at most {MAX_REFERENCES}")


__all__ = ["NOTHING", "VERSION", "Orders", "OrdersError", "decode", "encode", "sealed"]

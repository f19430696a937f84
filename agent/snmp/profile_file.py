"""A profile as its file has it (`config/snmp/profiles/NAME.yml`): keys, types and bounds. What they mean together with modules
and vocabulary is `agent.snmp.profile_build`'s to check.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from agent.snmp.module import OID_PATTERN
from agent.snmp.rules import Change
from agent.snmp.vocabulary import Class, Name

PROFILE_PATTERN: Final = r"^[a-z0-9][a-z0-9.-]{0,62}\Z"
OBJECT_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,126}\Z"


def _expect(text: str) -> dict[str, str]:
    return {"expected": text}


ProfileName = Annotated[str, Meta(pattern=PROFILE_PATTERN, extra=_expect("a name of small letters, digits, - and ."))]
Oid = Annotated[str, Meta(pattern=OID_PATTERN, extra=_expect("an OID in numbers, such as 1.3.6.1.4.1.318"))]
ObjectName = Annotated[str, Meta(pattern=OBJECT_PATTERN, extra=_expect("the name of an object"))]
Scalar = str | int | float


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that must all hold of a device; at least one of them is given."""

    sysobjectid: Oid | None = None
    sysdescr: str | None = None
    answers: Oid | None = None
    class_: Class | None = msgspec.field(default=None, name="class")

    def __post_init__(self) -> None:
        if self.sysobjectid is None and self.sysdescr is None and self.answers is None and self.class_ is None:
            raise ValueError("at least one of sysobjectid, sysdescr, answers, class")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the devices of a family want to be asked. None leaves it to the base, and then to the poller."""

    max_repetitions: Annotated[int, Meta(ge=0, le=200)] | None = None
    get_only: bool | None = None
    """The agent answers GET alone, so that only `core` and the modules' `get` are asked."""
    timeout_s: Annotated[float, Meta(gt=0, le=60)] | None = None
    retries: Annotated[int, Meta(ge=0, le=10)] | None = None


class PortsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the port table (IF-MIB) of a family is to be read."""

    skip_types: tuple[Annotated[int, Meta(ge=0, le=1000)], ...] = (24, 131)
    """Values of ifType without interest: software loopbacks and tunnels."""
    skip_names: str | None = None
    """Ports whose name this regular expression finds are of no interest."""
    skip_aliases: str | None = None
    """The same for what people or the system call them (ifAlias)."""
    watch: str | None = None
    """Ports whose name or alias this regular expression finds are the device's business: one that is down is a fault."""
    wan: bool = False
    """Whether its ports are lines to the outside, whose load is judged."""


class ReadingFile(msgspec.Struct, frozen=True, kw_only=True):
    """One way to get rows of a reading."""

    reading: Name
    value: Scalar | Annotated[tuple[Scalar, ...], Meta(min_length=1, max_length=16)]
    unless: tuple[Scalar, ...] = ()
    where: Scalar | None = None
    labels: dict[Name, Scalar] = {}
    states: dict[str, Name] = {}
    range: Annotated[tuple[float, ...], Meta(min_length=2, max_length=2)] | None = None
    rescale: Annotated[float, Meta(gt=0)] | None = None


class ProfileFile(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    profile: ProfileName
    title: Annotated[str, Meta(min_length=1, max_length=120)]
    class_: Class | None = msgspec.field(default=None, name="class")
    """What such a device is; None for a part that others are based on."""
    vendor: str = ""
    match: tuple[Match, ...] = ()
    base: tuple[ProfileName, ...] = ()
    modules: tuple[str, ...] = ()
    core: tuple[ObjectName, ...] = ()
    settings: Settings = Settings()
    identity: dict[Name, Scalar] = {}
    ports: PortsSettings | None = None
    readings: tuple[ReadingFile, ...] = ()
    required: tuple[Name, ...] = ()
    health: dict[Name, Literal["off"] | Change] = {}
    """A rule's other thresholds, or `off`."""

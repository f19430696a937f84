"""A profile ready for use: what a family of devices is asked, how answers become readings, which health rules count. Values."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from agent.snmp.answers import Layouts, Object
from agent.snmp.profile_file import Settings
from agent.snmp.readings import Derivation
from agent.snmp.rules import Rule
from agent.snmp.vocabulary import Reading


class Ports(msgspec.Struct, frozen=True):
    """How the port table is read; see `PortsSettings`."""

    skip_types: frozenset[int]
    skip_names: re.Pattern[str] | None
    watch: re.Pattern[str] | None
    wan: bool
    skip_aliases: re.Pattern[str] | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """See the module. `core` and `modules` name what is asked; `objects` are all objects that its expressions may name."""

    name: str
    title: str
    class_: str
    vendor: str
    modules: tuple[str, ...]
    core: tuple[str, ...]
    core_oids: tuple[bytes, ...]
    """Octets of the OIDs asked with every poll, each with its `.0`."""
    settings: Settings
    ports: Ports | None
    objects: Mapping[str, Object]
    derivations: tuple[Derivation, ...]
    required: tuple[str, ...]
    rules: tuple[Rule, ...]
    vocabulary: Mapping[str, Reading]
    layouts: Layouts

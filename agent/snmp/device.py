"""What is polled, and the modules of the reports that a poll gives."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.snmp.auth import Auth

AUTO: Final = "auto"
"""Profile of a device that is to be identified by what it says of itself."""
VERDICT: Final = "snmp"
"""Module of the judged report: whether the device answered, and its health. Facts lane, with every poll and on time."""
CORE: Final = "snmp_core"
"""Module of the readings that every poll gives anew: bulk lane, with the verdict."""
VALUES: Final = "snmp_values"
"""Module of the other readings and of the modules' own series, named as `snmp.yml` says: bulk lane, when the walk has ended."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A target that speaks SNMP. What is 0 or None is left to its profile, and then to the built-in value."""

    target: str
    host: str
    auth: Auth
    port: int = 161
    class_: str = ""
    profile: str = AUTO
    modules: tuple[str, ...] = ()
    """Modules to poll besides those of the profile."""
    interval_s: int = 60
    full_interval_s: int = 0
    """Distance of full walks; 0: one with every poll."""
    timeout_s: float = 0.0
    retries: int | None = None
    max_repetitions: int = 0
    get_only: bool | None = None
    strict_source: bool = False
    """Whether an answer must come from the very address that was asked."""
    wan: bool | None = None
    """Whether its ports are lines whose load is judged."""
    ping: bool = True
    """Whether a device that is silent is asked by an ICMP echo, to tell a dead agent from a dead device."""

"""What holds for each kind of alert where the on-call file says nothing: how long it must last, and how grave it is. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from collector.core.alert import AlertKind, Severity

_MINUTE_MS: Final = 60_000
_CRITICAL, _WARNING, _INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


class KindRule(msgspec.Struct, frozen=True):
    """How alerts of a kind are treated."""

    after_ms: int = 0
    """How long it must last before anybody is told."""
    pages: bool = True
    severities: tuple[Severity, Severity, Severity] | None = None
    """For targets of the priorities critical, normal and low; None: the rule that finds the condition says how grave it is."""


KINDS: Final[dict[AlertKind, KindRule]] = {
    AlertKind.DOWN: KindRule(severities=(_CRITICAL, _CRITICAL, _WARNING)),
    AlertKind.DEGRADED: KindRule(5 * _MINUTE_MS, severities=(_WARNING, _WARNING, _INFO)),
    AlertKind.NO_DATA: KindRule(15 * _MINUTE_MS, severities=(_WARNING, _WARNING, _INFO)),
    AlertKind.BURN: KindRule(),
    AlertKind.AGENT_WEDGED: KindRule(severities=(_WARNING, _WARNING, _WARNING)),
    AlertKind.CERTIFICATE: KindRule(),
    AlertKind.ON_BATTERY: KindRule(_MINUTE_MS),
    AlertKind.COLLECTOR: KindRule(),
}
"""An outage of what nobody called unimportant wakes people; what merely works badly, or is not seen, waits for them."""

"""What a poll says of its target: outcome, reason and a sentence, from whether the device answered and what it said of itself.

Pure. Never failed for one silent request that an echo contradicts, never ok for health that was not read; what we could not
test (wrong password, no name, no way out of this machine) is an error, which counts against nobody.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agent.model import Outcome, Reason
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.health import Health

SILENT_POLLS: Final = 3
"""Polls in a row without an answer after which a device that answers an echo is called degraded."""
MAX_DETAIL: Final = 400
SILENCE: Final = frozenset({Fault.TIMEOUT, Fault.DEADLINE})
"""Faults of which an echo tells what they mean."""
_ABSENT: Final = frozenset({*SILENCE, Fault.REFUSED, Fault.NO_HOST})
_REFUSED: Final = ("its machine refuses the port", "")
_SILENT: Final = ("it answers an echo request", ", or does not know these credentials")
"""The sign that the device is there, and what may be so besides: agents are silent about a community they do not know."""
_OUTCOMES: Final = {
    Health.UP: (Outcome.OK, Reason.NONE),
    Health.DEGRADED: (Outcome.DEGRADED, Reason.BAD_STATUS),
    Health.DOWN: (Outcome.FAILED, Reason.BAD_STATUS),
    Health.UNKNOWN: (Outcome.ERROR, Reason.NO_DATA),
}


class Verdict(msgspec.Struct, frozen=True):
    """Outcome, reason and words of one poll."""

    outcome: Outcome
    reason: Reason
    detail: str


def answered(health: Health, words: str) -> Verdict:
    """The device answered, and its health is known to be this (or not to be known)."""
    outcome, reason = _OUTCOMES[health]
    return Verdict(outcome, reason, words[:MAX_DETAIL])


def unanswered(error: SnmpError, polls: int, echo: bool | None, last: Verdict | None) -> Verdict:
    """The device gave no usable answer, for so many polls in a row with this one. `echo`: whether it answers an ICMP echo, None
    if that is not known; `last` is the verdict of its last answer if that still holds."""
    fault, reason = error.fault, error.reason
    if fault not in _ABSENT:
        return Verdict(Outcome.ERROR, reason, error.detail[:MAX_DETAIL])
    if fault is not Fault.REFUSED and not echo:
        words = "no answer to SNMP" + ("" if echo is None else ", nor to an echo request")
        return Verdict(Outcome.FAILED, reason, f"{words}: {error.detail}"[:MAX_DETAIL])
    sign, doubt = _REFUSED if fault is Fault.REFUSED else _SILENT
    words = f"no answer to SNMP (poll {polls} in a row), but {sign}: the device is there, its agent is not{doubt}"
    if polls >= SILENT_POLLS:
        return Verdict(Outcome.DEGRADED, reason, f"{words}: {error.detail}"[:MAX_DETAIL])
    if last is None:
        return Verdict(Outcome.ERROR, reason, f"{words}: {error.detail}"[:MAX_DETAIL])
    return Verdict(last.outcome, last.reason, f"{words}; before: {last.detail or 'no trouble'}"[:MAX_DETAIL])

"""When a target was last seen good and last missed, and whether a failure waits to be confirmed: what a fresh look is told by.

Pure. Whoever asks for the way from the centre asks what the centre itself saw (R7.2).
"""

from __future__ import annotations

import msgspec

from collector.core.judge import CENTRE, Judge
from collector.core.machine import Machine
from collector.core.state import View
from collector.core.table import Phase

_GOOD = (Phase.UP, Phase.RECOVERING)


class Newest(msgspec.Struct, frozen=True):
    """Instants of the newest samples, milliseconds UTC; None where none is known. `is_pending`: no sequence is good and one
    has failures that are not confirmed yet (3.4)."""

    good_ms: int | None = None
    failed_ms: int | None = None
    is_pending: bool = False


def newest(judge: Judge) -> Newest:
    """Of the probes of a target, of the centre where it has any; of one that is only heard from, of its reports."""
    seen = judge.sequences(View.DEVICE, centre_only=True)
    probes = [machine for key, machine in seen.items() if key != (CENTRE, "\n")]
    machines = probes or list(seen.values())
    good = [at for machine in machines if (at := _good(machine)) is not None]
    failed = [machine.last_ms for machine in machines if machine.phase not in _GOOD and machine.last_ms is not None]
    is_good = any(machine.phase in _GOOD for machine in machines)
    is_pending = not is_good and any(machine.phase is Phase.SOFT for machine in machines)
    return Newest(max(good, default=None), max(failed, default=None), is_pending)


def _good(machine: Machine) -> int | None:
    """Its last good sample, as far as it is still told apart: a failure after it leaves only that it was before."""
    if machine.phase in _GOOD:
        return machine.last_ms
    return machine.pending_ms - 1 if machine.phase is Phase.SOFT and machine.good is not None else None

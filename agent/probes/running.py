"""One run of a probe, whatever it does: its deadline, what its errors say, and the samples that it gave, bounded.

Serves `agent.probes.prober` (again and again) and the command `probe` (once). It raises nothing but a cancellation.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

import msgspec

from agent.kinds import PROBES
from agent.model import Outcome, Readings, Reason
from agent.probes.failures import failed, finding_of, is_ours
from agent.probes.held import TOO_BUSY
from agent.probes.labels import words
from agent.probes.limits import Limits
from agent.probes.probe import DURATION, MAX_DETAIL, SUCCESS, Finding, Module, Probe, Run

DEFAULT_TIMEOUT_S: Final = 10.0
"""Longest run where the module does not say it."""
SHARE: Final = 0.9
"""A run may take this share of its interval."""
MAX_SERIES: Final = 2_000
"""Of one run; what a target makes of more is left out."""
_SINGLE: Final = ((),)
_GOOD: Final = (1.0,)
_BAD: Final = (0.0,)
_log = logging.getLogger("haidang.probes")


class Done(NamedTuple):
    """A run that ended. `readings` begin with its success and duration."""

    finding: Finding
    duration_s: float
    readings: Readings


def timeout_of(module: Module, interval_s: float) -> float:
    """Seconds that a run of a module may take when the next one follows after `interval_s`."""
    return min(module.timeout_s or DEFAULT_TIMEOUT_S, SHARE * interval_s)


async def run_once(probe: Probe, address: str, run: Run, *, degraded_after_s: float = 0.0) -> Done:
    """Run a probe until its deadline. A success that took longer than `degraded_after_s` is degraded; 0: never."""
    limits = run.tools.part("limits", Limits)
    try:
        with limits.until(run.deadline_s) as limit:
            finding = await probe(address, run)
        if limit.is_expired:
            # It went on after it was told to end: what it found came too late to be worth anything.
            finding = failed(run)
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        finding = _mistake(address, error, run)
    except Exception as error:  # noqa: BLE001  whatever a target makes of our code is this run's finding, and ends no other
        finding = _mistake(address, error, run)
    duration_s = run.elapsed_s()
    if finding.reason is Reason.TIMEOUT and finding.outcome is Outcome.FAILED and _was_held(limits, run, duration_s):
        finding = Finding(Outcome.ERROR, Reason.INTERNAL, f"{TOO_BUSY}: {finding.detail}"[:MAX_DETAIL])
    if degraded_after_s and finding.outcome is Outcome.OK and duration_s > degraded_after_s:
        finding = Finding(Outcome.DEGRADED, Reason.MISMATCH, f"took {duration_s:.2f} s, more than {degraded_after_s:g} s")
    return _done(finding, duration_s, run)


def _was_held(limits: Limits, run: Run, duration_s: float) -> bool:
    """Whether the loop stood still for so long that a run without an answer accuses nobody. A kind may have ended it sooner
    than its deadline, by a time limit of its own."""
    ended_s = run.started_s + duration_s
    return limits.held.is_over(run.started_s, min(run.deadline_s, ended_s), ended_s)


def _mistake(address: str, error: BaseException, run: Run) -> Finding:
    finding = finding_of(error, run)
    if is_ours(finding) and not isinstance(error, OSError):
        _log.debug("probing %s failed", address, exc_info=error)
    return finding


def _done(finding: Finding, duration_s: float, run: Run) -> Done:
    if not finding.detail.isprintable() or len(finding.detail) > MAX_DETAIL:
        # Halves of characters would cost all reports that are stored with it, and terminals obey what servers put there.
        finding = msgspec.structs.replace(finding, detail=words(finding.detail, MAX_DETAIL))
    is_success = finding.outcome in (Outcome.OK, Outcome.DEGRADED)
    readings = [(SUCCESS, _SINGLE, _GOOD if is_success else _BAD), (DURATION, _SINGLE, (duration_s,)), *run.readings()]
    left = MAX_SERIES
    for count, (_, labels, _numbers) in enumerate(readings):
        left -= len(labels)
        if left < 0:
            text = f"{finding.detail}; more than {MAX_SERIES} series, the rest is left out".removeprefix("; ")
            finding = msgspec.structs.replace(finding, detail=text[:MAX_DETAIL])
            del readings[count:]
            break
    return Done(finding, duration_s, readings)


class Openings:
    """Probes ready to run by what their modules say: jobs of one module share its patterns, certificates and the like. One that
    no job uses any more is forgotten, for modules change for years, and secrets with them."""

    def __init__(self) -> None:
        self._open: WeakValueDictionary[bytes, Probe] = WeakValueDictionary()

    def probe(self, module: Module) -> Probe:
        """The probe of a module. One that cannot be opened is a probe all the same, which says at each run why."""
        key = msgspec.msgpack.encode((module.kind, module.settings))
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = _opened(module)
        return found


def open_module(module: Module) -> Probe:
    """The probe of a module. Raises `ValueError` that says which setting is wrong and why, also for an unknown kind."""
    where = PROBES.get(module.kind)
    if where is None:
        raise ValueError(f"there is no kind of probe named {module.kind!r}")
    place, _, name = where.partition(":")
    kind = importlib.import_module(place)
    try:
        settings = msgspec.convert(module.settings, kind.Settings)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    opened: Probe = getattr(kind, name)(settings)
    return opened


def _opened(module: Module) -> Probe:
    try:
        return open_module(module)
    except (ValueError, OSError, ImportError) as error:
        finding = Finding(Outcome.ERROR, Reason.INTERNAL, f"the module {module.name} cannot be used: {error}"[:MAX_DETAIL])
    _log.error("%s", finding.detail)

    async def closed(_address: str, _run: Run) -> Finding:
        return finding

    return closed


__all__ = ["MAX_SERIES", "Done", "Openings", "open_module", "run_once", "timeout_of"]

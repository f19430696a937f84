"""What is true of a subject now that someone must know: its confirmed state, its budget, and what its figures say.

Asked of every subject in turn and of those that flipped at once, so the answer for one that is up costs microseconds. It says
nothing about whom to tell, and holds nothing back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from zlib import crc32

import msgspec

from agent.model import Outcome
from collector.alerting.compositions import Compositions, Ledger, Page, is_part
from collector.alerting.gathered import AGENT_PREFIX, Gathered, Severe
from collector.core.alert import COLLECTOR_SUBJECT, Alert, AlertKey, AlertKind, Condition, Severity
from collector.core.evidence import Evidence
from collector.core.findings import DEFAULTS, UNSEEN_FIRST_MS, burning
from collector.core.fleet import Fleet
from collector.core.roll import Roll
from collector.core.state import GOOD_STATES, Span, State, View, Why
from collector.core.subject import Subject

TURN_MS: Final = 5_000
"""How often figures of the fleet are looked at."""
BURN_MS: Final = 60_000
"""How often the budget of a subject is worked out; each has its own moment of the minute."""
BLIND_MS: Final = 60_000
"""How long nobody must have looked, after we could have, before that is said: after a start every target waits for its next
sample."""
_FIGURES: Final = (AlertKind.CERTIFICATE, AlertKind.ON_BATTERY, AlertKind.AGENT_WEDGED)
_DEVICE: Final = View.DEVICE
_UP: Final = State.UP
_KINDS: Final = {
    State.DOWN: AlertKind.DOWN,
    State.UNREACHABLE: AlertKind.DOWN,
    State.DEGRADED: AlertKind.DEGRADED,
    State.UNKNOWN: AlertKind.NO_DATA,
}
_SHOWING: Final = {AlertKind.DOWN: (Outcome.FAILED,), AlertKind.DEGRADED: (Outcome.DEGRADED, Outcome.FAILED)}
_BY_SAMPLES: Final = (Why.OBSERVED, Why.PATH, Why.REPORTING)
"""The state was said by a sample, which tells its reason; of the others the reason is why it is so."""


def as_ruled(_key: AlertKey, default: Severity) -> Severity:
    """The severity by the rule of the condition: where no on-call file says another."""
    return default


def watches_groups(subject: Subject) -> bool:
    """Whose budget is watched unless somebody says otherwise: groups, pools and sites. Of a single target a burn alert says
    what its outage says (R14.4)."""
    return subject.group is not None and not is_part(subject)


class Conditions:
    """See the module. `recall` first, with what was open before a restart; then `of` for one subject after the other.

    `severe` is asked whenever a condition is made and may be set anew with another on-call file; so may `burns`, which answers
    whose budget is watched.
    """

    def __init__(
        self,
        ledger: Ledger,
        fleet: Fleet,
        severe: Severe = as_ruled,
        burns: Callable[[Subject], bool] = watches_groups,
    ) -> None:
        self._ledger = ledger
        self._fleet = fleet
        self.severe = severe
        self.burns = burns
        self._compositions = Compositions(ledger)
        self._gathered = Gathered(fleet, lambda key, default: self.severe(key, default), self._is_heard)
        self._looked_ms = -TURN_MS
        self._states: dict[str, Condition] = {}
        """What its state says, by subject: it keeps when it was known."""
        self._burning: dict[str, dict[str, Condition]] = {}
        self._burnt_in: dict[str, int] = {}
        """The minute in which the budget of a subject was worked out."""
        self._calm: dict[str, tuple[int, ...] | None] = {}
        """What stays as it is until something happens to a subject whose budget nothing has burnt."""
        self._watched: frozenset[str] = frozenset()
        self._watched_of: tuple[Roll | None, object] = (None, None)
        self._blind: dict[str, int] = {}
        """Since when nobody looks at a subject of which that is not said yet."""

    def recall(self, alerts: Iterable[Alert]) -> None:
        """Open alerts of before a restart: what they are about goes on until it is known that it does not."""
        for alert in alerts:
            key = alert.key
            if not alert.is_open or key.subject == COLLECTOR_SUBJECT:
                continue
            condition = Condition(
                key, alert.severity, alert.since_ms, alert.known_ms, alert.state, alert.reason, alert.detail, alert.value
            )
            if key.kind in _FIGURES:
                self._gathered.recall(condition)
            elif key.kind is AlertKind.BURN:
                self._burning.setdefault(key.subject, {})[key.name] = condition
            else:
                self._states[key.subject] = condition

    def of(self, id_: str, now_ms: int) -> tuple[Condition, ...]:
        """Everything that someone must know of a subject now; nothing of one that the ledger has no page for."""
        if not 0 <= now_ms - self._looked_ms < TURN_MS:
            self._looked_ms = now_ms
            self._look(now_ms)
        page = self._ledger.pages.get(id_)
        if page is None:
            return ()
        judge = page.judge
        span = judge.now(_DEVICE, now_ms) if judge is not None else self._compositions.state(id_, now_ms)
        found = self._gathered.of.get(id_, ())
        if id_ in self._watched:
            found = (*self._burn(id_, now_ms), *found)
        if span is not None and (span.state is not _UP or id_ in self._states):
            state = self._state(page, id_, span, now_ms)
            return found if state is None else (state, *found)
        return found

    def _look(self, now_ms: int) -> None:
        """Every few seconds: what is watched, and what figures say."""
        roll, pages = self._ledger.roll, self._ledger.pages
        if self._watched_of != (roll, self.burns):
            self._watched_of = (roll, self.burns)
            self._watched = frozenset([id_ for id_ in roll if not roll.is_gone(id_) and self.burns(roll.subject(id_))])
            self._states = {id_: known for id_, known in self._states.items() if id_ in roll}
            self._burning = {id_: known for id_, known in self._burning.items() if id_ in self._watched}
            self._calm = {id_: known for id_, known in self._calm.items() if id_ in self._watched}
            self._blind = {id_: since_ms for id_, since_ms in self._blind.items() if id_ in pages}
        self._gathered.refresh(now_ms)

    def _is_heard(self, id_: str, now_ms: int) -> bool:
        page = self._ledger.pages.get(id_)
        return page is not None and page.judge is not None and page.judge.now(_DEVICE, now_ms).state in GOOD_STATES

    # --- states

    def _state(self, page: Page, id_: str, span: Span, now_ms: int) -> Condition | None:
        known = self._states.get(id_)
        if page.judge is not None and not page.is_taken_up:
            return known  # its judge says unknown until it knows what is on disk
        kind = _KINDS.get(span.state)
        if span.state is not State.UNKNOWN:
            self._blind.pop(id_, None)
        if kind is None:
            self._states.pop(id_, None)
            return None
        if kind is AlertKind.NO_DATA:
            found = self._no_data(page, id_, span, now_ms)
            if found is None:
                self._states.pop(id_, None)
                return None
        else:
            found = self._confirmed(page, id_, span, now_ms)
        if known is not None and known.key == found.key:
            # What lasts was known when it was known first, whatever is learned of it later.
            found = msgspec.structs.replace(found, known_ms=known.known_ms)
        self._states[id_] = found
        return found

    def _confirmed(self, page: Page, id_: str, span: Span, now_ms: int) -> Condition:
        kind = _KINDS[span.state]
        reason, detail, known_ms = span.why.value, "", now_ms
        if page.judge is not None:
            known = self._states.get(id_)
            if kind is AlertKind.DOWN and (known is None or known.key.kind is not kind):
                known_ms = min(
                    [hard for onset, hard in page.judge.confirmed(_DEVICE, now_ms) if onset >= span.from_ms] or [now_ms]
                )
            if span.why in _BY_SAMPLES:
                shown = self._newest(id_, _SHOWING[kind])
                if shown is not None:
                    reason, detail = shown.reason.value or reason, shown.detail
        key = AlertKey(id_, kind)
        severity = self.severe(key, DEFAULTS[kind])
        return Condition(key, severity, span.from_ms, max(span.from_ms, known_ms), span.state, reason, printable(detail))

    def _newest(self, id_: str, outcomes: tuple[Outcome, ...]) -> Evidence | None:
        """The newest evidence of a target with one of these outcomes, among what was said last by each of its modules."""
        target = self._fleet.get(id_.removeprefix(AGENT_PREFIX))
        found = [
            live.evidence
            for live in (target.modules.values() if target is not None else ())
            if live.evidence is not None and live.evidence.outcome in outcomes
        ]
        return max(found, key=lambda one: one.t_ms, default=None)

    def _no_data(self, page: Page, id_: str, span: Span, now_ms: int) -> Condition | None:
        """Nobody knows. Of what is composed its members say it."""
        if page.judge is None:
            return None
        roll = self._ledger.roll
        scope = [a for a, b in roll.scope(id_) if a <= now_ms < b]
        if not scope:
            return None
        since_ms, known_ms = span.from_ms, now_ms
        if span.why is Why.NEVER:
            since_ms = max(scope[0], roll.known_since(id_))
            known_ms = since_ms + UNSEEN_FIRST_MS
            if now_ms < known_ms:
                return None
        if span.why is Why.BLIND and now_ms - self._blind.setdefault(id_, now_ms) < BLIND_MS:
            known = self._states.get(id_)
            return known if known is not None and known.key.kind is AlertKind.NO_DATA else None
        key = AlertKey(id_, AlertKind.NO_DATA)
        severity = self.severe(key, DEFAULTS[AlertKind.NO_DATA])
        return Condition(key, severity, since_ms, known_ms, State.UNKNOWN, span.why.value)

    # --- budgets

    def _burn(self, id_: str, now_ms: int) -> tuple[Condition, ...]:
        minute = (now_ms + crc32(id_.encode()) % BURN_MS) // BURN_MS
        known = self._burning.get(id_, {})
        if self._burnt_in.get(id_) != minute:
            is_first = id_ not in self._burnt_in
            self._burnt_in[id_] = minute
            if not is_first:
                known = self._burning[id_] = self._burnt(id_, known, now_ms)
        return tuple(known.values())

    def _burnt(self, id_: str, known: dict[str, Condition], now_ms: int) -> dict[str, Condition]:
        calm = self._compositions.calm(id_, now_ms)
        if calm is not None and not known and self._calm.get(id_) == calm:
            return known
        out: dict[str, Condition] = {}
        burns = self._compositions.burns(id_, now_ms)
        self._calm[id_] = calm if all(burn.bad == 0 for burn in burns.values()) else None
        before = {name: condition.since_ms for name, condition in known.items()}
        for found in burning(burns, before, now_ms, self._ledger.roll.known_since(id_)):
            key = AlertKey(id_, AlertKind.BURN, found.name)
            known_ms = known[found.name].known_ms if found.name in known else now_ms
            out[found.name] = Condition(
                key, self.severe(key, found.severity), found.since_ms, known_ms, reason=found.reason, detail=found.detail,
                value=found.value,
            )  # fmt: skip
        return out


def printable(text: str) -> str:
    """At most 300 characters of it, without control characters."""
    return "".join([char if char.isprintable() else " " for char in text[:300]])

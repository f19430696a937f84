"""An explanation for people, as columns of text in their language and zone, and for programs, as JSON in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Final

import msgspec

from collector.commands.explain_words import word
from collector.core.evidence import Grade
from collector.core.explanation import MAINTENANCE, Explanation, Told, ViewTold
from collector.core.figures import Figures
from collector.core.intervals import Interval
from collector.core.printing import display, percent, ratio
from collector.core.state import State
from collector.core.witness import Witness
from collector.expose.alert_views import AlertView
from collector.report.rfc3339 import instant
from collector.report.show import NONE, Show
from collector.report.terms import term

FORMAT: Final = "haidang-explanation-1"
"""Says what the document is; the number grows when a member changes its meaning."""
_COLOURS: Final = {
    State.UP: "32", State.DEGRADED: "33", State.DOWN: "31", State.UNREACHABLE: "35", State.UNKNOWN: "33",
}  # fmt: skip
_HEADS: Final = ("from", "to", "duration", "state", "why", "cause", "grade", "counts", "rule")
_STATE: Final = _HEADS.index("state")
_INDENT: Final = "      "


def render_text(
    explained: Explanation, language: str, zone: str, *, digits: int = 4, colour: bool = False, evidence: bool = True
) -> str:
    """The text, ending in a line feed. `colour`: with ANSI codes, for a terminal; `evidence`: with the rows behind each span.

    `zoneinfo.ZoneInfoNotFoundError` for an unknown zone.
    """
    page = _Page(explained, language, zone, digits)
    lines = [*page.head()]
    for view in explained.views:
        lines += ["", *page.view(view, colour, evidence)]
    lines += page.reboots()
    return "\n".join(lines) + "\n"


class _Page:
    """One explanation in one language and zone."""

    def __init__(self, explained: Explanation, language: str, zone: str, digits: int) -> None:
        self._e, self._language, self._digits = explained, language, digits
        self._show = Show(language, zone, explained.from_ms)

    def _word(self, key: str, **values: object) -> str:
        return word(self._language, key, **values)

    def _term(self, list_: str, value: str) -> str:
        return term(self._language, list_, value)

    def head(self) -> Iterator[str]:
        """Who, when, as of when."""
        e, show = self._e, self._show
        name = plain(e.name.get(self._language, ""))
        place = [self._word("site", site=e.site)] if e.site else []
        place += [self._word("class", class_=e.class_)] if e.class_ else []
        yield self._word(
            "subject", id=e.subject, name=f" ({name})" if name else "", kind=self._term("kind", e.kind),
            place="".join(f" · {plain(part)}" for part in place),
        )  # fmt: skip
        yield self._word(
            "period", period=plain(e.period), start=show.time(e.from_ms), end=show.time(e.to_ms), zone=show.zone_name,
            offset=show.offset(e.from_ms),
        )  # fmt: skip
        objective = show.percent(ratio(Fraction(e.objective_ppm, 1_000_000)))
        yield self._word("known", known=show.time(e.known_ms), objective=objective)

    def view(self, told: ViewTold, colour: bool, evidence: bool) -> Iterator[str]:
        """One view: figures, incidents, spans."""
        show = self._show
        decides = self._word("decides") if told.decides else ""
        yield self._word("view", view=self._term("view", told.view.value), decides=decides, policy=told.policy)
        yield "  " + told.policy_text.get(self._language, told.policy_text.get("en", ""))
        yield from ("  " + line for line in self._figures(told))
        for one in told.incidents:
            hard, restored = show.time(one.hard_ms), show.time(one.restored_ms)
            yield "  " + self._word(
                "incident", onset=show.time(one.onset_ms), hard=hard, restored=restored, charged=show.duration(one.charged_ms),
                cause=self._term("cause", one.cause),
            )  # fmt: skip
        for key, intervals in (("soft", told.soft), ("flapping", told.flapping)):
            if intervals:
                yield "  " + self._word(key, list=", ".join(self._interval(one) for one in intervals))
        if told.spans:
            yield ""
            yield from self._spans(told, colour, evidence)

    def _figures(self, told: ViewTold) -> Iterator[str]:
        f, show, digits = told.figures, self._show, self._digits
        verdict = self._term("verdict", f.verdict.value)
        if f.denom:
            yield self._word(
                "reached", reached=display(f.good, f.bad, digits, self._language),
                low=display(f.good, f.bad + f.doubt, digits, self._language),
                high=display(f.good + f.doubt, f.bad, digits, self._language), coverage=self._coverage(f), verdict=verdict,
                provisional=self._word("provisional") if f.provisional else "",
            )  # fmt: skip
        else:
            yield self._word("nothing_counts", verdict=verdict)
        times = {name: show.duration(getattr(f, name)) for name in ("ast", "good", "bad", "unknown", "maintenance")}
        yield self._word("seconds", **times)
        if f.up_backfill or f.up_inferred:
            yield self._word("proof", backfill=show.duration(f.up_backfill), inferred=show.duration(f.up_inferred))
        if told.uncertainty_ms is None:
            yield self._word("pool")
        else:
            yield self._word("incidents", count=show.count(f.incidents), uncertainty=show.duration(told.uncertainty_ms))

    def _coverage(self, f: Figures) -> str:
        agreed = f.ast - f.maintenance
        return percent(agreed - f.unknown, agreed, 2, self._language) or NONE

    def _spans(self, told: ViewTold, colour: bool, evidence: bool) -> Iterator[str]:
        table = [[self._word(f"head_{key}") for key in _HEADS]] + [self._row(part) for part in told.spans]
        widths = [max(len(row[column]) for row in table) for column in range(len(_HEADS))]
        codes = ["", *[_COLOURS[part.state] if colour else "" for part in told.spans]]
        for number, (row, code) in enumerate(zip(table, codes, strict=True)):
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
            if code:
                cells[_STATE] = f"\x1b[{code}m{cells[_STATE]}\x1b[0m"
            yield ("  " + "  ".join(cells)).rstrip()
            if number:
                yield from (_INDENT + line for line in self._notes(told.spans[number - 1]))
            if number and evidence:
                yield from (_INDENT + line for line in self._proof(told.spans[number - 1]))

    def _row(self, part: Told) -> list[str]:
        show = self._show
        return [
            show.time(part.from_ms), show.time(part.to_ms), show.duration(part.to_ms - part.from_ms),
            self._term("state", part.state.value), self._term("why", part.why.value),
            self._term("cause", part.cause) if part.cause else NONE, part.grade, self._word(part.counts), part.rule,
        ]  # fmt: skip

    def _notes(self, part: Told) -> Iterator[str]:
        """What lies over it, and since when it lasts."""
        if part.since_ms < part.from_ms:
            yield self._word("since", since=self._show.time(part.since_ms))
        windows = ", ".join(part.windows)
        if windows:
            yield self._word("window" if part.counts == MAINTENANCE else "ignored", windows=windows)
        elif part.counts == MAINTENANCE:
            yield self._word("inherited")
        if part.observed is not None:
            observed = self._term("state", part.observed.value)
            yield self._word("correction", correction=part.correction or NONE, observed=observed)

    def _proof(self, part: Told) -> Iterator[str]:
        for row in part.evidence.rows:
            yield self._evidence(row)
        if part.evidence.left_out:
            yield self._word("left_out", count=part.evidence.left_out)
        for blind in part.blinds:
            until = self._show.time(blind.until_ms)
            yield self._word("blind", observer=plain(blind.observer), start=self._show.time(blind.from_ms), end=until)
        for other in part.others:
            state, why = self._term("state", other.state.value), self._term("why", other.why.value)
            start, end = self._show.time(other.from_ms), self._show.time(other.to_ms)
            yield self._word("other", subject=other.subject, state=state, why=why, start=start, end=end)
        if part.others_left_out:
            yield self._word("left_out", count=part.others_left_out)
        if not (part.evidence.rows or part.others or part.blinds) and self._is_single():
            yield self._word("no_evidence")

    def _is_single(self) -> bool:
        return self._e.kind in ("target", "agent")

    def _evidence(self, row: Witness) -> str:
        show = self._show
        outcome = self._word(row.outcome) + (f" ({self._word(row.reason)})" if row.reason else "")
        detail = f" [{plain(row.detail)}]" if row.detail else ""
        what = self._word("blind_kind" if row.kind == "blind" else row.kind)
        late = self._word("late") if row.grade == Grade.LATE else ""
        boot = self._word("boot", boot=row.boot[:8]) if row.boot else ""
        return self._word(
            "evidence", id=row.id, role=self._word(row.role.value), what=what, module=plain(row.module),
            observer=plain(row.observer), outcome=outcome + detail, start=show.time(row.first_ms), end=show.time(row.last_ms),
            count=show.count(row.count), received=show.time(row.received_ms), late=late, boot=boot,
        )  # fmt: skip

    def _interval(self, one: Interval) -> str:
        return f"{self._show.time(one[0])} – {self._show.time(one[1])}"

    def reboots(self) -> list[str]:
        """Changes of boot."""
        if not self._e.reboots:
            return []
        lines = ["", self._word("reboots")]
        for one in self._e.reboots:
            pinned = self._word("pinned") if one.pinned else ""
            lines.append(
                self._word("reboot", last=self._show.time(one.last_ms), first=self._show.time(one.first_ms), pinned=pinned)
            )
        return lines


def plain(text: str) -> str:
    """A text from elsewhere on one line, with nothing in it that a terminal would obey."""
    return "".join(character if character.isprintable() else "�" for character in text)


# --- JSON


def render_json(explained: Explanation, *, digits: int = 4, alerts: Sequence[AlertView] = ()) -> bytes:
    """The document in one line: instants in UTC (RFC 3339), lengths in whole milliseconds, figures as they are printed.
    `alerts` as the API tells them."""
    e = explained
    document = {
        "format": FORMAT,
        "subject": e.subject,
        "kind": e.kind,
        "site": e.site,
        "class": e.class_,
        "names": e.name,
        "period": e.period,
        "from": instant(e.from_ms),
        "to": instant(e.to_ms),
        "known_at": instant(e.known_ms),
        "interval_ms": e.interval_ms,
        "objective_ppm": e.objective_ppm,
        "views": [_view(view, digits) for view in e.views],
        "reboots": [{"last": instant(one.last_ms), "first": instant(one.first_ms), "pinned": one.pinned} for one in e.reboots],
        "alerts": alerts,
    }
    return msgspec.json.encode(document) + b"\n"


_COUNTED: Final = (
    "ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown", "good", "bad", "up_backfill", "up_inferred",
    "soft_fail",
)  # fmt: skip


def _view(told: ViewTold, digits: int) -> dict[str, Any]:
    f = told.figures
    return {
        "view": told.view.value,
        "policy": told.policy,
        "decides": told.decides,
        "availability": display(f.good, f.bad, digits) if f.denom else None,
        "low": display(f.good, f.bad + f.doubt, digits) if f.denom else None,
        "high": display(f.good + f.doubt, f.bad, digits) if f.denom else None,
        "verdict": f.verdict.value,
        "provisional": f.provisional,
        **{f"{name}_ms": getattr(f, name) for name in _COUNTED},
        "incident_count": f.incidents,
        "uncertainty_ms": told.uncertainty_ms,
        "incidents": [
            {
                "onset": instant(one.onset_ms),
                "hard": _maybe(one.hard_ms),
                "restored": _maybe(one.restored_ms),
                "charged_ms": one.charged_ms,
                "cause": one.cause,
            }
            for one in told.incidents
        ],
        "spans": [_span(part) for part in told.spans],
        "soft": _intervals(told.soft),
        "flapping": _intervals(told.flapping),
    }


def _span(part: Told) -> dict[str, Any]:
    return {
        "from": instant(part.from_ms),
        "to": instant(part.to_ms),
        "since": instant(part.since_ms),
        "state": part.state.value,
        "why": part.why.value,
        "rule": part.rule,
        "cause": part.cause or None,
        "grade": part.grade,
        "counts": part.counts,
        "windows": part.windows,
        "correction": part.correction or None,
        "observed": part.observed.value if part.observed is not None else None,
        "evidence": [_row(row) for row in part.evidence.rows],
        "evidence_left_out": part.evidence.left_out,
        "blind": [{"observer": one.observer, "from": instant(one.from_ms), "to": instant(one.until_ms)} for one in part.blinds],
        "others": [
            {
                "subject": one.subject,
                "from": instant(one.from_ms),
                "to": instant(one.to_ms),
                "state": one.state.value,
                "why": one.why.value,
            }
            for one in part.others
        ],
        "others_left_out": part.others_left_out,
    }


def _row(row: Witness) -> dict[str, Any]:
    return {
        "id": row.id,
        "role": row.role.value,
        "kind": row.kind,
        "observer": row.observer,
        "module": row.module,
        "outcome": row.outcome,
        "reason": row.reason,
        "detail": row.detail,
        "first": instant(row.first_ms),
        "last": instant(row.last_ms),
        "count": row.count,
        "received": instant(row.received_ms),
        "grade": row.grade,
        "boot": row.boot,
    }


def _maybe(ms: int) -> str | None:
    return instant(ms) if ms else None


def _intervals(some: Sequence[Interval]) -> list[dict[str, str]]:
    return [{"from": instant(a), "to": instant(b)} for a, b in some]

"""Short ways to write evidence and to read spans, in seconds as the golden vectors do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from agent.model import Kind
from collector.core.dependency import KnownPath
from collector.core.judge import CENTRE, Judge, judge_all
from collector.core.state import Span, State, View, Why
from collector.core.stretch import BlindSpan, Result, Stretch
from collector.core.subject import Rules, Sign, Timetable, Version

MS = 1000
PROBE = Rules(sign=Sign.PROBE, interval_ms=60_000, ttl_ms=150_000)
PUSH = Rules(sign=Sign.PUSH, interval_ms=60_000, ttl_ms=150_000)
PUSH_DOWN = msgspec.structs.replace(PUSH, silence_is_down=True)
BOTH = msgspec.structs.replace(PROBE, sign=Sign.BOTH)
Told = list[tuple[float, float, str]]


def rules(base: Rules = PROBE, **changes: Any) -> Rules:
    """Rules that differ in some way."""
    return msgspec.structs.replace(base, **changes)


def obs(t: float, result: str = "ok", observer: str = CENTRE, **more: Any) -> Stretch:
    """One probe."""
    t_ms = int(t * MS)
    return Stretch(Kind.OBS, observer, more.pop("module", "ping"), Result(result), t_ms, t_ms, interval_ms=60_000, **more)


def every(first: float, last: float, result: str = "ok", step: float = 60, **more: Any) -> list[Stretch]:
    """Probes at `first`, `first + step` ... `last`."""
    count = int((last - first) / step) + 1
    return [obs(first + k * step, result, **more) for k in range(count)]


def report(t: float, boot: str = "", *, live: bool = True, **more: Any) -> Stretch:
    """One self-report."""
    t_ms = int(t * MS)
    result = Result(more.pop("result", "ok"))
    return Stretch(Kind.REPORT, "T", "heartbeat", result, t_ms, t_ms, interval_ms=60_000, live=live, boot=boot, **more)


def reports(first: float, last: float, boot: str = "", step: float = 60, **more: Any) -> list[Stretch]:
    """Self-reports at `first`, `first + step` ... `last`."""
    return [report(first + k * step, boot, **more) for k in range(int((last - first) / step) + 1)]


def marker(kind: Kind, t: float, boot: str = "b1", **more: Any) -> Stretch:
    """A marker that the agent wrote."""
    t_ms = int(t * MS)
    result = Result.FAIL if kind is Kind.STALL else Result.OK
    return Stretch(kind, "T", "agent", result, t_ms, t_ms, boot=boot, **more)


def blind(from_: float, until: float, observer: str = CENTRE) -> BlindSpan:
    """An observer saw nothing."""
    return BlindSpan(observer, int(from_ * MS), int(until * MS))


def judged(evidence: Iterable[Stretch], how: Rules | Timetable[Rules] = PROBE, *blinds: BlindSpan, **more: Any) -> Judge:
    """A judge that was told everything; it never is behind."""
    timetable = how if isinstance(how, Timetable) else Timetable.always(how)
    judge = judge_all(evidence, blinds, timetable, **more)
    assert judge.behind_ms is None
    return judge


def changing(*values: tuple[float, Rules]) -> Timetable[Rules]:
    """Rules that hold from an instant on, in seconds."""
    return Timetable([Version(int(t * MS), 0, "duty-officer", value) for t, value in values])


def told(judge: Judge, until: float, view: View = View.DEVICE, from_: float = 0, **more: Any) -> Told:
    """Runs of one state, in seconds."""
    return runs(judge.spans(view, int(from_ * MS), int(until * MS), **more))


def runs(spans: Sequence[Span]) -> Told:
    """Spans of one state joined, whatever the reason, in seconds."""
    out: Told = []
    for span in spans:
        a, b, state = span.from_ms / MS, span.to_ms / MS, str(span.state)
        if out and out[-1][1] == a and out[-1][2] == state:
            out[-1] = (out[-1][0], b, state)
        else:
            out.append((a, b, state))
    return out


def reasons(judge: Judge, until: float, view: View = View.DEVICE) -> list[tuple[float, float, Why]]:
    """Spans with why they are as they are, in seconds."""
    return [(s.from_ms / MS, s.to_ms / MS, s.why) for s in judge.spans(view, 0, int(until * MS))]


def line(*pieces: tuple[float, float, State]) -> list[Span]:
    """A parent's timeline."""
    return [Span(int(a * MS), int(b * MS), state, Why.OBSERVED) for a, b, state in pieces]


def through(*groups: Sequence[Sequence[Span]], slack: float = 0) -> dict[str, KnownPath]:
    """The path through parents, alike in both views."""
    path = KnownPath(groups, int(slack * MS))
    return dict.fromkeys(View, path)

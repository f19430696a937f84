"""What people do to silences: matchers as they type them, a silence made, a silence ended before its time. Pure: what a pattern
is, and what it matches, is given from outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

import msgspec

from collector.core.audit import AuditEntry
from collector.core.incident import ActRefusal, RefusedError
from collector.core.incident_acts import line
from collector.core.paging_answers import SilencePlan
from collector.core.people import Actor, Right, may
from collector.core.silencing import FullMatch, Matcher, Operator, Silence

MAX_MATCHERS: Final = 20
MAX_VALUE: Final = 200
MAX_MATCHER: Final = 1_000
"""Characters of what is typed."""
DAY_MS: Final = 86_400_000
LONGEST_MS: Final = 31 * DAY_MS
"""What must be quiet for longer belongs into the on-call file, or is a maintenance window."""
FURTHEST_MS: Final = 366 * DAY_MS
"""How far ahead a silence may begin."""
_MATCHER: Final = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_:]{0,127})\s*(=~|!~|!=|=)\s*(.*?)\s*", re.DOTALL)
_ESCAPES: Final = {"\\": "\\", '"': '"', "n": "\n"}
_NAMED: Final = 20
"""Names that a refusal lists."""
OF_ALERTS: Final = frozenset({"alertname", "kind", "name", "severity"})
"""Labels that say something of an alert, not of what it is about."""
_ANYTHING: Final = ("", "0", "zq-9.zq", "Đ_x:Z 7")
"""What matches all of these matches anything."""


class SilenceRules(msgspec.Struct, frozen=True):
    """What a silence is checked against."""

    trouble: Callable[[str], str]
    """Why a text is no pattern; empty: it is one. It must admit none whose time grows without bounds."""
    full_match: FullMatch
    receivers: Collection[str] = ()
    """Names that `notify` may have."""
    longest_ms: int = LONGEST_MS


# --- matchers as typed


def parse_matchers(texts: Iterable[str]) -> tuple[Matcher, ...]:
    """Each text is one matcher, or several as `{a="b", c=~"d"}`. Raises `RefusedError` (bad_matchers)."""
    found: list[Matcher] = []
    for text in texts:
        if len(text) > MAX_MATCHER * MAX_MATCHERS:
            raise _bad(text, f"expected at most {MAX_MATCHER} characters")
        inner = text.strip()
        is_list = inner.startswith("{") and inner.endswith("}") and len(inner) > 1
        found += [parse_matcher(part) for part in (_parts(inner[1:-1]) if is_list else [text])]
    return tuple(found)


def parse_matcher(text: str) -> Matcher:
    """`site=dic`, `site!=dic`, `instance=~"web.*"`, `name!~x`; a value may stand in double quotes, in which a quote is written
    with a backslash before it, as amtool has it. Raises `RefusedError` (bad_matchers)."""
    match = _MATCHER.fullmatch(text)
    if match is None or len(text) > MAX_MATCHER:
        raise _bad(text, 'expected LABEL=VALUE, LABEL!=VALUE, LABEL=~PATTERN or LABEL!~PATTERN, such as instance=~"web.*"')
    label, operator, raw = match.groups()
    value = _unquoted(raw, text)
    if len(value) > MAX_VALUE or not value.isprintable():
        raise _bad(text, f"expected a value of at most {MAX_VALUE} printable characters")
    return Matcher(label, Operator(operator), value)


def _unquoted(raw: str, whole: str) -> str:
    """A value without its quotes and backslashes; a backslash before anything else is a character, as in patterns."""
    if raw.startswith('"'):
        if len(raw) < 2 or not raw.endswith('"'):
            raise _bad(whole, "expected a quote at the end of the value")
        raw = raw[1:-1]
    value, is_escaped = "", False
    for character in raw:
        if is_escaped:
            value += _ESCAPES.get(character, f"\\{character}")
            is_escaped = False
        elif character == '"':
            raise _bad(whole, "expected a backslash before each quote within the value")
        elif character == "\\":
            is_escaped = True
        else:
            value += character
    if is_escaped:
        raise _bad(whole, "expected something after the last backslash")
    return value


def _parts(text: str) -> list[str]:
    """What commas outside quotes part; nothing after the last comma is nothing."""
    parts, start, is_quoted, is_escaped = [], 0, False, False
    for at, character in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif character == "\\":
            is_escaped = True
        elif character == '"':
            is_quoted = not is_quoted
        elif character == "," and not is_quoted:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]] if text[start:].strip() or not parts else parts


def _bad(text: str, expected: str) -> RefusedError:
    shown = "".join(character if character.isprintable() else "�" for character in text[:100])
    return RefusedError(ActRefusal.BAD_MATCHERS, shown, expected)


def check_matchers(matchers: Sequence[Matcher], rules: SilenceRules) -> None:
    """Raises `RefusedError` (bad_matchers): a pattern is none, or together they would mute everything."""
    if not 0 < len(matchers) <= MAX_MATCHERS:
        raise RefusedError(ActRefusal.BAD_MATCHERS, str(len(matchers)), f"expected 1 to {MAX_MATCHERS} matchers")
    for matcher in matchers:
        is_pattern = matcher.operator in (Operator.MATCHES, Operator.NOT_MATCHES)
        if is_pattern and (trouble := rules.trouble(matcher.value)):
            raise _bad(str(matcher), f"expected a pattern ({trouble[:100]})")
    if all(_holds_for_anything(matcher, rules.full_match) for matcher in matchers):
        shown = ", ".join(map(str, matchers))[:100]
        raise _bad(shown, "expected at least one matcher that does not match everything, nor what lacks its label")


def _holds_for_anything(matcher: Matcher, full_match: FullMatch) -> bool:
    """Whether it tells hardly anything from anything else: it holds without the label, or whatever the label is."""
    if matcher.holds({}, full_match):
        return True
    return all(matcher.holds({matcher.label: text}, full_match) for text in _ANYTHING[1:])


# --- acts


def make(
    plan: SilencePlan, number: int, actor: Actor, now_ms: int, rules: SilenceRules, *, others: Iterable[Silence] = ()
) -> tuple[Silence, AuditEntry]:
    """A new silence, `S{number}`, and its audit entry. It begins now at the earliest. Raises `RefusedError`, also if the same
    author has the same matchers until the same time already (`already`): a request that is sent twice makes one."""
    _admit(actor)
    check_matchers(plan.matchers, rules)
    comment = line(plan.comment, "comment", least=1)
    from_ms = max(plan.from_ms, now_ms)
    _check_times(from_ms, plan.to_ms, now_ms, rules)
    for name in plan.notify:
        if name not in rules.receivers:
            raise no_receiver(name, rules.receivers)
    for other in others:
        if (other.matchers, other.author, other.end_ms) == (plan.matchers, actor.name, plan.to_ms):
            raise RefusedError(ActRefusal.ALREADY, other.id, "the same silence was made already")
    notify = tuple(dict.fromkeys(plan.notify))
    made = Silence(f"S{number}", plan.matchers, actor.name, comment, now_ms, from_ms, plan.to_ms, notify=notify)
    details = {"matchers": [str(one) for one in made.matchers], "from_ms": from_ms, "to_ms": made.to_ms, "comment": comment}
    return made, _audit(made, "silence.create", details, (actor, now_ms))


def no_receiver(name: str, known: Collection[str]) -> RefusedError:
    """The refusal of a name that no receiver has, with those that there are."""
    there = f"; there are {', '.join(sorted(known)[:_NAMED])}" if known else ""
    return RefusedError(ActRefusal.UNKNOWN_OBJECT, name[:100], f"no receiver has this name{there}")


def _check_times(from_ms: int, to_ms: int, now_ms: int, rules: SilenceRules) -> None:
    if to_ms <= from_ms:
        raise RefusedError(ActRefusal.BAD_TIMES, "to", "expected an end that is after the start and in the future")
    if to_ms - from_ms > rules.longest_ms:
        raise RefusedError(ActRefusal.BAD_TIMES, "to", f"expected at most {rules.longest_ms // DAY_MS} days")
    if from_ms - now_ms > FURTHEST_MS:
        raise RefusedError(ActRefusal.BAD_TIMES, "from", f"expected a start within {FURTHEST_MS // DAY_MS} days")


def expire(silence: Silence, comment: str, actor: Actor, now_ms: int) -> tuple[Silence, AuditEntry]:
    """The silence, ended now, and the audit entry. Whoever may act may end anybody's: what it hid is told at once. Raises
    `RefusedError`."""
    _admit(actor)
    if silence.end_ms <= now_ms:
        raise RefusedError(ActRefusal.EXPIRED, silence.id, "the silence is over")
    details: dict[str, object] = {"comment": line(comment, "comment")} if comment.strip() else {}
    ended = msgspec.structs.replace(silence, expired_ms=now_ms, expired_by=actor.name)
    return ended, _audit(ended, "silence.expire", details, (actor, now_ms))


def _admit(actor: Actor) -> None:
    if not may(actor.role, Right.CREATE):
        raise RefusedError(ActRefusal.FORBIDDEN, actor.role.value, f"{actor.name} is {actor.role.value}, which may not act")


def _audit(silence: Silence, act: str, details: dict[str, object], when: tuple[Actor, int]) -> AuditEntry:
    actor, now_ms = when
    shown = msgspec.json.encode(details).decode()
    return AuditEntry(now_ms, actor.name, actor.role.value, actor.source, act, silence.id, shown)

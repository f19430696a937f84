"""`haidang-collector route explain`: which route takes an alert, why the ones before it do not, and who would be told when."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Collection, Iterator
from zoneinfo import ZoneInfo

from collector.commands.oncall_text import aligned, length_text, when_text
from collector.commands.oncall_words import word
from collector.core.alert import AlertKey, AlertKind, Severity, labels_of
from collector.core.calling import Match, Miss
from collector.core.routing import OnCall
from collector.inventory import Inventory
from collector.output import CommandError


def explained(policy: OnCall, inventory: Inventory, options: argparse.Namespace, at_ms: int) -> Iterator[str]:
    """The answer, line by line. Raises `CommandError` for a target that nothing knows."""
    language, zone = options.lang, ZoneInfo(policy.plan.zone)
    kind, severity = AlertKind(options.kind), Severity(options.severity)
    subject = _subject(inventory, options)
    labels = labels_of(AlertKey(options.target, kind), severity, subject)
    at = when_text(zone, at_ms, language)
    yield word(language, "asked", target=options.target, kind=kind.value, severity=severity.value, at=at)
    yield word(language, "labels", labels=" ".join(f"{name}={value}" for name, value in sorted(labels.items())))
    yield ""
    for index, miss in policy.tried(labels, severity, at_ms):
        route = policy.plan.routes[index]
        if miss is None:
            yield "  " + word(language, "takes", route=route.name, escalation=route.escalation)
        else:
            why = word(language, f"miss_{miss.value}", wanted=_wanted(route.match, miss))
            yield "  " + word(language, "misses", route=route.name, why=why)
    yield ""
    yield from _told(policy, (labels, severity, kind), at_ms, language)


def _told(policy: OnCall, alert: tuple[dict[str, str], Severity, AlertKind], at_ms: int, language: str) -> Iterator[str]:
    labels, severity, kind = alert
    rule, routed = policy.alert_rule(kind), policy.route(labels, severity, at_ms)
    if routed is None:
        yield word(language, "no_route")
        return
    if not rule.pages:
        yield word(language, "no_pages", kind=kind.value)
        return
    begin = at_ms
    if rule.after_ms:
        yield word(language, "after", after=length_text(rule.after_ms))
    if routed.quiet_until_ms is not None:
        begin = routed.quiet_until_ms
        yield word(language, "quiet", until=when_text(ZoneInfo(policy.plan.zone), begin, language))
    yield from aligned([word(language, "columns_steps").split("\t"), *_steps(policy, routed.escalation, begin, language)])


def _steps(policy: OnCall, escalation: str, begin_ms: int, language: str) -> Iterator[list[str]]:
    zone, plan = ZoneInfo(policy.plan.zone), policy.plan.escalations[escalation]
    for step in policy.steps(escalation, begin_ms):
        at_ms = begin_ms + step.after_ms
        place = [str(step.round + 1), str(step.level + 1), length_text(step.after_ms), when_text(zone, at_ms, language)]
        notify = plan.steps[step.level].notify
        for each in notify:
            person = policy.person_of(each.name, at_ms) if each.kind.value == "rota" else ""
            who = person or (word(language, "nobody") if each.kind.value == "rota" else "-")
            yield [*place, str(each), who, ", ".join(policy.reached(each, at_ms)) or "-"]
            place = ["", "", "", ""]
        if not policy.resolve(notify, at_ms):
            yield [*place, word(language, "emergency"), "-", ", ".join(step.receivers) or "-"]


def _subject(inventory: Inventory, options: argparse.Namespace) -> tuple[str, str, dict[str, str]]:
    """Site, class and labels of what is asked about."""
    prefix, _, rest = options.target.partition(":")
    entry = inventory.entries.get(rest if prefix == "agent" else options.target)
    if entry is not None:
        return options.site or entry.site, options.class_ or entry.class_, dict(entry.labels)
    named: dict[str, Collection[str]] = {"group": inventory.groups, "site": inventory.sites}
    known = named.get(prefix, ())
    if rest.partition(":")[0] in known or options.site or options.class_ or options.target == "collector":
        return options.site, options.class_, {}
    near = difflib.get_close_matches(options.target, inventory.entries, 3, 0.5)
    hint = word(options.lang, "hint", names=", ".join(near)) if near else ""
    raise CommandError(word(options.lang, "unknown_target", value=options.target, hint=hint))


def _wanted(match: Match, miss: Miss) -> str:
    """What a route says of that which does not match."""
    if miss is Miss.LABELS:
        return ", ".join(f"{label}={'|'.join(sorted(values))}" for label, values in sorted(match.labels.items()))
    if miss is Miss.GROUP:
        return ", ".join(group.name for group in match.groups)
    plain: dict[Miss, frozenset[str]] = {
        Miss.SEVERITY: frozenset(match.severities),
        Miss.KIND: frozenset(match.kinds),
        Miss.SITE: match.sites,
        Miss.CLASS: match.classes,
    }
    return ", ".join(sorted(plain.get(miss, frozenset())))

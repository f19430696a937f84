"""What `poll --explain` prints of a device that was asked: plain lines in English or Vietnamese."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent.packets.ber import text_of
from agent.snmp.auth import Version
from agent.snmp.readings import Table
from agent.snmp.vocabulary import PREFIX, Kind
from agent.text import escape_label, number
from collector.commands.poll_words import told, word
from collector.poll.once import Asked

_VERSIONS: Final = {Version.V1: "v1", Version.V2C: "v2c", Version.V3: "v3"}
_WIDTH: Final = 12
_MOST_ROWS: Final = 60
"""Rows of one reading that are printed."""


def explain(asked: Asked, language: str) -> str:
    """The whole text."""
    return "".join(f"{line.rstrip()}\n" for line in _lines(asked, language))


def _lines(asked: Asked, language: str) -> Iterator[str]:
    yield from _head(asked, language)
    found = asked.found
    if found is not None:
        reason = found.reason_vi if language == "vi" else found.reason
        yield _row(word(language, "verdict"), f"{word(language, found.health.value)}: {reason or word(language, 'no_trouble')}")
        yield _row(word(language, "findings"), "" if found.findings else word(language, "none"))
        for finding in found.findings:
            words = finding.vi if language == "vi" else finding.en
            yield f"  {finding.rule}: {word(language, finding.health.value)}, {words}"
        yield _row(word(language, "readings"), "" if found.tables else word(language, "none"))
        for table in sorted(found.tables.values(), key=lambda table: table.reading.name):
            yield from _table(table)
    if asked.modules:
        yield _row(word(language, "modules"), "")
        for run in asked.modules:
            series = sum([len(labels) for _, labels, _ in run.readings])
            said = word(language, "module_line", rows=run.rows, series=series, ms=_ms(run.duration_s))
            yield "; ".join([f"  {run.name}: {said}", *[told(language, why) for why in run.troubles]])
    yield from _requests(asked, language)
    yield from _notes(asked, language)


def _head(asked: Asked, language: str) -> Iterator[str]:
    device, system = asked.device, asked.system
    parts = [device.host, word(language, "port", port=device.port)]
    parts.append(word(language, "auth", name=device.auth.name, version=_VERSIONS[device.auth.version]))
    if asked.answered_from:
        parts.append(word(language, "answers_from", address=asked.answered_from))
    yield _row(word(language, "device"), ", ".join(parts))
    if asked.error is not None:
        yield _row(word(language, "verdict"), f"{word(language, 'no_answer')}: {told(language, asked.error.detail)}")
        return
    for name, text in (("sysName", system.sysname), ("sysObjectID", system.sysobjectid), ("sysDescr", system.sysdescr)):
        yield _row(name, " ".join(text.split()))
    if asked.identity is not None and asked.profile is not None:
        profile = asked.profile
        about = ", ".join([part for part in (profile.title, profile.class_, profile.vendor) if part])
        yield _row(word(language, "profile"), f"{profile.name} ({about})")
        why = asked.identity.why_vi if language == "vi" else asked.identity.why
        yield _row("", word(language, "because", why=why))


def _table(table: Table) -> Iterator[str]:
    reading = table.reading
    rows = [
        (_labels(reading.labels, labels), _value(reading.kind, value))
        for labels, value in zip(table.labels, table.values, strict=True)
    ]
    for labels, value in rows[:_MOST_ROWS]:
        yield f"  {PREFIX}{reading.name}{labels} {value}"
    if len(rows) > _MOST_ROWS:
        yield f"  … + {len(rows) - _MOST_ROWS}"


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    pairs = [f'{name}="{escape_label(value)}"' for name, value in zip(names, values, strict=True) if value]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _value(kind: Kind, value: object) -> str:
    return str(value) if kind is Kind.STATE or not isinstance(value, int | float) else number(value)


def _requests(asked: Asked, language: str) -> Iterator[str]:
    log = asked.requests
    total = word(
        language,
        "requests_sum",
        count=len(log),
        tries=sum([each.tries for each in log]),
        sent=sum([each.sent_bytes for each in log]),
        received=sum([each.received_bytes for each in log]),
        ms=_ms(sum([each.duration_s for each in log])),
    )
    yield _row(word(language, "requests"), total)
    rows = [word(language, "request_head").split("\t")]
    rows += [
        [
            each.kind,
            text_of(each.first),
            *map(str, (each.objects, each.rows, each.tries, each.sent_bytes, each.received_bytes)),
            _ms(each.duration_s),
            word(language, each.outcome),
        ]
        for each in log
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        middle = "  ".join(cell.rjust(width) for cell, width in zip(row[2:-1], widths[2:-1], strict=True))
        yield f"  {row[0].ljust(widths[0])}  {row[1].ljust(widths[1])}  {middle}  {row[-1]}"


def _notes(asked: Asked, language: str) -> Iterator[str]:
    notes = [told(language, note) for note in asked.notes]
    if asked.found is not None:
        notes += [vietnamese if language == "vi" else english for english, vietnamese in asked.found.notes]
        notes.append(word(language, "once"))
    for index, note in enumerate(notes):
        yield _row(word(language, "notes") if index == 0 else "", note)


def _row(name: str, text: str) -> str:
    return f"{name.ljust(_WIDTH)} {text}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"

"""`haidang-collector replay FILE.json`: the real core over the timelines of a file, compared with what the file expects.

Figures decide; segments and annotations that differ are remarks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.files import read_plain
from collector.output import put
from collector.replay.answer import Answer, answer
from collector.replay.format import MAX_BYTES, Document, FormatError
from collector.replay.reading import load
from collector.replay.timeline import Shelf
from collector.replay.words import say, told

MATCHES: Final = 0
DIFFERS: Final = 1
UNREADABLE: Final = 2

_DECIDE: Final = ("figures", "display", "burn", "alerts")
_REMARK: Final = ("segments", "annotations")


class Difference(msgspec.Struct, frozen=True):
    """An expected value that was not computed; `what` is its place within the result."""

    what: str
    expected: Any
    computed: Any

    def told(self, language: str) -> str:
        """In words."""
        values = {"expected": _json(self.expected), "computed": _json(self.computed)}
        return say(language, "difference", what=self.what, **values)


class Outcome(msgspec.Struct, frozen=True):
    """One result: what was computed, and how it differs from what the file expects."""

    tag: str
    """`V02[0] T/device/device_contract`."""
    raw: dict[str, Any]
    answer: Answer
    compared: int
    """Expected figures that were looked at."""
    differences: tuple[Difference, ...]
    remarks: tuple[Difference, ...]


class Replay(msgspec.Struct, frozen=True):
    """A whole file."""

    document: Document
    outcomes: tuple[Outcome, ...]

    @property
    def differences(self) -> int:
        """Expected figures that were not met."""
        return sum(len(outcome.differences) for outcome in self.outcomes)


def replay(data: bytes) -> Replay:
    """Judge every result of a file. Raises `FormatError`, with places, for a file that cannot be judged."""
    document = load(data)
    outcomes = []
    for raw, vector in zip(document.raw["vectors"], document.vectors, strict=True):
        shelf = Shelf()
        for index, (written, question) in enumerate(zip(raw.get("results") or [], vector.questions, strict=True)):
            computed = answer(document, vector, question, shelf)
            tag = f"{vector.id}[{index}] {question.subject}/{question.view}/{question.policy}"
            outcomes.append(_outcome(tag, written, computed))
    return Replay(document, tuple(outcomes))


def _outcome(tag: str, raw: dict[str, Any], computed: Answer) -> Outcome:
    compared, differences = 0, list[Difference]()
    for name in _DECIDE:
        count, found = _compare(name, raw.get(name), getattr(computed, name))
        compared += count
        differences += found
    remarks: list[Difference] = []
    for name in _REMARK:
        remarks += _compare(name, raw.get(name), getattr(computed, name))[1]
    return Outcome(tag, raw, computed, compared, tuple(differences), tuple(remarks))


def _compare(name: str, expected: Any, computed: Any) -> tuple[int, list[Difference]]:
    """How many expected values there are, and those that are not met. What the file does not expect is not compared."""
    if expected is None:
        return 0, []
    if isinstance(expected, dict) and isinstance(computed, dict):
        found = [
            Difference(f"{name}.{key}", value, computed.get(key))
            for key, value in expected.items()
            if value != computed.get(key)
        ]
        return len(expected), found
    if name == "burn" and isinstance(expected, list):
        pairs = list(zip(expected, computed, strict=True))
        wrong = [
            Difference(f"burn[{index}]", one["burn"], two["burn"])
            for index, (one, two) in enumerate(pairs)
            if "burn" in one and one["burn"] != two["burn"]
        ]
        return len(pairs), wrong
    return 1, [] if expected == computed else [Difference(name, expected, computed)]


def run(path: Path, *, result_json: bool, language: str) -> int:
    """Print a file's results, or with `result_json` the file with everything computed in it. Returns the exit code: 0 if all
    expected figures match, 1 with each difference in words, 2 for a file that cannot be replayed. Raises `OutputError`."""
    try:
        found = replay(read_plain(path, MAX_BYTES))
    except OSError as error:
        _complain(say(language, "unreadable", file=path, why=error.strerror or error))
        return UNREADABLE
    except FormatError as error:
        _complain(f"{say(language, 'refused', file=path)}\n{told(error, language)}")
        return UNREADABLE
    if result_json:
        put(result_document(found))
        for outcome in found.outcomes:
            for difference in outcome.differences:
                _complain(f"{outcome.tag}: {difference.told(language)}")
    else:
        put("".join(f"{_told(outcome, language)}\n" for outcome in found.outcomes) + f"{_total(found, language)}\n")
    return DIFFERS if found.differences else MATCHES


def result_document(found: Replay) -> str:
    """The file as it was, with everything computed in place of what was expected; keys and texts of people stay."""
    outcomes = iter(found.outcomes)
    vectors = []
    for vector in found.document.raw["vectors"]:
        results = [_replaced(next(outcomes)) for _ in vector.get("results") or []]
        vectors.append({**vector, "results": results} if results else vector)
    raw = {**found.document.raw, "vectors": vectors}
    return f"{json.dumps(raw, ensure_ascii=False, indent=1)}\n"


def _replaced(outcome: Outcome) -> dict[str, Any]:
    computed, raw = outcome.answer, {**outcome.raw}
    raw["segments"], raw["figures"] = computed.segments, computed.figures
    for name in ("display", "burn", "annotations"):
        if getattr(computed, name) or name in raw:
            raw[name] = getattr(computed, name)
    if "alerts" in raw:
        raw["alerts"] = computed.alerts
    return raw


def _told(outcome: Outcome, language: str) -> str:
    computed = outcome.answer
    verdict = "differs" if outcome.differences else "equal" if outcome.compared else "computed"
    lines = [f"{outcome.tag}: {say(language, verdict)}"]
    for name in (*_REMARK[:1], *_DECIDE[:3], *_REMARK[1:]):
        value = getattr(computed, name)
        if value:
            lines.append(f"  {say(language, name)} {_json(value)}")
    lines += [f"  {say(language, 'differs')} {difference.told(language)}" for difference in outcome.differences]
    lines += [f"  {say(language, 'remark', text=difference.told(language))}" for difference in outcome.remarks]
    return "\n".join(lines)


def _total(found: Replay, language: str) -> str:
    return say(
        language,
        "total",
        vectors=len(found.document.vectors),
        results=len(found.outcomes),
        figures=sum(outcome.compared for outcome in found.outcomes),
        differences=found.differences,
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")

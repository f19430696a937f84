"""Rules for the records of a section of a DNS response, as blackbox_exporter's `validate_*_rrs` have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from agent.probes.probe import ProbeSettings
from agent.probes.shapes import GoRegex

if TYPE_CHECKING:
    from agent.probes.patterns import Pattern

_SHOWN: Final = 80


class RulesSettings(ProbeSettings, frozen=True, kw_only=True):
    """Expressions that records are searched for."""

    fail_if_matches_regexp: Annotated[tuple[GoRegex, ...], Meta(description="Fail when any record matches any of them.")] = ()
    fail_if_all_match_regexp: Annotated[
        tuple[GoRegex, ...],
        Meta(
            description=(
                "Fail unless every record matches every one of them. The name says the opposite; "
                "blackbox_exporter does this, and its modules must not judge differently here."
            )
        ),
    ] = ()
    fail_if_not_matches_regexp: Annotated[
        tuple[GoRegex, ...], Meta(description="Fail when any record does not match every one of them, or there is none.")
    ] = ()
    fail_if_none_matches_regexp: Annotated[
        tuple[GoRegex, ...], Meta(description="Fail when no record matches any of them, or there is none.")
    ] = ()


class Rules:
    """The rules made ready. Raises `ValueError` that names the setting below `where`."""

    def __init__(self, where: str, settings: RulesSettings) -> None:
        self._never = _compiled(f"{where}.fail_if_matches_regexp", settings.fail_if_matches_regexp)
        self._all = _compiled(f"{where}.fail_if_all_match_regexp", settings.fail_if_all_match_regexp)
        self._each = _compiled(f"{where}.fail_if_not_matches_regexp", settings.fail_if_not_matches_regexp)
        self._any = _compiled(f"{where}.fail_if_none_matches_regexp", settings.fail_if_none_matches_regexp)

    def problem(self, records: list[str]) -> str:
        """What is wrong with the records of a section; "" if nothing is."""
        if not records and (self._each or self._any):
            return "there are none"
        for record in records:
            for pattern in self._never:
                if pattern.finds(record.encode()):
                    return f"{_shown(record)} matches {pattern.text}"
            for pattern in self._each:
                if not pattern.finds(record.encode()):
                    return f"{_shown(record)} does not match {pattern.text}"
        for pattern in self._all:
            if any(not pattern.finds(record.encode()) for record in records):
                return f"not all match {pattern.text}"
        if self._any and not any(pattern.finds(record.encode()) for record in records for pattern in self._any):
            return "none matches any of the expressions"
        return ""


def _compiled(where: str, texts: tuple[str, ...]) -> tuple[Pattern, ...]:
    if not texts:
        return ()
    from agent.probes.patterns import Pattern  # needs a package that a question without rules does not

    try:
        return tuple([Pattern(text) for text in texts])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _shown(record: str) -> str:
    text = record.replace("\t", " ")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

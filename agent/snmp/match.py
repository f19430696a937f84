"""Which profile a device gets, and why: by what it says of itself, then by what it answers, then by the class that people gave
it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from agent.snmp.patterns import PatternError, compile_pattern
from agent.snmp.profile_file import Match, ProfileFile

GENERIC: Final = "generic"
"""The profile of what no other fits."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a device: texts as answered (empty: not answered), the class that the inventory says, and those of
    `Matcher.probe_oids` that gave a value."""

    sysobjectid: str = ""
    sysdescr: str = ""
    class_: str = ""
    answered: frozenset[str] = frozenset()


class Identity(msgspec.Struct, frozen=True):
    """A profile's name and why it is this one."""

    profile: str
    why: str
    why_vi: str


class _Candidate(msgspec.Struct, frozen=True):
    profile: str
    match: Match
    sysobjectid: str
    pattern: re.Pattern[str] | None
    rank: tuple[int, bool, bool, bool]


class Matcher:
    """The match sections of all profiles. A longer `sysobjectid` wins over a shorter one or none, then `sysdescr`, `answers`
    and `class` each over nothing; between equals the first by name."""

    def __init__(self, profiles: Iterable[ProfileFile]) -> None:
        self._candidates: list[_Candidate] = []
        for profile in profiles:
            for match in profile.match:
                self._candidates.append(_candidate(profile.profile, match))
        self._candidates.sort(key=lambda each: each.profile)
        self._candidates.sort(key=lambda each: each.rank, reverse=True)
        asked = dict.fromkeys(each.match.answers.lstrip(".") for each in self._candidates if each.match.answers is not None)
        self.probe_oids = tuple(asked)
        """What is to be asked of a device before it can be identified; in numbers, without a leading dot."""

    def identify(self, facts: Facts) -> Identity:
        """The profile that fits best; `generic` if none does."""
        for each in self._candidates:
            if _fits(each, facts):
                return _because(each, facts)
        return Identity(GENERIC, "no profile fits", "không có hồ sơ nào khớp")

    def needs_answers(self, facts: Facts) -> bool:
        """Whether asking `probe_oids` could change who is identified: some profile that would win hangs on an answer."""
        for each in self._candidates:
            if each.match.answers is not None:
                if _fits(each, msgspec.structs.replace(facts, answered=frozenset({each.match.answers.lstrip(".")}))):
                    return True
            elif _fits(each, facts):
                return False
        return False


def match_troubles(match: Match) -> str:
    """What is wrong with the pattern of a match section; empty if nothing."""
    try:
        if match.sysdescr is not None:
            compile_pattern(match.sysdescr)
    except PatternError as error:
        return str(error)
    return ""


def _candidate(profile: str, match: Match) -> _Candidate:
    sysobjectid = (match.sysobjectid or "").lstrip(".")
    pattern = compile_pattern(match.sysdescr) if match.sysdescr is not None else None
    arcs = sysobjectid.count(".") + 1 if sysobjectid else 0
    rank = (arcs, pattern is not None, match.answers is not None, match.class_ is not None)
    return _Candidate(profile, match, sysobjectid, pattern, rank)


def _fits(each: _Candidate, facts: Facts) -> bool:
    found = facts.sysobjectid.lstrip(".")
    if each.sysobjectid and found != each.sysobjectid and not found.startswith(each.sysobjectid + "."):
        return False
    if each.pattern is not None and not each.pattern.search(facts.sysdescr[:255]):
        return False
    if each.match.answers is not None and each.match.answers.lstrip(".") not in facts.answered:
        return False
    return each.match.class_ is None or each.match.class_ == facts.class_


def _because(each: _Candidate, facts: Facts) -> Identity:
    english, vietnamese = [], []
    if each.sysobjectid:
        english.append(f"sysObjectID {facts.sysobjectid} is at or below {each.sysobjectid}")
        vietnamese.append(f"sysObjectID {facts.sysobjectid} thuộc {each.sysobjectid}")
    if each.pattern is not None:
        english.append(f"sysDescr fits {each.pattern.pattern}")
        vietnamese.append(f"sysDescr khớp {each.pattern.pattern}")
    if each.match.answers is not None:
        english.append(f"{each.match.answers} is answered")
        vietnamese.append(f"có trả lời {each.match.answers}")
    if each.match.class_ is not None:
        english.append(f"its class is {each.match.class_}")
        vietnamese.append(f"loại thiết bị là {each.match.class_}")
    return Identity(each.profile, ", ".join(english), ", ".join(vietnamese))

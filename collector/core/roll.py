"""The roll of subjects: what configuration said of each, since when, as known at some moment (R1.2, R1.3). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from collector.core.dependency import FOREVER, order
from collector.core.intervals import Interval, cut, union
from collector.core.subject import GroupRule, Rules, Subject, SubjectKind, Timetable, Version

Versions = Sequence[Version[Subject]]
"""What was said of one subject; a version without any scope takes it out of service (R12.3)."""


class Roll:
    """All subjects; those that are gone keep their history."""

    def __init__(self, versions: Mapping[str, Versions]) -> None:
        self._versions = {id_: sorted(said, key=lambda v: (v.valid_from_ms, v.rx_ms)) for id_, said in versions.items() if said}
        self._tables = {id_: Timetable([v for v in said if v.value.scope] or said) for id_, said in self._versions.items()}
        self._order: list[str] | None = None
        self._sites: dict[str, list[str]] | None = None
        self._scopes: dict[str, list[Interval]] = {}

    @classmethod
    def of(cls, subjects: Iterable[Subject]) -> Roll:
        """A roll that has always been as it is."""
        return cls({subject.id: [Version(0, 0, "", subject)] for subject in subjects})

    def __contains__(self, id_: str) -> bool:
        return id_ in self._tables

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    @property
    def ids(self) -> list[str]:
        """Every subject, in order of id."""
        return sorted(self._tables)

    def subject(self, id_: str) -> Subject:
        """As it was said last. `KeyError` for one that never was."""
        return self._tables[id_].last()

    def history(self, id_: str) -> Timetable[Subject]:
        """As it was at each instant (R1.2)."""
        return self._tables[id_]

    def is_gone(self, id_: str) -> bool:
        """Whether configuration does not have it any more."""
        return not self._versions[id_][-1].value.scope

    def known_since(self, id_: str) -> int:
        """When it was first said."""
        return self._versions[id_][0].rx_ms

    def rules(self, id_: str) -> Timetable[Rules]:
        """Its parameters of judgement at each instant."""
        history = self._tables[id_]
        return history.same([value.rules for value in history.values])

    def scope(self, id_: str) -> list[Interval]:
        """When it was in service (R12.3): what its configuration says, from the moment it was configured until it was taken
        out. Only a beginning that is written down reaches further back."""
        said = self._versions[id_]
        edges = [*[v.valid_from_ms for v in said], FOREVER]
        out: list[Interval] = []
        for index, (version, (a, b)) in enumerate(zip(said, pairwise(edges), strict=True)):
            scope = [(start, FOREVER if end is None else end) for start, end in version.value.scope]
            is_written = bool(scope) and scope[0][0] > 0
            out += cut(scope, [(0 if is_written and index == 0 else a, b)]) if a < b or index == 0 else []
        return union(out)

    def is_in_service(self, id_: str, at_ms: int) -> bool:
        """Whether an instant is in its scope."""
        scope = self._scopes.get(id_)
        if scope is None:
            scope = self._scopes[id_] = self.scope(id_)
        return any(a <= at_ms < b for a, b in scope)

    def parents(self, id_: str) -> set[str]:
        """Everything it ever depended on, of what the roll has (R7.1)."""
        names = {name for value in self._tables[id_].values for group in value.rules.parents for name in group}
        return {name for name in names if name in self._tables}

    def members(self, id_: str) -> set[str]:
        """Everything that ever was in it, of what the roll has (3.15)."""
        names = {name for value in self._tables[id_].values if value.group for name in value.group.members}
        return {name for name in names if name in self._tables}

    def in_order(self) -> list[str]:
        """Parents and members before those that need them (R7.3). Raises `dependency.CycleError`."""
        if self._order is None:
            needs = {id_: sorted(self.parents(id_) | self.members(id_)) for id_ in self._tables}
            self._order = order(needs)
        return self._order

    def needed(self, wanted: Iterable[str]) -> list[str]:
        """`wanted` and everything their states rest on, parents and members first."""
        found: set[str] = set()
        stack = [id_ for id_ in wanted if id_ in self._tables]
        while stack:
            id_ = stack.pop()
            if id_ not in found:
                found.add(id_)
                stack += self.parents(id_) | self.members(id_) | set(self.pooled(id_))
        return [id_ for id_ in self.in_order() if id_ in found]

    def pooled(self, id_: str) -> list[str]:
        """The devices whose seconds make a site's figure in the device view (R15.4): its targets without its links."""
        subject = self.subject(id_)
        if subject.kind is not SubjectKind.SITE:
            return []
        links = set(subject.group.members) if subject.group else set()
        return [other for other in self._by_site().get(subject.site, ()) if other not in links]

    def _by_site(self) -> dict[str, list[str]]:
        if self._sites is None:
            self._sites = {}
            for id_ in self.ids:
                known = self.subject(id_)
                if known.kind is SubjectKind.TARGET:
                    self._sites.setdefault(known.site, []).append(id_)
        return self._sites

    def is_pool(self, id_: str) -> bool:
        """Whether it has seconds and no states of its own (R15.3)."""
        group = self.subject(id_).group
        return group is not None and group.rule is GroupRule.POOLED

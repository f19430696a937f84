"""A small network for the pager: a tree behind one router, each thing sampled on its own schedule and judged as a ledger
would; fresh looks are answered from the truth after a while. Time goes in whole seconds and nobody sleeps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from collector.core.alert import AlertKey, AlertKind, Condition, Severity
from collector.core.notice import Named
from collector.core.paging import Look, SubjectView
from collector.core.state import State
from tests.collector.core.paging import NOW, SECOND, Pager

OUT = (State.DOWN, State.UNREACHABLE)
FAIL_AFTER = 3


@dataclass(repr=False)
class Node:
    """One thing: its schedule, when it is really dead, and what is believed of it."""

    name: str
    parent: str
    interval: int
    phase: int
    retry: int
    can_look: bool = True
    dead: list[tuple[int, int]] = field(default_factory=list)
    state: State = State.UP
    since: int = -86_400
    known: int = 0
    good: int = -1
    failed: int | None = None
    pending: list[int] = field(default_factory=list)
    due: int = 0

    def __repr__(self) -> str:
        return f"{self.name}<{self.parent} {self.interval}+{self.phase}/{self.retry} {self.can_look}"

    def view(self, is_unsure: bool) -> SubjectView:
        """As the desk is told. `is_unsure`: what fails again after its path returned is unknown until it is confirmed."""
        state = self.state
        if is_unsure and state is State.UNREACHABLE and self.pending:
            state = State.UNKNOWN
        plain = SubjectView(
            Named(self.name, site="dic"), state, at(self.since), (), bool(self.pending), at(self.good),
            at(self.failed) if self.failed is not None else None, ((self.parent,),) if self.parent else (),
            confirm_ms=(FAIL_AFTER - 1) * self.retry * SECOND + SECOND, can_look=self.can_look,
        )  # fmt: skip
        if state not in OUT:
            return plain
        found = Condition(AlertKey(self.name, AlertKind.DOWN), Severity.CRITICAL, at(self.since), at(self.known), state)
        return msgspec.structs.replace(plain, conditions=(found,))


def at(second: int) -> int:
    """Milliseconds of a second of the simulation."""
    return NOW + second * SECOND


class Storm:
    """The network, its ledger and a pager over both."""

    def __init__(self, nodes: list[Node], *, looks_count: bool = True, is_unsure: bool = False, delay: int = 0) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.pager = Pager()
        self.looks: dict[str, Look] = {}
        self.looks_count = looks_count
        self.is_unsure = is_unsure
        self.delay = delay
        self.restarts: set[int] = set()
        self.decisions = 0
        for node in nodes:
            node.due = node.phase

    def run(self, until: int) -> None:
        """Second by second; the pager is asked when something came or it said so."""
        next_ms: int | None = None
        for second in range(until):
            is_new = self._answer(second) | self._sample(second)
            if second in self.restarts:
                self.pager.restart()
            if is_new or (next_ms is not None and next_ms <= at(second)):
                self._decide(second)
                next_ms = self.pager.decision.next_ms

    def _decide(self, second: int) -> None:
        self.decisions += 1
        views = [node.view(self.is_unsure) for node in self.nodes.values()]
        self.pager.see(at(second), views, self.looks)
        for name in sorted(self.pager.decision.looks):
            assert self.nodes[name].can_look
            self.looks[name] = Look(at(second))

    def works(self, name: str, second: int) -> bool:
        """The truth: alive, and everything before it is."""
        while name:
            node = self.nodes[name]
            if any(a <= second < b for a, b in node.dead):
                return False
            name = node.parent
        return True

    def _answer(self, second: int) -> bool:
        done = False
        for name, look in list(self.looks.items()):
            if look.answered_ms is None and look.asked_ms <= at(second - self.delay) and look.asked_ms < at(second):
                is_good = self.works(name, second)
                self.looks[name] = Look(look.asked_ms, at(second), is_good)
                done = True
                if self.looks_count:
                    self._take(self.nodes[name], second, is_good)
        return done

    def _sample(self, second: int) -> bool:
        done = False
        for node in self.nodes.values():
            if node.due <= second:
                self._take(node, second, self.works(node.name, second))
                node.due = second + (node.retry if node.pending else node.interval)
                done = True
        return done

    def _take(self, node: Node, second: int, is_good: bool) -> None:
        if is_good:
            if node.state is not State.UP:
                node.state, node.since = State.UP, second
            node.good, node.pending = second, []
            return
        node.failed = second
        parent = self.nodes.get(node.parent)
        if parent is not None and parent.state in OUT and second >= parent.since - self._slack(parent):
            if node.state is not State.DOWN:
                self._out(node, State.UNREACHABLE, [*node.pending, second], second)
        elif node.state is not State.DOWN:
            node.pending.append(second)
            if len(node.pending) >= FAIL_AFTER:
                self._out(node, State.DOWN, node.pending, second)

    def _out(self, node: Node, state: State, run: list[int], second: int) -> None:
        if node.state is not state:
            node.since = node.since if node.state is State.UNREACHABLE and state is State.UNREACHABLE else run[0]
            node.known = second
        node.state, node.pending = state, []
        for child in self.nodes.values():  # Judged again by the path as it is known now (R7.3).
            if child.parent == node.name:
                self._rejudge(child, node, second)

    def _rejudge(self, child: Node, parent: Node, second: int) -> None:
        first = parent.since - self._slack(parent)
        is_covered = child.state is State.DOWN and child.since >= first
        if is_covered or (child.pending and child.pending[0] >= first):
            self._out(child, State.UNREACHABLE, child.pending or [child.since], second)

    def _slack(self, parent: Node) -> int:
        return parent.interval + 1

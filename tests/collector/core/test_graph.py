"""Cycles among parents and groups (R7.1): none is missed, none is invented, each is named, and long chains cost no stack."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.config import ConfigError
from collector.core.graph import cycle_text, levels, walk
from collector.inventory import load_inventory


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[list[str]]]:
    """Targets in any order, each with AND of OR-groups of parents that come before it in a hidden order."""
    count = draw(st.integers(1, 9))
    names = draw(st.permutations([f"t{i}" for i in range(count)]))
    parents: dict[str, list[list[str]]] = {}
    for index, name in enumerate(names):
        before = names[:index]
        group = st.lists(st.sampled_from(before), min_size=1, max_size=3) if before else st.nothing()
        parents[name] = draw(st.lists(group, max_size=3)) if before else []
    return {name: parents[name] for name in draw(st.permutations(names))}


def load(parents: dict[str, list[list[str]]]) -> dict[str, tuple[tuple[str, ...], ...]]:
    text = "sites:\n  - {id: dic}\ntargets:\n"
    for name, groups in parents.items():
        written = "[" + ", ".join("[" + ", ".join(group) + "]" for group in groups) + "]"
        text += f"  - {{id: {name}, site: dic, class: x, via: collector, parents: {written}}}\n"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.yml").write_text(text, encoding="utf-8")
        subjects = load_inventory(Path(folder), []).subjects([])
    return {name: subjects[name].rules.parents for name in parents}


def reached(parents: dict[str, list[list[str]]], start: str) -> set[str]:
    """Everything above a target."""
    found: set[str] = set()
    todo = [start]
    while todo:
        for group in parents[todo.pop()]:
            todo += [name for name in group if name not in found]
            found |= set(group)
    return found


@given(parents=acyclic())
def test_r7_1_parents_without_cycles_load(parents: dict[str, list[list[str]]]) -> None:
    assert load(parents) == {name: tuple(tuple(group) for group in groups) for name, groups in parents.items()}


@given(parents=acyclic(), data=st.data())
def test_r7_1_an_edge_back_is_refused_and_the_cycle_is_named(parents: dict[str, list[list[str]]], data: st.DataObject) -> None:
    """Whatever group it joins, also as one choice of several."""
    child = data.draw(st.sampled_from(sorted(parents)))
    above = data.draw(st.sampled_from(sorted(reached(parents, child) | {child})))
    groups = [list(group) for group in parents[above]]
    place = data.draw(st.integers(0, len(groups)))
    if place < len(groups):
        groups[place].append(child)
    else:
        groups.append([child])
    changed = parents | {above: groups}
    with pytest.raises(ConfigError) as caught:
        load(changed)
    for problem in caught.value.problems:
        assert problem.expected == "parents that do not lead back (R7.1)"
        names = problem.found.removeprefix("a cycle ").split(" -> ")
        assert names[0] == names[-1]
        if "..." not in problem.found:
            steps = list(pairwise(names))
            assert (above, child) in steps
            assert all(parent in {each for group in changed[name] for each in group} for name, parent in steps)


@given(parents=acyclic())
def test_the_order_has_parents_first(parents: dict[str, list[list[str]]]) -> None:
    """Every node once, after all that it names (R7.3: root downwards)."""
    edges = {name: [each for group in groups for each in group] for name, groups in parents.items()}
    found = walk(edges)
    assert (sorted(found.order), found.cycles) == (sorted(edges), ())
    position = {name: index for index, name in enumerate(found.order)}
    assert all(position[parent] < position[name] for name, named in edges.items() for parent in named)


def test_a_chain_of_any_length_is_walked() -> None:
    """20,000 targets in one line, written from the far end, need no recursion; closing the ring is noticed."""
    count = 20_000
    edges = {str(i): [str(i + 1)] for i in range(count)} | {str(count): []}
    found = walk(edges)
    assert found.order[:2] == (str(count), str(count - 1))
    assert max(levels(found.order, edges).values()) == count + 1
    (cycle,) = walk(edges | {str(count): ["0"]}).cycles
    assert len(cycle) == count + 2
    assert cycle_text(cycle) == f"0 -> 1 -> 2 -> 3 -> ... ({count - 6}) ... -> {count - 2} -> {count - 1} -> {count} -> 0"


def test_each_node_is_left_once() -> None:
    """Linear: a ladder has 2^n paths and is walked in n steps."""
    edges = {f"{side}{i}": [f"a{i + 1}", f"b{i + 1}"] for i in range(500) for side in "ab"}
    assert len(walk(edges).order) == 1000


def test_no_more_cycles_are_told_than_anybody_reads() -> None:
    edges = {str(i): [str(i)] for i in range(100)}
    assert len(walk(edges).cycles) == 20
    assert len(walk(edges, most=3).cycles) == 3


def test_names_that_are_no_node_are_passed_over() -> None:
    assert walk({"a": ["x", "b"], "b": ["y"]}).order == ("b", "a")

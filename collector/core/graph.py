"""Order and cycles among things that name each other: parents (R7.1) and groups of groups. Pure and linear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec


class Walk(msgspec.Struct, frozen=True):
    """`order`: every node after those it names; `cycles`: one for each name that leads back, first node repeated at the end."""

    order: tuple[str, ...]
    cycles: tuple[tuple[str, ...], ...]


def walk(edges: Mapping[str, Iterable[str]], most: int = 20) -> Walk:
    """Visit every node of `edges` once; names that are no node are passed over. At most `most` cycles are told."""
    order: list[str] = []
    cycles: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in edges:
        if start in done:
            continue
        path = {start: iter(edges[start])}
        while path:
            node, names = next(reversed(path.items()))
            name = next((name for name in names if name in edges and name not in done), None)
            if name is None:
                del path[node]
                done.add(node)
                order.append(node)
            elif name not in path:
                path[name] = iter(edges[name])
            elif len(cycles) < most:
                cycles.append(_back(list(path), name))
    return Walk(tuple(order), tuple(cycles))


def _back(path: list[str], name: str) -> tuple[str, ...]:
    return (*path[path.index(name) :], name)


def levels(order: Iterable[str], edges: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """How deep each node of an acyclic `order` reaches: 1 for one that names no other node."""
    depth: dict[str, int] = {}
    for node in order:
        depth[node] = 1 + max((depth[name] for name in edges[node] if name in depth), default=0)
    return depth


def cycle_text(cycle: tuple[str, ...]) -> str:
    """`a -> b -> a`; of a long one the middle is left out and counted."""
    if len(cycle) > 9:
        cycle = (*cycle[:4], f"... ({len(cycle) - 8}) ...", *cycle[-4:])
    return " -> ".join(cycle)

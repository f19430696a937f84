"""Who is behind whom: parents proposed from what devices know of their neighbours (LLDP), seen from a root. Pure.

A proposal for people. It never removes a device, and every parent it names can be explained by a neighbour that was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec


class Neighbour(msgspec.Struct, frozen=True):
    """What a device knows of the device at the other end of one of its ports; empty where it was not told."""

    port: str
    name: str = ""
    chassis: bytes = b""
    remote_port: str = ""
    addresses: tuple[str, ...] = ()


class Node(msgspec.Struct, frozen=True):
    """A device as the graph needs it. `rank`: how near to the centre its class usually is, 0 the nearest."""

    id: str
    addresses: tuple[str, ...]
    name: str = ""
    chassis: bytes = b""
    rank: int = 9
    neighbours: tuple[Neighbour, ...] = ()


class Link(msgspec.Struct, frozen=True):
    """One device sees another: at `port` of `seer`, `remote_port` of the other."""

    seer: str
    port: str
    other: str
    remote_port: str


class Tree(msgspec.Struct, frozen=True):
    """`parents` of each device that has any: any one of them leads to the root. `roots`: which root each device was seen from;
    a root is its own. `links` are all that the parents rest on, by (child, parent)."""

    parents: Mapping[str, tuple[str, ...]]
    roots: Mapping[str, str]
    links: Mapping[tuple[str, str], Link]
    strangers: Mapping[str, tuple[Neighbour, ...]]
    """Neighbours of each device that are not among the devices."""


RANKS: Final = {"firewall": 0, "router": 1, "switch": 2, "fcswitch": 3, "wireless": 3}


def rank_of(class_: str) -> int:
    """How near to the centre devices of this class usually are."""
    return RANKS.get(class_, 9)


def tree_of(nodes: Sequence[Node], wanted: Sequence[str] = ()) -> Tree:
    """Parents of all nodes. The root of a connected part is the first of `wanted` (ids or addresses) that is in it; else the
    device nearest to the centre by its class, and of these the one with most neighbours."""
    links, strangers = _links(nodes)
    around: dict[str, set[str]] = {node.id: set() for node in nodes}
    for a, b in links:
        around[a].add(b)
        around[b].add(a)
    by_id = {node.id: node for node in nodes}
    roots: dict[str, str] = {}
    parents: dict[str, tuple[str, ...]] = {}
    used: dict[tuple[str, str], Link] = {}
    for node in nodes:
        if node.id in roots:
            continue
        part = _reached(node.id, around)
        root = _root([by_id[id_] for id_ in sorted(part)], around, wanted)
        far = _distances(root, around)
        for id_ in part:
            roots[id_] = root
            near = tuple(sorted(other for other in around[id_] if far[other] < far[id_]))
            if near:
                parents[id_] = near
                used |= {(id_, other): links.get((id_, other)) or links[other, id_] for other in near}
    return Tree(parents, roots, used, strangers)


def _root(part: Sequence[Node], around: Mapping[str, set[str]], wanted: Sequence[str]) -> str:
    for name in wanted:
        for node in part:
            if name == node.id or name in node.addresses:
                return node.id
    return min(part, key=lambda node: (node.rank, -len(around[node.id]), -len(node.neighbours), node.id)).id


def _links(nodes: Sequence[Node]) -> tuple[dict[tuple[str, str], Link], dict[str, tuple[Neighbour, ...]]]:
    """Who sees whom. A name or a chassis that several devices have tells none of them."""
    by_chassis = _unique((node.chassis, node.id) for node in nodes if node.chassis)
    by_name = _unique((_plain(node.name), node.id) for node in nodes if node.name)
    by_address = _unique((address, node.id) for node in nodes for address in node.addresses)
    links: dict[tuple[str, str], Link] = {}
    strangers: dict[str, tuple[Neighbour, ...]] = {}
    for node in nodes:
        unknown = []
        for one in node.neighbours:
            addressed = next((by_address[address] for address in one.addresses if address in by_address), None)
            other = by_chassis.get(one.chassis) or addressed or by_name.get(_plain(one.name))
            if other is None:
                unknown.append(one)
            elif other != node.id:
                links.setdefault((node.id, other), Link(node.id, one.port, other, one.remote_port))
        if unknown:
            strangers[node.id] = tuple(unknown)
    return links, strangers


def _plain(name: str) -> str:
    """A name without its domain: some devices send it and some do not."""
    return name.partition(".")[0].strip().lower()


def _unique(pairs: Iterable[tuple[bytes | str, str]]) -> dict[bytes | str, str]:
    found: dict[bytes | str, str] = {}
    twice = set()
    for key, id_ in pairs:
        if found.setdefault(key, id_) != id_:
            twice.add(key)
    return {key: id_ for key, id_ in found.items() if key and key not in twice}


def _reached(start: str, around: Mapping[str, set[str]]) -> set[str]:
    return set(_distances(start, around))


def _distances(start: str, around: Mapping[str, set[str]]) -> dict[str, int]:
    far, edge = {start: 0}, [start]
    while edge:
        following = sorted({other for id_ in edge for other in around[id_]} - far.keys())
        far |= dict.fromkeys(following, far[edge[0]] + 1)
        edge = following
    return far

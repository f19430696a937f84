"""Parents by LLDP: towards the root, any of several, and nothing that no neighbour says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.poll.topology import Link, Neighbour, Node, tree_of


def node(id_: str, *sees: str, rank: int = 2, **more: object) -> Node:
    """A device that sees others by name at ports p1, p2 ..."""
    neighbours = tuple(Neighbour(f"p{index}", name, remote_port="up") for index, name in enumerate(sees, 1))
    return Node(id_, (f"192.0.2.{len(id_)}",), id_, id_.encode(), rank, neighbours, **more)  # type: ignore[arg-type]


def test_parents_lead_to_the_device_nearest_to_the_centre() -> None:
    tree = tree_of([node("access", "core"), node("core", "access", "fw"), node("fw", "core", rank=0), node("alone")])
    assert tree.parents == {"access": ("core",), "core": ("fw",)}
    assert tree.roots == {"access": "fw", "core": "fw", "fw": "fw", "alone": "alone"}
    assert tree.links["access", "core"] == Link("access", "p1", "core", "up")


def test_the_person_knows_better_than_the_class() -> None:
    devices = [node("access", "core"), node("core", "access", "fw"), node("fw", "core", rank=0)]
    assert tree_of(devices, ["nowhere", "access"]).parents == {"core": ("access",), "fw": ("core",)}
    assert tree_of(devices, ["192.0.2.4"]).roots["fw"] == "core"


def test_two_ways_to_the_root_are_two_parents_of_which_one_is_enough() -> None:
    tree = tree_of([node("acc", "core-a", "core-b"), node("core-a", "fw"), node("core-b", "fw"), node("fw", rank=0)])
    assert tree.parents == {"acc": ("core-a", "core-b"), "core-a": ("fw",), "core-b": ("fw",)}


def test_one_side_is_enough_to_see_a_link() -> None:
    tree = tree_of([node("access"), node("core", "access", rank=1)])
    assert tree.parents == {"access": ("core",)}
    assert tree.links["access", "core"].seer == "core"


def test_a_neighbour_is_known_by_chassis_address_and_name_in_this_order() -> None:
    """Names come with and without their domain; two devices of one name are told by neither."""
    a = Node("a", ("192.0.2.1",), "sw.example.vn", b"\1", 1, ())
    b = Node("b", ("192.0.2.2",), "twin", b"\2", 5, (Neighbour("1", "SW"),))
    c = Node("c", ("192.0.2.3",), "twin", b"\3", 5, (Neighbour("1", "other", b"\1"),))
    d = Node("d", ("192.0.2.4",), "d", b"\4", 5, (Neighbour("1", "twin", b"?", "", ("192.0.2.3",)), Neighbour("2", "twin")))
    tree = tree_of([a, b, c, d])
    assert tree.parents == {"b": ("a",), "c": ("a",), "d": ("c",)}
    assert tree.strangers == {"d": (Neighbour("2", "twin"),)}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30), st.integers(0, 9))
def test_parents_never_lead_back(pairs: list[tuple[int, int]], root: int) -> None:
    """Whatever the neighbours say: every device but the root of its part has a parent that is nearer to it."""
    sees: dict[int, list[str]] = {}
    for a, b in pairs:
        sees.setdefault(a, []).append(f"d{b}")
    nodes = [node(f"d{n}", *sees.get(n, ()), rank=n) for n in range(10)]
    tree = tree_of(nodes, [f"d{root}"])
    for one in nodes:
        here, steps = one.id, 0
        while here in tree.parents:
            here, steps = tree.parents[here][0], steps + 1
            assert steps <= 10
        assert here == tree.roots[one.id]
    assert tree.roots[f"d{root}"] == f"d{root}"

"""The book of schemas: shared, counted per agent, bounded per agent."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from agent.model import Column, Family, MetricType, Schema, schema_hash
from collector.core.schemas import BookLimits, SchemaBook, pack
from tests.collector.fleet_kit import gauge, schema


def numbered(n: int, series: int = 1) -> Schema:
    return schema((gauge("node_network_up", "device"), [(f"veth{n}x{i}",) for i in range(series)]))


def put(book: SchemaBook, agent: str, one: Schema) -> bytes:
    digest = schema_hash(one)
    assert book.add(agent, digest, pack(one))
    return digest


def test_resolves_what_was_added_and_wants_what_is_missing() -> None:
    book = SchemaBook()
    small, large = numbered(1), numbered(2, series=300)
    digests = [put(book, "a", small), put(book, "a", large)]
    assert [book.resolve(digest) for digest in digests] == [small, large]
    assert book.entry(digests[1]).size == 300  # type: ignore[union-attr]
    assert book.resolve(b"?" * 16) is None
    assert book.wanted("a", [digests[0], b"?" * 16, b"?" * 16]) == (b"?" * 16,)


def test_one_schema_of_two_agents_is_kept_once_and_until_both_are_gone() -> None:
    book = SchemaBook()
    digest = put(book, "a", numbered(1))
    put(book, "b", numbered(1))
    assert len(book) == 1
    book.forget("a")
    assert book.known(digest)
    book.forget("b")
    assert not book.known(digest)
    assert book.shapes() == []


def test_schemas_that_differ_in_labels_only_share_a_shape() -> None:
    book = SchemaBook()
    version = book.shapes_version
    for n in range(5):
        put(book, "a", numbered(n, series=n + 1))
    (shape,) = book.shapes()
    assert (shape.schemas, shape.size_sum) == (5, 15)
    assert book.shapes_version == version + 1


def test_a_full_share_evicts_its_own_oldest_unused_and_nobody_elses() -> None:
    book = SchemaBook(BookLimits(schemas=3))
    other = put(book, "b", numbered(100))
    digests = [put(book, "a", numbered(n)) for n in range(3)]
    put(book, "a", numbered(0))  # used again: no longer the oldest
    put(book, "a", numbered(3))
    assert [book.known(digest) for digest in digests] == [True, False, True]
    assert book.known(other)


def test_what_is_shown_is_never_evicted_and_a_share_full_of_it_takes_no_more() -> None:
    book = SchemaBook(BookLimits(schemas=2))
    pinned = [put(book, "a", numbered(n)) for n in range(2)]
    for digest in pinned:
        assert book.pin("a", digest) is not None
    late = numbered(9)
    assert not book.add("a", schema_hash(late), pack(late))
    assert book.wanted("a", [schema_hash(late)]) == ()
    assert book.add("b", schema_hash(late), pack(late)), "another agent has its own share"
    book.unpin("a", pinned[0])
    assert book.wanted("a", [b"?" * 16]) == (b"?" * 16,)
    assert book.add("a", schema_hash(late), pack(late))
    assert not book.known(pinned[0])


def test_the_bytes_of_a_share_are_bounded_too() -> None:
    book = SchemaBook(BookLimits(text_bytes=10_000))
    for n in range(50):
        put(book, "a", numbered(n, series=50))
    assert book.text_bytes <= 10_000
    huge = numbered(99, series=1_000)
    before = len(book)
    assert not book.add("a", schema_hash(huge), pack(huge))
    assert len(book) == before, "refusing changes nothing"


def test_single_agents_may_have_another_share() -> None:
    book = SchemaBook(BookLimits(schemas=1), of={"collector": BookLimits(schemas=3)})
    for agent, wanted in (("a", [True, False, False]), ("collector", [True, True, True])):
        taken = []
        for number in range(3):
            one = Schema((Column(Family(f"m{agent}{number}", MetricType.GAUGE)),))
            taken.append(book.add(agent, schema_hash(one), pack(one)))
            book.pin(agent, schema_hash(one))
        assert taken == wanted


def test_an_agent_that_uses_anothers_schema_holds_it_as_well() -> None:
    book = SchemaBook()
    digest = put(book, "a", numbered(1))
    assert book.pin("b", digest) is not None
    book.forget("a")
    assert book.known(digest)


def test_new_schemas_are_announced_once() -> None:
    book = SchemaBook()
    seen: list[bytes] = []
    book.on_new = seen.append
    digest = put(book, "a", numbered(1))
    put(book, "a", numbered(1))
    put(book, "b", numbered(1))
    assert seen == [digest]


def test_a_unique_schema_costs_a_fraction_of_its_text() -> None:
    book = SchemaBook(BookLimits(schemas=10_000, text_bytes=1 << 30))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for n in range(200):
            put(book, "a", numbered(n, series=300))
        each = (tracemalloc.get_traced_memory()[0] - before) / 200
    finally:
        tracemalloc.stop()
    assert each < book.text_bytes / 200 / 2, f"{each:.0f} bytes for a schema of {book.text_bytes / 200:.0f}"


_step = st.tuples(st.sampled_from(["add", "pin", "unpin", "forget"]), st.sampled_from("ab"), st.integers(0, 5))


@given(st.lists(_step, max_size=60))
def test_books_stay_balanced_whatever_comes(steps: list[tuple[str, str, int]]) -> None:
    """Against a model: shares stay within their limit, what is pinned is known, and nothing is kept that nobody holds."""
    book = SchemaBook(BookLimits(schemas=3))
    pins: dict[tuple[str, bytes], int] = {}
    for what, agent, n in steps:
        digest = schema_hash(numbered(n))
        if what == "add":
            book.add(agent, digest, pack(numbered(n)))
        elif what == "pin":
            if book.pin(agent, digest) is not None:
                pins[agent, digest] = pins.get((agent, digest), 0) + 1
        elif what == "unpin" and pins.get((agent, digest), 0):
            book.unpin(agent, digest)
            pins[agent, digest] -= 1
        elif what == "forget" and not any(count for (owner, _), count in pins.items() if owner == agent):
            book.forget(agent)
        assert len(book) <= 6
        assert all(book.known(digest) for (_, digest), count in pins.items() if count)
        assert sum(shape.schemas for shape in book.shapes()) == len(book)
    for (agent, digest), count in pins.items():
        for _ in range(count):
            book.unpin(agent, digest)
    book.forget("a")
    book.forget("b")
    assert (len(book), book.shapes()) == (0, [])

"""The wire: golden batches stay readable for ever, limits hold before memory is spent, garbage is named."""

from __future__ import annotations

import hashlib
import json
import struct
import tracemalloc
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import wire
from agent.model import Block, Column, Family, Kind, Lane, Loss, LossReason, MetricType, Outcome, Reason, Report, Schema
from agent.wire import Answer, Batch, Group, Limits, RawBatch, RawGroup, Refused, Watermark, WireError

GOLDEN = Path(__file__).parents[1] / "data" / "wire" / "v1"
LIMITS = Limits()

CPU = Family("node_cpu_seconds_total", MetricType.COUNTER, "Seconds the CPUs spent in each mode.", ("cpu", "mode"))
SCHEMA = Schema(
    (Column(CPU, (("0", "idle"), ("0", "user"))), Column(Family("node_load1", MetricType.GAUGE, "1m load average.")))
)


def _heartbeat(seq: int = 7, **changes: object) -> Report:
    report = Report(
        seq=seq, target="web-01", module="heartbeat", kind=Kind.REPORT, at_ms=1_700_000_000_123, uptime_ms=86_400_000,
        awake_ms=86_000_000, interval_ms=15_000,
    )  # fmt: skip
    return msgspec.structs.replace(report, **changes)


def _host(seq: int = 3) -> Report:
    block = Block(wire.check_schema(msgspec.Raw(wire.encode(SCHEMA)), LIMITS)[0], struct.pack("<3d", 12.5, 3.25, 0.5))
    return _heartbeat(
        seq, module="host", outcome=Outcome.DEGRADED, reason=Reason.TIMEOUT, detail="filesystem: /mnt/a did not answer",
        duration_s=0.004, blocks=(block,),
    )  # fmt: skip


LOSS = Loss(
    seq=8, lane=Lane.BULK, boot="b0", first_seq=1, last_seq=40, count=40, from_ms=1_600_000_000_000, until_ms=1_600_000_600_000,
    reason=LossReason.BYTES, at_ms=1_700_000_000_000, uptime_ms=86_399_000,
)  # fmt: skip


def _batch(*groups: Group, schemas: tuple[msgspec.Raw, ...] = ()) -> Batch:
    return Batch(
        version=1, stream="5f0c", boot="b1", uptime_ms=86_400_010, awake_ms=86_000_010, wall_ms=1_700_000_000_133,
        agent_version="0.1.0", watermarks=(Watermark(Lane.FACTS, 8, 7, 2, 300), Watermark(Lane.BULK, 43, 41, 3, 9_000)),
        groups=groups, schemas=schemas,
    )  # fmt: skip


GOLDEN_BATCHES = {
    "heartbeat": _batch(Group("b1", Lane.FACTS, (_heartbeat(),))),
    "host": _batch(
        Group("b1", Lane.FACTS, (_heartbeat(),)),
        Group("b1", Lane.BULK, (_host(),)),
        schemas=(msgspec.Raw(wire.encode(SCHEMA)),),
    ),
    "loss": _batch(Group("b1", Lane.FACTS, (_heartbeat(),), (LOSS,))),
    "reboot": _batch(
        Group("b0", Lane.FACTS, (
            _heartbeat(5),
            _heartbeat(6, module="agent", kind=Kind.AGENT_STOP, interval_ms=0, detail="shutdown"),
        )),
        Group("b1", Lane.FACTS, (
            _heartbeat(7, module="agent", kind=Kind.AGENT_START, interval_ms=0),
            _heartbeat(8, module="agent", kind=Kind.STALL, interval_ms=0, from_ms=1_000, until_ms=61_000),
            _heartbeat(
                9, module="agent", kind=Kind.CLOCK_STEP, interval_ms=0, from_ms=61_000, until_ms=76_000, delta_ms=-3_600_000
            ),
        )),
    ),
    "orders": msgspec.structs.replace(
        _batch(Group("b1", Lane.FACTS, (_heartbeat(),))),
        orders=wire.OrdersState("c1", "c2", "probe 'http' of 'portal': script is forbidden here (orders.forbid_kinds)"),
    ),
}  # fmt: skip
GOLDEN_ANSWER = Answer(
    now_ms=1_700_000_000_200, acknowledged={Lane.FACTS: 8, Lane.BULK: 2}, wanted=(bytes(range(16)),), credit=500,
    refused=(Refused(Lane.BULK, 3, "target db-01 is not reported by this agent"),), config_tag="c1",
)  # fmt: skip

DIGESTS = json.loads((GOLDEN / "SHA256.json").read_text()) if (GOLDEN / "SHA256.json").exists() else {}


@pytest.mark.parametrize("name", sorted(GOLDEN_BATCHES))
def test_golden_batches_decode_to_the_same_values_for_ever(name: str) -> None:
    data = (GOLDEN / f"{name}.msgpack").read_bytes()
    assert wire.decode_batch(data, LIMITS) == GOLDEN_BATCHES[name]


def test_golden_answer_decodes_to_the_same_value_for_ever() -> None:
    assert wire.decode_answer((GOLDEN / "answer.msgpack").read_bytes()) == GOLDEN_ANSWER


def test_golden_files_were_not_edited() -> None:
    """A golden file's digest is written down beside it; a new version of the format gets a new folder."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in GOLDEN.glob("*.msgpack")}
    assert found == DIGESTS
    assert set(found) == {f"{name}.msgpack" for name in [*GOLDEN_BATCHES, "answer"]}


def test_what_we_write_today_is_what_the_golden_files_hold() -> None:
    for name, batch in GOLDEN_BATCHES.items():
        assert wire.encode(batch) == (GOLDEN / f"{name}.msgpack").read_bytes()


def test_parts_from_the_spool_give_the_same_bytes_as_values() -> None:
    whole = GOLDEN_BATCHES["host"]
    shared = ("version", "stream", "boot", "uptime_ms", "awake_ms", "wall_ms", "agent_version", "watermarks", "schemas")
    groups = tuple(
        RawGroup(group.boot, group.lane, tuple(msgspec.Raw(wire.encode(report)) for report in group.reports))
        for group in whole.groups
    )
    raw = RawBatch(**{name: getattr(whole, name) for name in shared}, groups=groups)
    assert wire.encode(raw) == wire.encode(whole)


def test_unknown_fields_are_ignored() -> None:
    plain = msgspec.msgpack.decode((GOLDEN / "loss.msgpack").read_bytes())
    plain["colour"] = ["from", {"a": "later version"}]
    plain["groups"][0]["reports"][0]["mood"] = 1
    assert wire.decode_batch(msgspec.msgpack.encode(plain), LIMITS) == GOLDEN_BATCHES["loss"]


@pytest.mark.parametrize("change", [{"version": 2}, {"version": 2, "groups": "something else entirely"}])
def test_another_major_version_is_refused_by_number(change: dict[str, object]) -> None:
    plain = msgspec.msgpack.decode((GOLDEN / "heartbeat.msgpack").read_bytes()) | change
    with pytest.raises(WireError, match="bad_version: version 2, expected 1"):
        wire.decode_batch(msgspec.msgpack.encode(plain), LIMITS)


REFUSED = {
    "bad_seq": _batch(Group("b1", Lane.FACTS, (_heartbeat(0),))),
    "bad_time": _batch(Group("b1", Lane.FACTS, (_heartbeat(at_ms=2**60),))),
    "bad_interval": _batch(Group("b1", Lane.FACTS, (_heartbeat(interval_ms=-1),))),
    "bad_duration": _batch(Group("b1", Lane.FACTS, (_heartbeat(duration_s=float("nan")),))),
    "too_long": _batch(Group("b1", Lane.FACTS, (_heartbeat(target="x" * 1_000_000),))),
    "bad_block": _batch(Group("b1", Lane.BULK, (_heartbeat(blocks=(Block(b"x" * 16, b"1234567"),)),))),
    "too_many": _batch(Group("b1", Lane.FACTS, tuple(_heartbeat(n) for n in range(1, 5_002)))),
    "bad_loss": _batch(Group("b1", Lane.FACTS, (), (msgspec.structs.replace(LOSS, count=41),))),
    "bad_id": _batch(Group("bad boot\n", Lane.FACTS)),
}


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_each_limit_has_its_own_code(code: str) -> None:
    with pytest.raises(WireError) as caught:
        wire.decode_batch(wire.encode(REFUSED[code]), LIMITS)
    assert caught.value.code == code
    assert len(str(caught.value)) < 300


def test_schemas_are_limited_together_and_one_that_is_too_large_costs_only_itself() -> None:
    """Series of short names take thirty times their bytes once decoded; 50 kB deflated were 500 schemas of 2,500 series."""
    limits = wire.Limits(schema_bytes=1_000, all_schema_bytes=4_000)
    fits, too_large = [msgspec.Raw(wire.encode("x" * size)) for size in (997, 5_000)]  # type: ignore[arg-type]
    assert [len(bytes(raw)) for raw in (fits, too_large)] == [1_000, 5_003]

    def decoded(*schemas: msgspec.Raw) -> int:
        return len(wire.decode_batch(wire.encode(_batch(schemas=schemas)), limits).schemas)

    assert decoded(*[fits] * 4, too_large) == 5
    with pytest.raises(WireError, match="schemas of 5000 bytes, at most 4000 a batch") as caught:
        decoded(*[fits] * 5)
    assert caught.value.code == "too_large"


def test_losses_outside_the_facts_lane_are_refused() -> None:
    with pytest.raises(WireError, match="losses travel in the facts lane"):
        wire.decode_batch(wire.encode(_batch(Group("b1", Lane.BULK, (), (LOSS,)))), LIMITS)


def _gauge(
    name: str = "a", labels: tuple[str, ...] = (), series: tuple[tuple[str, ...], ...] = ((),), help_: str = ""
) -> Schema:
    return Schema((Column(Family(name, MetricType.GAUGE, help_, labels), series),))


BAD_SCHEMAS = {
    "name with a newline": (_gauge("a\nb"), "bad_name"),
    "name with a quote": (_gauge('a"b'), "bad_name"),
    "name of a megabyte": (_gauge("a" * 1_000_000), "bad_name"),
    "label name with a quote": (_gauge(labels=('x"',), series=(("1",),)), "bad_label"),
    "label that names the target": (_gauge(labels=("instance",), series=(("other",),)), "bad_label"),
    "reserved label": (_gauge(labels=("__name__",), series=(("b",),)), "bad_label"),
    "label value of a megabyte": (_gauge(labels=("x",), series=(("1" * 1_000_000,),)), "too_long"),
    "label value with NUL": (_gauge(labels=("x",), series=(("a\0b",),)), "bad_label"),
    "help with NUL": (_gauge(help_="a\0"), "bad_schema"),
    "label twice": (_gauge(labels=("x", "x"), series=(("1", "2"),)), "bad_label"),
    "series twice": (_gauge(labels=("x",), series=(("1",), ("1",))), "bad_schema"),
    "too few values": (_gauge(labels=("x", "y"), series=(("1",),)), "bad_schema"),
    "family twice": (Schema((*_gauge().columns, *_gauge().columns)), "bad_schema"),
    "too many series": (_gauge(labels=("x",), series=tuple((str(n),) for n in range(20_001))), "too_many"),
    "too many bytes": (_gauge(labels=("x",), series=tuple((f"{n:0>100}",) for n in range(20_000))), "too_large"),
}


@pytest.mark.parametrize("name", sorted(BAD_SCHEMAS))
def test_bad_schemas_are_refused_with_their_code(name: str) -> None:
    schema, code = BAD_SCHEMAS[name]
    with pytest.raises(WireError) as caught:
        wire.check_schema(msgspec.Raw(wire.encode(schema)), LIMITS)
    assert caught.value.code == code
    assert len(str(caught.value)) < 300


def test_hostile_but_legal_label_values_pass_unchanged() -> None:
    values = ('quote " backslash \\ newline \n', "}} 1\nforged 1", "Hải Dương")
    schema = _gauge(labels=("x",), series=tuple((value,) for value in values))
    assert wire.check_schema(msgspec.Raw(wire.encode(schema)), LIMITS)[1] == schema


@given(st.binary(max_size=400))
def test_random_bytes_raise_only_wire_errors(data: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode_batch(data, LIMITS)


@given(st.sampled_from(sorted(GOLDEN_BATCHES)), st.data())
@settings(max_examples=300)
def test_a_damaged_batch_is_refused_or_still_within_limits(name: str, data: st.DataObject) -> None:
    """Flip, cut or insert bytes: never anything but a WireError or a batch that passes every check."""
    golden = bytearray(wire.encode(GOLDEN_BATCHES[name]))
    for _ in range(data.draw(st.integers(1, 4))):
        golden[data.draw(st.integers(0, len(golden) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(golden)))
    for candidate in (bytes(golden), bytes(golden[:cut])):
        try:
            batch = wire.decode_batch(candidate, LIMITS)
        except WireError:
            continue
        assert batch.version == wire.VERSION


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\xa6groups\xdd\xff\xff\xff\xff",
        b"\x81\xa7schemas\xdd\xff\xff\xff\xff",
        b"\x81\xa3foo" + b"\x91" * 100_000 + b"\xc0",
    ],
)
def test_huge_counts_and_deep_nesting_cost_nothing(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            wire.decode_batch(data, LIMITS)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_decompression_bomb_stops_at_the_limit() -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="too_large"):
            wire.inflate(bomb, 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_inflate_gives_back_exactly_what_was_deflated_and_names_what_is_broken() -> None:
    data = b"abc" * 1000
    assert wire.inflate(zlib.compress(data), len(data)) == data
    for broken in (zlib.compress(data)[:-5], b"not zlib", b""):
        with pytest.raises(WireError, match="bad_encoding"):
            wire.inflate(broken, 10_000)


def test_report_loss_and_schema_survive_the_round_trip() -> None:
    assert wire.decode_report(wire.encode(_host())) == _host()
    assert wire.decode_loss(wire.encode(LOSS)) == LOSS
    assert wire.decode_schema(wire.encode(SCHEMA)) == SCHEMA
    for decode in (wire.decode_report, wire.decode_loss, wire.decode_schema, wire.decode_answer):
        with pytest.raises(WireError):
            decode(b"\xc1")

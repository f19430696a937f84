"""The live picture: newest values, their time to live, and who may show what."""

from __future__ import annotations

import pytest

from agent.model import SCHEMA_HASH_BYTES, Block, Kind, Report, schema_hash
from collector.core.evidence import TargetInfo
from collector.core.fleet import MODULES_PER_TARGET, SERIES_PER_TARGET, Fleet, Live, hide_repeats
from collector.core.schemas import BookLimits, Entry, pack
from collector.core.state import State, Why
from tests.collector.fleet_kit import (
    INTERVAL,
    NOW,
    TTL,
    apply,
    counter,
    evidence,
    gauge,
    info,
    make_fleet,
    schema,
    show,
    values,
)

LOAD = schema((gauge("node_load1"), [()]))
CPU = schema((counter("node_cpu_seconds_total", "cpu", "mode"), [("0", "idle"), ("0", "user")]))
NET = schema((gauge("node_network_up", "device"), [("eth0",)]))


def live(fleet: Fleet, target: str = "h1", module: str = "host") -> Live:
    found = fleet.get(target)
    assert found is not None
    return found.modules[module]


def users(fleet: Fleet) -> int:
    return sum(len(shape.users) for shape in fleet.book.shapes())


def test_newer_values_replace_older_ones_and_never_the_other_way() -> None:
    fleet = make_fleet("h1")
    show(fleet, "h1", (LOAD, values(1)), t=NOW)
    show(fleet, "h1", (LOAD, values(2)), t=NOW + INTERVAL)
    show(fleet, "h1", (LOAD, values(3)), t=NOW + 1)
    assert live(fleet).values == [values(2)]
    assert live(fleet).expires_ms == NOW + INTERVAL + TTL
    assert fleet.tally.older_reports == 1


def test_modules_of_a_target_do_not_disturb_each_other() -> None:
    fleet = make_fleet("h1")
    show(fleet, "h1", (LOAD, values(1)), t=NOW)
    show(fleet, "h1", (NET, values(1)), module="other", t=NOW - 1)
    assert live(fleet).values == [values(1)]
    assert live(fleet, module="other").values == [values(1)]


def test_the_bytes_are_kept_as_they_are() -> None:
    fleet = make_fleet("h1")
    data = [values(float(n), float(n)) for n in range(2)]
    show(fleet, "h1", (CPU, data[0]))
    show(fleet, "h1", (CPU, data[1]), t=NOW + 1)
    assert live(fleet).values[0] is data[1]
    assert live(fleet).before is data[0]


def test_a_target_that_inventory_does_not_have_is_counted_and_not_shown() -> None:
    fleet = make_fleet("h1")
    apply(fleet, "h2")
    assert fleet.get("h2") is None
    assert fleet.tally.orphan_reports == 1


def test_a_block_of_the_wrong_length_is_dropped_and_counted_and_the_others_are_shown() -> None:
    fleet = make_fleet("h1")
    for n in range(2):
        show(fleet, "h1", (LOAD, values(1, 2)), (CPU, values(3, 4)), t=NOW + n)
    assert live(fleet).values == [b"", values(3, 4)]
    assert fleet.tally.dropped_blocks == {"size": 2}
    show(fleet, "h1", (LOAD, values(5)), (CPU, values(3, 4)), t=NOW + 3)
    assert live(fleet).values == [values(5), values(3, 4)]


def test_a_block_of_an_unknown_schema_waits_for_it() -> None:
    fleet = make_fleet("h1")
    digest = schema_hash(LOAD)
    apply(fleet, "h1", Block(digest, values(7)))
    assert live(fleet).entries == (None,)
    assert users(fleet) == 0
    fleet.book.add("h1", digest, pack(LOAD))
    assert live(fleet).values == [values(7)]
    assert users(fleet) == 1


def test_a_block_that_waited_is_checked_when_its_schema_comes() -> None:
    fleet = make_fleet("h1")
    digest = schema_hash(LOAD)
    apply(fleet, "h1", Block(digest, values(7, 8)))
    fleet.book.add("h1", digest, pack(LOAD))
    assert live(fleet).values == [b""]
    assert fleet.tally.dropped_blocks == {"size": 1}


def test_nothing_waits_for_a_schema_any_more_once_the_layout_changed() -> None:
    fleet = make_fleet("h1")
    apply(fleet, "h1", Block(schema_hash(LOAD), values(7)))
    show(fleet, "h1", (NET, values(1)), t=NOW + 1)
    fleet.book.add("h1", schema_hash(LOAD), pack(LOAD))
    assert live(fleet).digests == (schema_hash(NET),)
    assert users(fleet) == 1


def test_values_are_freed_when_their_ttl_is_over_and_come_back() -> None:
    fleet = make_fleet("h1", "h2")
    show(fleet, "h1", (LOAD, values(1)))
    show(fleet, "h2", (LOAD, values(1)), t=NOW + 1)
    assert fleet.sweep(NOW + TTL) == 0
    assert fleet.sweep(NOW + TTL + 1) == 1
    assert live(fleet).values == []
    assert live(fleet).evidence is not None, "the last evidence stays known"
    assert users(fleet) == 1
    show(fleet, "h1", (LOAD, values(2)), t=NOW + TTL + 2)
    assert live(fleet).values == [values(2)]


def test_a_report_without_blocks_ends_what_its_module_showed() -> None:
    fleet = make_fleet("h1")
    show(fleet, "h1", (LOAD, values(1)))
    apply(fleet, "h1", t=NOW + 1)
    assert live(fleet).values == []
    assert users(fleet) == 0


def test_schemas_in_use_are_pinned_and_let_go_again() -> None:
    fleet = make_fleet("h1", limits=BookLimits(schemas=1))
    show(fleet, "h1", (LOAD, values(1)))
    assert not fleet.book.add("h1", schema_hash(NET), pack(NET))
    fleet.sweep(NOW + TTL + 1)
    assert fleet.book.add("h1", schema_hash(NET), pack(NET))
    assert not fleet.book.known(schema_hash(LOAD))


def test_inventory_changes_keep_what_is_known_and_forget_who_left() -> None:
    fleet = make_fleet("h1", "h2")
    show(fleet, "h1", (LOAD, values(1)))
    show(fleet, "h2", (LOAD, values(2)))
    fleet.set_targets([info("h1", site="new"), info("h3")])
    assert sorted(target.info.id for target in fleet) == ["h1", "h3"]
    assert live(fleet).values == [values(1)]
    assert live(fleet).target.info.site == "new"
    assert users(fleet) == 1


def test_a_target_that_another_agent_now_reports_shows_nothing_of_the_old_one() -> None:
    fleet = make_fleet("h1")
    show(fleet, "h1", (LOAD, values(1)))
    fleet.put_target(info("h1", via="a2"))
    assert live(fleet).values == []
    show(fleet, "h1", (LOAD, values(2)), t=NOW + 1)
    fleet.remove_target("h1")
    fleet.book.forget("a2")
    fleet.book.forget("h1")
    assert len(fleet.book) == 0


def test_the_number_of_modules_is_bounded() -> None:
    fleet = make_fleet("h1")
    for n in range(MODULES_PER_TARGET + 10):
        show(fleet, "h1", (LOAD, values(n)), module=f"m{n}")
    found = fleet.get("h1")
    assert found is not None
    assert len(found.modules) == MODULES_PER_TARGET
    assert fleet.tally.dropped_blocks == {"modules": 10}
    fleet.sweep(NOW + TTL + 1)
    show(fleet, "h1", (LOAD, values(1)), module="fresh", t=NOW + TTL + 2)
    assert len(found.modules) == MODULES_PER_TARGET
    assert "fresh" in found.modules


# --- a series is shown once


def hidden(fleet: Fleet, module: str = "host") -> dict[int, frozenset[int]] | None:
    """What is hidden once the target is settled, as it is before it is shown."""
    target = fleet.get("h1")
    assert target is not None
    assert not target.is_settled
    hide_repeats(target)
    assert target.is_settled
    return target.modules[module].hidden


def test_a_series_that_two_blocks_carry_is_shown_once() -> None:
    fleet = make_fleet("h1")
    twice = schema((gauge("other"), [()]), (gauge("node_network_up", "device"), [("eth0",), ("eth1",)]))
    show(fleet, "h1", (NET, values(1)), (twice, values(1, 2, 3)))
    assert hidden(fleet) == {1: frozenset({1})}


def test_an_empty_label_is_an_absent_one() -> None:
    fleet = make_fleet("h1")
    padded = schema((gauge("node_load1", "zone"), [("",)]))
    show(fleet, "h1", (LOAD, values(1)))
    show(fleet, "h1", (padded, values(2)), module="other")
    assert hidden(fleet, "other") == {0: frozenset({0})}


def test_other_series_of_the_same_name_are_all_shown() -> None:
    fleet = make_fleet("h1")
    eth1 = schema((gauge("node_network_up", "device"), [("eth1",)]))
    show(fleet, "h1", (NET, values(1)), (eth1, values(1)))
    assert hidden(fleet) is None


def test_a_hidden_series_appears_when_the_other_one_is_silent() -> None:
    fleet = make_fleet("h1")
    show(fleet, "h1", (LOAD, values(1)))
    show(fleet, "h1", (LOAD, values(2)), module="other", t=NOW + 10)
    assert hidden(fleet, "other") == {0: frozenset({0})}
    fleet.sweep(NOW + TTL + 1)
    assert hidden(fleet, "other") is None


def test_reports_that_change_their_layout_do_not_read_the_schemas_each_time() -> None:
    """What is hidden is worked out when somebody looks: 31 kB of such reports once held the collector for 51 s."""
    fleet = make_fleet("h1")
    show(fleet, "h1", (LOAD, values(1)), (NET, values(1)))
    read: list[object] = []
    unpack = Entry.unpack
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Entry, "unpack", lambda entry: read.append(entry) or unpack(entry))
        for step in range(1, 20):
            blocks = [(LOAD, values(1)), (LOAD, values(2)), (NET, values(1))]
            show(fleet, "h1", *blocks[step % 2 :], t=NOW + step)
        assert read == []
    assert hidden(fleet) is None


def test_one_target_holds_so_many_series_and_no_more() -> None:
    fleet = make_fleet("h1")
    unknown = b"?" * SCHEMA_HASH_BYTES
    show(fleet, "h1", (LOAD, values(1)))
    for number in range(5):
        report = Report(
            1, "h1", f"big{number}", Kind.REPORT, 0, 0, 0, blocks=(Block(unknown, bytes(8 * (SERIES_PER_TARGET // 2))),)
        )
        fleet.apply(evidence("h1", f"big{number}"), report)
    target = fleet.get("h1")
    assert target is not None
    held = sum(len(data) for one in target.modules.values() for data in one.values)
    assert 8 * SERIES_PER_TARGET // 2 < held <= 8 * SERIES_PER_TARGET
    assert fleet.tally.dropped_blocks == {"series": 4}
    show(fleet, "h1", (LOAD, values(2)), t=NOW + 1)
    assert live(fleet).values == [values(2)]


# --- signs of life


def judged(fleet: Fleet, now: int, target: str = "h1") -> tuple[State, int, Why]:
    found = fleet.get(target)
    assert found is not None
    answer = fleet.judge(found, now)
    return answer.state, answer.since_ms, answer.why


def test_reports_keep_a_target_up_and_silence_ends_it() -> None:
    fleet = make_fleet()
    fleet.set_targets([TargetInfo("h1", "dc", "server", "h1", "down")])
    assert judged(fleet, NOW) == (State.UNKNOWN, 0, Why.NEVER)
    for n in range(3):
        apply(fleet, "h1", module="heartbeat", t=NOW + n * INTERVAL)
    last = NOW + 2 * INTERVAL
    assert judged(fleet, last + TTL) == (State.UP, NOW, Why.REPORTING)
    assert judged(fleet, last + TTL + 1) == (State.DOWN, last + INTERVAL, Why.SILENT)
    fleet.blind(last + 1, last + TTL)
    assert judged(fleet, last + TTL + 1) == (State.UNKNOWN, last + 1, Why.BLIND)


def test_the_heartbeat_is_the_pulse_once_there_is_one() -> None:
    fleet = make_fleet("h1")
    apply(fleet, "h1", module="host", t=NOW)
    assert judged(fleet, NOW)[0] is State.UP
    apply(fleet, "h1", module="heartbeat", t=NOW + 1)
    apply(fleet, "h1", module="slow", t=NOW + 20_000)
    found = fleet.get("h1")
    assert found is not None
    assert found.life is not None
    assert found.life.last_ms == NOW + 1


@pytest.mark.parametrize("kind", [Kind.AGENT_START, Kind.AGENT_STOP, Kind.STALL, Kind.CLOCK_STEP, Kind.OBS])
def test_only_reports_are_signs_of_life(kind: Kind) -> None:
    fleet = make_fleet("h1")
    fleet.restore(evidence("h1", "agent", kind=kind), ())
    assert judged(fleet, NOW) == (State.UNKNOWN, 0, Why.NEVER)


def test_values_of_a_polled_device_are_shown_and_no_sign_of_its_life() -> None:
    fleet = make_fleet()
    fleet.set_targets([info("ups-1", via="collector")])
    fleet.book.add("collector", schema_hash(LOAD), pack(LOAD))
    blocks = (Block(schema_hash(LOAD), values(1)),)
    fleet.restore(evidence("ups-1", "snmp_values", observer="collector"), blocks)
    assert live(fleet, "ups-1", "snmp_values").values == [values(1)]
    assert judged(fleet, NOW, "ups-1") == (State.UNKNOWN, 0, Why.NEVER)


def test_what_the_store_kept_can_tell_since_when() -> None:
    fleet = make_fleet("h1")
    fleet.restore(evidence("h1", "heartbeat"), (), since_ms=NOW - 86_400_000)
    assert judged(fleet, NOW) == (State.UP, NOW - 86_400_000, Why.REPORTING)

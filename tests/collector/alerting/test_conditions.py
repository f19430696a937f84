"""What someone must know of a subject, on a live ledger and fleet: dated by its onset, with its reason, and cheap."""

from __future__ import annotations

import time

import pytest

from agent.model import Lane, Outcome
from collector.alerting.conditions import BLIND_MS, BURN_MS, Conditions
from collector.core.alert import Alert, AlertKey, AlertKind, Severity
from collector.core.findings import DAY_S, UNSEEN_FIRST_MS
from collector.core.roll import Roll
from collector.core.state import State
from collector.core.stretch import BlindSpan
from collector.core.subject import GroupRule, Rules, Sign, Version
from tests.collector.alerting.conditions_kit import INTERVAL, Small, T, group, target
from tests.collector.fleet_kit import gauge, schema, values

OK, FAILED, DEGRADED = Outcome.OK, Outcome.FAILED, Outcome.DEGRADED
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


def test_an_outage_is_dated_by_its_first_failure_and_known_when_confirmed() -> None:
    """R4.1: onset and hard instant; nothing is said before, and everything is over with the first good sample."""
    world = Small(target("h1"))
    world.run("h1", OK, FAILED, FAILED)
    assert world.of("h1") == ()
    world.now += INTERVAL
    world.see("h1", FAILED, detail="no echo\x1b[31m within 3 s")
    (found,) = world.of("h1")
    assert (found.key, found.severity, found.state) == (AlertKey("h1", AlertKind.DOWN), CRITICAL, State.DOWN)
    assert (found.since_ms, found.known_ms) == (T + 2 * INTERVAL, T + 4 * INTERVAL)
    assert (found.reason, found.detail) == ("timeout", "no echo [31m within 3 s")
    world.run("h1", FAILED)
    assert world.of("h1")[0].known_ms == T + 4 * INTERVAL
    world.run("h1", OK)
    assert world.of("h1") == ()


def test_a_second_outage_is_known_anew() -> None:
    """What was known of the first one is not said of the second."""
    world = Small(target("h1"))
    world.run("h1", OK, FAILED, FAILED, FAILED)
    first = world.of("h1")[0]
    world.run("h1", OK)
    assert world.of("h1") == ()
    world.run("h1", FAILED, FAILED, FAILED)
    second = world.of("h1")[0]
    assert (second.since_ms, second.known_ms) == (T + 6 * INTERVAL, T + 8 * INTERVAL)
    assert first.known_ms < second.since_ms


def test_what_fails_behind_a_dead_parent_is_unreachable() -> None:
    """The condition says so: it is the same kind, and the pager knows whom to ask."""
    rules = Rules(sign=Sign.PROBE, interval_ms=INTERVAL, fail_after=3, parents=(("r1",),))
    world = Small(target("r1"), target("h1", rules))
    world.run("r1", OK, FAILED, FAILED, FAILED)
    world.see("h1", OK)
    for _ in range(3):
        world.run("r1", FAILED)
        world.see("h1", FAILED)
    (found,) = world.of("h1")
    assert (found.key.kind, found.state) == (AlertKind.DOWN, State.UNREACHABLE)


def test_what_works_badly_is_degraded_at_once() -> None:
    """With its own reason."""
    world = Small(target("h1"))
    world.run("h1", OK, DEGRADED)
    (found,) = world.of("h1")
    assert (found.key.kind, found.severity, found.since_ms) == (AlertKind.DEGRADED, WARNING, T + 2 * INTERVAL)
    assert found.reason == "timeout"


def test_silence_of_an_observer_is_no_data_and_no_outage() -> None:
    """R5.2: when the hold of the last sample ends nobody knows."""
    world = Small(target("h1"))
    world.run("h1", OK)
    world.now += INTERVAL * 5 // 2 - 1
    assert world.of("h1") == ()
    world.now += 1
    (found,) = world.of("h1")
    assert (found.key.kind, found.severity, found.state, found.reason) == (
        AlertKind.NO_DATA, WARNING, State.UNKNOWN, "stale",
    )  # fmt: skip
    assert found.since_ms == T + INTERVAL + INTERVAL * 5 // 2


def test_what_was_never_seen_is_missed_after_its_first_hour() -> None:
    """R5.6: before the first sample nothing is claimed."""
    world = Small(target("h1"))
    world.keeper.roll = Roll({"h1": [Version(T, T, "", target("h1"))]})
    assert world.of("h1") == ()
    world.now = T + UNSEEN_FIRST_MS - 1
    assert world.of("h1") == ()
    world.now += 1
    (found,) = world.of("h1")
    assert (found.key.kind, found.since_ms, found.known_ms, found.reason) == (
        AlertKind.NO_DATA, T, T + UNSEEN_FIRST_MS, "never_reported",
    )  # fmt: skip


def test_after_the_collector_was_blind_every_target_has_a_minute_to_be_seen() -> None:
    """A start does not say of ten thousand targets that nobody knows; what stays unseen is told."""
    world = Small(target("h1"))
    world.run("h1", OK)
    world.now += 3_600_000
    world.keeper.blind(BlindSpan("collector", T + INTERVAL, world.now))
    assert world.of("h1") == ()
    world.now += BLIND_MS - 1
    assert world.of("h1") == ()
    world.now += 1
    assert world.of("h1")[0].reason == "collector_blind"


def test_a_group_fails_when_its_rule_says_so() -> None:
    """End to end by its members; degraded while enough of them work; pools have no state."""
    world = Small(
        target("a"), target("b"),
        group("group:any", "a", "b", rule=GroupRule.ANY), group("group:all", "a", "b"),
        group("group:pool", "a", "b", rule=GroupRule.POOLED),
    )  # fmt: skip
    for _ in range(2):
        world.now += INTERVAL
        world.see("a")
        world.see("b")
    assert world.of("group:any") == world.of("group:all") == ()
    for _ in range(3):
        world.now += INTERVAL
        world.see("a", FAILED)
        world.see("b")
    any_, all_ = world.of("group:any")[0], world.of("group:all")[0]
    assert (any_.key.kind, any_.reason) == (AlertKind.DEGRADED, "members")
    assert (all_.key.kind, all_.since_ms, all_.known_ms) == (AlertKind.DOWN, T + 3 * INTERVAL, world.now)
    assert not [one for one in world.of("group:pool") if one.key.kind is not AlertKind.BURN]
    world.now += INTERVAL
    world.see("a")
    world.see("b")
    assert not [one for name in ("any", "all") for one in world.of(f"group:{name}") if one.key.kind is not AlertKind.BURN]


def test_a_budget_that_burns_is_told_within_a_minute_or_two_and_ends() -> None:
    """R14.3, R14.4: of a pool by its members' seconds, of a single target never."""
    world = Small(target("a"), target("b"), group("group:pool", "a", "b", rule=GroupRule.POOLED))
    kinds: dict[str, tuple[str, ...]] = {}
    for minute in range(40):
        for _ in range(4):
            world.now += INTERVAL
            world.see("a", FAILED if minute >= 30 else OK)
            world.see("b")
        kinds = {
            name: tuple(one.key.name for one in world.of(name) if one.key.kind is AlertKind.BURN)
            for name in ("a", "group:pool")
        }
    assert kinds["a"] == ()
    assert set(kinds["group:pool"]) == {"page_fast", "page_slow", "ticket"}
    (fast, *_) = world.of("group:pool")
    assert fast.severity is CRITICAL
    for _ in range(30):
        for _ in range(4):
            world.now += INTERVAL
            world.see("a")
            world.see("b")
        world.of("group:pool")
    assert "page_fast" not in {one.key.name for one in world.of("group:pool")}


def test_burn_of_before_a_restart_goes_on_until_it_was_worked_out() -> None:
    """A restart resolves nothing."""
    world = Small(target("a"), group("group:g", "a"))
    world.run("a", OK)
    key = AlertKey("group:g", AlertKind.BURN, "page_slow")
    world.conditions.recall([Alert("u", key, CRITICAL, T - 5, T - 4)])
    assert [(one.key, one.known_ms) for one in world.of("group:g")] == [(key, T - 4)]
    for _ in range(10):
        world.run("a", *[OK] * 4)
        world.of("group:g")
    assert world.of("group:g") == ()


EXPIRY = schema((gauge("probe_ssl_earliest_cert_expiry"), [()]))


def probe(world: Small, days: float, **change: object) -> None:
    at = world.now / 1000 + days * DAY_S
    world.report("h1", "tls", (EXPIRY, values(at)), **({"observer": "collector"} | change))


def test_a_certificate_is_told_by_probe_and_survives_silence() -> None:
    """Values that are gone are no renewal; a renewed one ends it after a calm, as servers behind one address differ."""
    world = Small(target("h1"))
    world.see("h1")
    probe(world, 10)
    (found,) = world.of("h1")
    assert (found.key, found.severity, found.value) == (AlertKey("h1", AlertKind.CERTIFICATE, "tls"), WARNING, 10.0)
    known_ms = found.known_ms
    world.now += 3_600_000
    world.see("h1")
    assert [one.known_ms for one in world.of("h1")] == [known_ms]
    for minute in range(17):
        probe(world, 80)
        world.see("h1")
        assert bool(world.of("h1")) is (minute < 16), minute
        world.now += 60_000


def test_of_two_servers_behind_one_address_the_worse_counts() -> None:
    """Answers that differ do not flap."""
    world = Small(target("h1"))
    world.see("h1")
    for turn in range(20):
        world.now += 60_000
        world.see("h1")
        probe(world, 2 if turn % 5 == 0 else 80)
        (found,) = world.of("h1")
        assert found.severity is CRITICAL


SOURCES = ("normal", "battery")
SOURCE = schema((gauge("haidang_ups_output_source", "state"), [(name,) for name in SOURCES]))
CHARGE = schema((gauge("haidang_ups_battery_charge_ratio"), [()]), (gauge("haidang_ups_on_battery_seconds"), [()]))


def power(world: Small, source: str, charge: float, seconds: float = 0) -> None:
    ones = values(*[float(name == source) for name in SOURCES])
    world.report("h1", "snmp", (SOURCE, ones), (CHARGE, values(charge, seconds)))
    world.see("h1")


def test_a_ups_on_battery_is_told_with_its_charge_until_the_mains_are_back() -> None:
    """Also while it cannot be asked: what it fed is without power perhaps, and nothing says that it recovered."""
    world = Small(target("h1"))
    power(world, "normal", 1.0)
    assert world.of("h1") == ()
    world.now += 60_000
    power(world, "battery", 0.9, 42)
    (found,) = world.of("h1")
    assert (found.key.kind, found.severity, found.since_ms) == (AlertKind.ON_BATTERY, WARNING, world.now - 42_000)
    world.now += 60_000
    power(world, "battery", 0.4, 102)
    assert world.of("h1")[0].severity is CRITICAL
    world.now += 3_600_000
    world.see("h1")
    assert [one.key.kind for one in world.of("h1")] == [AlertKind.ON_BATTERY]
    power(world, "normal", 0.2)
    world.now += 5_000
    assert world.of("h1") == ()


@pytest.mark.parametrize("is_drained", [True, False])
def test_an_agent_whose_reports_do_not_arrive_is_wedged(is_drained: bool) -> None:
    """Alive for days, delivered nothing: that is neither up nor down. A spool that drains is slow, not wedged."""
    push = Rules(sign=Sign.PUSH, interval_ms=INTERVAL)
    world = Small(target("box", push), target("agent:box", push))
    tally = world.fleet.tally.agent("box")
    for step in range(60):
        world.now += INTERVAL
        world.beat("box")
        tally.hear(world.now, "1")
        tally.mark(Lane.BULK, 1_000 + step, (step * 20 if is_drained else 400), world.now)
        found = [one for one in world.of("agent:box") if one.key.kind is AlertKind.AGENT_WEDGED]
        assert bool(found) is (not is_drained and step * INTERVAL > 300_000), step
    assert world.of("box") == ()


def test_the_on_call_file_has_the_last_word_on_severity() -> None:
    """Of every kind, at the next look."""
    world = Small(target("h1"))
    world.run("h1", OK, FAILED, FAILED, FAILED)
    world.conditions.severe = lambda key, default: Severity.INFO if key.kind is AlertKind.DOWN else default
    assert world.of("h1")[0].severity is Severity.INFO


def test_what_is_not_taken_up_yet_says_what_was_known() -> None:
    """After a start a judge says unknown until it has read what is on disk: nothing is claimed of that."""
    world = Small(target("h1"))
    world.keeper.pages["h1"].is_taken_up = False
    world.now += 2 * UNSEEN_FIRST_MS
    assert world.of("h1") == ()
    key = AlertKey("h1", AlertKind.DOWN)
    world.conditions.recall([Alert("u", key, CRITICAL, T - 5, T - 4, reason="timeout")])
    (found,) = world.of("h1")
    assert (found.key, found.since_ms, found.known_ms, found.reason) == (key, T - 5, T - 4, "timeout")


def test_a_subject_without_a_page_has_no_conditions() -> None:
    """What left the inventory leaves with it."""
    world = Small(target("h1"))
    world.run("h1", OK, FAILED, FAILED, FAILED)
    assert world.of("h1")
    world.take(target("h2"))
    assert world.of("h1") == ()
    assert world.of("nobody") == ()


def test_a_subject_that_is_up_costs_microseconds() -> None:
    """Ten thousand in turn every five seconds: a generous bound, which a search through the fleet would break."""
    world = Small(*[target(f"h{i}") for i in range(2_000)])
    world.now += INTERVAL
    for i in range(2_000):
        world.see(f"h{i}")
    conditions: Conditions = world.conditions
    conditions.of("h0", world.now)
    begun = time.perf_counter()
    for i in range(2_000):
        assert conditions.of(f"h{i}", world.now) == ()
    assert (time.perf_counter() - begun) / 2_000 < 100e-6
    assert BURN_MS == 60_000

"""The ledger's families on the page of a real live ledger: exact, never above the truth, absent where nothing is known."""

from __future__ import annotations

import subprocess
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from collector.core.standing import BURN_WINDOWS, WINDOWS
from collector.core.state import State, View
from collector.core.subject import Subject, SubjectKind
from collector.expose.ledger_page import LedgerPage, floored
from tests.collector.expose.ledger_kit import BORN, HOUR, Live, busy, every
from tests.collector.fleet_kit import NOW
from tests.e2e.debian import binary

Key = tuple[str, frozenset[tuple[str, str]]]


def text_of(live: Live, *, openmetrics: bool = False) -> str:
    return b"".join(LedgerPage(live.keeper).page(live.now, openmetrics=openmetrics)).decode()


def read(text: str) -> dict[Key, float]:
    return {(s.name, frozenset(s.labels.items())): s.value for family in parse_text(text) for s in family.samples}


def of(samples: dict[Key, float], name: str, **labels: str) -> dict[frozenset[tuple[str, str]], float]:
    wanted = set(labels.items())
    return {found: value for (known, found), value in samples.items() if known == name and wanted <= found}


def one(samples: dict[Key, float], name: str, **labels: str) -> float:
    [value] = of(samples, name, **labels).values()
    return value


def in_seconds(ms: Fraction | None) -> Fraction | None:
    return None if ms is None else ms / 1000


def test_both_formats_parse_and_agree() -> None:
    live = busy()
    plain = read(text_of(live))
    text = text_of(live, openmetrics=True)
    told = {(s.name, frozenset(s.labels.items())): s.value for f in parse_openmetrics(text + "# EOF\n") for s in f.samples}
    assert told == plain
    assert len(plain) > 500
    assert "NaN" not in text


def test_promtool_finds_no_fault() -> None:
    """Names, types and units are as Prometheus wants them."""
    ended = subprocess.run(
        [binary("promtool"), "check", "metrics"], input=text_of(busy()), capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_number_is_that_of_the_standing() -> None:
    """Read back, the page says what the ledger says, of every subject, view and window."""
    live = busy()
    samples = read(text_of(live))
    for id_ in live.keeper.pages:
        for view in live.keeper.standing(id_, NOW).views:
            labels = {"instance": id_, "view": view.view.value}
            for window in WINDOWS:
                figures = view.windows[window]
                for name, exact in (
                    ("haidang_availability_ratio", figures.availability),
                    ("haidang_availability_ratio_low", figures.low),
                    ("haidang_availability_ratio_high", figures.high),
                    ("haidang_availability_coverage_ratio", figures.coverage),
                    ("haidang_error_budget_seconds", None if figures.budget_left is None else figures.budget_left / 1000),
                    (
                        "haidang_error_budget_total_seconds",
                        None if figures.budget_total is None else figures.budget_total / 1000,
                    ),
                    ("haidang_incidents", figures.incidents),
                    ("haidang_incidents_started", figures.incidents_started),
                ):
                    found = list(of(samples, name, **labels, window=window).values())
                    assert len(found) == (exact is not None), (name, id_, window)
                    for value in found:
                        assert exact is not None
                        assert Fraction(value) <= exact
                        assert value == pytest.approx(float(exact), rel=1e-15, abs=1e-12)
                verdicts = of(samples, "haidang_availability_verdict", **labels, window=window)
                assert list(verdicts.values()) == [1]
                assert one(samples, "haidang_availability_verdict", **labels, window=window, verdict=figures.verdict.value) == 1
            rates = {name for name in BURN_WINDOWS if of(samples, "haidang_error_budget_burn_rate", **labels, window=name)}
            assert rates == {name for name, rate in view.burn.items() if rate is not None}


def test_states_add_up_to_the_time_in_service() -> None:
    live = busy()
    samples = read(text_of(live))
    for id_ in ("h1", "h2", "p1", "agent:h1", "group:both", "site:dc"):
        for view in View:
            seconds = of(samples, "haidang_target_seconds_total", instance=id_, view=view.value)
            assert {dict(labels)["state"] for labels in seconds} == {state.value for state in State}
            assert sum(seconds.values()) == (NOW - BORN) / 1000, (id_, view)
    assert not of(samples, "haidang_target_seconds_total", instance="group:pool"), "a pool has no states (R15.3)"


def test_r9_3_late_evidence_moves_time_and_no_counter_falls() -> None:
    live = Live(NOW - HOUR)
    live.beat("h1", every(BORN, NOW - 2 * HOUR))
    before = of(read(text_of(live)), "haidang_target_seconds_total", instance="h1")
    live.now = NOW
    live.beat("h1", every(NOW - 2 * HOUR, NOW - HOUR), late=True)
    live.beat("h1", every(NOW - HOUR, NOW))
    samples = read(text_of(live))
    after = of(samples, "haidang_target_seconds_total", instance="h1")
    assert all(after[labels] >= value for labels, value in before.items())
    down = one(samples, "haidang_target_seconds_total", instance="h1", view="device", state="down")
    restated = {"instance": "h1", "view": "device", "from": "down", "to": "up"}
    assert down == one(samples, "haidang_target_restated_seconds_total", **restated) == HOUR / 1000
    assert not of(samples, "haidang_target_restated_seconds_total", instance="h1", view="e2e"), (
        "late evidence does not count (R9.6)"
    )


def test_groups_have_states_of_their_own_and_flapping_is_told() -> None:
    live = busy()
    samples = read(text_of(live))
    shown = {dict(labels)["instance"] for labels in of(samples, "haidang_group_state")}
    assert shown == {"group:both", "site:dc"}
    for id_ in shown:
        state = live.keeper.state(id_, View.DEVICE, NOW).state
        assert one(samples, "haidang_group_state", instance=id_, view="device", state=state.value) == 1
        assert sum(of(samples, "haidang_group_state", instance=id_, view="device").values()) == 1
    assert one(samples, "haidang_target_flapping", instance="p1") == 1
    assert one(samples, "haidang_target_flapping", instance="h1") == 0
    assert one(samples, "haidang_objective_ratio", instance="p1", kind="target") == floored(999, 1000)


def test_r15_3_weighted_pools_have_no_incidents() -> None:
    samples = read(text_of(busy()))
    assert one(samples, "haidang_availability_ratio", instance="group:pool", view="device", window="day") < 1
    assert not of(samples, "haidang_incidents", instance="group:pool")


def test_health_of_the_ledger() -> None:
    live = busy()
    samples = read(text_of(live))
    assert one(samples, "haidang_ledger_subjects") == len(live.keeper.pages) == 7
    assert one(samples, "haidang_ledger_behind_subjects") == 0
    day_ms = live.keeper.pages["h1"].closed_ms
    assert one(samples, "haidang_ledger_closed_timestamp_seconds") == day_ms / 1000
    live.keeper.pages["h1"].behind(day_ms - 1)
    live.keeper.mended_days = 3
    live.keeper.issue_failures = 2
    samples = read(text_of(live))
    assert one(samples, "haidang_ledger_behind_subjects") == 1
    assert one(samples, "haidang_ledger_mended_total") == 3
    assert one(samples, "haidang_ledger_issue_failures_total") == 2


def test_what_leaves_the_inventory_during_the_page_is_not_shown() -> None:
    """A page is made in pieces; between two of them configuration may change."""
    live = busy()
    live.subjects = [Subject(f"x{n:04}", site="dc", class_="server", scope=((BORN, None),)) for n in range(300)]
    live.take()
    page = LedgerPage(live.keeper).page(NOW, openmetrics=False)
    assert next(page) == b"", "a breath comes long before 300 subjects are worked out"
    live.subjects = live.subjects[:1]
    live.take()
    shown = {dict(labels)["instance"] for _, labels in read(b"".join(page).decode()) if labels}
    assert "x0000" in shown
    assert "x0299" not in shown


def test_a_ledger_without_pages_is_no_error() -> None:
    live = Live()
    live.subjects = []
    live.take()
    samples = read(text_of(live))
    assert {name for name, _ in samples} == {
        "haidang_ledger_subjects", "haidang_ledger_behind_subjects", "haidang_ledger_mended_total",
        "haidang_ledger_issue_failures_total",
    }  # fmt: skip


def test_labels_of_any_name_are_escaped() -> None:
    live = Live()
    name = 'Tứ "Kỳ"\\ÿ\n'
    live.take(Subject(name, SubjectKind.TARGET, 's"', scope=((BORN, None),)))
    labels = dict(next(iter(of(read(text_of(live)), "haidang_objective_ratio", instance=name))))
    assert labels == {"instance": name, "site": 's"', "class": "target", "kind": "target"}


@given(st.integers(0, 1 << 50), st.integers(1, 1 << 50))
def test_r16_2_a_ratio_is_never_above_the_truth(part: int, rest: int) -> None:
    """And it is 1 only when nothing was bad."""
    value = floored(part, part + rest)
    assert Fraction(value) <= Fraction(part, part + rest) < 1
    assert value < 1
    assert value == pytest.approx(part / (part + rest), rel=1e-15)
    assert floored(part + 1, part + 1) == 1.0


@given(st.integers(1, 1 << 62), st.integers(1, 1 << 62), st.integers(1, 1 << 62))
def test_floors_keep_the_order(a: int, b: int, whole: int) -> None:
    """What is equal to the objective is shown equal to it, and what is above is not shown below (R16.4)."""
    low, high = sorted((a, b))
    assert floored(low, whole) <= floored(high, whole)
    assert floored(low * 7, whole * 7) == floored(low, whole)


def test_negative_budgets_are_floored_too() -> None:
    assert Fraction(floored(-1, 3)) <= Fraction(-1, 3)

"""Policies are the table of 3.12, in words of both languages."""

from __future__ import annotations

import pytest

from collector.core.policy import DEFAULTS, POLICIES, Role, policy_for
from collector.core.state import State, View
from collector.core.subject import Objective

G, B, X = Role.GOOD, Role.BAD, Role.EXCLUDED
TABLE = {
    # up, degraded, down, unreachable, unknown, maintenance (None: ignored)
    "device_contract": (G, G, B, X, X, X),
    "e2e": (G, G, B, B, X, X),
    "unknown_as_down": (G, G, B, X, B, X),
    "unknown_as_up": (G, G, B, X, G, X),
    "degraded_bad": (G, B, B, X, X, X),
    "maintenance_as_up": (G, G, B, X, X, G),
    "calendar": (G, G, B, X, X, None),
    "calendar_strict": (G, G, B, X, B, None),
}


def test_r12_2_the_eight_policies_are_the_table() -> None:
    """Every cell of the table of 3.12, and no policy besides."""
    assert set(POLICIES) == set(TABLE)
    for name, (*roles, maintenance) in TABLE.items():
        policy = POLICIES[name]
        assert [policy.role(state) for state in State] == roles, name
        assert policy.ignores_maintenance == policy.ignores_hours == (maintenance is None), name
        assert policy.maintenance is (maintenance or X), name
        assert policy.excludes_unknown == (policy.role(State.UNKNOWN) is X), name


@pytest.mark.parametrize("name", TABLE)
def test_r12_2_every_policy_has_its_text(name: str) -> None:
    """The text stands beside the figure, in Vietnamese with its marks; no two policies read alike."""
    text = POLICIES[name].text
    assert set(text) == {"en", "vi"}
    assert any(letter in text["vi"] for letter in "ăâđêôơưạảấầẩẫậắằẵặẹẻẽếềểễệịọốồổỗộớờởỡợụủứừửữựỳỵ")
    assert all(sentence.endswith(".") and "  " not in sentence for sentence in text.values())
    assert sum(other.text["vi"] == text["vi"] or other.text["en"] == text["en"] for other in POLICIES.values()) == 1


@pytest.mark.parametrize("name", TABLE)
def test_r13_1_incidents_are_charged_states(name: str) -> None:
    """Only bad states make incidents; unknown time never does (R13.1)."""
    policy = POLICIES[name]
    assert policy.incident_states == policy.bad - {State.UNKNOWN}
    assert not policy.good & policy.bad


def test_an_objective_without_a_policy_takes_the_views() -> None:
    """Devices by the contract, sites and services end to end (section 5, decision 1)."""
    assert {view: policy_for(Objective(), view).name for view in View} == DEFAULTS
    assert policy_for(Objective(policy="calendar"), View.E2E).name == "calendar"
    with pytest.raises(KeyError):
        policy_for(Objective(policy="none"), View.E2E)

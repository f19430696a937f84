"""What a poll says of its target, case by case."""

from __future__ import annotations

import pytest

from agent.model import Outcome, Reason
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.health import Health
from agent.snmp.verdict import MAX_DETAIL, Verdict, answered, unanswered

WELL = Verdict(Outcome.OK, Reason.NONE, "")
SICK = Verdict(Outcome.DEGRADED, Reason.BAD_STATUS, "on battery")


@pytest.mark.parametrize(
    ("health", "outcome", "reason"),
    [
        (Health.UP, Outcome.OK, Reason.NONE),
        (Health.DEGRADED, Outcome.DEGRADED, Reason.BAD_STATUS),
        (Health.DOWN, Outcome.FAILED, Reason.BAD_STATUS),
        (Health.UNKNOWN, Outcome.ERROR, Reason.NO_DATA),
    ],
)
def test_health_of_a_device_that_answers(health: Health, outcome: Outcome, reason: Reason) -> None:
    """Unknown health is an error, which counts against nobody and for nobody."""
    said = answered(health, "words" * 200)
    assert (said.outcome, said.reason, len(said.detail)) == (outcome, reason, MAX_DETAIL)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT, Fault.DEADLINE])
@pytest.mark.parametrize("echo", [False, None])
def test_silence_that_no_echo_contradicts_is_failed(fault: Fault, echo: bool | None) -> None:
    """Whatever it said before."""
    said = unanswered(SnmpError(fault, "192.0.2.1: no answer"), 1, echo, WELL)
    assert (said.outcome, said.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert ("echo" in said.detail) is (echo is False)


def test_silence_to_an_unknown_community_is_not_called_a_dead_agent() -> None:
    """Agents are silent about credentials they do not know; a machine that refuses the port has no agent, whatever we say."""
    doubt = "or does not know these credentials"
    assert doubt in unanswered(SnmpError(Fault.TIMEOUT, "192.0.2.1: no answer"), 3, True, None).detail
    assert doubt not in unanswered(SnmpError(Fault.REFUSED, "192.0.2.1: refused"), 3, None, None).detail


def test_no_way_to_it_is_failed() -> None:
    """A router says that nobody is there."""
    said = unanswered(SnmpError(Fault.NO_HOST, "No route to host"), 1, None, WELL)
    assert (said.outcome, said.reason) == (Outcome.FAILED, Reason.UNREACHABLE)


@pytest.mark.parametrize(("fault", "echo"), [(Fault.TIMEOUT, True), (Fault.REFUSED, None), (Fault.REFUSED, False)])
def test_a_machine_without_its_agent(fault: Fault, echo: bool | None) -> None:
    """For two polls its last word holds, then it is degraded; without a last word nothing is claimed."""
    error = SnmpError(fault, "192.0.2.1: no answer")
    assert [unanswered(error, polls, echo, SICK).outcome for polls in (1, 2, 3, 9)] == [Outcome.DEGRADED] * 4
    assert [unanswered(error, polls, echo, WELL).outcome for polls in (1, 2, 3)] == [Outcome.OK, Outcome.OK, Outcome.DEGRADED]
    assert [unanswered(error, polls, echo, None).outcome for polls in (1, 2, 3)] == [
        Outcome.ERROR,
        Outcome.ERROR,
        Outcome.DEGRADED,
    ]
    assert "on battery" in unanswered(error, 1, echo, SICK).detail


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.TIMEOUT, Fault.DEADLINE, Fault.REFUSED, Fault.NO_HOST}))
def test_what_we_could_not_ask_counts_against_nobody(fault: Fault) -> None:
    """Wrong passwords, names without address, answers that cannot be read, no way out of this machine."""
    said = unanswered(SnmpError(fault, "cause"), 5, False, WELL)
    assert (said.outcome, said.detail) == (Outcome.ERROR, "cause")
    assert said.reason is not Reason.NONE

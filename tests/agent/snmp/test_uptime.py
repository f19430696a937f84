"""Uptime from several clocks, and what became of a device between two polls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp.uptime import WRAP_S, Clock, Clocks, Verdict, boots_of_host, judge, real_uptime
from tests.snmp.recordings import WALKS, encode, rows_of

DAY = 86_400


@pytest.mark.parametrize(
    ("clocks", "expected"),
    [
        (Clocks(), None),
        (Clocks(agent_ticks=0), None),
        (Clocks(agent_ticks=0, engine_s=0, host_ticks=0), None),
        (Clocks(agent_ticks=100_000), (1_000.0, Clock.AGENT)),
        (Clocks(agent_ticks=100_000, engine_s=1_000), (1_000.0, Clock.ENGINE)),
        (Clocks(agent_ticks=100_000, engine_s=0), (1_000.0, Clock.AGENT)),
        (Clocks(agent_ticks=100_000, engine_s=-5), (1_000.0, Clock.AGENT)),
        (Clocks(agent_ticks=100_000, engine_s=900), (1_000.0, Clock.AGENT)),
        (Clocks(agent_ticks=100_000, engine_s=950), (950.0, Clock.ENGINE)),
        (Clocks(agent_ticks=100_000, engine_s=1_000, host_ticks=900_000), (9_000.0, Clock.HOST)),
        (Clocks(agent_ticks=100_000, host_ticks=10_000), (1_000.0, Clock.AGENT)),
        (Clocks(engine_s=77), (77.0, Clock.ENGINE)),
    ],
)
def test_real_uptime(clocks: Clocks, expected: tuple[float, Clock] | None) -> None:
    """The host's clock if it is plausible, else the engine's, else the agent's; 0 is unknown."""
    assert real_uptime(clocks) == expected


@pytest.mark.parametrize(
    ("name", "days", "source"),
    [
        ("storage-synology-dsm", 985.0, Clock.ENGINE),  # agent and host have wrapped once, beside an engine that has not
        ("storage-huawei-dorado3k", 548.1, Clock.ENGINE),
        ("env-apc-emu", 8.75, Clock.AGENT),  # engine time 0
        ("server-linux-el8", 129.4, Clock.HOST),
        ("server-vmware-esxi7", 184.3, Clock.HOST),
        ("router-cisco-asr1k", 0.0986, Clock.ENGINE),
        ("ups-delta-mini", None, None),
    ],
)
def test_recorded_devices(name: str, days: float | None, source: Clock | None) -> None:
    """Recorded devices whose clocks wrapped, lie or differ have the uptime that they really had."""
    path = WALKS / f"{name}.snmprec"
    if not path.exists():
        pytest.skip("the recorded devices are not beside the project")
    rows = rows_of(path)
    found = dict(zip(rows.oids, rows.values, strict=True))
    clocks = Clocks(
        agent_ticks=found.get(encode("1.3.6.1.2.1.1.3.0")),
        engine_s=found.get(encode("1.3.6.1.6.3.10.2.1.3.0")),
        host_ticks=found.get(encode("1.3.6.1.2.1.25.1.1.0")),
    )
    real = real_uptime(clocks)
    assert (real and real[1]) == source
    assert real is None or real[0] / DAY == pytest.approx(days, rel=0.01)


def agent(seconds: float, **more: int) -> Clocks:
    """Clocks of a device whose agent has been up so long."""
    return Clocks(agent_ticks=int(seconds * 100), **more)


@pytest.mark.parametrize(
    ("old", "new", "elapsed_s", "expected"),
    [
        (agent(1_000), agent(1_060), 60, Verdict.RUNNING),
        (agent(1_000), agent(1_030), 60, Verdict.RUNNING),  # a clock that lags a little
        (agent(10_000), agent(30), 60, Verdict.AGENT_RESTARTED),
        (agent(10_000), agent(0.01), 60, Verdict.AGENT_RESTARTED),
        (agent(200), agent(5_000), 86_400, Verdict.AGENT_RESTARTED),  # up longer than before, but not long enough
        (agent(WRAP_S - 10), agent(50), 60, Verdict.RUNNING),  # a wrap
        (agent(WRAP_S - 10), agent(50 + 86_400), 86_460, Verdict.RUNNING),
        (agent(10_000), agent(9_000), 60, Verdict.UNSURE),  # neither
        (agent(10_000), Clocks(), 60, Verdict.UNKNOWN),
        (agent(10_000), agent(0), 60, Verdict.UNKNOWN),  # no answer stored as 0 is no restart
        (Clocks(), agent(30), 60, Verdict.UNKNOWN),
        (agent(10_000, boots=3), agent(10_060, boots=4), 60, Verdict.AGENT_RESTARTED),
        (agent(10_000, boots=3), agent(10_060, boots=3), 60, Verdict.RUNNING),
        (agent(10_000, boots=3), agent(10_060, boots=0), 60, Verdict.RUNNING),
        (agent(10_000, host_ticks=9_000_000), agent(30, host_ticks=9_006_000), 60, Verdict.AGENT_RESTARTED),
        (agent(10_000, host_ticks=9_000_000), agent(30, host_ticks=3_000), 60, Verdict.REBOOTED),
        (Clocks(engine_s=5_000), Clocks(engine_s=20), 60, Verdict.AGENT_RESTARTED),
        (Clocks(engine_s=5_000), Clocks(engine_s=5_060), 60, Verdict.RUNNING),
    ],
)
def test_judge(old: Clocks, new: Clocks, elapsed_s: float, expected: Verdict) -> None:
    """A restart of agent or host, a wrap, and what cannot be known are told apart."""
    assert judge(old, new, elapsed_s) is expected


def test_restart_of_the_agent_alone_is_none_of_the_device() -> None:
    """Where the host has its own clock only that one counts its restarts."""
    assert not boots_of_host(Verdict.AGENT_RESTARTED, agent(30, host_ticks=9_006_000))
    assert boots_of_host(Verdict.AGENT_RESTARTED, agent(30))
    assert boots_of_host(Verdict.REBOOTED, agent(30, host_ticks=3_000))


@given(start=st.floats(1, 3 * WRAP_S), steps=st.lists(st.floats(1, 3 * DAY), min_size=1, max_size=20))
def test_a_device_that_runs_never_rebooted(start: float, steps: list[float]) -> None:
    """However the clock stands and wraps, a device that goes on running is never called restarted."""
    uptime = start
    for step in steps:
        old = Clocks(agent_ticks=int(uptime * 100) % 2**32)
        uptime += step
        new = Clocks(agent_ticks=int(uptime * 100) % 2**32)
        assert judge(old, new, step) in (Verdict.RUNNING, Verdict.UNKNOWN)

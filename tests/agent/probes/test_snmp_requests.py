"""How many requests a poll costs, and that saving one never costs a verdict."""

from __future__ import annotations

from agent.model import Outcome
from agent.snmp.library import Library
from tests.agent.probes.test_snmp import UPS, polling, values_of
from tests.snmp import tinyber
from tests.snmp.fault_agent import FaultAgent, Faults


async def test_objects_are_asked_for_at_once_only_after_the_device_has_shown_that_it_bears_it() -> None:
    """One request fewer a poll; for a device that is silent about many objects the verdict never depends on them."""
    library = Library.load()
    for most, requests in ((20, 1), (6, 2)):
        faults = Faults(drop=lambda _n, pdu, most=most: pdu.kind == tinyber.GET and len(pdu.bindings) > most)  # type: ignore[misc]
        async with FaultAgent(values_of(UPS), faults) as agent, polling(agent, library, profile="device") as bench:
            for _ in range(2):
                assert (await bench.verdict()).outcome is Outcome.OK
            agent.asked.clear()
            assert (await bench.verdict()).outcome is Outcome.OK
            assert len([pdu for pdu in agent.asked if pdu.kind == tinyber.GET]) == requests

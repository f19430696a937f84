"""Everything that one poll asks of a device: objects by GET, subtrees by GETBULK or GETNEXT, whatever the device does with it.

For probes. What was read is kept: a table that fails costs itself only, and a dead device costs one request, not one a table.
"""

from __future__ import annotations

from agent.snmp.gets import get_all
from agent.snmp.harvest import Habits, Harvest, Plan, Work
from agent.snmp.session import Session
from agent.snmp.tables import walk_all

__all__ = ["Habits", "Harvest", "Plan", "fetch"]


async def fetch(session: Session, plan: Plan, until: float, habits: Habits | None = None) -> Harvest:
    """Ask for all of `plan`, objects first, then subtrees in their order; never raises for what the device does.

    `until` is the deadline on the client's clock: what is not read then is in `failed`. `habits` is what an earlier fetch of
    the same device and plan returned.
    """
    work = Work(session, plan, until, habits or Habits())
    await get_all(work)
    await walk_all(work)
    return work.harvest()

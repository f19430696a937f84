"""Which ways out the collector has, and over which of them it observes each target, as the inventory says."""

from __future__ import annotations

from agent.probes.sight import Uplink
from collector.core.change import COLLECTOR
from collector.inventory import Inventory


def ways_of(inventory: Inventory) -> tuple[list[Uplink], dict[str, str]]:
    """The collector's own uplinks, and the name of its uplink by target."""
    uplinks = [Uplink(each.id, each.references) for each in inventory.uplinks.values() if each.via == COLLECTOR]
    if not uplinks:
        return [], {}
    ours = {uplink.id for uplink in uplinks}
    named = ((entry.id, inventory.chosen(entry).said("uplink", "")) for entry in inventory.entries.values())
    return uplinks, {target: uplink for target, uplink in named if uplink in ours}

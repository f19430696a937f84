"""Several observers of one target each have their jobs, and what they report stays apart."""

from __future__ import annotations

from pathlib import Path

from collector.inventory import load_inventory
from collector.inventory.equipment import equip
from collector.inventory.probes import jobs_of

INVENTORY = """\
sites: [{id: dic}]
targets:
  - {id: room, site: dic, class: room, via: Box-1, address: 192.0.2.7, probes: [icmp], also_via: [collector]}
"""


def test_a_second_observer_reports_under_a_name_of_its_own(tmp_path: Path) -> None:
    """The first one's module is the plain name; the other's bears the observer."""
    (tmp_path / "all.yml").write_text(INVENTORY)
    inventory = load_inventory(tmp_path, ["Box-1"], equip=equip)
    names = {observer: [job.name for job in jobs_of(inventory, observer)] for observer in ("Box-1", "collector", "other")}
    assert names == {"Box-1": ["icmp"], "collector": ["icmp:collector"], "other": []}
    assert inventory.targets["room"].observers == ("Box-1", "collector")

"""A site's agent polls a device of its site: real agent, real collector, real snmpd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.ground import Centre, Station
from tests.e2e.snmpd import COMMUNITY, Snmpd
from tests.servers import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

TARGET = "host-behind-box"


def test_an_agent_polls_for_the_collector(tmp_path: Path) -> None:
    """State, series and readings of the device come by the agent; when its SNMP agent dies and its machine does not, it is
    degraded, and says why."""
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    (inventory / "targets.yml").write_text(
        f"sites: [{{id: dic}}]\ntargets:\n  - {{id: {TARGET}, site: dic, class: server, via: box, interval_s: 5}}\n"
    )
    with Snmpd(tmp_path / "snmpd") as snmpd:
        centre = Centre(tmp_path / "centre", f"inventory: {inventory}\n")
        enrolled = centre.enrol("box")
        with centre:
            station = Station(tmp_path / "box", "box", enrolled["box"], centre.url)
            auths = station.folder / "snmp-auths.yml"
            auths.write_text(f"auths:\n  site: {{community: {COMMUNITY}}}\n")
            auths.chmod(0o600)
            device = f"{{target: {TARGET}, address: {snmpd.host}, port: {snmpd.port}, auth: site, ping: false, timeout_s: 0.5}}"
            station.config.write_text(station.config.read_text() + f"snmp:\n  interval_s: 5\n  devices:\n    - {device}\n")
            with station:

                def state() -> dict[str, object]:
                    return json.loads(centre.page(f"/api/v1/targets/{TARGET}")[1] or "{}")

                wait_for(lambda: state().get("state") in ("up", "degraded"), 40, lambda: f"{state()} {station.said()[-2000:]}")
                page = centre.page(f"/metrics/targets/{TARGET}")[1]
                assert "\nsysUpTime{" in page
                assert "\nhaidang_snmp_up{" in page
                assert "\nhaidang_uptime_seconds{" in page
                assert 'class="server"' in page
                snmpd.stop()
                wait_for(lambda: "its agent is not" in str(state()), 60, lambda: f"{state()} {station.said()[-2000:]}")
                wait_for(lambda: state().get("state") == "degraded", 30, lambda: f"{state()} {station.said()[-2000:]}")
            assert COMMUNITY not in station.said() + centre.said()

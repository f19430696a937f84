"""The collector polls by itself: real collector, real snmpd, real traps, what people read of it, and a reload."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.e2e.snmpd import COMMUNITY, Snmpd, free_udp_port, tool
from tests.servers import Collector, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

AUTHS = f"""\
auths:
  site:
    version: 2
    community: {COMMUNITY}
  wrong:
    version: 2
    community: shut-sesame
  v3:
    version: 3
    username: haidang
    security_level: authPriv
    auth_protocol: SHA256
    password: pass-of-auth-1
    priv_protocol: AES
    priv_password: pass-of-priv-1
"""
USER = "createUser haidang SHA-256 pass-of-auth-1 AES pass-of-priv-1\nrouser haidang\n"


class Ground:
    """A collector whose inventory can be changed."""

    def __init__(self, folder: Path, snmpd: Snmpd) -> None:
        self.folder, self.snmpd = folder, snmpd
        self.inventory = folder / "inventory"
        self.inventory.mkdir()
        self.auths = folder / "auths.yml"
        self.auths.write_text(AUTHS)
        self.auths.chmod(0o600)
        self.trap_port = free_udp_port()
        self.write(self.line("srv-v2", "site"))
        self.collector = Collector(
            folder / "centre",
            f"inventory: {self.inventory}\nsnmp: {{auths_file: {self.auths}}}\n"
            f"traps: {{listen: ['127.0.0.1:{self.trap_port}'], poll_gap_s: 0}}\n",
        )

    def line(self, id_: str, auth: str, interval_s: int = 5) -> str:
        """A line of the inventory for the real agent under some credentials."""
        said = f"auth: {auth}, port: {self.snmpd.port}, timeout_s: 0.5, retries: 0, ping: false"
        return (
            f"  - {{id: {id_}, site: dic, class: server, via: collector, address: {self.snmpd.host}, "
            f"interval_s: {interval_s}, snmp: {{{said}}}}}\n"
        )

    def write(self, *lines: str) -> None:
        """The inventory from now on."""
        (self.inventory / "all.yml").write_text("sites: [{id: dic}]\ntargets:\n" + "".join(lines))

    def state(self, id_: str) -> str:
        """What the collector calls it."""
        return str(self.collector.targets().get(id_, {}).get("state"))

    def wait(self, id_: str, *states: str) -> None:
        """Until it is one of these."""
        wait_for(lambda: self.state(id_) in states, 60, lambda: f"{self.collector.targets()}\n{self.collector.said()[-3000:]}")

    def figure(self, name: str) -> float:
        """A figure of the collector's own page; 0 while it is not there."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.collector.page("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0


def test_a_device_from_the_inventory_to_every_page(tmp_path: Path) -> None:
    """State, series and readings; evidence in explain; credentials that are wrong; a reload; a restart of the device; nothing
    secret anywhere."""
    with Snmpd(tmp_path / "snmpd", f"rocommunity {COMMUNITY}\n{USER}") as snmpd:
        ground = Ground(tmp_path, snmpd)
        with ground.collector as collector:
            ground.wait("srv-v2", "up", "degraded")
            wait_for(lambda: "\nifHCInOctets{" in collector.page("/metrics/targets/srv-v2")[1], 30, collector.said)
            page = collector.page("/metrics/targets/srv-v2")[1]
            assert re.search(
                r'^haidang_uptime_seconds\{source="\w+",instance="srv-v2",site="dic",class="server"\} ', page, re.MULTILINE
            )
            assert 'haidang_snmp_up{instance="srv-v2",site="dic",class="server"} 1' in page
            # A reload brings SNMPv3 and wrong credentials; the device that is polled goes on.
            ground.write(ground.line("srv-v2", "site"), ground.line("srv-v3", "v3"), ground.line("srv-wrong", "wrong"))
            collector.signal(signal.SIGHUP)
            ground.wait("srv-v3", "up", "degraded")
            ground.wait("srv-wrong", "down")
            assert ground.state("srv-v2") in ("up", "degraded")
            told = collector.command("explain", "srv-wrong")
            assert "no answer" in told
            assert "snmp" in collector.command("explain", "srv-v2")
            # One that is taken out is not polled any more.
            ground.write(ground.line("srv-v3", "v3"))
            collector.signal(signal.SIGHUP)
            wait_for(lambda: "srv-v2" not in collector.targets(), 30, collector.said)
            snmpd.restart()
            ground.wait("srv-v3", "up", "degraded")
            snmpd.stop()
            wait_for(
                lambda: "its agent is not" in collector.page("/api/v1/targets/srv-v3")[1],
                60,
                lambda: collector.page("/api/v1/targets/srv-v3")[1],
            )
            ground.wait("srv-v3", "degraded")
            snmpd.start()
            ground.wait("srv-v3", "up", "degraded")
            pages = "".join(collector.page(path)[1] for path in ("/metrics", "/metrics/targets", "/api/v1/targets"))
            for secret in (COMMUNITY, "shut-sesame", "pass-of-auth-1", "pass-of-priv-1"):
                assert secret not in told + pages + collector.said()


def test_a_trap_makes_the_collector_look_at_once(tmp_path: Path) -> None:
    """It is evidence and no judgement: the state is what the poll says."""
    with Snmpd(tmp_path / "snmpd") as snmpd:
        ground = Ground(tmp_path, snmpd)
        ground.write(ground.line("srv-v2", "site", interval_s=3600))
        with ground.collector as collector:
            wait_for(lambda: "haidang_traps_total" in collector.page("/metrics")[1], 30, collector.said)
            assert ground.state("srv-v2") == "unknown"
            to = f"127.0.0.1:{ground.trap_port}"
            tool("snmpinform", tmp_path, "-v2c", "-c", COMMUNITY, "-Lo", to, "", "1.3.6.1.6.3.1.1.5.1")
            ground.wait("srv-v2", "up", "degraded")
            wait_for(lambda: ground.figure('haidang_traps_total{outcome="accepted"}') == 1, 20, collector.said)
            assert ground.figure("haidang_trap_polls_total") == 1
            # Who is not known is listed for people and believed by nobody.
            tool("snmptrap", tmp_path, "-v2c", "-c", "nobody-knows", "-Lo", to, "", "1.3.6.1.6.3.1.1.5.3")
            wait_for(
                lambda: '"unknown_trap_senders":[{' in collector.page("/api/v1/polling")[1],
                20,
                lambda: f"{collector.page('/api/v1/polling')} {collector.page('/metrics')[1][-3000:]}",
            )
            page = collector.page("/api/v1/polling")[1]
            assert '"source":"127.0.0.1"' in page
            assert ground.figure("haidang_trap_polls_total") == 1
            for secret in (COMMUNITY, "nobody-knows"):
                assert secret not in collector.said() + page


def test_a_person_asks_and_looks_around(tmp_path: Path) -> None:
    """`poll` and `discover` beside the collector or without one, against the same device."""
    with Snmpd(tmp_path / "snmpd", f"rocommunity {COMMUNITY}\n{USER}") as snmpd:
        ground = Ground(tmp_path, snmpd)
        with ground.collector as collector:
            asking = ("--port", str(snmpd.port), "--timeout", "1")
            page = collector.command("poll", snmpd.host, "--auth", "v3", "--module", "if_mib", *asking)
            assert "\nifHCInOctets{ifIndex=" in page
            assert 'snmp_scrape_pdus_returned{module="if_mib"} ' in page
            told = collector.command("poll", snmpd.host, "--auth", "site", "--explain", *asking)
            assert re.search(r"^profile +server-linux ", told, re.MULTILINE)
            assert re.search(r"^verdict +(up|degraded): ", told, re.MULTILINE)
            proposed = collector.command("discover", snmpd.host, "--auth", "site", *asking)
            assert "- 127.0.0.1: srv-v2 (" in proposed
            assert "targets: []" in proposed
            elsewhere = collector.command("discover", snmpd.host, "--auth", "site", "--via", "box-1", *asking)
            assert "id: device-01\n" in elsewhere
            assert COMMUNITY not in told + proposed + elsewhere

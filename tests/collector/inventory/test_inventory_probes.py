"""Probes in the inventory: what becomes of them for each observer, and what is refused when the modules are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.probes.probe import Job
from collector.config import ConfigError
from collector.config_words import told
from collector.inventory import Inventory, load_inventory
from collector.inventory.equipment import equip
from collector.inventory.probes import jobs_of
from collector.settings import Config, Probes

SITES = "sites:\n  - {id: dic}\n"
AGENTS = ("box", "other")


def inventory(folder: Path, targets: str, **probes: object) -> Inventory:
    (folder / "a.yml").write_text(f"{SITES}{targets}", encoding="utf-8")
    return load_inventory(folder, AGENTS, Config(probes=Probes(**probes)), equip)  # type: ignore[arg-type]


def jobs(folder: Path, targets: str, observer: str = "collector") -> list[Job]:
    return jobs_of(inventory(folder, f"targets:\n{targets}"), observer)


def target(keys: str, address: str = "192.0.2.7", via: str = "collector") -> str:
    return f"  - {{id: t, site: dic, class: x, via: {via}, address: '{address}', {keys}}}\n"


def refused(folder: Path, targets: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        inventory(folder, f"targets:\n{targets}")
    assert all(" cần " in line for line in told(caught.value, "vi").splitlines())
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_a_bare_name_is_a_probe_with_usual_values(tmp_path: Path) -> None:
    """Every 15 s, after a failure every 3 s, judged, of normal priority."""
    (job,) = jobs(tmp_path, target("probes: [icmp]"))
    assert (job.key, job.module.kind, job.address) == ("t\nicmp", "icmp", "192.0.2.7")
    assert (job.interval_s, job.retry_s, job.fail_after, job.judged, job.priority, job.uplink) == (15, 3, 3, True, 1, "")


def test_retries_may_be_less_than_a_second_apart(tmp_path: Path) -> None:
    """Never farther apart than the interval; a whole number stays one, for agents of older versions."""
    said = "interval_s: 5, probes: [{module: icmp, retry_s: 0.2}, {module: http_2xx, name: page, retry_s: 2.0}]"
    quick, page = jobs(tmp_path, target(said))
    assert (quick.retry_s, page.retry_s, type(page.retry_s)) == (0.2, 2, int)


def test_a_probe_says_what_it_wants(tmp_path: Path) -> None:
    """Its own word goes before the target's."""
    keys = (
        "interval_s: 60, fail_after: 2, priority: critical, "
        "probes: [icmp, {module: http_2xx, name: page, address: 'http://{address}/{id}?{site}', interval_s: 30, retry_s: 10, "
        "judged: false}]"
    )
    ping, page = jobs(tmp_path, target(keys))
    assert (ping.interval_s, ping.retry_s, ping.fail_after, ping.priority) == (60, 15, 2, 2)
    assert (page.name, page.module.name, page.address) == ("page", "http_2xx", "http://192.0.2.7/t?dic")
    assert (page.interval_s, page.retry_s, page.judged) == (30, 10, False)


@pytest.mark.parametrize(
    ("probe", "address", "expected"),
    [
        ("{module: tcp_connect, port: 22}", "192.0.2.7", "192.0.2.7:22"),
        ("{module: tcp_connect, port: 22}", "2001:db8::7", "[2001:db8::7]:22"),
        ("{module: tcp_connect, address: '{address}:25'}", "2001:db8::7", "[2001:db8::7]:25"),
        ("{module: tls}", "portal.example.vn", "portal.example.vn:443"),
        ("{module: ntp}", "192.0.2.7", "192.0.2.7"),
        ("{module: http_2xx}", "portal.example.vn", "http://portal.example.vn/"),
        ("{module: http_2xx, port: 8080}", "2001:db8::7", "http://[2001:db8::7]:8080/"),
        ("{module: http_2xx, address: 'https://{address}/'}", "2001:db8::7", "https://[2001:db8::7]/"),
    ],
)
def test_an_address_is_completed_as_its_kind_needs_it(tmp_path: Path, probe: str, address: str, expected: str) -> None:
    """With a port where it must have one, in brackets where it is IPv6, as a URL for a web server."""
    assert [job.address for job in jobs(tmp_path, target(f"probes: [{probe}]", address))] == [expected]


def test_who_runs_a_probe(tmp_path: Path) -> None:
    """`via` and `also_via`, or the one that the probe names; all of them may report the target."""
    keys = "also_via: [other, collector], probes: [icmp, {module: tcp_connect, port: 1, via: collector}]"
    found = inventory(tmp_path, "targets:\n" + target(keys, via="box"))
    names = {observer: [job.module.name for job in jobs_of(found, observer)] for observer in ("box", "other", "collector")}
    assert names == {"box": ["icmp"], "other": ["icmp"], "collector": ["icmp", "tcp_connect"]}
    assert found.targets["t"].observers == ("box", "other", "collector")


def test_the_host_of_an_agent_is_probed_from_outside(tmp_path: Path) -> None:
    """By the collector, unless others are named; then probes judge and reports lift."""
    text = "targets:\n  - {id: box, site: dic, class: server, via: box, address: 192.0.2.1, probes: [icmp]}\n"
    found = inventory(tmp_path, text)
    assert [len(jobs_of(found, observer)) for observer in ("box", "collector")] == [0, 1]
    assert found.subjects(())["box"].rules.sign == "probe+push"
    assert found.targets["box"].observers == ("box", "collector")


def test_a_way_out_goes_with_the_jobs_of_its_owner(tmp_path: Path) -> None:
    """The target names it, else its site; another observer has ways of its own."""
    text = """targets:
  - {id: t, site: s, class: x, via: box, address: 192.0.2.1, also_via: [collector], probes: [icmp]}
uplinks:
  - {id: wan, references: [192.0.2.9], via: box}
"""
    (tmp_path / "b.yml").write_text("sites:\n  - {id: s, uplink: wan}\n", encoding="utf-8")
    found = inventory(tmp_path, text)
    assert [[job.uplink for job in jobs_of(found, observer)] for observer in ("box", "collector")] == [["wan"], [""]]


def test_defaults_probe_what_has_an_address(tmp_path: Path) -> None:
    """A target without one is not probed; who writes a probe for it is told."""
    text = """defaults:
  class: {x: {probes: [icmp]}}
targets:
  - {id: a, site: dic, class: x, via: collector, address: 192.0.2.1}
  - {id: b, site: dic, class: x, via: collector}
  - {id: c, site: dic, class: x, via: collector, address: 192.0.2.3, probes: []}
"""
    assert [job.target for job in jobs_of(inventory(tmp_path, text), "collector")] == ["a"]


def test_what_the_kinds_refuse_is_named(tmp_path: Path) -> None:
    """Modules that there are not, addresses that the kind cannot use, with everything that is wrong at once."""
    text = "".join(
        f"  - {{id: {id_}, site: dic, class: x, via: collector, {rest}}}\n"
        for id_, rest in {
            "a": "address: 192.0.2.1, probes: [icmpp, tcp_connect]",
            "b": "probes: [icmp]",
            "c": "address: 192.0.2.1, probes: [{module: icmp, address: '{adress}'}, {module: icmp, name: p, port: 5}]",
            "e": "probes: [{module: icmp, address: '{address}'}]",
        }.items()
    )
    assert refused(tmp_path, text) == [
        'a.yml:4: targets[0].probes[0]: found "icmpp", expected the name of a module of probes, such as icmp',
        'a.yml:4: targets[0].probes[1]: found "192.0.2.1", expected an address for a probe of kind tcp: '
        "host:port (no port, expected host:port)",
        "a.yml:5: targets[1].probes[0]: found nothing, expected the host name or IP address that is probed",
        "a.yml:6: targets[2].probes[0].address: found {adress}, expected one of: {address}, {id}, {site}",
        'a.yml:6: targets[2].probes[1]: found "192.0.2.1:5", expected an address for a probe of kind icmp: a host name or '
        "an IP address, without a port",
        "a.yml:7: targets[3].probes[0].address: found {address}, expected an address of the target, for which it stands",
    ]


def test_a_path_is_measured_to_a_reflector(tmp_path: Path) -> None:
    """The host of an agent that is told to answer, at the port that it is told; or an address that is said."""
    modules = tmp_path / "modules.yml"
    modules.write_text(f"modules:\n  voice: {{prober: rtp, rtp: {{key: {'5a' * 16}}}}}\n", encoding="utf-8")
    folder = tmp_path / "inventory"
    folder.mkdir()
    text = "targets:\n" + target("probes: [voice]")
    with pytest.raises(ConfigError, match=r'the module "voice" on a target without reflector, expected `reflector` on the'):
        inventory(folder, text, module_files=(str(modules),))
    text = (
        "targets:\n  - {id: box, site: dic, class: x, via: box, address: 192.0.2.1, reflector: {port: 9000}, probes: [voice]}\n"
    )
    (job,) = jobs_of(inventory(folder, text, module_files=(str(modules),)), "collector")
    assert job.address == "192.0.2.1:9000"
    said = "targets:\n" + target("probes: [{module: voice, address: '192.0.2.9:8603'}]")
    assert [job.address for job in jobs_of(inventory(folder, said, module_files=(str(modules),)), "collector")] == [
        "192.0.2.9:8603"
    ]


def test_a_script_is_run_only_if_it_is_named(tmp_path: Path) -> None:
    """The collector runs no program that its own file does not name; of an agent's file nothing is known here."""
    modules = tmp_path / "modules.yml"
    modules.write_text("modules:\n  load: {prober: script, script: {name: load}}\n", encoding="utf-8")
    folder = tmp_path / "inventory"
    folder.mkdir()
    text = "targets:\n" + target("probes: [load]")
    with pytest.raises(ConfigError, match=r'the module "load" that runs load, expected a module whose program is one of'):
        inventory(folder, text, module_files=(str(modules),))
    found = inventory(folder, text, module_files=(str(modules),), scripts={"load": ("/bin/true",)})
    assert [job.name for job in jobs_of(found, "collector")] == ["load"]
    assert (
        len(jobs_of(inventory(folder, "targets:\n" + target("probes: [load]", via="box"), module_files=(str(modules),)), "box"))
        == 1
    )


def test_a_wrong_file_of_modules_is_a_problem_of_the_inventory(tmp_path: Path) -> None:
    """It is named with file and line beside the others."""
    modules = tmp_path / "modules.yml"
    modules.write_text("modules:\n  x: {prober: icmpp}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"modules\.yml:2: modules\.x\.prober"):
        inventory(tmp_path / ".", "targets:\n" + target("probes: [icmp]"), module_files=(str(modules),))


def test_the_slack_of_a_child_knows_how_long_its_probe_waits(tmp_path: Path) -> None:
    """R7.3: the interval of the parent and the longest timeout of the child's probes."""
    modules = tmp_path / "modules" / "m.yml"
    modules.parent.mkdir()
    modules.write_text("modules:\n  slow: {prober: icmp, timeout: 9s}\n", encoding="utf-8")
    text = "targets:\n  - {id: p, site: dic, class: x, via: collector, interval_s: 30}\n" + target(
        "interval_s: 60, parents: [p], probes: [icmp, slow]"
    )
    found = inventory(tmp_path, text, module_files=(str(modules),))
    assert found.subjects(())["t"].rules.dep_slack_ms == 39_000

"""Who is polled by SNMP and how: what target and class say, and names that exist."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from agent.snmp.auth import Auth
from collector.config import ConfigError, Problem
from collector.config_words import told, told_all
from collector.inventory import Equipment, Inventory, load_inventory
from collector.inventory.snmp import SnmpEntry
from collector.settings import Config, Snmp, TrapSettings

SITES = "sites:\n  - {id: dic}\n"
LIBRARY = SimpleNamespace(profile_names=("ups-apc", "switch-hpe"), module_names=("if_mib", "apc_ups"))
HAD = Equipment({"dic-v2": Auth(name="dic-v2")}, LIBRARY)


def load(folder: Path, text: str, settings: Config | None = None) -> Inventory:
    (folder / "a.yml").write_text(SITES + text, encoding="utf-8")
    return load_inventory(folder, ["box"], settings or Config(), lambda settings: HAD)


def problems(folder: Path, text: str, language: str = "en") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return told(caught.value, language).replace(f"{folder}/", "").splitlines()


def test_a_target_says_more_than_its_class_key_by_key(tmp_path: Path) -> None:
    inventory = load(
        tmp_path,
        "targets:\n"
        "  - {id: u1, site: dic, class: ups, via: collector, address: 192.0.2.1, snmp: {port: 1161, modules: []}}\n"
        "  - {id: u2, site: dic, class: ups, via: collector, address: 192.0.2.2, snmp: {enabled: false}}\n"
        "  - {id: u3, site: dic, class: ups, via: collector}\n"
        "  - {id: u4, site: dic, class: ups, via: box, address: 192.0.2.4}\n"
        "  - {id: s1, site: dic, class: switch, via: collector, address: 192.0.2.5}\n"
        "defaults:\n  class:\n    ups: {snmp: {auth: dic-v2, profile: ups-apc, modules: [if_mib], port: 161}}\n",
    )
    (chosen,) = inventory.polled()
    assert chosen.entry.id == "u1"
    assert chosen.snmp == SnmpEntry(auth="dic-v2", profile="ups-apc", modules=(), port=1161)
    assert [one.entry.id for one in inventory.polled("box")] == ["u4"]
    assert inventory.equipment is HAD


def test_what_is_polled_has_the_interval_of_polls(tmp_path: Path) -> None:
    text = (
        "targets:\n"
        "  - {id: u1, site: dic, class: ups, via: collector, address: 192.0.2.1, snmp: {auth: dic-v2}}\n"
        "  - {id: u2, site: dic, class: ups, via: collector, address: 192.0.2.2, interval_s: 20, snmp: {auth: dic-v2}}\n"
        "  - {id: w1, site: dic, class: web, via: collector}\n"
    )
    inventory = load(tmp_path, text, Config(snmp=Snmp(interval_s=90)))
    assert [one.interval_s for one in inventory.polled()] == [90, 20]
    subjects = inventory.subjects(())
    assert [subjects[id_].rules.interval_ms for id_ in ("u1", "u2", "w1")] == [90_000, 20_000, 15_000]


def test_unknown_names_are_refused_once_where_they_stand_with_the_nearest_one(tmp_path: Path) -> None:
    text = (
        "targets:\n"
        "  - {id: u1, site: dic, class: ups, via: collector, address: 192.0.2.1}\n"
        "  - {id: u2, site: dic, class: ups, via: collector, address: 192.0.2.2}\n"
        "  - {id: s1, site: dic, class: switch, via: collector, address: 192.0.2.3, snmp: {auth: dic-v2, profile: zzz}}\n"
        "defaults:\n  class:\n    ups: {snmp: {auth: dic, profile: ups-apd, modules: [if_mib, if_mip]}}\n"
    )
    assert problems(tmp_path, text) == [
        'a.yml:6: targets[2].snmp.profile: found "zzz", expected `auto` or the name of a profile',
        'a.yml:9: defaults.class.ups.snmp.auth: found "dic", expected a name in `snmp.auths_file`, such as dic-v2',
        'a.yml:9: defaults.class.ups.snmp.profile: found "ups-apd", expected `auto` or the name of a profile, such as ups-apc',
        'a.yml:9: defaults.class.ups.snmp.modules[1]: found "if_mip", expected the name of a module, such as if_mib',
    ]
    assert problems(tmp_path, text, "vi")[1] == (
        'a.yml:9: defaults.class.ups.snmp.auth: thấy "dic", cần một tên có trong `snmp.auths_file`, ví dụ dic-v2'
    )


def test_one_device_under_two_names_is_said(tmp_path: Path) -> None:
    """Other ports, contexts and observers are other devices."""
    line = "  - {{id: {}, site: dic, class: x, via: {}, address: {}, snmp: {{auth: dic-v2{}}}}}\n"
    inventory = load(
        tmp_path,
        "targets:\n"
        + line.format("a", "collector", '"2001:db8::1"', "")
        + line.format("b", "collector", '"2001:db8::1"', ", port: 1161")
        + line.format("c", "collector", '"2001:db8::1"', ", context: vrf-a")
        + line.format("d", "box", '"2001:db8::1"', "")
        + line.format("e", "collector", '"2001:DB8:0::1"', ", port: 161")
        + line.format("f", "collector", "SW.example.vn", "")
        + line.format("g", "collector", "sw.example.vn", ""),
    )
    said = told_all(inventory.warnings, "en").replace(f"{tmp_path}/", "").splitlines()
    expected = "an address, port and context that no other target has (first at a.yml:{})"
    assert said == [
        f'a.yml:8: targets[4].address: found "2001:DB8:0::1", expected {expected.format(4)}',
        f'a.yml:10: targets[6].address: found "sw.example.vn", expected {expected.format(9)}',
    ]


def test_equipment_is_read_only_where_it_is_needed(tmp_path: Path) -> None:
    """Nobody who polls nothing pays for modules and profiles; who hears traps needs credentials."""
    asked: list[Config] = []

    def equip(settings: Config) -> Equipment:
        asked.append(settings)
        return HAD

    (tmp_path / "a.yml").write_text(SITES + "targets:\n  - {id: a, site: dic, class: x, via: collector, address: 192.0.2.1}\n")
    assert load_inventory(tmp_path, (), Config(), equip).equipment is None
    assert load_inventory(None, (), Config(), equip).equipment is None
    assert asked == []
    traps = Config(traps=TrapSettings(listen=("127.0.0.1:0",)))
    assert load_inventory(tmp_path, (), traps, equip).equipment is HAD
    assert load_inventory(None, (), traps, equip).equipment is HAD
    assert asked == [traps, traps]


def test_what_is_wrong_with_equipment_is_told_with_the_rest(tmp_path: Path) -> None:
    def equip(settings: Config) -> Equipment:
        raise ConfigError([Problem("auths.yml", 3, "auths.a", "nothing", "a mapping")])

    (tmp_path / "a.yml").write_text(
        SITES + "targets:\n  - {id: a, site: nowhere, class: x, via: collector, address: 192.0.2.1, snmp: {auth: dic}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_inventory(tmp_path, (), Config(), equip)
    assert [(one.line, one.key) for one in caught.value.problems] == [(4, "targets[0].site"), (3, "auths.a")]


def test_an_entry_can_be_merged_whatever_is_said() -> None:
    """Every key of a poll may be left to the class."""
    assert all(getattr(SnmpEntry(), field.name) is None for field in msgspec.structs.fields(SnmpEntry))

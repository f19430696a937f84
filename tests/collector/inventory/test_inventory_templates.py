"""Sites made from templates, files that include others, and who said what of a target that nobody wrote by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import ConfigError
from collector.inventory import Inventory, load_inventory

TEMPLATES = """include: [sites/*.yml]
uplinks:
  - {id: wan, references: [192.0.2.1]}
templates:
  site:
    base:
      kind: wan_point
      values: {router: "1", every: 60}
    wan_point:
      template: base
      district: "{name_en} district"
      link: "{site}-wan"
      uplink: wan
      targets:
        - {id: "{site}-wan", class: link, name: "Đường truyền {name}", address: "{net}.{router}", interval_s: "{every}"}
        - id: "{site}-sw"
          class: switch
          address: "{net}.2"
          parents: ["{site}-wan"]
          labels: {place: "{name}"}
          probes: [{module: http_2xx, address: "https://{address}/{site}"}]
defaults:
  class: {link: {objective: "99.0", owner: Tổ mạng}}
  site_kind: {wan_point: {owner: Tổ hạ tầng, fail_after: 4}}
  site: {tu-ky: {fail_after: 5, priority: critical}}
"""
SITES = """sites:
  - {id: tu-ky, name: Huyện Tứ Kỳ, name_en: Tu Ky, template: wan_point, values: {net: "10.20.3"}}
  - id: gia-loc
    name: Huyện Gia Lộc
    template: wan_point
    values: {net: "10.20.4", router: "254"}
    agent: box
    targets:
      - {id: gia-loc-sw, address: 10.20.9.9, parents: []}
      - {id: gia-loc-ups, class: ups}
"""


def province(folder: Path, *, keep: bool = False) -> Inventory:
    (folder / "sites").mkdir()
    (folder / "all.yml").write_text(TEMPLATES, encoding="utf-8")
    (folder / "sites" / "points.yml").write_text(SITES, encoding="utf-8")
    return load_inventory(folder, ["box"], keep=keep)


def test_a_site_that_names_a_template_becomes_a_site_with_targets(tmp_path: Path) -> None:
    """Texts are filled in, whatever stands between; a whole text that is one placeholder takes the value as it is."""
    found = province(tmp_path)
    site, line, switch = found.sites["tu-ky"], found.entries["tu-ky-wan"], found.entries["tu-ky-sw"]
    assert (site.name, site.district, site.kind, site.link) == ("Huyện Tứ Kỳ", "Tu Ky district", "wan_point", "tu-ky-wan")
    assert (line.site, line.name, line.address, line.interval_s) == ("tu-ky", "Đường truyền Huyện Tứ Kỳ", "10.20.3.1", 60)
    assert (switch.parents, switch.labels, line.via) == (("tu-ky-wan",), {"place": "Huyện Tứ Kỳ"}, "collector")


def test_a_site_changes_what_its_template_says(tmp_path: Path) -> None:
    """Values and targets of its own go before those of the template, which go before those of the one below it."""
    found = province(tmp_path)
    switch = found.entries["gia-loc-sw"]
    assert (switch.address, switch.parents, switch.class_, switch.via) == ("10.20.9.9", (), "switch", "box")
    assert found.entries["gia-loc-wan"].address == "10.20.4.254"
    assert found.entries["gia-loc-ups"].class_ == "ups"
    assert found.sites["gia-loc"].district == "Huyện Gia Lộc district"


def test_defaults_of_the_site_go_before_those_of_its_kind_and_those_before_the_class(tmp_path: Path) -> None:
    """Each key by itself."""
    found = province(tmp_path)
    rules = {id_: subject.rules for id_, subject in found.subjects(()).items()}
    assert (rules["tu-ky-wan"].fail_after, rules["gia-loc-wan"].fail_after) == (5, 4)
    told = {each.key: (each.value, each.origin) for each in found.told("tu-ky-wan")}
    assert told["owner"] == ("Tổ hạ tầng", "site_kind")
    assert (told["objective"], told["priority"]) == (("99.0", "class"), ("critical", "site"))
    assert (told["uplink"], told["recover_after"]) == (("wan", "site"), (1, "built-in"))


def test_every_key_is_told_with_the_line_where_it_stands(tmp_path: Path) -> None:
    """Of a template, of the site's own entry, of defaults, of the site."""
    told = {each.key: each for each in province(tmp_path, keep=True).told("gia-loc-sw")}
    assert (told["probes"].origin, told["probes"].place) == ("template", f"{tmp_path}/all.yml:21")
    assert (told["fail_after"].origin, told["fail_after"].place) == ("site_kind", f"{tmp_path}/all.yml:24")
    assert (told["uplink"].origin, told["uplink"].place) == ("site", f"{tmp_path}/all.yml:13")
    line = {each.key: each for each in load_inventory(tmp_path, ["box"], keep=True).told("tu-ky-wan")}
    assert (line["interval_s"].origin, line["interval_s"].place) == ("template", f"{tmp_path}/all.yml:15")
    assert (line["objective"].place, line["recover_after"].place) == (f"{tmp_path}/all.yml:23", "")


def test_the_agent_of_a_site_observes_what_does_not_say_who(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(
        "sites: [{id: s, agent: box}, {id: t}]\n"
        "targets: [{id: a, site: s, class: x}, {id: b, site: t, class: x}, {id: c, site: s, class: x, via: collector}]\n"
    )
    assert {id_: info.via for id_, info in load_inventory(tmp_path, ["box"]).targets.items()} == {
        "a": "box",
        "b": "collector",
        "c": "collector",
    }


def test_files_below_are_read_only_where_they_are_included(tmp_path: Path) -> None:
    """And once, however many files include them."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.yml").write_text("sites: [{id: b}]\n")
    (tmp_path / "more" / "c.yml").write_text("sites: [{id: c}]\ninclude: [b.yml]\n")
    (tmp_path / "a.yml").write_text("sites: [{id: a}]\n")
    assert load_inventory(tmp_path, []).sites.keys() == {"a"}
    (tmp_path / "a.yml").write_text("include: [more/*.yml, 'more/c.yml']\nsites: [{id: a}]\n")
    assert load_inventory(tmp_path, []).sites.keys() == {"a", "b", "c"}


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    """Not through a link either; and a ring of files is no endless one."""
    folder = tmp_path / "inventory"
    folder.mkdir()
    (tmp_path / "secret.yml").write_text("password: x\n")
    (folder / "link").symlink_to(tmp_path)
    (folder / "a.yml").write_text("include: [link/secret.yml, b.yml]\n")
    (folder / "b.yml").write_text("include: [a.yml]\n")
    with pytest.raises(ConfigError) as caught:
        load_inventory(folder, [])
    assert [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()] == [
        f'a.yml:1: include[0]: found a way outside: "link/secret.yml" leads to {tmp_path}/secret.yml, expected a file '
        "inside the folder of the inventory",
        'b.yml:1: include[0]: found a cycle: "a.yml" leads back to a.yml, expected files that do not include themselves',
    ]

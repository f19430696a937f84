"""`haidang-collector inventory`: what is checked, shown, compared and exported, as a person sees it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.config import load
from collector.inventory import load_inventory
from collector.inventory.equipment import equip
from collector.inventory.taken import FILE, keep_taken

INVENTORY = """uplinks:
  - {id: wan, references: [192.0.2.1]}
templates:
  site:
    point:
      kind: wan_point
      uplink: wan
      targets:
        - {id: "{site}-router", class: router, name: "Bộ định tuyến {name}", address: "{net}.1", probes: [icmp]}
        - {id: "{site}-ups", class: ups, address: "{net}.3", parents: ["{site}-router"]}
defaults:
  class:
    ups: {owner: "=Tổ điện", snmp: {auth: example, profile: auto}}
  site_kind:
    wan_point: {interval_s: 30}
sites:
  - {id: tu-ky, name: Huyện Tứ Kỳ, template: point, values: {net: "10.20.3"}}
  - {id: dic}
targets:
  - id: portal
    site: dic
    class: web
    labels: {role: main}
    probes:
      - {module: http_2xx, name: page, address: "https://portal.example.vn/", retry_s: 5, judged: false}
calendars:
  - {id: office, hours: {mon: ["07:30-11:30"]}, special_days: {2026-03-14: ["07:30-11:30"]}}
groups:
  - {id: g, rule: all, members: [portal]}
maintenance:
  - {id: patch, title: Vá lỗi, scope: [portal, {class: ups}], from: 2026-12-06T22:00:00+07:00, for: 4h, propagate: true}
  - {id: nightly, scope: ["site:tu-ky"], repeat: {weekly: daily, at: "22:00", for: 1h, first: 2026-12-01, last: 2026-12-31}}
"""
AUTHS = "auths:\n  example: {version: 2, community: public}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "all.yml").write_text(INVENTORY, encoding="utf-8")
    auths = tmp_path / "auths.yml"
    auths.write_text(AUTHS)
    auths.chmod(0o600)
    file = tmp_path / "collector.yml"
    file.write_text("inventory: inventory\nsnmp: {auths_file: auths.yml}\n")
    return file


def said(capsys: pytest.CaptureFixture[str], config: Path, *arguments: str) -> str:
    capsys.readouterr()
    assert main(["inventory", *arguments, "--config", str(config)]) == 0
    return capsys.readouterr().out


def test_check_counts_what_there_is(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, config, "check") == "ok: 3 targets, 2 sites, 1 groups, 2 probes, 1 polled by SNMP\n"
    assert said(capsys, config, "check", "--lang", "vi").startswith("tốt: 3 đối tượng, 2 địa điểm")


def test_check_lists_every_problem(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And ends with 1, as `check` does."""
    (config.parent / "inventory" / "b.yml").write_text("sites: [{id: dic}]\ntargets: [{id: x, site: no, class: c, typo: 1}]\n")
    assert main(["inventory", "check", "--config", str(config)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "1 problem"


def test_show_tells_every_setting_with_the_line_that_says_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the target, its template, its site, the kind of its site, its class; and what is built in has no place."""
    shown = [line.split("  ") for line in said(capsys, config, "show", "tu-ky-ups").splitlines()]
    rows = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in shown if len(row) > 1}
    file = config.parent / "inventory" / "all.yml"
    assert rows["address"] == ["10.20.3.3", "a template", f"{file}:10"]
    assert rows["parents"] == ['["tu-ky-router"]', "a template", f"{file}:10"]
    assert rows["interval_s"] == ["30", "the kind of its site", f"{file}:15"]
    assert rows["owner"] == ["=Tổ điện", "its class", f"{file}:13"]
    assert rows["uplink"] == ["wan", "its site", f"{file}:7"]
    assert rows["snmp.auth"] == ["example", "its class", f"{file}:13"]
    assert rows["via"] == ["collector", "built in"]
    assert "No probes." in said(capsys, config, "show", "tu-ky-ups")


def test_show_tells_the_probes(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is run, where, how often and by whom."""
    lines = said(capsys, config, "show", "portal").splitlines()
    cells = lines[-1].split()
    assert cells[:8] == ["page", "http", "(http_2xx)", "https://portal.example.vn/", "15", "s", "5", "s"]
    assert cells[-2:] == ["no", "collector"]
    assert "ĐỊA CHỈ" in said(capsys, config, "show", "portal", "--lang", "vi")


def test_a_target_that_there_is_not_is_said_with_its_neighbours(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inventory", "show", "tu-ky-up", "--config", str(config)]) == 1
    assert capsys.readouterr().err == "no target tu-ky-up in the inventory, perhaps tu-ky-ups, tu-ky-router\n"


def test_diff_tells_what_the_collector_would_take_anew(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Against the copy of what it last took, key by key, with what defaults change too."""
    assert main(["inventory", "diff", "--config", str(config)]) == 1
    assert "has taken no inventory" in capsys.readouterr().err
    settings = load(config)
    data = Path(settings.data)
    data.mkdir()
    keep_taken(data, load_inventory(Path(settings.inventory), None, settings, equip))
    assert (data / FILE).stat().st_mode & 0o777 == 0o600
    assert said(capsys, config, "diff") == "No difference.\n"
    text = INVENTORY.replace("interval_s: 30", "interval_s: 60").replace(
        "  - {id: dic}\n", "  - {id: dic, name: DIC}\n  - {id: new}\n"
    )
    text = text.replace("groups:\n  - {id: g, rule: all, members: [portal]}\n", "").replace("for: 4h", "for: 5h")
    (config.parent / "inventory" / "all.yml").write_text(text, encoding="utf-8")
    assert said(capsys, config, "diff").splitlines() == [
        "~ site dic",
        "    name: - -> DIC",
        "+ site new",
        "~ target tu-ky-router",
        "    interval_s: 30 -> 60",
        "~ target tu-ky-ups",
        "    interval_s: 30 -> 60",
        "- group g",
        "~ planned maintenance patch",
        "    for: 4h -> 5h",
        "",
        "1 added, 1 removed, 4 changed",
    ]


def test_diff_compares_two_folders(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    (old / "a.yml").write_text(INVENTORY.replace("10.20.3", "10.20.4"), encoding="utf-8")
    lines = said(capsys, config, "diff", str(old)).splitlines()
    assert lines[:2] == ["~ target tu-ky-router", "    address: 10.20.4.1 -> 10.20.3.1"]


def test_the_exported_table_holds_what_holds(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One row a target; a cell that a spreadsheet would run as a formula is no formula."""
    text = said(capsys, config, "export")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))}
    ups = rows["tu-ky-ups"]
    assert (ups["site"], ups["class"], ups["address"], ups["parents"]) == ("tu-ky", "ups", "10.20.3.3", "tu-ky-router")
    assert (ups["profile"], ups["auth"], ups["interval_s"], ups["owner"]) == ("auto", "example", "30", "'=Tổ điện")
    assert (rows["portal"]["probes"], rows["portal"]["labels"]) == ("http_2xx", "role=main")


def test_the_exported_file_is_an_inventory(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same targets, judged the same, without templates and defaults."""
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "a.yml").write_text(said(capsys, config, "export", "--format", "yaml"), encoding="utf-8")
    settings = load(config)
    again = load_inventory(tmp_path / "again", None, settings, equip)
    before = load_inventory(Path(settings.inventory), None, settings, equip)
    assert again.targets == before.targets
    assert again.subjects(()) == before.subjects(())
    assert again.calendars == before.calendars
    assert again.maintenance == before.maintenance


def test_without_an_inventory_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.yml").write_text("data: var\n")
    assert main(["inventory", "check", "--config", str(tmp_path / "c.yml")]) == 1
    assert "no inventory is configured" in capsys.readouterr().err

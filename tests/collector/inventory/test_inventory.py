"""The inventory: names resolve across files, every problem is named, agents' hosts are targets by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import ConfigError
from collector.core.accounts import Account, Standing
from collector.core.evidence import TargetInfo
from collector.inventory import EMPTY, load_inventory

SITES = "sites:\n  - {id: dic, name: Trung tâm}\n  - {id: xa-1}\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path, agents: list[str] | None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_inventory(folder, agents)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def test_names_resolve_across_files(tmp_path: Path) -> None:
    write(tmp_path, a="targets:\n  - {id: sw, site: dic, class: switch, via: box, silence_means: down}\n", b=SITES)
    inventory = load_inventory(tmp_path, ["box"])
    assert inventory.targets == {"sw": TargetInfo("sw", "dic", "switch", "box", "down", ("box",))}
    assert inventory.sites["dic"].name == "Trung tâm"


def test_no_folder_configured_is_an_empty_inventory() -> None:
    assert load_inventory(None, []) is EMPTY


def test_a_missing_folder_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: inventory: found no folder, expected a folder of \*\.yml files"):
        load_inventory(tmp_path / "nowhere", [])


def test_every_problem_of_every_file_is_listed(tmp_path: Path) -> None:
    targets = """targets:
  - {id: sw, site: nowhere, class: switch, via: ghost}
  - {id: sw, site: dic, class: switch, via: collector}
  - {id: "bad id", site: dic, class: switch, via: collector}
  - {id: x, site: dic, class: switch, via: collector, silence_means: maybe}
"""
    write(tmp_path, a=SITES, b=targets, c="sites:\n  - {id: dic}\n", d="sites:\n  - {name: x}\n")
    form = "expected letters, digits and ._:- (1 to 128, first a letter or digit)"
    assert problems(tmp_path, ["box"]) == [
        'b.yml:4: targets[2].id: found "bad id", ' + form,
        'b.yml:5: targets[3].silence_means: found "maybe", expected one of: unknown, down',
        f'c.yml:2: sites[0].id: found "dic", expected an id used once (first at {tmp_path}/a.yml:2)',
        "d.yml:2: sites[0].id: found nothing, " + form,
    ]


def test_names_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    targets = "targets:\n  - {id: sw, site: no, class: s, via: ghost}\n  - {id: sw, site: dic, class: s, via: box}\n"
    write(tmp_path, a=SITES, b=targets)
    assert problems(tmp_path, ["box"]) == [
        'b.yml:2: targets[0].site: found "no", expected the id of a site in this inventory',
        'b.yml:2: targets[0].via: found "ghost", expected `collector` or an agent made with `agent add`',
        f'b.yml:3: targets[1].id: found "sw", expected an id used once (first at {tmp_path}/b.yml:2)',
    ]


def test_an_id_of_digits_wants_quotes(tmp_path: Path) -> None:
    write(tmp_path, a="sites:\n  - id: 12\n  - id: '13'\n")
    form = "letters, digits and ._:- (1 to 128, first a letter or digit)"
    assert problems(tmp_path, []) == [f"a.yml:2: sites[0].id: found 12, expected {form}, in quotes"]


def test_an_agents_own_host_is_reported_by_itself_only(tmp_path: Path) -> None:
    write(tmp_path, a=SITES, b="targets:\n  - {id: box, site: dic, class: s, via: other}\n")
    assert problems(tmp_path, ["box", "other"]) == [
        'b.yml:2: targets[0].via: found "other", expected "box": this id is an agent, which reports its own host'
    ]


def test_without_a_database_agents_are_not_looked_up(tmp_path: Path) -> None:
    write(tmp_path, a=SITES, b="targets:\n  - {id: sw, site: dic, class: s, via: ghost}\n")
    assert load_inventory(tmp_path, None).targets["sw"].via == "ghost"


def account(name: str, standing: Standing) -> Account:
    return Account(id=name, site="dic", class_="server", standing=standing, created_ms=1)


def test_hosts_of_enrolled_agents_are_targets_and_what_inventory_says_wins(tmp_path: Path) -> None:
    write(tmp_path, a=SITES, b="targets:\n  - {id: box, site: xa-1, class: branch, via: box, silence_means: down}\n")
    inventory = load_inventory(tmp_path, ["box", "srv", "new", "gone"])
    accounts = [
        account("box", Standing.ACTIVE),
        account("srv", Standing.ACTIVE),
        account("new", Standing.INVITED),
        account("gone", Standing.REVOKED),
    ]
    targets = inventory.with_agents(accounts)
    assert targets.keys() == {"box", "srv"}
    assert targets["box"] == TargetInfo("box", "xa-1", "branch", "box", "down", ("box",))
    assert targets["srv"] == TargetInfo("srv", "dic", "server", "srv", "unknown", ("srv",))

"""An inventory is refused, never repaired: every wrong file in `tests/data/config/inventory` with its exact messages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collector.config import ConfigError
from collector.config_words import told, told_all
from collector.inventory import load_inventory

CASES = Path(__file__).parents[2] / "data" / "config" / "inventory"
AGENTS = ["box"]


def messages(folder: Path, text: bytes) -> str:
    """What `check` would print for this file in both languages, with the folder taken out."""
    (folder / "a.yml").write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        load_inventory(folder, AGENTS)
    return f"{told(caught.value, 'en')}\n\n{told(caught.value, 'vi')}\n".replace(f"{folder}/", "")


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("*.yml")))
def test_a_wrong_inventory_is_named(case: str, tmp_path: Path) -> None:
    """File, line, key, what was found, what was expected: all problems at once, in English and in Vietnamese."""
    found = messages(tmp_path, (CASES / f"{case}.yml").read_bytes())
    expected = CASES / f"{case}.txt"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_every_case_has_its_messages() -> None:
    """No expected messages without a file, and a table worth its name."""
    names = {path.stem for path in CASES.glob("*.yml")}
    assert {path.stem for path in CASES.glob("*.txt")} == names
    assert len(names) >= 30


SITES = "sites:\n  - {id: dic}\n"


def warnings(folder: Path, text: str, language: str = "en") -> list[str]:
    (folder / "a.yml").write_text(SITES + text, encoding="utf-8")
    found = told_all(load_inventory(folder, AGENTS).warnings, language)
    return found.replace(f"{folder}/", "").splitlines()


def test_a_server_under_an_objective_should_have_a_probe(tmp_path: Path) -> None:
    """R6.1, SPEC 5 decision 3: it is said, and not refused."""
    box = "targets:\n  - {id: box, site: dic, class: server, via: box, objective: '99.9'}\n"
    assert warnings(tmp_path, box) == [
        "a.yml:4: targets[0]: found reports of its agent only, "
        "expected a probe besides the agent, of it or of a service on it, as it has an objective (R6.1)"
    ]
    assert warnings(tmp_path, box, "vi") == [
        "a.yml:4: targets[0]: thấy chỉ có báo cáo của tác tử, "
        "cần một phép thăm dò ngoài tác tử, cho chính nó hoặc một dịch vụ trên nó, vì nó có mục tiêu (R6.1)"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "  - {id: box, site: dic, class: server, via: box}\n",
        "  - {id: box, site: dic, class: server, via: box, objective: '99.9', judged_by: probe+push}\n",
        "  - {id: box, site: dic, class: server, via: box, objective: '99.9'}\n"
        "  - {id: web, site: dic, class: service, via: collector, parents: [box]}\n",
    ],
    ids=["no objective", "probed itself", "a service on it is probed"],
)
def test_nothing_is_said_of_others(tmp_path: Path, text: str) -> None:
    assert warnings(tmp_path, f"targets:\n{text}") == []


def test_a_selector_that_picks_nothing_written_is_said(tmp_path: Path) -> None:
    """It may pick hosts of agents, which are not written."""
    text = "groups:\n  - {id: g, rule: pooled, members: [{class: server}]}\n"
    assert warnings(tmp_path, text) == [
        "a.yml:4: groups[0].members[0]: found no target, "
        "expected a selector that picks a written target; hosts of agents may follow"
    ]


def test_without_a_database_it_is_said_what_is_not_written(tmp_path: Path) -> None:
    """It may be the host of an agent; with the agents known it is refused."""
    text = (
        "sites:\n  - {id: dic, link: a, critical: {of: [b]}}\n"
        "targets:\n  - {id: sw, site: dic, class: switch, via: collector, parents: [c]}\n"
        "groups:\n  - {id: g, rule: all, members: [sw, d, 'agent:e']}\n"
    )
    (tmp_path / "a.yml").write_text(text, encoding="utf-8")
    said = [(problem.line, problem.key, problem.found) for problem in load_inventory(tmp_path, None).warnings]
    assert said == [
        (2, "sites[0].link", '"a"'),
        (2, "sites[0].critical.of[0]", '"b"'),
        (4, "targets[0].parents[0]", '"c"'),
        (6, "groups[0].members[1]", '"d"'),
    ]
    with pytest.raises(ConfigError) as caught:
        load_inventory(tmp_path, [])
    assert [(problem.line, problem.key, problem.found) for problem in caught.value.problems] == [
        *said,
        (6, "groups[0].members[2]", '"agent:e"'),
    ]


def test_a_broken_file_makes_no_false_claims_of_the_others(tmp_path: Path) -> None:
    """Names that the broken file would have defined are not called unknown."""
    (tmp_path / "a.yml").write_text("sites:\n  - {id: dic, nam: x}\n", encoding="utf-8")
    (tmp_path / "b.yml").write_text("targets:\n  - {id: a, site: dic, class: s, via: collector}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_inventory(tmp_path, [])
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems] == [
        "a.yml:2: sites[0].nam: found an unknown key, expected name?"
    ]


def test_names_and_defaults_resolve_across_files(tmp_path: Path) -> None:
    """Every kind of thing may stand in any file."""
    files = {
        "a": "groups:\n  - {id: g, rule: all, members: [sw, 'site:dic']}\n",
        "b": "targets:\n  - {id: sw, site: dic, class: switch, via: collector, parents: [wan], calendar: office}\n",
        "c": "calendars:\n  - {id: office, hours: {mon: ['07:30-11:30']}, holidays: vn}\nsites:\n  - {id: dic, link: wan}\n",
        "d": "holidays:\n  - {id: vn, days: [2026-09-02]}\ndefaults: {class: {switch: {fail_after: 5}}}\n",
        "e": "targets:\n  - {id: wan, site: dic, class: link, via: collector}\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
    inventory = load_inventory(tmp_path, [])
    assert inventory.targets.keys() == {"sw", "wan"}
    assert inventory.subjects([])["sw"].rules.fail_after == 5


def test_defaults_of_a_class_are_written_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yml").write_text("defaults:\n  class:\n    server: {fail_after: 2}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_inventory(tmp_path, [])
    assert str(caught.value) == (
        f'{tmp_path}/b.yml:3: defaults.class.server: found "server", expected an id used once (first at {tmp_path}/a.yml:3)'
    )


def test_holidays_of_another_year_are_said(tmp_path: Path) -> None:
    """A list that bears a year is meant for it; it may begin the day before, so it is not refused."""
    text = "holidays:\n  - {id: vietnam-2027, days: [2027-01-01, 2026-09-02]}\n"
    assert warnings(tmp_path, text) == ['a.yml:4: holidays[0].days[1]: found "2026-09-02", expected a day of 2027']
    assert warnings(tmp_path, text, "vi") == ['a.yml:4: holidays[0].days[1]: thấy "2026-09-02", cần một ngày của năm 2027']


def test_planned_maintenance_that_the_rules_would_refuse_is_told(tmp_path: Path) -> None:
    """Not refused here: what stands in its way may be over, and hosts of agents may follow."""
    text = (
        "maintenance:\n"
        "  - {id: a, scope: [box, 'site:dic'], from: 2026-12-06, for: 4h}\n"
        "  - {id: b, scope: ['site:dic', box], repeat: {weekly: daily, at: '02:00', for: 1h, "
        " first: 2026-12-01, last: 2027-01-31}}\n"
        "  - {id: c, scope: [{class: router}], from: 2026-12-06, for: 4h}\n"
    )
    expected = "a selector that picks a written target; hosts of agents may follow"
    beside = "found the same scope and some of the same time as a, expected times of its own, or the window is refused"
    assert warnings(tmp_path, text) == [
        f"a.yml:5: maintenance[1]: {beside}",
        f"a.yml:6: maintenance[2].scope[0]: found no target, expected {expected}",
    ]
    assert "cùng phạm vi và trùng một phần thời gian với a, cần thời gian riêng" in warnings(tmp_path, text, "vi")[0]

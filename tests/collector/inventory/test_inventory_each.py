"""Lists in place of typing: a target with `each` becomes one for every row, at the top of a file and below a site."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import ConfigError
from collector.inventory import Inventory, load_inventory

ROWS = """sites:
  - id: dic
    targets:
      - id: "doc-{unit}"
        each:
          - {unit: finance, title: Sở Tài chính, title_en: Department of Finance}
          - {unit: health, title: Sở Y tế, title_en: Department of Health}
        class: documents
        name: "Văn bản {title}"
        name_en: "Documents, {title_en}"
        address: "{unit}.example.vn"
targets:
  - id: "web-{item}"
    each: ["01", "02", "03"]
    site: dic
    class: web
    address: "c{item}.example.vn"
    parents: ["doc-finance"]
    labels: {number: "{item}"}
    probes: [{module: http_2xx, address: "https://{address}/{item}?{site}"}]
  - {id: alone, site: dic, class: web}
"""


def read(folder: Path, text: str) -> Inventory:
    (folder / "all.yml").write_text(text, encoding="utf-8")
    return load_inventory(folder, [])


def refused(folder: Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return [(problem.line, problem.key, problem.found) for problem in caught.value.problems]


def test_a_target_with_each_becomes_one_for_every_row(tmp_path: Path) -> None:
    """Rows are mappings or mere texts; what stands beside such a target stays as it is."""
    found = read(tmp_path, ROWS)
    assert list(found.entries) == ["doc-finance", "doc-health", "web-01", "web-02", "web-03", "alone"]
    health, second = found.entries["doc-health"], found.entries["web-02"]
    assert (health.name, health.address, health.site) == ("Văn bản Sở Y tế", "health.example.vn", "dic")
    assert (second.address, second.labels, second.parents) == ("c02.example.vn", {"number": "02"}, ("doc-finance",))
    assert found.chosen(second).probes[0].address == "https://{address}/02?dic"
    assert found.places["targets", "web-02"] == f"{tmp_path}/all.yml:13"


def test_a_target_has_a_name_in_english_too(tmp_path: Path) -> None:
    """The English name where there is one, else the Vietnamese one, else the id."""
    found = read(tmp_path, ROWS)
    assert found.name_of("doc-health", "en") == "Documents, Department of Health"
    assert found.name_of("doc-health") == "Văn bản Sở Y tế"
    assert found.name_of("alone", "en") == "alone"


def test_rows_that_do_not_make_targets_are_told(tmp_path: Path) -> None:
    """Where: the list itself, one row, one name, the id that is always the same, and a placeholder that no row has."""
    target = "targets:\n  - {{id: {}, site: dic, class: web, each: {}}}\nsites: [{{id: dic}}]\n"
    assert refused(tmp_path, target.format("'a-{item}'", "[]")) == [(2, "targets[0].each", "a list")]
    assert refused(tmp_path, target.format("'a-{item}'", "many")) == [(2, "targets[0].each", '"many"')]
    assert refused(tmp_path, target.format("'a-{item}'", "[x, 7]")) == [(2, "targets[0].each[1]", "7")]
    assert refused(tmp_path, target.format("'a-{n}'", "[{n: x, site: y}]")) == [(2, "targets[0].each[0].site", '"site"')]
    assert refused(tmp_path, target.format("same", "[x, y]")) == [(2, "targets[0].id", '"same"')]
    assert refused(tmp_path, target.format("'a-{no}'", "[x]"))[0][2] == 'the placeholder {no} in "a-{no}"'


def test_what_is_wrong_with_all_rows_is_told_once(tmp_path: Path) -> None:
    """A mistake in a target with many rows is one mistake; ids that are taken are told for each row."""
    bad = ROWS.replace("class: web\n    address", "class: web\n    fail_after: 0\n    address")
    assert [(line, key.partition(" (")[0]) for line, key, _ in refused(tmp_path, bad)] == [(17, "targets[0].fail_after")]
    taken = ROWS.replace("id: alone", "id: web-03")
    assert [(line, found) for line, _, found in refused(tmp_path, taken)] == [(21, '"web-03"')]

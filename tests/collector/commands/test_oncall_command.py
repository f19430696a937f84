"""`haidang-collector oncall` and `route explain`, as a person sees them: out of the files alone."""

from __future__ import annotations

import argparse
import string
from pathlib import Path

import pytest

from collector.__main__ import main
from collector.commands.oncall import run
from collector.commands.oncall_text import length_text
from collector.commands.oncall_words import _WORDS, word
from collector.config import load
from collector.core.calling import Miss
from collector.core.rota import Why

INVENTORY = """sites: [{id: dic}, {id: tu-ky}]
targets:
  - {id: portal, site: dic, class: web, via: collector, labels: {owner: mang}}
  - {id: router-1, site: tu-ky, class: router, via: collector}
groups: [{id: rooms, rule: all, members: [router-1]}]
"""
ONCALL = """receivers:
  noc: {webhook: {url: "https://noc.example.vn/"}}
  sms: {webhook: {url: "https://sms.example.vn/"}}
people: {an: {name: Trực ca A, receivers: [sms]}, binh: {name: Trực ca B, receivers: [sms, noc]}}
rotas:
  noc:
    hand_over: mon 08:00
    starts: 2026-01-05
    people: [an, binh]
    overrides: [{from: "2026-01-06T08:00:00+07:00", to: "2026-01-07T08:00:00+07:00", person: binh, instead_of: an}]
  night: {kind: daily, hand_over: "08:00", starts: 2026-01-05, people: [an], only: {hours: "17:00-08:00"}}
escalations:
  noc: {steps: [{notify: ["rota:noc"]}, {after: 20m, notify: ["rota:night"]}], repeat: 1, repeat_after: 1h}
  day: {steps: [{notify: ["receiver:noc"]}]}
routes:
  - {name: rooms, escalation: day, match: {group: rooms}}
  - {name: low, escalation: day, match: {severity: [warning, info]}, quiet: {hours: "22:00-06:00", until: "06:30"}}
  - {name: web, escalation: noc, match: {class: web, labels: {owner: mang}, hours: "08:00-17:00"}}
  - {name: default, escalation: noc}
alerts: {no_data: {pages: false}}
digest: [{at: "07:30", notify: ["receiver:noc"]}]
emergency: [noc]
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A collector's file with an inventory and an on-call file beside it."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "a.yml").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "oncall.yml").write_text(ONCALL, encoding="utf-8")
    file = tmp_path / "collector.yml"
    file.write_text("inventory: inventory\noncall: oncall.yml\n", encoding="utf-8")
    return file


def said(files: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """What a command prints."""
    assert main([*arguments, "--config", str(files)]) == 0
    return capsys.readouterr().out.splitlines()


def test_now_says_who_since_when_and_why(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a rota; somebody who steps in is told with whom they replace, and a gap is told."""
    assert said(files, capsys, "oncall", "now", "--at", "2026-01-06T12:00") == [
        "ROTA   ON CALL  NAME       SINCE                 UNTIL                 WHY                       RECEIVERS",
        "noc    binh     Trực ca B  Tue 2026-01-06 08:00  Wed 2026-01-07 08:00  steps in, in place of an  sms, noc",
        "night  nobody   -          Tue 2026-01-06 08:00  Tue 2026-01-06 17:00  gap                       -",
    ]


def test_week_is_a_table_to_print(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The turns of a week from its Monday, whole, in the language that is asked for."""
    assert said(files, capsys, "oncall", "week", "--rota", "noc", "--from", "2026-01-05", "--lang", "vi") == [
        "Lịch trực: noc (Asia/Ho_Chi_Minh)",
        "TỪ                   ĐẾN                  NGƯỜI TRỰC  TÊN        LÝ DO",
        "T2 2026-01-05 00:00  T2 2026-01-05 08:00  không ai    -          khoảng trống",
        "T2 2026-01-05 08:00  T3 2026-01-06 08:00  an          Trực ca A  theo lượt",
        "T3 2026-01-06 08:00  T4 2026-01-07 08:00  binh        Trực ca B  trực thay cho an",
        "T4 2026-01-07 08:00  T2 2026-01-12 08:00  an          Trực ca A  theo lượt",
    ]


def test_the_hours_in_which_a_rota_has_nobody_by_intention_are_no_lines(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the turns stand there, and that there are such hours; without `--from` it is the week that holds now."""
    options = argparse.Namespace(command="oncall", verb="week", lang="en", rota="", from_="", weeks=1, config=files)
    assert run(load(files), options, lambda: 1_767_934_800_000) == 0
    lines = capsys.readouterr().out.splitlines()
    night = lines[lines.index("On call: night (Asia/Ho_Chi_Minh)") :]
    assert night[1] == "only within its hours"
    assert len(night) == 3 + 7
    assert not any("nobody" in line for line in night)


def test_check_counts_what_there_is(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And `check` says the same behind what it says of the inventory; a wrong file fails both, with its place."""
    counted = "ok: 2 receivers, 2 people, 2 rotas, 2 escalations, 4 routes"
    assert said(files, capsys, "oncall", "check") == [counted]
    assert said(files, capsys, "check")[:2] == ["ok: 2 targets, 2 sites", counted]
    (files.parent / "oncall.yml").write_text(
        ONCALL.replace("escalation: noc, match", "escalation: nok, match"), encoding="utf-8"
    )
    for command in (["oncall", "check"], ["check"], ["oncall", "now"]):
        assert main([*command, "--config", str(files)]) == 1
        assert "oncall.yml:18: routes[2].escalation: found" in capsys.readouterr().err


def test_explain_tells_why_and_whom(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every route with its reason, then everybody who would be told, at the local time of each step; a step that would reach
    nobody names the emergency receivers."""
    lines = said(files, capsys, "route", "explain", "portal", "critical", "--at", "2026-01-05T07:30")
    assert lines[:8] == [
        "portal: down, critical, Mon 2026-01-05 07:30",
        "labels: alertname=TargetDown class=web instance=portal kind=down owner=mang severity=critical site=dic",
        "",
        "  rooms: no, the target is in none of its groups: rooms",
        "  low: no, its severities are info, warning",
        "  web: no, not at this hour",
        "  default: takes it, escalation noc",
        "",
    ]
    assert [" ".join(line.split()) for line in lines[8:]] == [
        "ROUND STEP AFTER AT WHOM ON CALL RECEIVERS",
        "1 1 0m Mon 2026-01-05 07:30 rota:noc nobody -",
        "emergency: nobody else is reached - noc",
        "1 2 20m Mon 2026-01-05 07:50 rota:night nobody -",
        "emergency: nobody else is reached - noc",
        "2 1 1h20m Mon 2026-01-05 08:50 rota:noc an sms",
        "2 2 1h40m Mon 2026-01-05 09:10 rota:night nobody -",
        "emergency: nobody else is reached - noc",
    ]


def test_explain_tells_quiet_hours_and_kinds_that_page_nobody(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first step is at the end of the quiet hours."""
    lines = said(files, capsys, "route", "explain", "portal", "warning", "--at", "2026-01-05T23:00")
    assert lines[-3] == "Quiet hours: kept for the digest; what is still true at Tue 2026-01-06 06:30 is told then."
    assert lines[-1].split() == ["1", "1", "0m", "Tue", "2026-01-06", "06:30", "receiver:noc", "-", "noc"]
    lines = said(files, capsys, "route", "explain", "portal", "warning", "--kind", "no_data", "--at", "2026-01-05T23:00")
    assert lines[-1] == "The on-call file says that alerts of the kind no_data page nobody."


def test_explain_of_what_is_not_in_the_inventory(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is nearly one is helped; the host of an agent is described; groups, sites, the collector are known."""
    assert main(["route", "explain", "portl", "critical", "--config", str(files)]) == 1
    assert "no target portl in the inventory, perhaps portal" in capsys.readouterr().err
    for arguments in (
        ["new-1", "--site", "dic", "--class", "server"],
        ["group:rooms"],
        ["site:dic"],
        ["agent:portal"],
        ["collector"],
    ):
        assert said(files, capsys, "route", "explain", arguments[0], "critical", *arguments[1:])
    assert "  rooms: takes it, escalation day" in said(files, capsys, "route", "explain", "group:rooms", "critical")


@pytest.mark.parametrize(
    ("arguments", "said_"),
    [
        (["oncall", "week", "--rota", "noz"], "no rota noz: noc, night"),
        (["oncall", "week", "--weeks", "0"], "--weeks 0: expected 1 to 53"),
        (["oncall", "now", "--at", "soon"], "soon"),
    ],
)
def test_what_is_typed_wrong_is_named(
    arguments: list[str], said_: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what would be right."""
    assert main([*arguments, "--config", str(files)]) == 1
    assert said_ in capsys.readouterr().err


def test_without_a_file_it_says_which_setting_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And that nobody is told of anything."""
    (tmp_path / "collector.yml").write_text("", encoding="utf-8")
    assert main(["oncall", "now", "--config", str(tmp_path / "collector.yml")]) == 1
    assert "`oncall` in collector.yml names it" in capsys.readouterr().err


def test_every_text_is_there_in_both_languages() -> None:
    """With the same values in both, and for every reason and day."""
    for key, (english, vietnamese) in _WORDS.items():
        assert english, key
        assert vietnamese, key
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, vietnamese)]
        assert fields[0] == fields[1], key
    assert {why.value for why in Why} | {f"miss_{miss.value}" for miss in Miss} <= set(_WORDS)
    assert word("fr", "gap") == "gap"


def test_lengths_are_short() -> None:
    """None is `0m`."""
    assert [length_text(ms) for ms in (0, 90_000, 3_600_000, 5_400_000)] == ["0m", "1m30s", "1h", "1h30m"]

"""What is written of pages is what the source says: reasons in their order, events, headers, presets, variables, commands."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import yaml

from collector.__main__ import _parser
from collector.config import Config
from collector.core.alert import ALERT_NAMES, HoldReason
from collector.core.holding import STAGES
from collector.core.notice import EventKind
from collector.expose.names import NAMES
from collector.notify.settings import WebhookEntry
from collector.notify.template import VARIABLES
from collector.oncall import load_oncall
from tests.project.source import ROOT

TEXT = (ROOT / "config" / "PAGES.md").read_text(encoding="utf-8")
SHAPES = {"alertmanager"}
"""What a webhook is without a preset."""


def _section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _rows(title: str) -> list[str]:
    """First words of a section's table."""
    return re.findall(r"^\| `([^`]+)`", _section(title), re.MULTILINE)


def test_reasons_stand_in_the_order_in_which_they_are_asked() -> None:
    """Each by the stage that has its name; every reason there is has one."""
    asked = [name for stage in STAGES if (name := stage.__name__.removeprefix("_")) in set(HoldReason)]
    assert _rows("Why nobody is told") == asked
    assert set(asked) == set(HoldReason)


def test_every_event_is_told() -> None:
    assert _rows("Events") == [event.value for event in EventKind]


def test_every_header_preset_and_variable_of_a_webhook_is_told() -> None:
    section = _section("Webhooks")
    source = (ROOT / "collector" / "notify" / "webhook.py").read_text(encoding="utf-8")
    headers = set(re.findall(r'"(X-Haidang-[\w-]+|Idempotency-Key|Authorization)"', source))
    assert len(headers) == 7
    presets = set(get_args(get_type_hints(WebhookEntry)["preset"])) - SHAPES
    assert {each for each in (*headers, *presets, *VARIABLES) if f"`{each}`" not in section} == set()


def _commands(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield f"{before}{name}"
                yield from _commands(inner, f"{before}{name} ")


def test_every_command_that_is_told_exists_and_none_about_pages_is_missing() -> None:
    """With `ack`, `assign` … for `incidents ack`, `incidents assign` …"""
    there, told, verb = set(_commands(_parser("en"))), set(), ""
    for cell in re.findall(r"^\| (`.*?) \|", _section("Commands"), re.MULTILINE):
        for named in re.findall(r"`([a-z ]+)", cell):
            words = named.split()
            verb = words[0] if words[0] in there else verb
            told.add(" ".join(words[:2]) if words[0] == verb else f"{verb} {words[0]}")
    about = {
        each
        for each in there
        if each.split()[0] in ("oncall", "route", "alert", "incidents", "silence", "outbox") and " " in each
    }
    assert told - there == set()
    assert about - told <= {"incidents list"}, "which `incidents` alone is"


def test_every_alert_has_its_name_for_alertmanager() -> None:
    assert {name for name in ALERT_NAMES.values() if f"`{name}`" not in TEXT} == set()


def test_what_takes_five_minutes_is_a_whole_file(tmp_path: Path) -> None:
    """Of the page and of the README; nothing in it is worth a warning but the secret that the reader makes, and who is told in
    an emergency."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Who is told, and when")[2]
    for text in (_section("In five minutes"), readme):
        file = tmp_path / "oncall.yml"
        file.write_text(text.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
        key = tmp_path / "noc.key"
        key.write_text("k" * 32, encoding="utf-8")
        key.chmod(0o600)
        warned = {problem.key for problem in load_oncall(file, None, Config()).warnings}
        assert warned <= {"emergency", ""}


def test_rules_ask_for_series_that_there_are() -> None:
    """`haidang_…` in config/alerts.yml, with their labels."""
    rules = yaml.safe_load((ROOT / "config" / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    known = {name: set(own.labels) for name, own in NAMES.items()}
    asked = [
        (name, set(re.findall(r"(\w+)=", labels)))
        for rule in rules
        for name, labels in re.findall(r"(haidang_\w+)(\{[^}]*\})?", rule["expr"])
    ]
    assert len(asked) >= 5
    assert [(name, labels) for name, labels in asked if name not in known or not labels <= known[name]] == []

"""Every setting and every metric is documented, and every example in config/ loads as it is shipped."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import agent.settings
import collector.inventory
import collector.oncall
import collector.settings
from agent.kinds import READERS
from collector.ingest.enrol import open_authority
from config.reference import FILE, Setting, host_series, render, settings
from tests.project.source import ROOT, python_files, tree

CONFIG = ROOT / "config"
STRUCTS: list[tuple[str, type[msgspec.Struct]]] = [
    ("agent.yml", agent.settings.Settings),
    ("collector.yml", collector.settings.Config),
    ("inventory", collector.inventory.InventoryFile),
    ("oncall.yml", collector.oncall.OnCallEntry),
]


UNRECORDED = {"rapl": "its folders have a colon in their names, which not every file system can store"}
"""Readers without a golden answer, and why."""


def _all_settings() -> list[tuple[str, Setting]]:
    found = [(file, one) for file, struct in STRUCTS for one in settings(struct)]
    for kind, entry in READERS.items():
        struct = importlib.import_module(entry.where.partition(":")[0]).Settings
        found += [(f"reader {kind}", one) for one in settings(struct)]
    return found


def test_every_setting_says_what_it_means() -> None:
    """A setting without a description does not pass."""
    assert [f"{file}: {one.key}" for file, one in _all_settings() if len(one.about) < 10] == []


def test_example_inventory_shows_every_key() -> None:
    """Nobody has to search for a key of sites, targets, groups, calendars, maintenance and defaults."""
    example = "\n".join(file.read_text(encoding="utf-8") for file in sorted((CONFIG / "inventory").rglob("*.yml")))
    keys = {one.key.split(".")[-1].removesuffix("[]") for one in settings(collector.inventory.InventoryFile)}
    assert {key for key in keys if not re.search(rf"\b{key}:", example)} == set()


@pytest.mark.parametrize(("file", "struct"), [one for one in STRUCTS if one[0].endswith(".yml")])
def test_examples_show_every_setting(file: str, struct: type[msgspec.Struct]) -> None:
    """The commented example names every setting, so that nobody has to search for one."""
    example = (CONFIG / file).read_text(encoding="utf-8")
    missing = [one.key for one in settings(struct) if not re.search(rf"\b{re.escape(one.key.split('.')[-1])}:", example)]
    assert missing == []


def test_reference_is_what_the_source_says() -> None:
    """`make reference` writes the same page again; it names every setting, every reader and every metric of ours."""
    page = FILE.read_text(encoding="utf-8")
    assert page == render()
    assert render() == render()
    assert [one.key for _, one in _all_settings() if f"`{one.key}`" not in page] == []
    assert [kind for kind in READERS if f"`{kind}`" not in page] == []
    assert _own_metrics() - set(re.findall(r"`(haidang_\w+)`", page)) == set()


def _own_metrics() -> set[str]:
    """Every name in the source that looks like a metric of ours, whatever makes it."""
    strings = (
        node.value
        for path in python_files("agent", "collector")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in strings if re.fullmatch(r"haidang_[a-z0-9_]+", text)}


def test_host_series_are_recorded() -> None:
    """The usual readers of Linux have a golden answer, from which the reference takes their series."""
    usual = [kind for kind, entry in READERS.items() if entry.on and "linux" in entry.platforms and kind not in UNRECORDED]
    assert len(usual) > 15
    assert [kind for kind in usual if not host_series(kind)] == []


def test_collector_example_loads() -> None:
    """`haidang-collector check` finds nothing wrong with the shipped example and its inventory."""
    ended = subprocess.run(
        [sys.executable, "-m", "collector", "check", "--config", str(CONFIG / "collector.yml")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr


def test_agent_example_loads(tmp_path: Path) -> None:
    """`haidang-agent check` finds nothing wrong with the shipped example, once the identity it names is there."""
    shutil.copy(CONFIG / "agent.yml", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "ca.pem").write_bytes(open_authority(tmp_path / "data", (), datetime.now(UTC)).ca_pem)
    token = tmp_path / "token"
    token.write_text("example-token-0123456789abcdef\n")
    token.chmod(0o600)
    ended = subprocess.run(
        [sys.executable, "-m", "agent", "check", "--config", str(tmp_path / "agent.yml")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", ["haidang-agent", "haidang-collector"])
def test_service_units_are_sound(name: str, tmp_path: Path) -> None:
    """systemd finds nothing to complain about in the units but that the program is not installed here."""
    unit = (CONFIG / f"{name}.service").read_text(encoding="utf-8")
    assert "Type=notify" in unit
    assert f"User={name}" in unit
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not on this machine")
    copy = tmp_path / f"{name}.service"
    copy.write_text(re.sub(r"^(ExecStart=)\S+", rf"\g<1>{sys.executable}", unit, flags=re.MULTILINE))
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in ended.stderr.splitlines() if copy.name in line] == []

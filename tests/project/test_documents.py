"""What people read and edit: links lead somewhere, commands exist, examples load, and nothing speaks of where it was made."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agent.kinds import READERS
from tests.project.source import ROOT, files, text

PAGES = [path for path in files() if path.suffix == ".md"]
TEXTS = [path for path in files() if path.parts[0] != "lock" or path.suffix == ".sh"]

HOSTS = {
    "grafana.com", "prometheus.io", "openmetrics.io", "www.apache.org", "www.rfc-editor.org",
    "keepachangelog.com", "semver.org",
    "etherx.jabber.org",  # the namespace of XMPP streams (RFC 6120)
}  # fmt: skip
"""Hosts that an address in the project may name, besides `*.example.vn`, names without a dot and documentation's addresses."""

NETWORKS = [
    ipaddress.ip_network(each)
    for each in ("0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3")
]
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
ADDRESS = re.compile(rf"(?<![\w.:/-])(?<!section )(?!1\.3\.|2\.5\.4\.)({_BYTE}(?:\.{_BYTE}){{3}})(?![\w.])")
"""Four bytes that are no section of an RFC and no OID (identified organisations, 1.3; attributes of names, 2.5.4)."""
URL = re.compile(r"https?://(?:[^\s/@\"'`<>]*@)?(\[[0-9a-fA-F:.]+\]|[\w.-]+)")
MACHINE_PATH = re.compile(r"(?<![\w./}-])/(?:work|root|home/\w+|Users/\w+|workspace|builds)(?=/)")


def _targets(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", text(page) or "")


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", text(page) or "", re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def _documented(address: str) -> bool:
    try:
        number = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    return number.version == 6 or any(number in network for network in NETWORKS)


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "LICENSE", "Makefile", ".ci/run", "config/REFERENCE.md"])
def test_required_files_are_there(name: str) -> None:
    """What a project must have, with something in it."""
    assert len((ROOT / name).read_text(encoding="utf-8")) > 100


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file or a heading of the project is right."""
    broken = []
    for target in _targets(page):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        place = (page.parent / file) if file else page
        if not (ROOT / place).exists() or (anchor and anchor not in _anchors(place)):
            broken.append(target)
    assert broken == []


def test_readme_is_short() -> None:
    """About 120 lines; what is long stands in the reference."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 160


def test_readme_commands_exist() -> None:
    """Every `make` target and every command of the two programs that the README names exists."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", readme, re.MULTILINE)) - targets == set()
    for program in ("agent", "collector"):
        named = set(re.findall(rf"haidang-{program} ([a-z]+)", readme))
        assert named, f"the README does not show haidang-{program}"
        helped = subprocess.run([sys.executable, "-m", program, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert {name for name in named if not re.search(rf"\b{name}\b", helped.stdout)} == set()


def test_readme_lists_every_reader() -> None:
    """The README's table has each reader once, the ones that are off by default in italics."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = readme.partition("| What | Readers")[2].partition("\n\n")[0]
    off = re.findall(r"\*`(\w+)`\*", rows)
    listed = [name for name in re.findall(r"`(\w+)`", rows) if name != "prom"]
    assert sorted(listed) == sorted(READERS)
    assert sorted(off) == sorted(kind for kind, entry in READERS.items() if not entry.on)


def test_addresses_are_examples() -> None:
    """Hosts and IP addresses are the ones kept for documentation, the machine itself, or the few public ones listed."""
    found = []
    for path in TEXTS:
        content = text(path) or ""
        if path.parts[:2] == ("tests", "data") or path.name == "LICENSE":
            continue
        for host in URL.findall(content):
            name = (urlsplit(f"//{host}").hostname or host).lower()
            if (
                "." in name
                and name not in HOSTS
                and not name.endswith((".example.vn", ".example", ".invalid", ".test"))
                and not _documented(host)
            ):
                found.append(f"{path}: {host}")
        found += [f"{path}: {address}" for address in ADDRESS.findall(content) if not _documented(address)]
    assert found == []


def test_no_machine_is_named() -> None:
    """No path of a machine where someone happened to work."""
    found = [f"{path}: {match[0]}" for path in TEXTS for match in MACHINE_PATH.finditer(text(path) or "") if path != _SELF]
    assert found == []


_SELF = Path(__file__).relative_to(ROOT)

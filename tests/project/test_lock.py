"""The lock: exact versions with hashes, no download address, and everything that pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINS = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+) \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
EXTRAS = {
    "base": (),
    "run": ("collector", "snmp", "http", "postgres"),
    "dev": ("collector", "snmp", "http", "postgres", "report", "dev"),
}


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / "lock" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(match[1]): match[2] for line in lines if (match := PINS.match(line))}


def _wanted(name: str) -> list[Requirement]:
    project = PROJECT["project"]
    texts = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    for extra in EXTRAS[name]:
        texts += project["optional-dependencies"][extra]
    found = [Requirement(text) for text in texts]
    return [each for each in found if each.name != project["name"] and (each.marker is None or each.marker.evaluate())]


@pytest.mark.parametrize("name", EXTRAS)
def test_lock_holds_versions_and_hashes_only(name: str) -> None:
    """Nothing in the lock says where a package comes from."""
    lines = (ROOT / "lock" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not PINS.match(line) and not HASH.match(line)] == []


@pytest.mark.parametrize("name", EXTRAS)
def test_lock_answers_pyproject(name: str) -> None:
    """Each requirement of pyproject.toml is locked at a version that it accepts; `make lock` renews the lock."""
    pins = _pins(name)
    wrong = [
        f"{each}: locked {pins.get(canonicalize_name(each.name))}"
        for each in _wanted(name)
        if not each.specifier.contains(pins.get(canonicalize_name(each.name), "0"), prereleases=True)
    ]
    assert wrong == []


def test_locks_agree() -> None:
    """What is tested is what runs: the same versions in every lock."""
    dev = _pins("dev")
    for name in ("base", "run"):
        assert {key: version for key, version in _pins(name).items() if dev.get(key) != version} == {}

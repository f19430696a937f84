"""Every setting and every series of the probes is in the reference, because it is described where it is made."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent.kinds import PROBES
from agent.model import Family
from agent.probes import module_file
from config import reference, reference_probes

STRUCTS = {kind: door.Settings for kind, door in reference_probes.doors().items()} | {"module": module_file.Head}
PAGE = reference.FILE.read_text(encoding="utf-8")
ROOT = Path(__file__).parents[2]


def _families() -> Iterator[Family]:
    """Those of every module beside the kinds, but what is made while running."""
    for path in sorted((ROOT / "agent" / "probes").glob("*.py")):
        module = importlib.import_module(f"agent.probes.{path.stem}")
        yield from (value for value in vars(module).values() if isinstance(value, Family) and value.name.startswith("probe_"))


@pytest.mark.parametrize("kind", STRUCTS)
def test_every_setting_says_what_it_means(kind: str) -> None:
    """In a sentence of its own, by which a person can set it without reading the source."""
    struct: type[msgspec.Struct] = STRUCTS[kind]
    assert {one.key for one in reference.settings(struct) if not re.fullmatch(r"\S.+\.", one.about)} == set()


def test_every_series_of_probes_is_in_the_reference() -> None:
    """Those of the kinds, of what they share, and of nobody else."""
    assert {family.name for family in _families()} - {family.name for family in reference_probes.families()} == set()


@pytest.mark.parametrize("kind", PROBES)
def test_every_kind_has_a_section(kind: str) -> None:
    """With its settings and the series that it gives."""
    assert f"\n### `{kind}`\n" in PAGE
    given = [family.name for family, kinds in reference_probes.families().items() if kind in kinds]
    assert len(given) >= 4
    assert [name for name in given if f"| `{name}` |" not in PAGE] == []

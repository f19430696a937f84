"""Every recorded device: the profile found for it, its health and its readings as the golden files have them."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest

from agent.snmp.library import Library
from tests.snmp import golden
from tests.snmp.recordings import WALKS, rows_of

RECORDINGS = sorted(WALKS.glob("*.snmprec"))


@cache
def _library() -> Library:
    return Library.load()


@cache
def _classes() -> dict[str, str]:
    with (WALKS / "index.tsv").open(encoding="utf-8", newline="") as index:
        return {row["file"]: row["class"] for row in csv.DictReader(index, delimiter="\t")}


@pytest.mark.skipif(not RECORDINGS, reason="the recorded devices are not beside the project")
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recorded(path: Path) -> None:
    """Identified, evaluated and judged as reviewed."""
    library, rows = _library(), rows_of(path)
    identity = library.identify(golden.facts(library, rows, _classes().get(path.name, "")))
    profile = library.profile(identity.profile)
    first, last = golden.understood(profile, golden.polled(library, profile, rows))
    golden.check(path.stem, golden.document(identity, first, last))

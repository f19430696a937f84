"""People act on the running ledger by commands, with tokens of their own: who they are is proved, and figures follow soon."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from collector.core.state import View
from tests.e2e.branch import MINUTE_MS, WAN, ZONE, Branch, yesterday
from tests.e2e.live import check_live
from tests.servers import wait_for

pytestmark = pytest.mark.e2e

SOON_S = 5.0


class People:
    """Principals of a collector, made by its command, each with a token in a private file."""

    def __init__(self, branch: Branch, folder: Path) -> None:
        self._branch = branch
        self._folder = folder

    def add(self, name: str, role: str) -> None:
        """Make one; the token is printed once."""
        said = self._branch.centre.command("user", "add", name, "--role", role)
        token = re.findall(r"\S{30,}", said)
        assert len(token) == 1, said
        file = self._folder / f"{name}.token"
        file.touch(0o600)
        file.write_text(token[0])

    def act(self, name: str, *arguments: str) -> tuple[int, str]:
        """Exit code and output of a command that somebody gives."""
        centre = self._branch.centre
        line = [sys.executable, "-m", "collector", *arguments, "--config", str(centre.config), "--lang", "en"]
        line += ["--token-file", str(self._folder / f"{name}.token")]
        ended = subprocess.run(line, env=centre.env, capture_output=True, text=True, timeout=60, check=False)
        return ended.returncode, ended.stdout + ended.stderr


def _local(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def _ratio(branch: Branch) -> float:
    return branch.centre.figure("haidang_availability_ratio", instance=WAN, view="e2e", window="day")


def _verdict(branch: Branch, verdict: str) -> bool:
    name = "haidang_availability_verdict"
    return branch.centre.figure(name, instance=WAN, view="e2e", window="day", verdict=verdict) == 1


def test_window_over_an_outage(tmp_path: Path) -> None:
    """R11.1, R11.3: a retroactive window counts once a second person approved it; ratio and verdict follow within seconds, the
    audit trail has every step, and nobody approves what they asked for."""
    branch = Branch(tmp_path / "branch", yesterday(14))
    with branch.open():
        branch.walk(2 * MINUTE_MS)
        cut_ms = branch.cut()
        branch.walk(4 * MINUTE_MS)
        mended_ms = branch.mend()
        branch.walk_until(branch.delivered)
        branch.walk(MINUTE_MS)
        assert _ratio(branch) < 0.6
        assert _verdict(branch, "BREACHED")
        people = People(branch, tmp_path)
        for name, role in (("guest", "viewer"), ("duty-officer", "approver"), ("u1", "approver")):
            people.add(name, role)
        period = ("--from", _local(cut_ms - MINUTE_MS), "--to", _local(mended_ms + MINUTE_MS))
        wanted = ("maintenance", "add", "--target", WAN, *period, "--reason", "line moved", "--change", "CH-17")
        assert people.act("guest", *wanted)[0] == 1
        code, said = people.act("duty-officer", *wanted)
        assert (code, said.split()[0]) == (0, "M1"), said
        approve = ("maintenance", "approve", "M1", "--reason", "agreed", "--change", "CH-17")
        code, said = people.act("duty-officer", *approve)
        assert code == 1
        assert "M1" in said
        assert _verdict(branch, "BREACHED"), "what nobody else approved does not count"
        code, said = people.act("u1", *approve)
        assert code == 0, said
        wait_for(lambda: _verdict(branch, "MET"), SOON_S)
        assert _ratio(branch) == 1.0
        code, said = people.act("u1", "audit", "list")
        assert code == 0, said
        _check_audit(branch)
        for line in ("guest", "duty-officer", "u1", "maintenance"):
            assert line in said
        assert "audit trail: 5 entries, whole" in branch.centre.command("audit", "verify")
        branch.walk(MINUTE_MS)
        branch.stand_still()
        court, _ = check_live(branch.centre)
        figures = court.figures(WAN, View.E2E, (cut_ms, mended_ms))
        assert figures.maintenance == mended_ms - cut_ms
        assert figures.maint_down > 3 * MINUTE_MS, "R11.5: what was observed stays"


def _check_audit(branch: Branch) -> None:
    """Every act that was taken has its row, and none that was refused."""
    rows = [(row["actor"], row["act"], row["object"]) for row in branch.books.rows("SELECT * FROM audit ORDER BY id")]
    assert [row[1:] for row in rows[:3]] == [("user.add", name) for name in ("guest", "duty-officer", "u1")]
    assert {row[0].partition(":")[0] for row in rows[:3]} == {"os"}, "whoever may write the data folder"
    assert rows[3:] == [("duty-officer", "maintenance.create", "M1"), ("u1", "maintenance.approve", "M1")]

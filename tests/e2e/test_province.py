"""`make province` as a real process: every target gets a state in time, scripted trouble shows where it belongs and goes away,
and nothing survives the end."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Program, fetch, free_port, wait_for

pytest.importorskip("snmpsim", reason="snmpsim is not installed: pip install 'haidang[dev]'")
pytestmark = pytest.mark.e2e

STATES_S = 120.0
SHOWS_S = 50.0
ENDS_S = 60.0
TROUBLE: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "line": (r"the line (\S+).* is cut", lambda state, said: state == "down" and "icmp" in said),
    "ups": (r"\] (\S+).* lost the mains", lambda state, said: state == "degraded" and "mains out" in said),
    "room": (r"the room (\S+).* lost its registration", lambda _, said: "not registered" in said),
    "page": (r"the certificate of (\S+).* expires in", lambda state, said: state == "degraded" and "expires in" in said),
    "host": (r"the disk of (\S+).* is full", lambda state, said: state == "down" and "97 %" in said),
}
"""Part -> how the beginning is told, and what the collector must say of its target then: its state, and details of modules."""


class Province(Program):
    """The simulation on free ports."""

    def __init__(self, folder: Path, source: Path | None = None) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "tests.province", "--data", str(folder / "var"), "--port", str(self.port)]
        command += ["--base", "21000", "--trouble", "soon", "--lang", "en"]
        super().__init__(command + (["--source", str(source)] if source else []), folder, "province")

    def targets(self) -> dict[str, dict[str, Any]]:
        """What the collector says of all targets; empty while it does not answer."""
        status, body = fetch(self.port, "/api/v1/targets?limit=10000")
        return {one["id"]: one for one in json.loads(body)["targets"]} if status == 200 else {}

    def seen(self, target: str) -> tuple[str, str]:
        """State of a target, and what its modules say that is not good."""
        one = json.loads(fetch(self.port, f"/api/v1/targets/{target}")[1] or "{}")
        told = [f"{each['module']}: {each['detail']}" for each in one.get("modules", ()) if each["outcome"] != "ok"]
        return one.get("state", ""), "; ".join(told)

    def held(self, target: str) -> list[str]:
        """Why nobody is told of each open alert of a target; "paged" where people were."""
        one = json.loads(fetch(self.port, f"/api/v1/targets/{target}")[1] or "{}")
        return [alert["held"]["reason"] or "deciding" if alert["held"] else "paged" for alert in one.get("alerts", ())]

    def pages(self, number: str) -> list[str]:
        """First words of everything that came of an incident to whoever is on call, in its order."""
        told = re.findall(r"PAGE to [^:]+: (.*)", self.said())
        return [said.partition("#")[0].split()[0] for said in told if re.search(rf"#{number}\b", said)]

    def player(self, part: str) -> str:
        """Who plays a part, once it has begun."""
        match = wait_for(lambda: re.search(TROUBLE[part][0], self.said()), 60, self.said)
        assert match is not None
        return match[1]

    def unknown(self, broken: str) -> list[str]:
        """Targets without a state, but for those whom the agents of a broken site alone tell of."""
        found = self.targets()
        agents = {id_ for id_, one in found.items() if one["site"] == broken and one["via"] == id_}
        return [id_ for id_, one in found.items() if one["state"] == "unknown" and one["via"] not in agents]

    def children(self) -> list[int]:
        """Process ids of the programs that it started."""
        assert self.process is not None
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for listed in threads for pid in listed.read_text().split()]


def _is_gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def _one_page(province: Province) -> tuple[str, list[str]]:
    """Whoever is on call is told of the line, and of nothing behind it, which says that the line explains it. The number of the
    incident, and what is behind."""
    line = re.search(r"the line (\S+) \((.*)\) is cut", province.said())
    assert line is not None
    page = rf"PAGE to .*: INCIDENT #([0-9]+): {re.escape(line[2])}"
    found = wait_for(lambda: re.search(page, province.said()), 30, lambda: province.said()[-4000:])
    assert found is not None
    behind = wait_for(lambda: [one["id"] for one in province.targets().values() if one["state"] == "unreachable"], 30)
    assert behind, "the line is accused, and not what lies behind it"
    for id_ in behind:
        wait_for(lambda id_=id_: province.held(id_) == ["parent_down"], 20, lambda id_=id_: f"{id_}: {province.held(id_)}")  # type: ignore[misc]
    link = re.search(rf"INCIDENT #{found[1]}: .* – http://127\.0\.0\.1:[0-9]+(/incidents/\S+)", province.said())
    assert link is not None
    path = f"{link[1]}?lang=en"
    for shown in (*(f"({id_})" for id_ in behind), "which explains it"):
        wait_for(lambda shown=shown: shown in fetch(province.port, path)[1], 20, lambda: fetch(province.port, path)[1])  # type: ignore[misc]
    return found[1], behind


def test_the_province_is_seen_whole_and_its_trouble_comes_and_goes(tmp_path: Path) -> None:
    """Every target has a state within two minutes, every scripted trouble is seen at its target with its cause and is over when
    it is over, the figures of the collector are printed, and Ctrl-C ends all programs."""
    with Province(tmp_path) as province:
        began_s = time.monotonic()
        wait_for(lambda: province.targets(), 90, province.said)
        players = {part: province.player(part) for part in TROUBLE}
        for part, target in players.items():
            holds = TROUBLE[part][1]
            wait_for(lambda target=target, holds=holds: holds(*province.seen(target)), SHOWS_S,
                     lambda part=part, target=target: f"{part}: {target}: {province.seen(target)}\n{province.said()[-4000:]}")  # type: ignore[misc]  # fmt: skip
            if part == "line":
                number, behind = _one_page(province)
        for id_ in behind:
            wait_for(
                lambda id_=id_: "unreachable" in fetch(province.port, f"/api/v1/subjects/{id_}/spans")[1], 20, province.said
            )  # type: ignore[misc]
        place = province.targets()[players["line"]]["site"]
        wait_for(
            lambda: not province.unknown(place), STATES_S - (time.monotonic() - began_s), lambda: str(province.unknown(place))
        )
        assert len(province.targets()) > 500
        for target in players.values():
            wait_for(lambda target=target: province.seen(target) == ("up", ""), ENDS_S,
                     lambda target=target: f"{target}: {province.seen(target)}\n{province.said()[-4000:]}")  # type: ignore[misc]  # fmt: skip
        wait_for(lambda: "RESOLVED:" in province.pages(number), ENDS_S, lambda: str(province.pages(number)))
        told = province.pages(number)
        told = told[: told.index("RESOLVED:") + 1]
        assert [word for word in told if word in ("INCIDENT", "RESOLVED:")] == ["INCIDENT", "RESOLVED:"]
        assert "THIS IS A SIMULATION" in province.said()
        figures = re.findall(r"\[SIMULATION .*(?:have a state|CPU).*", province.said())
        print("\n".join(figures))
        assert any("the collector: CPU" in line for line in figures)
        started = province.children()
        assert len(started) == 2
        province.signal(signal.SIGINT)
        assert province.wait(60) == 0, province.said()[-3000:]
    wait_for(lambda: all(map(_is_gone, started)), 10, lambda: str(started))

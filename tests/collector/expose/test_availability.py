"""The figures' API over real sockets, on a real ledger: live, recomputed, as of then; what is wrong is refused."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from collector.core.policy import POLICIES
from collector.core.state import View
from collector.expose.api import time_text
from collector.expose.ledger_desk import DeskSettings
from collector.expose.ledger_page import floored
from collector.expose.ledger_routes import add_ledger_routes
from collector.expose.server import make_app
from tests.collector.ledger.world import HOUR, INTERVAL, MIDNIGHT, World

NOON = MIDNIGHT + 12 * HOUR
CUT = NOON + 30 * INTERVAL
"""From here on web-02 is silent."""


class Asking:
    """A world whose ledger is served. web-01 reports for an hour; web-02 stops after half of it."""

    def __init__(self, folder: Path, settings: DeskSettings | None = None) -> None:
        self.world = World(folder, NOON, INVENTORY)
        self.settings = settings
        self.session = aiohttp.ClientSession()

    async def start(self) -> None:
        world = self.world
        await world.start()
        await world.enrol("web-01", "web-02")
        await world.live(["web-01", "web-02"], CUT)
        await world.live(["web-01"], CUT + 30 * INTERVAL)
        ledgers = world.ledgers
        app = make_app(ledgers._fleet, version="0.1.0", now_ms=lambda: world.now, ready=lambda: "", ledger=ledgers.keeper)
        add_ledger_routes(app, ledgers.keeper, ledgers.inquire, lambda: world.now, self.settings)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.root = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = f"{self.root}/api/v1"

    async def stop(self) -> None:
        await self.session.close()
        await self._runner.cleanup()
        await self.world.stop()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(self.url + path) as answer:
            return answer.status, json.loads(await answer.read())

    async def figures(self, query: str) -> dict[str, Any]:
        status, told = await self.get(f"/availability?{query}")
        assert status == 200, told
        return dict(told)


INVENTORY = """\
sites:
  - {id: dic, name: Trung tâm}
defaults:
  class:
    server: {objective: "99.9"}
groups:
  - {id: web, name: Web, rule: any, members: [{class: server}]}
  - {id: all, name: Mọi máy chủ, rule: pooled, members: [{class: server}]}
"""
"""With an objective silence means down."""


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    one = Asking(tmp_path)
    await one.start()
    yield one
    await one.stop()


async def test_figures_to_date_come_from_the_live_ledger(asking: Asking) -> None:
    told = await asking.figures("subject=web-02&view=device&window=day")
    assert (told["live"], told["next"], told["zone"]) == (True, "", "Asia/Ho_Chi_Minh")
    assert told["period"]["from"] == time_text(MIDNIGHT)
    [row] = told["figures"]
    ms = row["ms"]
    assert ms["down"] == 30 * INTERVAL - INTERVAL
    assert ms["ast"] == ms["maintenance"] + sum(ms[state] for state in ("up", "degraded", "down", "unreachable", "unknown"))
    assert (row["verdict"], row["provisional"], row["decides"]) == ("BREACHED", True, True)
    assert row["printed"]["availability"] == {"en": "51.6666", "vi": "51,6666"}
    assert row["printed"]["downtime"] == {"en": "29 min", "vi": "29 phút"}
    assert row["objective"] == {"ppm": 999_000, "percent": {"en": "99.9", "vi": "99,9"}}
    assert (row["incidents"]["count"], row["incidents"]["mttr_s"]) == (1, "1740.000")
    assert row["uncertainty_ms"] == 20_000, "15 s of interval, 5 s of timeout (R4.2)"
    assert row["budget"]["burn"]["5m"] == "1000.000"
    assert row["budget"]["left_s"].startswith("-")
    assert told["policies"] == {"device_contract": POLICIES["device_contract"].text}


async def test_the_same_figures_are_recomputed_as_of_now_and_as_of_then(asking: Asking) -> None:
    """R1.3: with the K of an answer the answer is the same, whatever came since."""
    live = await asking.figures("site=dic&window=day")
    again = await asking.figures(f"site=dic&window=day&as_of={live['as_of']}")
    assert again["live"] is False
    ours, theirs = live["figures"], again["figures"]
    assert len(ours) == 12, "two hosts, two agents, the site and the pool of its devices in two views"
    for one, other in zip(ours, theirs, strict=True):
        assert one == other
    world = asking.world
    for minute in range(1, 31):
        world.machines["web-02"].make(CUT + minute * INTERVAL)
    world.now += INTERVAL
    await world.send("web-02")
    await world.settle()
    [mended] = (await asking.figures("subject=web-02&view=device&window=day"))["figures"]
    assert mended["ms"]["up_backfill"] == 29 * INTERVAL
    later = await asking.figures(f"site=dic&window=day&as_of={live['as_of']}")
    assert later["figures"] == ours


async def test_r15_groups_and_pools_have_figures_too(asking: Asking) -> None:
    told = await asking.figures("kind=group&view=device&window=day")
    rows = {row["subject"]: row for row in told["figures"]}
    assert set(rows) == {"group:all", "group:web", "site:dic:devices"}
    assert rows["group:web"]["ms"]["down"] == 0, "one of the two is enough"
    assert rows["group:all"]["ms"]["bad"] == 29 * INTERVAL
    assert rows["group:all"]["uncertainty_ms"] is None
    assert rows["group:all"]["budget"]["burn"] == {}
    members = await asking.figures("group=group:web&view=device&window=day")
    assert [row["subject"] for row in members["figures"]] == ["group:web", "web-01", "web-02"]


async def test_r12_2_every_policy_on_request_with_its_text(asking: Asking) -> None:
    told = await asking.figures("subject=web-02&view=e2e&window=day&annex=all")
    assert told["live"] is False
    rows = {row["policy"]: row for row in told["figures"]}
    assert list(rows) == list(POLICIES)
    assert set(told["policies"]) == set(POLICIES)
    assert rows["unknown_as_up"]["ms"]["good"] == rows["device_contract"]["ms"]["good"] + INTERVAL
    assert rows["unknown_as_down"]["ms"]["bad"] == rows["device_contract"]["ms"]["bad"] + INTERVAL
    strict = (await asking.figures("subject=web-02&view=e2e&window=day&policy=calendar_strict"))["figures"]
    assert [row["policy"] for row in strict] == ["calendar_strict"]
    assert strict[0]["printed"] == rows["calendar_strict"]["printed"]


async def test_pages_follow_one_another(asking: Asking) -> None:
    seen, after = [], ""
    while True:
        told = await asking.figures(f"view=e2e&window=day&limit=2&after={quote(after)}")
        seen += [row["subject"] for row in told["figures"]]
        after = told["next"]
        if not after:
            break
    assert seen == sorted(asking.world.ledgers.keeper.pages)
    many = await asking.figures("subject=web-01&subject=web-02&view=device")
    assert [row["subject"] for row in many["figures"]] == ["web-01", "web-02"]


NOTHING = [
    ("subject=web-01&period=2025-01", "it was not in service in this period"),
    ("subject=web-01&period=2026-12", "the period had not begun at that time"),
    (
        "subject=web-01&as_of=2026-03-02T04:00:00Z&window=day",
        "by what was known then, it was not configured in this period",
    ),
]


async def test_periods_without_data_are_answered_with_a_reason(asking: Asking) -> None:
    for query, reason in NOTHING:
        for row in (await asking.figures(query))["figures"]:
            assert (row["verdict"], row["printed"]["availability"], row["reason"]["en"]) == ("NO_DATA", None, reason)
            assert row["reason"]["vi"] != reason
            assert row["budget"]["total_s"] is None


REFUSED = [
    ("subject=nobody", 404, "unknown_subject"),
    ("site=nowhere", 404, "unknown_site"),
    ("group=group:none", 404, "unknown_group"),
    ("group=web-01", 404, "unknown_group"),
    ("class=none", 404, "unknown_class"),
    ("policy=generous", 422, "unknown_policy"),
    ("as_of=2199-01-01T00:00:00Z", 422, "in_future"),
    ("as_of=2026-03-01T00:00:00", 400, "bad_query"),
    ("as_of=0001-01-01T00:00:00Z&window=week", 422, "bad_period"),
    ("period=2026-13", 422, "bad_period"),
    ("period=yesterday", 422, "bad_period"),
    ("from=2026-03-02&to=2026-03-01", 422, "bad_period"),
    ("from=2026-03-02&to=2026-03-02", 422, "bad_period"),
    ("from=2026-03-02", 422, "bad_period"),
    ("window=day&period=2026-03", 422, "bad_period"),
    ("from=2020-01-01&to=2026-01-01", 422, "too_long"),
    ("window=decade", 400, "bad_query"),
    ("view=sideways", 400, "bad_query"),
    ("limit=0", 400, "bad_query"),
    ("limit=1001", 400, "bad_query"),
    ("limit=201&period=2026-03", 422, "too_many"),
    ("nonsense=1", 400, "bad_query"),
    ("kind=planet", 400, "bad_query"),
]


async def test_what_is_wrong_is_refused_with_a_reason(asking: Asking) -> None:
    for query, status, code in REFUSED:
        got, told = await asking.get(f"/availability?{query}")
        assert (query, got, told["error"]["code"]) == (query, status, code), told
        assert told["error"]["detail"]


async def test_too_many_recomputations_are_turned_away(tmp_path: Path) -> None:
    asking = Asking(tmp_path, DeskSettings(recomputed_at_once=1, recomputed_waiting=0))
    await asking.start()
    try:
        asked = [asking.get("/availability?site=dic&period=2026-03") for _ in range(6)]
        found = sorted(status for status, _ in await asyncio.gather(*asked))
        assert found[0] == 200
        assert set(found) == {200, 503}
    finally:
        await asking.stop()


async def test_an_answer_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    asking = Asking(tmp_path, DeskSettings(timeout_s=0.0))
    await asking.start()
    try:
        status, told = await asking.get("/availability?period=2026-03")
        assert (status, told["error"]["code"]) == (503, "timeout")
    finally:
        await asking.stop()


async def test_subjects_are_listed_as_they_are_and_stand(asking: Asking) -> None:
    status, told = await asking.get("/subjects?kind=target&class=server")
    assert status == 200
    one, two = told["subjects"]
    assert (one["id"], one["site"], one["interval_s"], one["calendar"]) == ("web-01", "dic", 15.0, "")
    assert one["objective"]["percent"] == {"en": "99.9", "vi": "99,9"}
    assert one["policies"] == {"device": "device_contract", "e2e": "e2e"}
    assert (one["views"]["e2e"]["state"], two["views"]["device"]["state"]) == ("up", "down")
    assert two["views"]["device"]["since"] == time_text(CUT + INTERVAL)
    assert two["views"]["device"]["reason"]["vi"] == "các báo cáo đến hạn đã không tới"
    _, group = await asking.get("/subjects/group:web")
    assert (group["rule"], group["members"], group["views"]["device"]["state"]) == ("any_of", ["web-01", "web-02"], "degraded")
    _, pool = await asking.get("/subjects/group:all")
    assert pool["views"]["device"]["state"] is None
    _, first = await asking.get("/subjects?limit=1")
    assert first["next"] == first["subjects"][0]["id"]
    assert (await asking.get("/subjects/nobody"))[0] == 404
    assert (await asking.get("/subjects?site=nowhere"))[0] == 404


async def test_spans_have_state_reason_grade_and_cause(asking: Asking) -> None:
    status, told = await asking.get("/subjects/web-02/spans?window=day")
    assert (status, told["view"], told["policy"], told["next"]) == (200, "device", "device_contract", "")
    last = told["spans"][-1]
    assert (last["state"], last["why"], last["grade"], last["cause"], last["counts"]) == ("down", "silent", "E1", "host", "bad")
    assert (last["from"], last["ms"], last["rule"]) == (time_text(CUT + INTERVAL), 29 * INTERVAL, "R6.3")
    edges = [(span["from"], span["to"]) for span in told["spans"]]
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    assert told["period"]["until"] == edges[-1][1]
    _, page = await asking.get("/subjects/web-02/spans?window=day&limit=1")
    assert page["next"] == page["spans"][0]["to"]
    _, rest = await asking.get(f"/subjects/web-02/spans?window=day&after={page['next']}")
    assert page["spans"] + rest["spans"] == told["spans"]


async def test_r13_5_incidents_are_told_in_full(asking: Asking) -> None:
    status, told = await asking.get(f"/subjects/web-02/incidents?view={View.E2E}&window=day")
    assert status == 200
    [one] = told["incidents"]
    assert (one["onset"], one["restored"], one["charged_ms"]) == (time_text(CUT + INTERVAL), None, 29 * INTERVAL)
    assert (one["why"], one["cause"], one["grade"], one["started_before"]) == ("silent", "host", "E1", False)
    _, calm = await asking.get("/subjects/web-01/incidents?period=2026-03-02")
    assert calm["incidents"] == []


UNTOLD = [
    ("/subjects/nobody/spans", 404),
    ("/subjects/web-01/spans?as_of=2025-01-01T00:00:00Z", 404),
    ("/subjects/web-01/spans?period=x", 422),
    ("/subjects/web-01/incidents?limit=0", 400),
    ("/subjects/web-01/incidents?as_of=2199-01-01T00:00:00Z", 422),
]


async def test_histories_that_cannot_be_told(asking: Asking) -> None:
    for path, status in UNTOLD:
        got, told = await asking.get(path)
        assert (path, got) == (path, status)
        assert told["error"]["detail"]


async def test_an_offset_whose_plus_was_not_escaped_is_understood(asking: Asking) -> None:
    plain = await asking.figures("subject=web-01&from=2026-03-02T12:00:00%2B07:00&to=2026-03-02T13:00:00%2B07:00")
    blank = await asking.figures("subject=web-01&from=2026-03-02T12:00:00+07:00&to=2026-03-02T13:00:00+07:00")
    assert plain["figures"] == blank["figures"]
    assert plain["period"]["from"] == time_text(NOON)


async def test_the_first_page_leads_here_and_the_metrics_say_the_same(asking: Asking) -> None:
    async with asking.session.get(asking.root + "/") as answer:
        links = re.findall(r'href="(/api[^"]+)"', await answer.text())
    assert links == ["/api/v1/targets", "/api/v1/availability", "/api/v1/subjects"]
    for link in links:
        async with asking.session.get(asking.root + link) as answer:
            assert answer.status == 200
    async with asking.session.get(asking.root + "/metrics") as answer:
        samples = {
            (
                sample.name,
                *(sample.labels.get(name, "") for name in ("instance", "view", "window", "state", "verdict")),
            ): sample.value
            for family in text_string_to_metric_families(await answer.text())
            for sample in family.samples
        }
    told = await asking.figures("window=day")
    for row in told["figures"]:
        key = (row["subject"], row["view"], "day", "")
        good, denom = row["ms"]["good"], row["ms"]["good"] + row["ms"]["bad"]
        ratio = samples.get(("haidang_availability_ratio", *key, ""))
        assert ratio == (floored(good, denom) if denom else None)
        assert samples["haidang_availability_verdict", *key, row["verdict"]] == 1

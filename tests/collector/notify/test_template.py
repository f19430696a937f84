"""Templates of webhooks: what they see, what they cannot do, and that no template stalls the collector or keeps a page back."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from collector.core.notice import EventKind
from collector.notify import template as templates
from collector.notify.bodies import make_bodies
from collector.notify.body import Body
from collector.notify.channel import ChannelError
from collector.notify.presets_alertmanager import payload
from collector.notify.settings import ReceiverEntry, WebhookEntry
from collector.notify.template import (
    VARIABLES,
    TemplateError,
    file_problem,
    load_template,
    render,
    template_problem,
    variables_of,
    with_template,
)
from collector.notify.tools import Tools
from collector.notify.webhook import open_channel
from tests.agent.probes.http_kit import serving
from tests.collector.notify.said import CASES, ROUTER, alert, delivery, of_incident

ENTRY = WebhookEntry(url="https://hooks.example.vn/x", template_file="x.j2")
FIRING = delivery(CASES["firing"]())


async def sent(template: str, entry: WebhookEntry = ENTRY, token: str = "") -> Body:
    """The one body that goes out."""
    [body] = await with_template(template, entry, FIRING, make_bodies(entry, FIRING, token))
    return body


async def test_a_template_writes_the_body() -> None:
    """With the values of the payload, in the content type of the settings."""
    body = await sent('{"so": {{ haidang.incident.number }}, "tin": {{ subject | tojson }}, "ai": {{ receiver | tojson }}}')
    assert json.loads(body.data) == {"so": 12, "tin": variables_of(FIRING)["subject"], "ai": "truc-ca"}
    assert (body.content_type, body.remark) == ("application/json", "")


async def test_text_of_others_cannot_leave_its_string() -> None:
    """`tojson` writes JSON, not HTML."""
    subject = msgspec.structs.replace(ROUTER, name_vi='"}, "x": "<b>\\')
    made = delivery(of_incident(EventKind.FIRING, alerts=(alert(subject),)))
    told = json.loads(await render("{{ {'tin': subject} | tojson }}", made))
    assert '"}, "x": "<b>\\' in told["tin"]


async def test_every_documented_variable_is_there() -> None:
    """And no other."""
    assert set(variables_of(FIRING)) == set(VARIABLES) == {*payload(FIRING), "subject", "text", "to"}
    written = await render("".join(f"{{% if {name} is defined %}}1{{% endif %}}" for name in VARIABLES), FIRING)
    assert written == "1" * len(VARIABLES)


BOMBS = {
    "{{ 'a' * 10**9 }}": "product",
    "{{ [0] * 10**9 }}": "product",
    "{{ 2 ** (10 ** 9) }}": "power",
    "{% set n = namespace(x=10**1000) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x > 0 }}": "product",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}": "longer than 1 s",
    "{% for a in range(10**6) %}{% endfor %}": "Range too big",
    "{% for a in range(99999) %}aaaaaaaaaa{% endfor %}": "262144 bytes",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": "too deeply",
    "{{ 'a' | center(10**9) }}": "memory",
    "{{ '%1000000000d' | format(3) }}": "memory",
    "{{ '{:1000000000}'.format(3) }}": "memory",
    "{% set n = namespace(x='aaaa') %}{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}": "memory",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}": "too deeply",
}
"""Templates that would fill memory or time, and what is said of them."""


@pytest.mark.parametrize("bomb", BOMBS, ids=[f"bomb-{number}" for number in range(len(BOMBS))])
async def test_a_bomb_costs_the_template_and_nothing_else(bomb: str) -> None:
    """It ends within the wall time, the default text goes out and the remark says why."""
    begun = time.monotonic()
    body = await sent(bomb)
    assert time.monotonic() - begun < templates.WALL_S + 2
    assert json.loads(body.data)["haidang"]["event"] == "firing"
    assert body.remark.startswith("template failed, the default text was sent: ")
    assert BOMBS[bomb] in body.remark


ESCAPES = (
    "{{ ''.__class__.__mro__ }}",
    "{{ '{0.__class__}'.format(subject) }}",
    "{{ subject.format.__globals__ }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ (subject | attr('__class__')) }}",
    "{{ alerts.append(1) }}",
    "{{ haidang.update({'x': 1}) }}",
    "{{ nobody }}",
    "{{ haidang.nothing }}",
    "{{ lipsum() }}",
    "{{ open('/etc/passwd') }}",
)


@pytest.mark.parametrize("escape", ESCAPES)
async def test_the_sandbox_holds(escape: str) -> None:
    """Neither code nor values can be reached or changed, and a name that is not there is an error, not an empty text."""
    with pytest.raises(TemplateError, match="line 1: "):
        await render(escape, FIRING)


async def test_a_template_reads_no_environment_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process has none of our environment; include, import and extends are refused when the file is checked."""
    monkeypatch.setenv("HAIDANG_S3CRET", "S3CRET")
    assert templates._rendered({"template": "{{ text }}", "values": {"text": "ok"}}) == "ok"
    (tmp_path / "other").write_text("S3CRET")
    for refused in (f"{{% include '{tmp_path}/other' %}}", "{% import 'os' as os %}", "{% extends 'x' %}"):
        assert template_problem(refused) == "line 1: include, import and extends are not offered"
        assert "S3CRET" not in (await sent(refused)).remark


async def test_the_loop_goes_on_while_a_template_runs() -> None:
    """Something else is done in the meantime, many times."""
    loop, turns = asyncio.get_running_loop(), 0

    def turn() -> None:
        nonlocal turns, timer
        turns += 1
        timer = loop.call_later(0.01, turn)

    timer = loop.call_later(0.01, turn)
    with pytest.raises(TemplateError):
        await render("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", FIRING)
    timer.cancel()
    assert turns > 20


async def test_the_line_of_an_error_is_told() -> None:
    """Where people have to look."""
    with pytest.raises(TemplateError, match=r"^line 3: 'nobody' is undefined$"):
        await render("\n\n{{ nobody }}", FIRING)
    assert template_problem("{{ x }}\n{% if %}").startswith("line 2: ")
    assert template_problem("{{ whatever_is_defined_later }}") == ""


async def test_what_is_no_json_is_not_sent_as_json() -> None:
    """But as plain text it is."""
    assert "no JSON" in (await sent('{"x": {{ subject }} }')).remark
    plain = msgspec.structs.replace(ENTRY, content_type="text/plain; charset=utf-8")
    body = await sent("Tin: {{ subject }}\n", plain)
    assert (body.data.decode(), body.content_type) == (f"Tin: {variables_of(FIRING)['subject']}\n", plain.content_type)


async def test_remarks_are_one_short_line() -> None:
    """Whatever an error says."""
    body = await sent("{{ ('x' * 900 + '\n\x1b')[0:901].nothing }}")
    assert len(body.remark) < 300
    assert body.remark.isprintable()


async def test_a_template_of_a_preset_keeps_its_headers_and_says_to_whom() -> None:
    """One request for each chat; the token stays where it stood."""
    entry = msgspec.structs.replace(ENTRY, preset="telegram", to=("-1", "-2"))
    made = make_bodies(entry, FIRING, "T:K")
    found = await with_template('{"chat_id": {{ to }}, "text": {{ subject | tojson }}}', entry, FIRING, made)
    assert [json.loads(body.data)["chat_id"] for body in found] == [-1, -2]
    assert [body.url_suffix for body in found] == ["/botT:K/sendMessage"] * 2
    pager = msgspec.structs.replace(ENTRY, preset="pagerduty")
    assert (await sent("{}", pager, "KEY")).takes_token is False


def test_files_are_read_with_bounds(tmp_path: Path) -> None:
    """Absent, too large, no text, no file: each is told, and a good one is whole."""
    file = tmp_path / "x.j2"
    for content in (b"\xff\xfe", b"x" * 70_000):
        file.write_bytes(content)
        with pytest.raises(ChannelError, match="template_file"):
            load_template(file)
    file.write_text("{{ text }}ế")
    assert load_template(file) == "{{ text }}ế"
    assert file_problem(file) == ""
    assert "template_file" in file_problem(tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in file_problem(tmp_path / "pipe")
    file.write_text("{% for %}")
    assert file_problem(file).startswith("line 1: ")


async def test_a_webhook_sends_what_its_template_writes_or_says_that_it_failed(tmp_path: Path) -> None:
    """Over real HTTP; the page arrives either way."""
    (tmp_path / "good.j2").write_text('{"tin": {{ subject | tojson }}}')
    (tmp_path / "bad.j2").write_text("{{ nobody }}")
    arrived: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        arrived.append(await request.json())
        return web.Response(text="ok")

    failed = "template failed, the default text was sent: line 1: 'nobody' is undefined"
    async with serving(take) as url:
        for name, remark in (("good.j2", ""), ("bad.j2", failed)):
            entry = ReceiverEntry(webhook=WebhookEntry(url=url, template_file=name))
            channel = await open_channel("truc-ca", entry, Tools(tmp_path, "h", "1"))
            assert await channel.send(FIRING) == remark
            await channel.close()
    assert arrived[0] == {"tin": variables_of(FIRING)["subject"]}
    assert arrived[1]["haidang"]["event_id"] == FIRING.event_id

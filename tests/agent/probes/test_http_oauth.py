"""Tokens by client credentials: fetched once, renewed when refused or expired, and never the target's fault."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from agent.model import Outcome, Reason
from agent.probes.http import Settings, open_probe
from agent.probes.http_settings import OAuth2
from tests.agent.probes.http_kit import again, probed, raw, saying, serving, silence, values
from tests.servers import free_port

LOGIN = "Basic " + base64.b64encode(b"thamdo:b%C3%AD+m%E1%BA%ADt").decode()


def _settings(token_url: str, **more: Any) -> Settings:
    oauth2 = OAuth2(client_id="thamdo", client_secret="bí mật", token_url=token_url, **more)
    return Settings(oauth2=oauth2, preferred_ip_protocol="ip4")


class _Service:
    """Gives tokens by number, by the field Authorization or, if `in_form`, by the form; the target takes `accepted` only."""

    def __init__(self, *, in_form: bool = False, expires_in: object = 3600) -> None:
        self.in_form = in_form
        self.expires_in = expires_in
        self.given = 0
        self.accepted: set[str] = set()
        self.forms: list[Mapping[str, object]] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/token":
            return await self._token(request)
        return web.Response(status=200 if request.headers.get("Authorization") in self.accepted else 401)

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.forms.append(dict(form))
        is_known = form.get("client_secret") == "bí mật" if self.in_form else request.headers.get("Authorization") == LOGIN
        if not is_known:
            return web.json_response({"error": "invalid_client"}, status=401)
        self.given += 1
        self.accepted = {f"Bearer t{self.given}"}
        return web.json_response({"access_token": f"t{self.given}", "token_type": "bearer", "expires_in": self.expires_in})


@pytest.mark.parametrize("in_form", [False, True])
async def test_a_token_is_kept(in_form: bool) -> None:
    """One token does for many runs; the secret goes where the service wants it; phases are those of the target."""
    service = _Service(in_form=in_form)
    async with serving(service.answer) as url:
        probe = open_probe(_settings(f"{url}/token", scopes=("doc", "ghi"), endpoint_params={"audience": "cổng"}))
        runs = [await again(probe, url) for _ in range(3)]
    assert [done.finding.outcome for done in runs] == [Outcome.OK] * 3, runs[0].finding
    assert service.given == 1
    assert service.forms[-1]["grant_type"] == "client_credentials"
    assert service.forms[-1]["scope"] == "doc ghi"
    assert service.forms[-1]["audience"] == "cổng"
    assert len([name for name in values(runs[0]) if name == "probe_ip_protocol"]) == 1


async def test_a_refused_token_is_renewed() -> None:
    """When the target refuses the token the next run fetches another."""
    service = _Service()
    async with serving(service.answer) as url:
        probe = open_probe(_settings(f"{url}/token"))
        await again(probe, url)
        service.accepted = set()
        refused = await again(probe, url)
        renewed = await again(probe, url)
    assert refused.finding.reason is Reason.AUTH
    assert renewed.finding.outcome is Outcome.OK
    assert service.given == 2


@pytest.mark.parametrize("expires_in", [5, "5", 0.5])
async def test_a_token_that_expires_is_renewed(expires_in: object) -> None:
    """A token that ends within seconds is not used twice."""
    service = _Service(expires_in=expires_in)
    async with serving(service.answer) as url:
        probe = open_probe(_settings(f"{url}/token"))
        await again(probe, url)
        await again(probe, url)
    assert service.given == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\n\r\n{"access_token": ""}',
        b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe",
        b"HTTP/1.1 500 No\r\n\r\n",
        b"HTTP/1.1 401 No\r\n\r\n",
        b'HTTP/1.1 200 OK\r\n\r\n{"access_token": "a\\nb"}',
        b"garbage\r\n\r\n",
        b"",
    ],
)
async def test_a_service_that_fails(answer: bytes) -> None:
    """Whatever the service of tokens says instead of a token, we could not test."""
    async with raw(saying(answer)) as address:
        done = await again(open_probe(_settings(f"http://{address}/")), "http://192.0.2.1/")
    assert done.finding.outcome is Outcome.ERROR, done.finding
    assert done.finding.reason is not Reason.INTERNAL
    assert done.finding.detail.startswith("the service of tokens: ")


async def test_no_service() -> None:
    """A service that is not there or silent accuses nobody, and leaves before the deadline."""
    gone = await again(open_probe(_settings(f"http://127.0.0.1:{free_port()}/")), "http://192.0.2.1/")
    async with raw(silence) as address:
        silent = await again(open_probe(_settings(f"http://{address}/")), "http://192.0.2.1/", 0.4)
    assert gone.finding.outcome is Outcome.ERROR
    assert silent.finding.outcome is Outcome.ERROR
    assert silent.finding.reason is Reason.TIMEOUT
    assert silent.duration_s < 0.4


async def test_settings_do_not_print() -> None:
    """No secret shows in the text of settings or findings."""
    settings = _settings("http://127.0.0.1:1/")
    assert "bí mật" not in repr(settings)
    done = await probed("http://192.0.2.1/", oauth2=settings.oauth2)
    assert "bí" not in done.finding.detail

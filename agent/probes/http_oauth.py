"""Tokens for the probe `http` by client credentials (RFC 6749, 4.4), kept until they expire.

A service of tokens that fails is no fault of the target: whatever goes wrong here ends the run as *we could not test*.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final
from urllib.parse import quote_plus, urlencode

import msgspec

from agent.model import Outcome, Reason
from agent.probes import http_url
from agent.probes.http_body import Body
from agent.probes.http_request import Plan, basic
from agent.probes.http_settings import OAuth2, Settings
from agent.probes.http_way import Places, Way
from agent.probes.probe import ProbeError, Run
from agent.probes.shapes import IpName

SHARE: Final = 0.8
"""Of the time that is left: what a token may take."""
EARLY_S: Final = 10.0
"""A token is renewed so long before it expires."""
_MOST_BYTES: Final = 256 * 1024
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class _Token(msgspec.Struct, frozen=True):
    access_token: Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]+$")]
    token_type: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]+$")] = "Bearer"  # noqa: S105  the scheme, no secret
    expires_in: float | str = 0.0
    """Seconds; some services send text. Without it the token is good until it is refused."""


class Tokens:
    """The token of a module, for all its runs."""

    def __init__(self, oauth2: OAuth2, preferred: IpName, *, fallback: bool) -> None:
        self._url = http_url.parse(oauth2.token_url)
        common = {"grant_type": "client_credentials", **oauth2.endpoint_params}
        if oauth2.scopes:
            common["scope"] = " ".join(oauth2.scopes)
        login = basic(quote_plus(oauth2.client_id), quote_plus(oauth2.client_secret))
        secret = {"client_id": oauth2.client_id, "client_secret": oauth2.client_secret}

        def settings(headers: dict[str, str], form: dict[str, str]) -> Settings:
            return Settings(
                method="POST", headers={**_FORM, **headers}, body=urlencode(form), tls_config=oauth2.tls_config,
                proxy_url=oauth2.proxy_url, preferred_ip_protocol=preferred, ip_protocol_fallback=fallback,
            )  # fmt: skip

        # Services want the secret in either place; which one shows by trying, as Go does it.
        ways = (settings({"Authorization": login}, common), settings({}, {**common, **secret}))
        self._ways = [(Plan(one), Way(one, "")) for one in ways]
        self._field = ""
        self._until_s = 0.0

    async def field(self, run: Run) -> str:
        """The field Authorization. Raises `ProbeError` with outcome `error`."""
        if self._field and asyncio.get_running_loop().time() < self._until_s:
            return self._field
        with run.during("oauth2"):
            try:
                async with asyncio.timeout_at(run.deadline_s - (1.0 - SHARE) * run.left_s()):
                    token = await self._fetch(run)
            except TimeoutError:
                raise ProbeError(Reason.TIMEOUT, "the service of tokens did not answer in time", Outcome.ERROR) from None
            except ProbeError as error:
                detail = f"the service of tokens: {error.finding.detail}"
                raise ProbeError(error.finding.reason, detail, Outcome.ERROR) from error
            except OSError as error:  # TLS too
                raise ProbeError(Reason.AUTH, f"the service of tokens: {error.strerror or error}", Outcome.ERROR) from error
        self._field = f"{'Bearer' if token.token_type.lower() == 'bearer' else token.token_type} {token.access_token}"
        self._until_s = asyncio.get_running_loop().time() + _lifetime_s(token)
        return self._field

    def forget(self) -> None:
        """The token was refused."""
        self._field = ""

    async def _fetch(self, run: Run) -> _Token:
        status, body = 0, b""
        for number, (plan, way) in enumerate(self._ways):
            status, body = await self._ask(run, plan, way)
            if status == 200:
                if number:
                    self._ways.reverse()  # the next time at once
                break
            if status not in (400, 401):
                break
        if status != 200:
            raise ProbeError(Reason.AUTH, f"answered {status}, expected 200")
        try:
            return msgspec.json.decode(body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ProbeError(Reason.AUTH, "answered without an access_token") from None

    async def _ask(self, run: Run, plan: Plan, way: Way) -> tuple[int, bytes]:
        # A run of its own: its phases and metrics are not those of the probe.
        own = Run(run.tools, run.left_s())
        hop = plan.first(self._url, "")
        exchange = await way.open(own, hop, Places())
        try:
            answer = await exchange.ask(own, hop)
            body = Body("", _MOST_BYTES, _MOST_BYTES)
            await exchange.read(own, body)
            return answer.status, bytes(body.kept)
        finally:
            exchange.close()


def _lifetime_s(token: _Token) -> float:
    try:
        seconds = float(token.expires_in)
    except ValueError:
        seconds = 0.0
    return seconds - EARLY_S if seconds > 0 else float("inf")

"""The webhook channel: POSTs what `bodies` or a template makes of an event, signed, and waits for a 2xx.

The same event has the same `X-Haidang-Event-Id` and `Idempotency-Key` at every attempt. Of an event that takes several requests
those that were confirmed are not sent again while the collector runs.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import msgspec

from agent.settings import Secret
from collector.notify import bodies
from collector.notify.channel import Channel, ChannelError, Delivery, Failure
from collector.notify.http import HttpClient, check, open_client
from collector.notify.private import read_secret
from collector.notify.settings import ReceiverEntry, WebhookEntry
from collector.notify.signing import sign
from collector.notify.template import load_template, with_template
from collector.notify.tools import Tools

TEMPLATE_S: Final = 6.0
"""For all renderings of one delivery."""
_REMEMBERED: Final = 1_000
"""Events of which some requests were confirmed and others were not."""
_RESERVED: Final = frozenset({"content-length", "content-type", "host", "transfer-encoding", "connection"})
"""Headers that settings may not give."""


async def open_channel(name: str, entry: ReceiverEntry, tools: Tools) -> Channel:
    """A webhook as its settings say. Raises `ChannelError` (settings) for secrets, certificates and headers that cannot be
    used."""
    webhook = entry.webhook
    if webhook is None:
        raise ChannelError(Failure.SETTINGS, f"receiver {name} is no webhook")
    url = read_secret(tools.folder, webhook.url_file, webhook.url_env, "url") or Secret(webhook.url)
    if not url.reveal().startswith(("http://", "https://")):
        raise ChannelError(Failure.SETTINGS, "url: expected http:// or https://")
    for header, value in webhook.headers.items():
        odd = not header.isascii() or not header.replace("-", "").replace("_", "").isalnum() or not value.isprintable()
        if odd or header.lower() in _RESERVED or header.lower().startswith("x-haidang-"):
            raise ChannelError(Failure.SETTINGS, f"headers: {header!r:.60} cannot be given")
    secrets = (
        url,
        read_secret(tools.folder, webhook.token_file, webhook.token_env, "token"),
        read_secret(tools.folder, webhook.secret_file, webhook.secret_env, "secret"),
    )
    if problem := bodies.entry_problem(webhook, has_token=secrets[1] is not None):
        raise ChannelError(Failure.SETTINGS, problem)
    template, trouble = _template(webhook, tools.folder)
    client = open_client(webhook.tls, tools, allow_redirects=webhook.allow_redirects)
    return Webhook(webhook, secrets, client, entry.timeout_s, template=template, trouble=trouble)


def _template(entry: WebhookEntry, folder: Path) -> tuple[str | None, str]:
    """The template's text, and why there is none: that keeps no page back."""
    if not entry.template_file:
        return None, ""
    try:
        return load_template(folder / entry.template_file), ""
    except ChannelError as error:
        return None, f"the default text was sent: {error}"


class Webhook:
    """One receiver's webhook."""

    def __init__(
        self,
        entry: WebhookEntry,
        secrets: tuple[Secret, Secret | None, Secret | None],
        client: HttpClient,
        timeout_s: float,
        *,
        template: str | None = None,
        trouble: str = "",
    ) -> None:
        """`secrets`: URL, token, key of the signature. `template`: text of the template that writes the bodies; `trouble`: why
        there is none though settings name one."""
        self._entry = entry
        self._url, self._token, self._key = secrets
        self._client = client
        self._timeout_s = timeout_s
        self._template = template
        self._trouble = trouble
        self._confirmed: dict[str, set[int]] = {}
        """Event id -> which of its requests were confirmed, while others were not."""

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def send(self, delivery: Delivery) -> str:
        """As `Channel.send`."""
        made = await self._made(delivery)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send_all(delivery, made)
        except TimeoutError:
            raise ChannelError(Failure.TIMEOUT, f"not confirmed within {self._timeout_s:g} s") from None
        return "; ".join(dict.fromkeys(text for text in (self._trouble, *(body.remark for body in made)) if text))

    async def _made(self, delivery: Delivery) -> list[bodies.Body]:
        """The requests' bodies; by the template if it gives any in time, which the receiver's timeout does not count."""
        made = bodies.make_bodies(self._entry, delivery, self._token.reveal() if self._token else "")
        if self._template is None:
            return made
        try:
            async with asyncio.timeout(TEMPLATE_S):
                return await with_template(self._template, self._entry, delivery, made)
        except TimeoutError:
            remark = f"no template within {TEMPLATE_S:g} s, the default text was sent"
            return [msgspec.structs.replace(body, remark=remark) for body in made]

    async def _send_all(self, delivery: Delivery, made: list[bodies.Body]) -> None:
        done = self._confirmed.setdefault(delivery.event_id, set()) if len(made) > 1 else set()
        troubles = []
        for index, body in enumerate(made):
            if index in done:
                continue
            part = f"-{index + 1}" if len(made) > 1 else ""
            try:
                await self._send_one(delivery, body, part)
            except ChannelError as error:
                troubles.append(error)  # the others of this event shall not wait for one that fails
            else:
                done.add(index)
        if troubles:
            self._forget_old()
            raise _worst(troubles)
        self._confirmed.pop(delivery.event_id, None)

    async def _send_one(self, delivery: Delivery, body: bodies.Body, part: str) -> None:
        url = bodies.joined(self._url.reveal(), body.url_suffix)
        answer = await self._client.post(url, body.data, self._headers(delivery, body, part), self._timeout_s)
        meant = bodies.check_answer(self._entry.preset, answer.status, answer.body)
        if meant is not None:
            raise meant
        check(answer)

    def _headers(self, delivery: Delivery, body: bodies.Body, part: str) -> dict[str, str]:
        timestamp_s = delivery.sent_ms // 1_000
        headers = {
            **self._entry.headers,
            "Content-Type": body.content_type,
            "X-Haidang-Event": delivery.notice.event.value,
            "X-Haidang-Event-Id": delivery.event_id,
            "X-Haidang-Attempt": str(delivery.attempt),
            "X-Haidang-Timestamp": str(timestamp_s),
            "Idempotency-Key": f"{delivery.event_id}{part}",
        }
        if self._token is not None and not body.takes_token:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        if self._key is not None:
            headers["X-Haidang-Signature"] = sign(self._key.reveal().encode(), timestamp_s, body.data)
        return headers | body.headers

    def _forget_old(self) -> None:
        while len(self._confirmed) > _REMEMBERED:
            self._confirmed.pop(next(iter(self._confirmed)))


def _worst(troubles: list[ChannelError]) -> ChannelError:
    """What is told of several failures: one that may pass, for then the event is tried again."""
    return next((trouble for trouble in troubles if not trouble.permanent), troubles[0])

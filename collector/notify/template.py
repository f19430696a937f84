"""Bodies of webhooks written by Jinja2 templates of the on-call file, rendered in a process of their own.

A template never stalls the collector, never reads a file, and never keeps a page back: when it fails, takes too long or writes
no JSON where JSON is said, the preset's own body goes out and the remark says why. Templates see the variables of `VARIABLES`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.notify.body import Body
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.notify.cutting import clean, cut
from collector.notify.presets_alertmanager import payload
from collector.notify.private import read_public
from collector.notify.settings import WebhookEntry

VARIABLES: Final = (
    "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels", "commonAnnotations",
    "externalURL", "alerts", "haidang", "subject", "text", "to",
)  # fmt: skip
"""Those of Alertmanager's payload, our additions, the message as subject and plain text, and to whom this request goes
where a preset asks once for each of `to`."""
MOST_ANSWER: Final = 2_097_152
WALL_S: Final = 5.0
"""A rendering that took longer, start of its process included, is killed."""
AT_ONCE: Final = 2
"""Renderings side by side; the rest wait."""
MOST_REMARK: Final = 200
_WORKER: Final = Path(__file__).with_name("template_worker.py")

_pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="template")
"""Waits for the processes: threads of its own, so that nothing else waits for a template."""


class TemplateError(Exception):
    """A template gave nothing that can be sent."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__((f"line {line}: " if line else "") + cut(clean(what), MOST_REMARK))


def load_template(file: Path) -> str:
    """The template's text. Raises `ChannelError` (settings)."""
    try:
        return read_public(file, "template_file").decode()
    except UnicodeDecodeError:
        raise ChannelError(Failure.SETTINGS, "template_file: bytes that are no UTF-8") from None


def template_problem(text: str) -> str:
    """Why a template cannot be used, with its line; empty: it compiles. Starts a process: at most `WALL_S`."""
    try:
        _rendered({"template": text, "check": True})
    except TemplateError as error:
        return str(error)
    return ""


def file_problem(file: Path) -> str:
    """As `template_problem`, of a file."""
    try:
        return template_problem(load_template(file))
    except ChannelError as error:
        return str(error)


def variables_of(delivery: Delivery, to: str = "") -> dict[str, Any]:
    """What a template sees: plain values, no secret among them but the acknowledge link that the message carries anyway."""
    values = payload(delivery)
    return values | {"subject": values["haidang"]["subject"], "text": values["haidang"]["text"], "to": to}


async def render(template: str, delivery: Delivery, to: str = "") -> str:
    """What a template makes of a delivery. Raises `TemplateError`; the event loop goes on meanwhile."""
    request = {"template": template, "values": variables_of(delivery, to)}
    return await asyncio.get_running_loop().run_in_executor(_pool, _rendered, request)


async def with_template(template: str, entry: WebhookEntry, delivery: Delivery, made: list[Body]) -> list[Body]:
    """The preset's bodies with the template's text as their data; as they were, with a remark, where it gives none."""
    return [await _one(template, entry, delivery, body) for body in made]


async def _one(template: str, entry: WebhookEntry, delivery: Delivery, body: Body) -> Body:
    try:
        text = await render(template, delivery, body.to)
        if "json" in entry.content_type.partition(";")[0].lower():
            _check_json(text)
    except TemplateError as error:
        return msgspec.structs.replace(body, remark=f"template failed, the default text was sent: {error}")
    return msgspec.structs.replace(
        body,
        data=text.encode("utf-8", "replace"),
        content_type=entry.content_type,
        takes_token=body.takes_token and bool(body.headers or body.url_suffix),
    )


def _check_json(text: str) -> None:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise TemplateError(f"what it writes is no JSON: {error}") from None


def _rendered(request: dict[str, Any]) -> str:
    """The worker's text. Raises `TemplateError`."""
    try:
        done = subprocess.run(  # noqa: S603  our own file, by the interpreter that runs us; nothing of a template is an argument
            [sys.executable, "-I", str(_WORKER)],
            input=msgspec.json.encode(request),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_S,
            cwd=_WORKER.parent,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TemplateError(f"takes longer than {WALL_S:g} s") from None
    except OSError as error:
        raise TemplateError(f"cannot be rendered: {error.strerror}") from None
    return _told(done.returncode, done.stdout)


def _told(code: int, answer: bytes) -> str:
    if code < 0:
        raise TemplateError("was stopped: too much time or memory")
    try:
        told = msgspec.json.decode(answer) if len(answer) <= MOST_ANSWER else None
    except msgspec.DecodeError:
        told = None
    if not isinstance(told, dict):
        raise TemplateError("its process ended without an answer")
    text = told.get("text")
    if isinstance(text, str):
        return text
    line = told.get("line")
    raise TemplateError(str(told.get("error", "failed")), line if isinstance(line, int) else 0)

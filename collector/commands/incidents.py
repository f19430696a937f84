"""`incidents`, `alert test` and `outbox`: what people ask of a running collector and do to its incidents and notifications.

`run` returns the text to print. Raises `commands.CommandError` with a text for people.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from collector.commands import silences
from collector.commands.acts_times import TypedError
from collector.commands.acts_words import word as act_word
from collector.commands.agents import CommandError
from collector.commands.client import ApiError, Client, ClientError, own_url, read_token
from collector.commands.paging_details import failure_in
from collector.commands.paging_text import PagingTeller
from collector.commands.paging_words import PROBLEMS, problem, word
from collector.config import Config

API: Final = "/api/v1"
_TEST_WAIT_S: Final = 130.0
"""A receiver may take up to two minutes."""
_MOST: Final = 1000
_ACTIVE: Final = "active"
"""The list of what goes on: what nobody is told of is part of it."""


def run(config: Config, options: argparse.Namespace) -> str:
    """Carry out one of `paging_options.COMMANDS`; `options` as read there, with `lang`."""
    language = options.lang
    try:
        if options.command == "silence":
            return silences.run(_client(config, options), options, ZoneInfo(config.time_zone))
        return _Session(config, options).do()
    except TypedError as error:
        say = word if error.key in PROBLEMS else act_word
        raise CommandError(say(language, error.key, value=error.value)) from error
    except ClientError as error:
        raise CommandError(act_word(language, error.key, **error.values)) from error
    except ApiError as error:
        raise CommandError(problem(language, error.code, error.value, error.detail)) from error


def _client(config: Config, options: argparse.Namespace) -> Client:
    wait_s = {"wait_s": _TEST_WAIT_S} if options.command == "alert" else {}
    token = read_token(options.token_file)
    return Client(options.url or own_url(config), token, allow_plain=options.allow_plain_http, **wait_s)


class _Session:
    """One command against one collector."""

    def __init__(self, config: Config, options: argparse.Namespace) -> None:
        self._options = options
        self._tell = PagingTeller(options.lang, ZoneInfo(config.time_zone))
        self._client = _client(config, options)

    def do(self) -> str:
        """The text to print."""
        return self._table()[self._options.command, self._options.verb]()

    def _table(self) -> dict[tuple[str, str], Callable[[], str]]:
        return {
            ("incidents", "list"): self._list,
            ("incidents", "show"): lambda: self._tell.shown(self._client.get(self._one())),
            ("incidents", "ack"): lambda: self._act("acknowledge", "text"),
            ("incidents", "assign"): lambda: self._act("assign", "assignee", "text"),
            ("incidents", "comment"): self._comment,
            ("incidents", "resolve"): lambda: self._act("resolve", "text"),
            ("alert", "test"): self._test,
            ("outbox", "list"): self._outbox,
            ("outbox", "retry"): lambda: self._change("retry", "retried"),
            ("outbox", "drop"): lambda: self._change("drop", "dropped"),
        }

    def _list(self) -> str:
        state = "" if self._options.state == "all" else self._options.state
        listed = self._tell.incidents(self._client.get(page("/incidents", self._options, state=state)))
        if state != _ACTIVE or self._options.before:
            return listed
        return "\n\n".join(filter(None, (listed, self._tell.held(self._client.get(f"{API}/alerts")))))

    def _one(self) -> str:
        return f"{API}/incidents/{self._options.number}"

    def _act(self, verb: str, *names: str) -> str:
        body = {name: text for name in names if (text := getattr(self._options, name))}
        return self._tell.incident(self._client.post(f"{self._one()}/{verb}", body))

    def _comment(self) -> str:
        self._client.post(f"{self._one()}/comment", {"text": self._options.text})
        return self._tell.shown(self._client.get(self._one()))

    def _test(self) -> str:
        name = quote(self._options.receiver, safe="")
        found = self._client.post(f"{API}/receivers/{name}/test", {})
        said = {
            "receiver": found["receiver"],
            "took": f"{found['took_s']:.1f}",
            "why": failure_in(self._options.lang, found["error"]),
        }
        if not found["delivered"]:
            raise CommandError(self._tell.say("test_failed", **said))
        return " ".join(part for part in (self._tell.say("test_delivered", **said), found["remark"]) if part)

    def _outbox(self) -> str:
        state = self._options.state
        if state:
            answer = self._client.get(page("/outbox", self._options, state="" if state == "all" else state))
            return self._tell.outbox(answer)
        found = [self._client.get(page("/outbox", self._options, state=each)) for each in ("pending", "dead")]
        rows = sorted((row for one in found for row in one["outbox"]), key=lambda row: -row["id"])
        is_more = any(one["next"] for one in found) or len(rows) > self._options.limit
        shown = rows[: self._options.limit]
        return self._tell.outbox({"outbox": shown, "next": shown[-1]["id"] if is_more else None}, "none_waits")

    def _change(self, verb: str, said: str) -> str:
        ids: list[int] = self._options.ids
        if self._options.all:
            ids = [row["id"] for row in self._client.get(f"{API}/outbox?state=dead&limit={_MOST}")["outbox"]]
            if not ids:
                return self._tell.say("no_dead")
        if not ids:
            raise TypedError("no_ids", "")
        done = self._client.post(f"{API}/outbox/{verb}", {"ids": ids})["ids"]
        return self._tell.say(said, ids=", ".join(map(str, done)))


def page(path: str, options: argparse.Namespace, **query: Any) -> str:
    """The address of a page of a list."""
    query |= {"limit": options.limit, "before": options.before}
    return f"{API}{path}?{urlencode({name: value for name, value in query.items() if value not in ('', None)})}"

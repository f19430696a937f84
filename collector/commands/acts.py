"""The commands by which people act on the ledger of a running collector, and the one that makes people.

`run` returns the text to print. Raises `commands.CommandError` with a text for people, `StartError`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from collector.commands import acts_times
from collector.commands import people as people_commands
from collector.commands.acts_text import Teller
from collector.commands.acts_times import TypedError
from collector.commands.acts_words import problem, word
from collector.commands.agents import CommandError
from collector.commands.client import ApiError, Client, ClientError, own_url, read_token
from collector.config import Config

_API: Final = "/api/v1"


async def run(config: Config, options: argparse.Namespace) -> str:
    """Carry out `maintenance`, `correct`, `user` or `audit list`; `options` as `acts_options` reads them, with `lang`."""
    language = options.lang
    if options.command == "user":
        return await people_commands.run(config, options)
    try:
        return _Session(config, options).do()
    except TypedError as error:
        raise CommandError(word(language, error.key, value=error.value)) from error
    except ClientError as error:
        raise CommandError(word(language, error.key, **error.values)) from error
    except ApiError as error:
        raise CommandError(problem(language, error.code, error.value, error.detail)) from error


class _Session:
    """One command against one collector."""

    def __init__(self, config: Config, options: argparse.Namespace) -> None:
        self._options = options
        self._zone = ZoneInfo(config.time_zone)
        self._now = datetime.now(UTC)
        self._tell = Teller(options.lang, self._zone)
        url = options.url or own_url(config)
        self._client = Client(url, read_token(options.token_file), allow_plain=options.allow_plain_http)

    def do(self) -> str:
        """The text to print."""
        return self._table()[self._options.command, self._options.verb]()

    def _table(self) -> dict[tuple[str, str], Callable[[], str]]:
        return {
            ("maintenance", "add"): self._add_window,
            ("maintenance", "list"): lambda: self._tell.windows(self._client.get(self._listing("/maintenance"))),
            ("maintenance", "show"): lambda: self._tell.window(self._client.get(self._one("/maintenance"))),
            ("maintenance", "approve"): lambda: self._act_on_window("approve", self._texts("reason", "change")),
            ("maintenance", "end"): lambda: self._act_on_window("end", self._end()),
            ("maintenance", "cancel"): lambda: self._act_on_window("cancel", self._occurrence()),
            ("correct", "add"): self._add_correction,
            ("correct", "list"): lambda: self._tell.corrections(self._client.get(self._listing("/corrections"))),
            ("correct", "show"): lambda: self._tell.correction(self._client.get(self._one("/corrections"))),
            ("correct", "approve"): lambda: self._act_on_correction("approve", {}),
            ("correct", "cancel"): lambda: self._act_on_correction("cancel", self._texts("reason")),
            ("audit", "list"): lambda: self._tell.audit(self._client.get(self._audit())),
        }

    def _add_window(self) -> str:
        o = self._options
        body = self._when() | {"scope": self._scope(), "propagate": o.propagate} | self._texts("reason", "change")
        made = self._client.create(f"{_API}/maintenance", body)
        return f"{self._tell.window(made)}\n\n{self._tell.say('window_waits', id=made['id'])}"

    def _when(self) -> dict[str, Any]:
        o = self._options
        if not (o.weekly or o.monthly):
            start = self._moment(getattr(o, "from"), "--from")
            end = start + acts_times.length(getattr(o, "for")) if getattr(o, "for") else self._moment(o.to, "--to or --for")
            return {"from": start.isoformat(), "to": end.isoformat()}
        days = acts_times.monthly(o.monthly) if o.monthly else {"weekdays": acts_times.weekdays(o.weekly)}
        self._needed(o.at, "--at")
        self._needed(getattr(o, "for"), "--for")
        first = acts_times.day(o.first) if o.first else self._now.astimezone(self._zone).date().isoformat()
        last = acts_times.day(self._needed(o.last, "--last"))
        seconds = int(acts_times.length(getattr(o, "for")).total_seconds())
        return {"repeat": days | {"start": o.at, "duration_s": seconds, "first": first, "last": last, "zone": o.zone}}

    def _scope(self) -> list[dict[str, Any]]:
        o = self._options
        named = {"subjects": o.target, "site": o.site, "class": getattr(o, "class"), "labels": acts_times.labels(o.label)}
        own = {name: value for name, value in named.items() if value}
        return [*([own] if own else []), *(acts_times.selector(text) for text in o.scope)]

    def _add_correction(self) -> str:
        o = self._options
        start, end = self._moment(getattr(o, "from"), "--from"), self._moment(o.to, "--to")
        body = {"subject": o.target, "from": start.isoformat(), "to": end.isoformat(), "state": o.state, "view": o.view}
        made = self._client.create(f"{_API}/corrections", body | {"reason": o.reason, "change": o.change})
        return f"{self._tell.correction(made)}\n\n{self._tell.say('correction_waits', id=made['id'])}"

    def _act_on_window(self, verb: str, body: dict[str, Any]) -> str:
        return self._tell.window(self._client.post(f"{self._one('/maintenance')}/{verb}", body))

    def _act_on_correction(self, verb: str, body: dict[str, Any]) -> str:
        return self._tell.correction(self._client.post(f"{self._one('/corrections')}/{verb}", body))

    def _end(self) -> dict[str, Any]:
        at = self._options.at
        return self._occurrence() | ({"at": self._moment(at, "--at").isoformat()} if at else {})

    def _occurrence(self) -> dict[str, Any]:
        text = self._options.occurrence
        named = {"occurrence": self._moment(text, "--occurrence").isoformat()} if text else {}
        return named | self._texts("reason")

    def _texts(self, *names: str) -> dict[str, str]:
        return {name: text for name in names if (text := getattr(self._options, name))}

    def _one(self, path: str) -> str:
        return f"{_API}{path}/{quote(self._options.id, safe='')}"

    def _listing(self, path: str) -> str:
        o = self._options
        query = {"limit": str(o.limit), "status": o.status, "before": o.before}
        if o.as_of:
            query["as_of"] = self._moment(o.as_of, "--as-of").isoformat()
        return f"{_API}{path}?{urlencode({name: value for name, value in query.items() if value})}"

    def _audit(self) -> str:
        o = self._options
        query = {"limit": o.limit} | ({} if o.before is None else {"before": o.before})
        return f"{_API}/audit?{urlencode(query)}"

    def _moment(self, text: str, option: str) -> datetime:
        return acts_times.moment(self._needed(text, option), self._zone, self._now)

    def _needed(self, text: str, option: str) -> str:
        if not text:
            raise TypedError("needed", option)
        return text

"""What an answer must be, by the rules of a module: status, version, header fields, body, TLS or not. No network.

Each rule says in one sentence what was found and what was expected, without repeating what may be secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.model import Outcome, Reason
from agent.probes.http_settings import HeaderRule, Settings
from agent.probes.patterns import MOST_BYTES, Pattern
from agent.probes.probe import OK, Finding

SHOWN = 80
"""Characters of a value of the server that a message repeats."""


def _mismatch(detail: str) -> Finding:
    return Finding(Outcome.FAILED, Reason.MISMATCH, detail)


class Rules:
    """The rules of a module, compiled once."""

    def __init__(self, settings: Settings) -> None:
        """Raises `ValueError` that names the expression that is none."""
        self._statuses = settings.valid_status_codes
        self._versions = settings.valid_http_versions
        self._no_tls = settings.fail_if_ssl
        self._tls = settings.fail_if_not_ssl
        self._body_bad = _compiled("fail_if_body_matches_regexp", settings.fail_if_body_matches_regexp)
        self._body_good = _compiled("fail_if_body_not_matches_regexp", settings.fail_if_body_not_matches_regexp)
        self._bad = _header_rules("fail_if_header_matches", settings.fail_if_header_matches)
        self._good = _header_rules("fail_if_header_not_matches", settings.fail_if_header_not_matches)
        self.has_header_rules = bool(self._bad or self._good)
        self.has_body_rules = bool(self._body_bad or self._body_good)

    def status(self, status: int, phrase: str, *, has_credentials: bool) -> Finding:
        """Whether it is one of those expected. 401 and 403 (407 of a proxy) to credentials that were sent are `auth`."""
        if status in self._statuses if self._statuses else 200 <= status < 300:
            return OK
        expected = _list(self._statuses) if self._statuses else "2xx"
        is_auth = has_credentials and status in (401, 403)
        detail = f"answered {status} {phrase}".rstrip() + f", expected {expected}"
        return Finding(
            Outcome.FAILED,
            Reason.AUTH if is_auth else Reason.BAD_STATUS,
            f"credentials refused: {detail}" if is_auth else detail,
        )

    def version(self, version: str) -> Finding:
        """`version`: as `HTTP/1.1`."""
        if not self._versions or version in self._versions:
            return OK
        return _mismatch(f"speaks {version}, expected {_list(self._versions)}")

    def tls(self, *, is_tls: bool) -> Finding:
        """Whether the last answer came over TLS, and whether it should have."""
        if is_tls and self._no_tls:
            return _mismatch("the answer came over TLS, expected none (fail_if_ssl)")
        if not is_tls and self._tls:
            return _mismatch("the answer came without TLS, expected https (fail_if_not_ssl)")
        return OK

    def header(self, fields: Mapping[str, Sequence[str]]) -> Finding:
        """`fields`: values by name in lower case."""
        for rule, pattern in self._bad:
            values = fields.get(rule.header.lower(), ())
            if not values and not rule.allow_missing:
                return _mismatch(f"has no header field {rule.header}")
            if any(pattern.finds(value.encode()) for value in values):
                return _mismatch(f"header field {rule.header} matches {_shown(pattern.text)}")
        for rule, pattern in self._good:
            values = fields.get(rule.header.lower(), ())
            if not values and not rule.allow_missing:
                return _mismatch(f"has no header field {rule.header}")
            if values and not any(pattern.finds(value.encode()) for value in values):
                return _mismatch(f"header field {rule.header} does not match {_shown(pattern.text)}")
        return OK

    async def body(self, body: bytes) -> Finding:
        """Looks at the first `MOST_BYTES`."""
        where = "the body" if len(body) < MOST_BYTES else f"the first {MOST_BYTES} bytes of the body"
        for pattern in self._body_bad:
            if await pattern.found_in(body):
                return _mismatch(f"{where} matches {_shown(pattern.text)}")
        for pattern in self._body_good:
            if not await pattern.found_in(body):
                return _mismatch(f"{where} does not match {_shown(pattern.text)}")
        return OK


def _compiled(where: str, texts: Sequence[str]) -> list[Pattern]:
    found = []
    for text in texts:
        try:
            found.append(Pattern(text))
        except ValueError as error:
            raise ValueError(f"{where}: {text!r}: {error}") from error
    return found


def _header_rules(where: str, rules: Sequence[HeaderRule]) -> list[tuple[HeaderRule, Pattern]]:
    return [(rule, _compiled(f"{where}.{rule.header}", (rule.regexp,))[0]) for rule in rules]


def _list(values: Sequence[object]) -> str:
    return " or ".join(str(value) for value in values[:8]) + (" or …" if len(values) > 8 else "")


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")

"""Options of the commands on incidents, silences, receivers and the outbox of a running collector."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from collector.commands.acts_words import word as act_word
from collector.commands.paging_words import word
from collector.core.incident import IncidentState
from collector.core.notice import RowState
from collector.output import Parser

COMMANDS: Final = ("incidents", "silence", "alert", "outbox")
"""What `commands.incidents` and `commands.silences` carry out."""
_LISTING: Final = "incidents"
"""The command that lists when it stands alone."""
_Verbs = Any
"""What argparse's `add_subparsers` gives, which has no public type."""


def completed(given: Sequence[str]) -> list[str]:
    """What was typed, with `list` where `incidents` stands without a verb."""
    arguments = list(given)
    before = [index for index, text in enumerate(arguments) if not text.startswith("-")]
    names = [index for index in before if index == 0 or arguments[index - 1] != "--lang"]
    if not names or arguments[names[0]] != _LISTING:
        return arguments
    after = names[0] + 1
    is_verb = len(arguments) > after and (not arguments[after].startswith("-") or arguments[after] in ("-h", "--help"))
    return arguments if is_verb else [*arguments[:after], "list", *arguments[after:]]


def add_commands(verbs: _Verbs, files: argparse.ArgumentParser, language: str) -> None:
    """Add the commands to the program's; `files` are the options --config, --data and --lang."""
    remote = Parser(add_help=False, parents=[files])
    remote.add_argument("--url", metavar="URL", default="", help=act_word(language, "opt_url"))
    remote.add_argument("--token-file", type=Path, metavar="FILE", help=act_word(language, "opt_token_file"))
    remote.add_argument("--allow-plain-http", action="store_true", help=act_word(language, "opt_plain"))
    for name in COMMANDS:
        made = verbs.add_parser(name, help=word(language, name), description=word(language, name))
        maker = _Maker(made.add_subparsers(dest="verb", required=True, metavar="COMMAND"), remote, language, name)
        getattr(maker, name)()


class _Maker:
    """Makes the verbs of one command."""

    def __init__(self, verbs: _Verbs, parent: argparse.ArgumentParser, language: str, command: str) -> None:
        self._verbs = verbs
        self._parent = parent
        self._language = language
        self._command = command

    def incidents(self) -> None:
        listing = self._verb("list")
        states = ("active", *(state.value for state in IncidentState), "all")
        listing.add_argument("--state", default="active", choices=states, help=self._say("opt_incident_state"))
        self._page(listing)
        self._numbered("show")
        for name in ("ack", "resolve"):
            self._numbered(name).add_argument("--text", default="", metavar="TEXT", help=self._say("opt_text"))
        assign = self._numbered("assign")
        assign.add_argument("assignee", metavar="NAME", help=self._say("opt_assignee"))
        assign.add_argument("--text", default="", metavar="TEXT", help=self._say("opt_text"))
        self._numbered("comment").add_argument("text", metavar="TEXT", help=self._say("opt_text_needed"))

    def silence(self) -> None:
        add = self._verb("add")
        add.add_argument("matchers", nargs="+", metavar="MATCHER", help=self._say("opt_matchers"))
        add.add_argument("--comment", required=True, metavar="TEXT", help=self._say("opt_comment"))
        for name in ("from", "to", "for"):
            add.add_argument(f"--{name}", default="", metavar=name.upper(), help=self._say(f"opt_{name}"))
        add.add_argument("--notify", action="append", default=[], metavar="RECEIVER", help=self._say("opt_notify"))
        listing = self._verb("list")
        listing.add_argument("--all", action="store_true", help=self._say("opt_all_silences"))
        self._page(listing)
        expire = self._verb("expire")
        expire.add_argument("id", metavar="ID", help=self._say("opt_silence"))
        expire.add_argument("--comment", default="", metavar="TEXT", help=self._say("opt_comment"))

    def alert(self) -> None:
        self._verb("test").add_argument("receiver", metavar="RECEIVER", help=self._say("opt_receiver"))

    def outbox(self) -> None:
        listing = self._verb("list")
        states = (*(state.value for state in RowState), "all")
        listing.add_argument("--state", default="", choices=states, help=self._say("opt_row_state"))
        self._page(listing)
        for name in ("retry", "drop"):
            made = self._verb(name)
            made.add_argument("ids", nargs="*", type=int, metavar="NO", help=self._say("opt_ids"))
            made.add_argument("--all", action="store_true", help=self._say("opt_all"))

    def _say(self, key: str) -> str:
        return word(self._language, key)

    def _verb(self, name: str) -> argparse.ArgumentParser:
        said = self._say(f"{self._command}_{name}")
        made: argparse.ArgumentParser = self._verbs.add_parser(name, parents=[self._parent], help=said, description=said)
        return made

    def _numbered(self, name: str) -> argparse.ArgumentParser:
        made = self._verb(name)
        made.add_argument("number", type=int, metavar="NO", help=self._say("opt_number"))
        return made

    def _page(self, made: argparse.ArgumentParser) -> None:
        made.add_argument("--limit", type=int, default=100, metavar="N", help=self._say("opt_limit"))
        made.add_argument("--before", type=int, metavar="N", help=self._say("opt_before"))

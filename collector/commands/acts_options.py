"""Options of the commands by which people act on the ledger: maintenance, correct, user, audit."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from collector.commands.acts_words import word
from collector.core.people import Role
from collector.core.state import State
from collector.output import Parser

COMMANDS: Final = ("maintenance", "correct", "user", "audit")
"""What `acts_commands.run` carries out."""
_Verbs = Any
"""What argparse's `add_subparsers` gives, which has no public type."""


def add_commands(verbs: _Verbs, files: argparse.ArgumentParser, language: str) -> _Verbs:
    """Add the commands to the program's; `files` are the options --config, --data and --lang. What is returned takes further
    verbs of `audit`."""
    remote = Parser(add_help=False, parents=[files])
    remote.add_argument("--url", metavar="URL", default="", help=word(language, "opt_url"))
    remote.add_argument("--token-file", type=Path, metavar="FILE", help=word(language, "opt_token_file"))
    remote.add_argument("--allow-plain-http", action="store_true", help=word(language, "opt_plain"))
    made = {
        name: verbs.add_parser(name, help=word(language, name), description=word(language, name)).add_subparsers(
            dest="verb", required=True, metavar="COMMAND"
        )
        for name in COMMANDS
    }
    _Maker(made["maintenance"], remote, language, "maintenance").maintenance()
    _Maker(made["correct"], remote, language, "correct").correct()
    _Maker(made["user"], files, language, "user").user()
    audit = _Maker(made["audit"], remote, language, "audit").verb("list")
    audit.add_argument("--limit", type=int, default=50, metavar="N", help=word(language, "opt_limit"))
    audit.add_argument("--before", type=int, metavar="N", help=word(language, "opt_before"))
    return made["audit"]


class _Maker:
    """Makes the verbs of one command."""

    def __init__(self, verbs: _Verbs, parent: argparse.ArgumentParser, language: str, command: str) -> None:
        self._verbs = verbs
        self._parent = parent
        self._language = language
        self._command = command

    def verb(self, name: str, *options: str) -> argparse.ArgumentParser:
        """A verb with text options; one without dashes is an argument that must be given."""
        said = word(self._language, f"{self._command}_{name}")
        made: argparse.ArgumentParser = self._verbs.add_parser(name, parents=[self._parent], help=said, description=said)
        for option in options:
            key = f"opt_{option.strip('-').replace('-', '_')}"
            if option.startswith("-"):
                metavar = option.strip("-").replace("-", "_").upper()
                made.add_argument(option, default="", metavar=metavar, help=word(self._language, key))
            else:
                made.add_argument(option, metavar=option.upper(), help=word(self._language, key))
        return made

    def maintenance(self) -> None:
        add = self.verb("add", "--from", "--to", "--for", "--site", "--class")
        for option in ("--target", "--label", "--scope"):
            said = word(self._language, f"opt_{option.strip('-')}")
            add.add_argument(option, action="append", default=[], metavar=option.strip("-").upper(), help=said)
        for option in ("--weekly", "--monthly", "--at", "--first", "--last", "--zone", "--reason", "--change"):
            key = f"opt_{option.strip('-')}"
            add.add_argument(option, default="", metavar=option.strip("-").upper(), help=word(self._language, key))
        add.add_argument("--propagate", action="store_true", help=word(self._language, "opt_propagate"))
        listing = self.verb("list", "--as-of", "--before")
        self._status(listing, "pending", "approved", "ended", "cancelled")
        self.verb("show", "id")
        self.verb("approve", "id", "--reason", "--change")
        end = self.verb("end", "id", "--occurrence", "--reason")
        end.add_argument("--at", default="", metavar="TIME", help=word(self._language, "opt_end_at"))
        self.verb("cancel", "id", "--occurrence", "--reason")

    def correct(self) -> None:
        add = self.verb("add", "target", "--from", "--to", "--reason", "--change")
        states = [state.value for state in State]
        add.add_argument("--state", required=True, choices=states, help=word(self._language, "opt_state"))
        views = ("device", "e2e", "both")
        add.add_argument("--view", default="both", choices=views, help=word(self._language, "opt_view"))
        listing = self.verb("list", "--as-of", "--before")
        self._status(listing, "pending", "approved", "cancelled")
        self.verb("show", "id")
        self.verb("approve", "id")
        self.verb("cancel", "id", "--reason")

    def user(self) -> None:
        roles = [role.value for role in Role]
        add = self.verb("add", "name")
        add.add_argument("--role", required=True, choices=roles, help=word(self._language, "opt_role"))
        self.verb("list")
        self.verb("rotate", "name")
        self.verb("revoke", "name")
        role = self.verb("role", "name")
        role.add_argument("role", choices=roles, help=word(self._language, "opt_role"))

    def _status(self, parser: argparse.ArgumentParser, *choices: str) -> None:
        parser.add_argument("--status", default="", choices=choices, help=word(self._language, "opt_status"))
        parser.add_argument("--limit", type=int, default=100, metavar="N", help=word(self._language, "opt_limit"))

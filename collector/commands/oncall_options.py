"""Options of `haidang-collector oncall` and `haidang-collector route`."""

from __future__ import annotations

import argparse
from typing import Any, Final

from collector.commands.oncall_words import word
from collector.core.alert import AlertKind, Severity

COMMANDS: Final = ("oncall", "route")
_Verbs = Any
"""What argparse's `add_subparsers` gives, which has no public type."""


def add_commands(verbs: _Verbs, files: argparse.ArgumentParser, language: str) -> None:
    """Add the commands to the program's; `files` are the options --config, --data and --lang."""
    made = {
        name: verbs.add_parser(name, help=word(language, name), description=word(language, name)).add_subparsers(
            dest="verb", required=True, metavar="COMMAND"
        )
        for name in COMMANDS
    }

    def verb(command: str, name: str) -> argparse.ArgumentParser:
        said = word(language, f"verb_{name}")
        added: argparse.ArgumentParser = made[command].add_parser(name, parents=[files], help=said, description=said)
        return added

    verb("oncall", "now").add_argument("--at", default="", metavar="TIME", help=word(language, "opt_at"))
    week = verb("oncall", "week")
    week.add_argument("--rota", default="", metavar="NAME", help=word(language, "opt_rota"))
    week.add_argument("--from", dest="from_", default="", metavar="DAY", help=word(language, "opt_from"))
    week.add_argument("--weeks", type=int, default=1, metavar="N", help=word(language, "opt_weeks"))
    verb("oncall", "check")
    explain = verb("route", "explain")
    explain.add_argument("target", metavar="TARGET", help=word(language, "opt_target"))
    explain.add_argument("severity", choices=[one.value for one in Severity], help=word(language, "opt_severity"))
    kinds = [one.value for one in AlertKind]
    explain.add_argument("--kind", choices=kinds, default=AlertKind.DOWN.value, help=word(language, "opt_kind"))
    explain.add_argument("--at", default="", metavar="TIME", help=word(language, "opt_at"))
    explain.add_argument("--site", default="", metavar="ID", help=word(language, "opt_site"))
    explain.add_argument("--class", dest="class_", default="", metavar="CLASS", help=word(language, "opt_class"))

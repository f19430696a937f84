"""Options of the commands that ask devices by hand: poll and discover."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from collector.commands.poll_words import word
from collector.output import CommandError, Parser

POLL: Final = "poll"
DISCOVER: Final = "discover"
COMMANDS: Final = (POLL, DISCOVER)
_BOUNDS: Final = {
    "port": (1, 65_535),
    "timeout": (0.05, 60),
    "retries": (0, 5),
    "max_repetitions": (0, 100),
    "deadline": (0.1, 3_600),
}
_Verbs = Any
"""What argparse's `add_subparsers` gives, which has no public type."""


def add_commands(verbs: _Verbs, files: argparse.ArgumentParser, language: str) -> None:
    """Add the commands to the program's; `files` are the options --config, --data and --lang."""
    asking = Parser(add_help=False, parents=[files])
    asking.add_argument("--auths", type=Path, metavar="FILE", help=word(language, "opt_auths"))
    asking.add_argument("--folder", type=Path, metavar="DIR", help=word(language, "opt_folder"))
    asking.add_argument("--port", type=int, default=161, metavar="N", help=word(language, "opt_port"))
    asking.add_argument("--timeout", type=float, default=2.0, metavar="S", help=word(language, "opt_timeout"))
    asking.add_argument("--retries", type=int, default=1, metavar="N", help=word(language, "opt_retries"))
    _add_discover(
        verbs.add_parser(DISCOVER, parents=[asking], help=word(language, DISCOVER), description=word(language, DISCOVER)),
        language,
    )
    _add_poll(verbs.add_parser(POLL, parents=[asking], help=word(language, POLL), description=word(language, POLL)), language)


def _add_poll(made: argparse.ArgumentParser, language: str) -> None:
    made.add_argument("address", metavar="ADDRESS", help=word(language, "opt_address"))
    made.add_argument("--auth", default="", metavar="NAME", help=word(language, "opt_auth"))
    made.add_argument("--module", action="append", default=[], metavar="NAME", help=word(language, "opt_module"))
    made.add_argument("--profile", metavar="NAME", help=word(language, "opt_profile"))
    made.add_argument("--class", dest="class_", default="", metavar="CLASS", help=word(language, "opt_class"))
    made.add_argument("--max-repetitions", type=int, default=0, metavar="N", help=word(language, "opt_repetitions"))
    made.add_argument("--context", metavar="NAME", help=word(language, "opt_context"))
    made.add_argument("--deadline", type=float, default=60.0, metavar="S", help=word(language, "opt_deadline"))
    made.add_argument("--explain", action="store_true", help=word(language, "opt_explain"))
    made.set_defaults(timeout=None, retries=None)


def _add_discover(made: argparse.ArgumentParser, language: str) -> None:
    made.add_argument("range", nargs="+", metavar="RANGE", help=word(language, "opt_range"))
    made.add_argument("--auth", action="append", default=[], metavar="NAME", help=word(language, "opt_auth_more"))
    made.add_argument("--rate", default="50/s", metavar="N/s", help=word(language, "opt_rate"))
    made.add_argument("--output", "-o", type=Path, metavar="FILE", help=word(language, "opt_output"))
    made.add_argument("--site", default="", metavar="ID", help=word(language, "opt_site"))
    made.add_argument("--via", default="collector", metavar="ID", help=word(language, "opt_via"))
    made.add_argument("--root", action="append", default=[], metavar="ID", help=word(language, "opt_root"))
    made.add_argument("--large", action="store_true", help=word(language, "opt_large"))


def check_numbers(options: argparse.Namespace) -> None:
    """Refuse numbers that make no sense. Raises `CommandError`."""
    for name, (low, high) in _BOUNDS.items():
        value = getattr(options, name, None)
        if value is not None and not low <= value <= high:
            option = name.replace("_", "-")
            raise CommandError(word(options.lang, "bad_number", option=option, value=value, low=low, high=high))

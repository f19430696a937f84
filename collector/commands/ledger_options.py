"""Options of the commands that read the ledger, and of the one that seals: replay, explain, report, seal, audit verify."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from collector.commands.acts_words import word as act_word
from collector.commands.ledger_words import word
from collector.core.policy import POLICIES
from collector.core.state import View
from collector.output import Parser
from collector.replay import words as replay_words

REPLAY: Final = "replay"
COMMANDS: Final = ("explain", "report", "seal")
"""What `ledger_commands.run` carries out, beside `audit verify`."""
FORMATS: Final = ("csv", "json", "html", "pdf", "xlsx")
_Verbs = Any
"""What argparse's `add_subparsers` gives, which has no public type."""


def add_commands(verbs: _Verbs, audit: _Verbs, files: argparse.ArgumentParser, language: str) -> None:
    """Add the commands to the program's, and `verify` to those of `audit`; `files` are --config, --data and --lang."""
    _explain(
        verbs.add_parser("explain", parents=[files], help=word(language, "explain"), description=word(language, "explain")),
        language,
    )
    _report(
        verbs.add_parser("report", parents=[files], help=word(language, "report"), description=word(language, "report")),
        language,
    )
    _seal(verbs, files, language)
    said = word(language, "audit_verify")
    audit.add_parser("verify", parents=[files], help=said, description=said)


def add_replay(verbs: _Verbs, common: argparse.ArgumentParser, language: str) -> None:
    """Add `replay`, which needs no configuration; `common` is --lang."""
    said = replay_words.say(language, "help")
    made = verbs.add_parser(REPLAY, parents=[common], help=said, description=said)
    made.add_argument("file", type=Path, metavar="FILE", help=replay_words.say(language, "file"))
    made.add_argument("--result-json", action="store_true", help=replay_words.say(language, "result_json"))


def _explain(made: argparse.ArgumentParser, language: str) -> None:
    made.add_argument("target", metavar="TARGET", help=word(language, "opt_subject"))
    for name in ("from", "to", "as-of"):
        made.add_argument(f"--{name}", default="", metavar="TIME", help=word(language, f"opt_{name.replace('-', '_')}"))
    made.add_argument("--view", choices=[view.value for view in View], help=word(language, "opt_view"))
    made.add_argument("--format", choices=("text", "json"), default="text", help=word(language, "opt_text"))


def _report(made: argparse.ArgumentParser, language: str) -> None:
    which = made.add_mutually_exclusive_group(required=True)
    which.add_argument("--month", metavar="YYYY-MM", help=word(language, "opt_month"))
    which.add_argument("--period", metavar="PERIOD", help=word(language, "opt_period"))
    part = made.add_mutually_exclusive_group()
    part.add_argument("--site", default="", metavar="ID", help=word(language, "opt_site"))
    part.add_argument("--group", default="", metavar="ID", help=word(language, "opt_group"))
    made.add_argument("--format", choices=FORMATS, help=word(language, "opt_format"))
    made.add_argument("-o", "--output", type=Path, metavar="FILE", help=word(language, "opt_output"))
    made.add_argument("--as-of", default="", metavar="TIME", help=word(language, "opt_as_of"))
    made.add_argument("--policy", choices=sorted(POLICIES), default="", help=word(language, "opt_policy"))
    made.add_argument("--version", type=int, metavar="N", help=word(language, "opt_version"))
    made.add_argument("--fresh", action="store_true", help=word(language, "opt_fresh"))


def _seal(verbs: _Verbs, files: argparse.ArgumentParser, language: str) -> None:
    remote = Parser(add_help=False, parents=[files])
    remote.add_argument("--url", metavar="URL", default="", help=act_word(language, "opt_url"))
    remote.add_argument("--token-file", type=Path, metavar="FILE", help=act_word(language, "opt_token_file"))
    remote.add_argument("--allow-plain-http", action="store_true", help=act_word(language, "opt_plain"))
    said = word(language, "seal")
    made = verbs.add_parser("seal", parents=[remote], help=said, description=said)
    made.add_argument("--period", required=True, metavar="PERIOD", help=word(language, "opt_seal_period"))

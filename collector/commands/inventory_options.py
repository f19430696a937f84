"""Options of `haidang-collector inventory`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from collector.commands.inventory_words import word

KEYS: Final = (
    "id", "name", "site", "site_name", "district", "class", "address", "via", "also_via", "group", "parents", "probes",
    "profile", "auth", "objective", "policy", "calendar", "owner", "priority", "uplink", "interval_s", "labels", "note",
)  # fmt: skip
"""What a column of a spreadsheet may hold."""

INVENTORY: Final = "inventory"
_Verbs = Any
"""What argparse's `add_subparsers` gives, which has no public type."""


def add_commands(verbs: _Verbs, files: argparse.ArgumentParser, language: str) -> None:
    """Add the command to the program's; `files` are the options --config, --data and --lang."""
    made = verbs.add_parser(INVENTORY, help=word(language, INVENTORY), description=word(language, INVENTORY)).add_subparsers(
        dest="verb", required=True, metavar="COMMAND"
    )

    def verb(name: str) -> argparse.ArgumentParser:
        said = word(language, f"verb_{name}")
        added: argparse.ArgumentParser = made.add_parser(name, parents=[files], help=said, description=said)
        return added

    verb("check")
    verb("show").add_argument("target", metavar="TARGET", help=word(language, "opt_target"))
    verb("diff").add_argument("old", nargs="?", type=Path, metavar="OLD_FOLDER", help=word(language, "opt_old"))
    export = verb("export")
    export.add_argument("--format", choices=("csv", "yaml"), default="csv", help=word(language, "opt_format"))
    taking = verb("import")
    taking.add_argument("file", type=Path, metavar="FILE.csv", help=word(language, "opt_file"))
    taking.add_argument("--output", "-o", type=Path, metavar="FILE.yml", help=word(language, "opt_output"))
    taking.add_argument(
        "--map", action="append", default=[], metavar="HEADER=KEY", help=word(language, "opt_map", keys=", ".join(KEYS))
    )
    taking.add_argument("--encoding", default="", metavar="NAME", help=word(language, "opt_encoding"))
    taking.add_argument("--site", default="", metavar="ID", help=word(language, "opt_site"))
    taking.add_argument("--class", dest="class_", default="", metavar="CLASS", help=word(language, "opt_class"))
    taking.add_argument("--new", action="store_true", help=word(language, "opt_new"))

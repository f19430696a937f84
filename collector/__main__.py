"""Command line of the collector: `haidang-collector run | check | agent | report | explain | ... | version`.

What a command needs is loaded when it runs: `replay` needs no database.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

import agent


def _without(package: str | None) -> str:
    return (
        f"haidang-collector: the package {package} is missing. Install the collector with all it needs:\n"
        "    pip install 'haidang[collector]'\n"
        f"Thiếu gói {package}; hãy cài bộ thu thập như trên."
    )


def _is_own(missing: ModuleNotFoundError) -> bool:
    return (missing.name or "").partition(".")[0] in ("agent", "collector")


try:
    from collector import config
    from collector.commands import acts_options, inventory_options, ledger_options, oncall_options, paging_options, poll_options
    from collector.config import Config, ConfigError
    from collector.config_words import told, told_all
    from collector.inventory import load_inventory
    from collector.inventory.equipment import equip
    from collector.output import CommandError, OutputError, Parser, put
    from collector.start import StartError
    from collector.words import LANGUAGES, word
except ModuleNotFoundError as missing:
    if _is_own(missing):
        raise
    sys.exit(_without(missing.name))

DEFAULT_FILE: Final = Path("/etc/haidang/collector.yml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 if it succeeded, 1 if not (said on standard error), 2 for wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        # What a terminal or a file of another encoding cannot spell gets a stand-in, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    language = _language(given)
    try:
        return _main(given, language)
    except OutputError as error:
        if str(error):
            _complain(word(language, "output", why=error))
        return 1
    except ModuleNotFoundError as missing:
        if _is_own(missing):
            raise
        _complain(_without(missing.name))
        return 1


def _main(given: list[str], language: str) -> int:
    if given[:1] == ["local"]:
        # It arranges two processes and has options of its own; loaded here only, so that `run` stays small.
        from collector.local import main as local

        return local(given[1:])
    options = _parser(language).parse_args(paging_options.completed(given))
    options.lang = language
    try:
        return _do(options)
    except ConfigError as error:
        count = len(error.problems)
        _complain(told(error, language), word(language, "problem" if count == 1 else "problems", count=count))
    except (CommandError, StartError) as error:
        _complain(str(error))
    except KeyboardInterrupt:
        return 130
    return 1


def _do(options: argparse.Namespace) -> int:
    if options.command == "version":
        put(f"haidang-collector {agent.__version__}\n")
        return 0
    if options.command == ledger_options.REPLAY:
        from collector.replay.run import run as replay

        return replay(options.file, result_json=options.result_json, language=options.lang)
    settings = _load(options)
    if options.command == "run":
        from collector.run import run

        run(settings, lambda: _load(options))
        return 0
    if options.command == "check":
        put(f"{_check(settings, options.lang)}\n")
        return 0
    return _do_by_hand(settings, options)


def _do_by_hand(settings: Config, options: argparse.Namespace) -> int:
    if options.command in ledger_options.COMMANDS or (options.command == "audit" and options.verb == "verify"):
        from collector.commands import ledger as ledger_commands

        return ledger_commands.run(settings, options)
    if options.command in acts_options.COMMANDS:
        from collector.commands import acts as acts_commands

        put(f"{asyncio.run(acts_commands.run(settings, options))}\n")
        return 0
    if options.command in paging_options.COMMANDS:
        from collector.commands import incidents

        put(f"{incidents.run(settings, options)}\n")
        return 0
    if options.command == inventory_options.INVENTORY:
        from collector.commands.inventory import run as inventory

        return inventory(settings, options)
    if options.command in oncall_options.COMMANDS:
        from collector.commands.oncall import run as oncall

        return oncall(settings, options)
    if options.command == poll_options.POLL:
        from collector.commands.poll import run as poll

        return poll(settings, options)
    if options.command == poll_options.DISCOVER:
        from collector.commands.discover import run as discover

        return discover(settings, options)
    put(f"{asyncio.run(_agent(settings, options))}\n")
    return 0


async def _agent(settings: Config, options: argparse.Namespace) -> str:
    from collector.commands import agents as commands

    language = options.lang
    if options.verb == "list":
        return await commands.listing(settings, language)
    if options.verb == "add":
        return await commands.add(settings, options.id, options.site, options.class_, ttl=options.ttl, language=language)
    if options.verb == "rotate":
        return await commands.rotate(settings, options.id, options.ttl, language, at_once=options.now)
    return await commands.revoke(settings, options.id, language)


def _check(settings: Config, language: str) -> str:
    inventory = load_inventory(Path(settings.inventory) if settings.inventory else None, None, settings, equip)
    oncall, warnings = "", inventory.warnings
    if settings.oncall:
        from collector.commands import oncall as commands

        file = commands.checked(settings, inventory)
        oncall, warnings = f"\n{commands.summary(file, language)}", warnings + file.warnings
    if warnings:
        _complain(told_all(warnings, language))
    found = word(language, "ok", targets=len(inventory.targets), sites=len(inventory.sites)) + oncall
    return f"{found}\n{word(language, 'via_later')}" if inventory.targets else found


def _load(options: argparse.Namespace) -> Config:
    file: Path | None = options.config
    if file is None and DEFAULT_FILE.exists():
        file = DEFAULT_FILE
    settings = config.load(file)
    return msgspec.structs.replace(settings, data=str(options.data)) if options.data is not None else settings


def _language(given: list[str]) -> str:
    """`--lang`, else `HAIDANG_LANG`, else English; read before the parser is made, which speaks that language."""
    for index, argument in enumerate(given):
        if argument.startswith("--lang="):
            return argument[7:]
        if argument == "--lang" and index + 1 < len(given):
            return given[index + 1]
    language = os.environ.get("HAIDANG_LANG", "en")
    return language if language in LANGUAGES else "en"


def _parser(language: str) -> argparse.ArgumentParser:
    common = Parser(add_help=False)
    common.add_argument("--lang", choices=LANGUAGES, default=language, help=word(language, "opt_lang"))
    files = Parser(add_help=False, parents=[common])
    files.add_argument("--config", type=Path, help=word(language, "opt_config", default=DEFAULT_FILE), metavar="FILE")
    files.add_argument("--data", type=Path, help=word(language, "opt_data"), metavar="DIR")
    parser = Parser(prog="haidang-collector", description=word(language, "program"), parents=[common])
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("run", "check"):
        verbs.add_parser(name, parents=[files], help=word(language, name), description=word(language, name))
    _add_agent_verbs(verbs.add_parser("agent", help=word(language, "agent")), files, language)
    audit = acts_options.add_commands(verbs, files, language)
    ledger_options.add_commands(verbs, audit, files, language)
    ledger_options.add_replay(verbs, common, language)
    poll_options.add_commands(verbs, files, language)
    paging_options.add_commands(verbs, files, language)
    inventory_options.add_commands(verbs, files, language)
    oncall_options.add_commands(verbs, files, language)
    verbs.add_parser("local", help=word(language, "local"))
    verbs.add_parser("version", parents=[common], help=word(language, "version"))
    return parser


def _add_agent_verbs(parser: argparse.ArgumentParser, files: argparse.ArgumentParser, language: str) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    made: dict[str, argparse.ArgumentParser] = {}
    for name in ("add", "list", "rotate", "revoke"):
        made[name] = verbs.add_parser(name, parents=[files], help=word(language, f"agent_{name}"))
        if name != "list":
            made[name].add_argument("id", metavar="ID", help=word(language, "opt_id"))
    for name in ("add", "rotate"):
        made[name].add_argument("--ttl", default="1h", help=word(language, "opt_ttl"))
    made["add"].add_argument("--site", required=True, help=word(language, "opt_site"))
    made["add"].add_argument("--class", dest="class_", default="server", metavar="CLASS", help=word(language, "opt_class"))
    made["rotate"].add_argument("--now", action="store_true", help=word(language, "opt_now"))


def _complain(*lines: str) -> None:
    with contextlib.suppress(OSError):
        for line in lines:
            print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

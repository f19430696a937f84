"""`haidang-agent probe`: one run by hand, told as blackbox_exporter tells it; with `--debug` step by step, without secrets."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from agent import words
from agent.config import ConfigError, load
from agent.config_words import told, vietnamese
from agent.kinds import PROBES
from agent.model import Outcome
from agent.probes import module_file
from agent.probes.module_values import masked
from agent.probes.probe import Module, Run
from agent.probes.running import DEFAULT_TIMEOUT_S, Done, open_module, run_once
from agent.probes.tools import Tools
from agent.settings import DEFAULT_FILE
from agent.settings_probes import ProbesSettings
from agent.sheets.sheet import SheetError
from agent.text import render

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
_GOOD: Final = (Outcome.OK, Outcome.DEGRADED)


class Answer(NamedTuple):
    """What the command prints on standard output and standard error, and its exit code."""

    out: str
    err: str
    code: int


class _UsageError(Exception):
    """What is wrong with the arguments, in the language of the person."""


def add_arguments(command: argparse.ArgumentParser, language: str) -> None:
    """What stands behind `haidang-agent probe`."""

    def say(key: str, **values: object) -> str:
        return words.say(key, language, **values)

    command.add_argument("kind", metavar="KIND", choices=sorted(PROBES), help=say("p_kind", kinds=", ".join(sorted(PROBES))))
    command.add_argument("target", metavar="TARGET", help=say("p_target"))
    command.add_argument("--module", metavar="NAME", default="", help=say("p_module"))
    command.add_argument("--modules", metavar="FILE", action="append", default=[], help=say("p_modules"))
    command.add_argument("--timeout", metavar="SECONDS", type=_positive, default=0.0, help=say("p_timeout"))
    command.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="given", help=say("p_set"))
    families = command.add_mutually_exclusive_group()
    families.add_argument("--ipv4", action="store_const", const="ip4", default="", dest="family", help=say("p_ipv4"))
    families.add_argument("--ipv6", action="store_const", const="ip6", default="", dest="family", help=say("p_ipv6"))
    command.add_argument("--debug", action="store_true", help=say("p_debug"))
    command.add_argument("--config", metavar="FILE", help=say("p_config", default=DEFAULT_FILE))


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise ValueError(text)
    return value


def probe(parsed: argparse.Namespace, language: str) -> Answer:
    """Run the probe that the arguments ask for."""
    try:
        local = _local(parsed.config)
        files = [*local.module_files, *parsed.modules]
        module = _module(parsed, files, language)
        kind = importlib.import_module(PROBES[module.kind].partition(":")[0])
        if problem := kind.address_problem(parsed.target):
            raise _UsageError(words.say("p_bad_target", language, target=parsed.target, expected=_in(language, problem)))
        opened = open_module(module)
    except (ConfigError, SheetError) as error:
        return Answer("", f"{told(error.problems, language)}\n", EXIT_USAGE)
    except _UsageError as error:
        return Answer("", f"{error}\n", EXIT_USAGE)
    except (ValueError, ImportError) as error:
        return Answer(
            "", f"{words.say('p_unusable', language, module=module.name, why=_in(language, str(error)))}\n", EXIT_USAGE
        )
    timeout_s = parsed.timeout or module.timeout_s or DEFAULT_TIMEOUT_S

    async def run() -> tuple[Done, Run]:
        tools = Tools(scripts=local.scripts)
        try:
            run = Run(tools, timeout_s, verbose=parsed.debug)
            return await run_once(opened, parsed.target, run, degraded_after_s=module.degraded_after_s), run
        finally:
            tools.close()

    done, ran = asyncio.run(run())
    return _answer(done, ran, module, kind.Settings, language)


def _in(language: str, text: str) -> str:
    """What a kind refuses, in the language of the person."""
    return vietnamese(text) if language == "vi" else text


def _local(config: str | None) -> ProbesSettings:
    """What this machine's own file says of probes; the usual file is read if it can be, another one must be there."""
    if config:
        return load(config, files=False).probes
    return load(DEFAULT_FILE, files=False).probes if os.access(DEFAULT_FILE, os.R_OK) else ProbesSettings()


def _module(parsed: argparse.Namespace, files: Sequence[str], language: str) -> Module:
    """The module that is asked for, or one of the kind's defaults, with what was set by hand."""
    name = parsed.module
    if name:
        known = module_file.load(files, names=(name,)).modules
        if name not in known:
            raise _UsageError(words.say("p_no_module", language, module=name))
        module = known[name]
        if module.kind != parsed.kind:
            raise _UsageError(words.say("p_other_kind", language, module=name, found=module.kind, kind=parsed.kind))
    else:
        module = Module(name=parsed.kind, kind=parsed.kind)
    given = _given(parsed.given, language)
    if parsed.family:
        given |= _family(module.kind, parsed.family, language)
    return module_file.changed(module, given)


def _given(pairs: Iterable[str], language: str) -> dict[str, Any]:
    """`a.b=1` and so on as settings; a value that is JSON is what JSON says, anything else is text."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        path, equals, text = pair.partition("=")
        *above, last = path.split(".")
        if not equals or not all((*above, last)):
            raise _UsageError(words.say("p_bad_set", language, given=pair))
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        at = settings
        for part in above:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise _UsageError(words.say("p_bad_set", language, given=pair))
        at[last] = value
    return settings


def _family(kind: str, family: str, language: str) -> dict[str, Any]:
    settings = importlib.import_module(PROBES[kind].partition(":")[0]).Settings
    names = {field.encode_name for field in msgspec.structs.fields(settings)}
    if "preferred_ip_protocol" not in names:
        raise _UsageError(words.say("p_no_family", language, kind=kind))
    return {"preferred_ip_protocol": family, "ip_protocol_fallback": False}


def _answer(done: Done, ran: Run, module: Module, settings: type[msgspec.Struct], language: str) -> Answer:
    finding = done.finding
    outcome = words.name("outcome", finding.outcome.value, language)
    reason = f" ({finding.reason.value})" if finding.reason else ""
    said = f"{module.name}: {outcome}{reason}" + (f": {finding.detail}" if finding.detail else "")
    page = render([done.readings])
    if ran.lines is not None:
        page = "".join(_debug(done, ran, module, settings, language)).replace("{said}", said, 1)
        said = ""
    err = f"{said}\n" if said and finding.outcome is not Outcome.OK else ""
    return Answer(page, err, EXIT_OK if finding.outcome in _GOOD else EXIT_FAILED)


def _debug(done: Done, ran: Run, module: Module, settings: type[msgspec.Struct], language: str) -> Iterator[str]:
    yield f"{words.say('p_log', language)}\n"
    for at_s, text in ran.lines or ():
        yield f"{at_s:8.3f} s  {text}\n"
    yield f"{done.duration_s:8.3f} s  {{said}}\n"
    for phase, seconds in ran.phases.items():
        yield f"            {phase}: {seconds:.6f} s\n"
    yield f"\n{words.say('p_metrics', language)}\n"
    yield render([done.readings])
    yield f"\n{words.say('p_settings', language)}\n"
    yield f"prober: {module.kind}\n"
    for key, seconds in (("timeout", module.timeout_s), ("degraded_after", module.degraded_after_s)):
        if seconds:
            yield f"{key}: {seconds:g}s\n"
    shown = masked(module.settings, settings)
    yield f"{module.kind}:\n" if shown else ""
    yield from _lines(shown, 1)


def _lines(value: Mapping[str, Any] | Sequence[Any], depth: int) -> Iterator[str]:
    """Settings as YAML, which JSON is where it is on one line."""
    blank = "  " * depth
    pairs = (
        ((f"{name}:", part) for name, part in value.items()) if isinstance(value, Mapping) else (("-", part) for part in value)
    )
    for head, part in pairs:
        if isinstance(part, Mapping | list | tuple) and part:
            yield f"{blank}{head}\n"
            yield from _lines(part, depth + 1)
        else:
            yield f"{blank}{head} {json.dumps(part, ensure_ascii=False)}\n"

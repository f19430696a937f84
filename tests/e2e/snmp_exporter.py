"""Debian's snmp_exporter (0.21, so of the file format before 0.23) as a peer: our modules in its format, its page as series."""

from __future__ import annotations

import http.client
import json
import re
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import msgspec

from agent.model import Readings
from agent.snmp.module import Metric, Module
from tests.e2e import debian
from tests.servers import Program, fetch, free_port, wait_for

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
Heads = dict[str, tuple[str, str]]

LATER = frozenset({"ParseDateAndTime", "NTPTimeStamp", "ParseFloatString"})
"""Types that came after 0.21: metrics of these are left out of the comparison, and have tests of their own."""


def stripped(module: Module) -> Module:
    """The module with nothing that 0.21 does not know, to be compared as a whole."""
    return msgspec.structs.replace(
        module, metrics=tuple(_stripped(metric) for metric in module.metrics if metric.type not in LATER), filters=()
    )


def _stripped(metric: Metric) -> Metric:
    lookups = tuple(
        msgspec.structs.replace(each, enum_values={}, display_hint="", type="gauge" if each.type == "EnumAsInfo" else each.type)
        for each in metric.lookups
    )
    indexes = tuple(msgspec.structs.replace(each, display_hint="") for each in metric.indexes)
    return msgspec.structs.replace(metric, lookups=lookups, indexes=indexes, scale=0.0, offset=0.0, display_hint="")


def old_format(module: Module, community: str) -> dict[str, Any]:
    """A stripped module in the single-level format: credentials and version inside it."""
    return {
        "walk": list(module.walk),
        "get": list(module.get),
        "metrics": [_written(metric) for metric in module.metrics],
        "version": 2,
        "max_repetitions": module.max_repetitions,
        "retries": 1,
        "timeout": "10s",
        "auth": {"community": community},
    }


def _written(metric: Metric) -> dict[str, Any]:
    found = msgspec.to_builtins(metric)
    wanted = ("name", "oid", "type", "help", "indexes", "lookups", "regex_extracts", "enum_values")
    result = {key: found[key] for key in wanted if found[key]}
    result.setdefault("help", "")
    for part in (*result.get("indexes", ()), *result.get("lookups", ())):
        for key in [key for key, value in part.items() if key == "display_hint" or (key != "labels" and not value)]:
            del part[key]
        if "labels" in part:
            part.pop("enum_values", None)
            part["labels"] = list(part["labels"] or ())
    return result


class SnmpExporter(Program):
    """The exporter on a port of its own; `use` gives it modules, `page` scrapes one."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.config = folder / "snmp.yml"
        folder.mkdir(parents=True, exist_ok=True)
        self._write({})
        binary = str(debian.binary("prometheus-snmp-exporter"))
        command = [binary, f"--config.file={self.config}", f"--web.listen-address=127.0.0.1:{self.port}"]
        super().__init__(command, folder, "snmp-exporter")

    def start(self) -> Self:
        """Start it and wait until it answers."""
        super().start()
        wait_for(lambda: fetch(self.port, "/")[0] == 200, 30, self.said)
        return self

    def use(self, modules: dict[str, dict[str, Any]]) -> None:
        """Load these modules, in the old format, in place of those before."""
        self._write(modules)
        status, said = self._ask("POST", "/-/reload")
        assert status == 200, said

    def page(self, module: str, target: str) -> tuple[int, str]:
        """Status and text of `/snmp` for one module and target."""
        return self._ask("GET", f"/snmp?module={quote(module)}&target={quote(target)}")

    def _ask(self, method: str, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def _write(self, modules: dict[str, Any]) -> None:
        # JSON is YAML; only keys of enum_values are numbers, which Go's reader takes in quotes too when they look like them.
        text = json.dumps(modules)
        self.config.write_text(re.sub(r'"(-?[0-9]+)": "', r'\1: "', text))


_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


def parsed(page: str) -> tuple[Series, Heads]:
    """Series and, of each family, type and help; without those about the scrape itself. Labels without a value are as absent.

    Text format 0.0.4 line by line: the parser of prometheus_client renames counters.
    """
    series: Series = {}
    helps: dict[str, str] = {}
    heads: Heads = {}
    for line in page.split("\n"):
        if line.startswith("# HELP "):
            _, _, name, text = (*line.split(" ", 3), "")[:4]
            helps[name] = _unescaped(text)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            heads[name] = (kind, helps.get(name, ""))
        elif line:
            name, _, rest = line.partition("{") if "{" in line else line.partition(" ")
            labels, value = rest.rsplit(" ", 1) if "{" in line else ("", rest)
            series[name, _labels((key, _unescaped(text)) for key, text in _LABEL.findall(labels))] = float(value)
    kept = {key: value for key, value in series.items() if not key[0].startswith("snmp_scrape_")}
    return kept, {name: head for name, head in heads.items() if not name.startswith("snmp_scrape_")}


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: {"n": "\n"}.get(match[1], match[1]), text)


def flattened(readings: Readings) -> tuple[Series, Heads]:
    """Ours in the same form."""
    series: Series = {}
    heads: Heads = {}
    for family, labels, values in readings:
        heads[family.name] = (family.type.value, family.help)
        for label, value in zip(labels, values, strict=True):
            series[family.name, _labels(zip(family.labels, label, strict=True))] = float(value)
    return series, heads


def _labels(pairs: Any) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in pairs if value)

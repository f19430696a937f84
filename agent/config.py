"""Loads `agent.yml`: strict, and every problem at once with file, line, key, what was found and what was expected.

The only place that knows YAML. Nothing here touches the network; nothing wrong is repaired.
"""

from __future__ import annotations

import errno
import json
import os
import re
import typing
from typing import Any, Final

import msgspec
import yaml
from yaml import nodes

from agent import kinds
from agent.credentials import is_loopback, token_troubles
from agent.disk import read_plain
from agent.settings import URL_PATTERN, CollectorSettings, Settings, SnmpSettings

_MAX_BYTES: Final = 1024 * 1024
_MAX_NODES: Final = 20_000
_MAX_DEPTH: Final = 32
_SHOWN: Final = 60


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing wrong: where, what stands there, what should. `line` and `key` are 0 and empty for the file as a whole."""

    file: str
    line: int
    key: str
    found: str
    expected: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} found {self.found}, expected {self.expected}"


class ConfigError(Exception):
    """The configuration is refused; `problems` are all that was found, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def show(value: object) -> str:
    """A value as a message shows it: quoted if text, cut to 60 characters, passwords in addresses hidden."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = re.sub(r"//[^/@\s]*@", "//********@", str(value))
    text = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return json.dumps(text, ensure_ascii=False) if isinstance(value, str) else text


class _Source:
    """A YAML document as plain values, with the line of every key path; collects problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.lines: dict[str, int] = {"": 1}
        self._left = _MAX_NODES
        self._is_over = False

    def say(self, key: str, found: str, expected: str) -> None:
        """Note a problem at `key`, or at the nearest place above it that the file has."""
        place = key
        while place not in self.lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        self.problems.append(Problem(self.file, self.lines[place], key, found, expected))

    def parse(self, text: str) -> Any:
        """The document as dict, list, str, int, float, bool, None. Problems are noted; what is broken is left out."""
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            found = f"broken syntax ({error.problem or error.context})"
            self.problems.append(Problem(self.file, mark.line + 1 if mark else 1, "", found, "one YAML document"))
            return None
        except (yaml.YAMLError, RecursionError) as error:
            found = f"broken syntax ({str(error).splitlines()[0][:200]})"
            self.problems.append(Problem(self.file, 1, "", found, "one YAML document"))
            return None
        return None if node is None else self._build(node, "", 0)

    def _build(self, node: nodes.Node, key: str, depth: int) -> Any:
        self.lines.setdefault(key, node.start_mark.line + 1)
        # An alias gives the same node again, so what a bomb of aliases expands to is counted here, before it is built.
        self._left = self._left - 1 if depth <= _MAX_DEPTH else min(self._left - 1, -1)
        if self._left < 0:
            if not self._is_over:
                self._is_over = True
                expected = f"at most {_MAX_DEPTH} levels and {_MAX_NODES} values"
                self.say(key.partition(".")[0].partition("[")[0], "too much nesting or too many values", expected)
            return None
        if isinstance(node, nodes.MappingNode):
            return self._mapping(node, key, depth)
        if isinstance(node, nodes.SequenceNode):
            return [self._build(item, f"{key}[{index}]", depth + 1) for index, item in enumerate(node.value)]
        value = _scalar(node)
        if isinstance(value, str) and not _is_unicode(value):
            self.say(key, "half a character (a surrogate)", "text")
            return ""
        return value

    def _mapping(self, node: nodes.MappingNode, key: str, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            name = name_node.value if isinstance(name_node, nodes.ScalarNode) else None
            if name is None or name_node.tag.endswith(":merge") or not _is_unicode(name):
                self.problems.append(Problem(self.file, line, key, "a key that is not plain text", "a plain key"))
                continue
            path = f"{key}.{name}" if key else name
            if name in result:
                first = self.lines[path]
                self.problems.append(
                    Problem(self.file, line, path, f"the key a second time (first in line {first})", "it once")
                )
                continue
            self.lines[path] = line
            result[name] = self._build(value_node, path, depth + 1)
        return result


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9_]*)\Z")
_FLOAT: Final = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?\Z")


def _scalar(node: nodes.Node) -> str | int | float | bool | None:
    """A plain scalar, without YAML 1.1's traps: `no`, `on`, `017`, `1:30` and dates stay the text they were written as."""
    value = str(node.value)
    if node.tag.endswith(":null"):
        return None
    if node.tag.endswith(":bool") and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if node.tag.endswith(":int") and _INT.match(value):
        return int(value.replace("_", ""))
    if node.tag.endswith(":float") and _FLOAT.match(value):
        return float(value.replace("_", ""))
    return value


def _expectation(hint: Any) -> str:
    """What a value of this type looks like, in words: from the field's own description if it has one."""
    if typing.get_origin(hint) is typing.Annotated:
        for meta in hint.__metadata__:
            if isinstance(meta, msgspec.Meta) and meta.extra and "expected" in meta.extra:
                return str(meta.extra["expected"])
        return _expectation(hint.__origin__) + "".join(_bounds(meta) for meta in hint.__metadata__)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return f"one of {', '.join(str(arg) for arg in args)}"
    if origin in (tuple, list, frozenset, set):
        return "a list"
    if origin is dict or (isinstance(hint, type) and issubclass(hint, msgspec.Struct)):
        return "settings below it"
    return _WORDS.get(hint, "another value")


def _bounds(meta: Any) -> str:
    parts = []
    for name, words in (("gt", "above"), ("ge", "from"), ("lt", "below"), ("le", "to"), ("pattern", "like")):
        bound = getattr(meta, name, None)
        if bound is not None:
            parts.append(f"{words} {bound}")
    if getattr(meta, "min_length", None) or getattr(meta, "max_length", None):
        parts.append(f"of {meta.min_length or 0} to {meta.max_length or 'any number of'} parts")
    return f" ({', '.join(parts)})" if parts else ""


_WORDS: Final[dict[Any, str]] = {int: "a whole number", float: "a number", str: "text", bool: "true or false", None: "nothing"}


def _bare(hint: Any) -> Any:
    return hint.__origin__ if typing.get_origin(hint) is typing.Annotated else hint


def _check(source: _Source, value: Any, hint: Any, key: str) -> bool:
    """Note every way in which `value` is not a `hint`; true if there is none."""
    bare = _bare(hint)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return _check_struct(source, value, bare, key)
    good = [_check(source, part, item, place) for part, item, place in _parts(value, bare, key)]
    if not all(good):
        return False
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        source.say(key, show(value), _expectation(hint))
        return False
    return True


def _parts(value: Any, hint: Any, key: str) -> list[tuple[Any, Any, str]]:
    """The parts of a list or mapping, each with what it should be and its key."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (tuple, list) and isinstance(value, list):
        return [(part, args[0], f"{key}[{index}]") for index, part in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        return [(part, args[1], _join(key, name)) for name, part in value.items()]
    return []


def _check_struct(source: _Source, value: Any, kind: type[msgspec.Struct], key: str) -> bool:
    if not isinstance(value, dict):
        source.say(key, show(value), "settings below it" if key else "settings, such as id: and collector:")
        return False
    before = len(source.problems)
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in value:
        if name not in fields:
            source.say(_join(key, name), "an unknown key", f"one of {', '.join(fields)}" if fields else "no key here")
    for name, field in fields.items():
        if name in value:
            _check(source, value[name], hints[field.name], _join(key, name))
        elif field.required:
            source.say(_join(key, name), "nothing", _expectation(hints[field.name]))
    if len(source.problems) > before:
        return False
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # A settings class may hold its own rules between fields; their text says what was expected.
        source.say(key, "settings that do not fit together", str(error).rsplit(" - at `", 1)[0])
        return False
    return True


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _check_readers(source: _Source, raw: dict[str, Any]) -> None:
    """The rules between a section's values, on what of it is well-formed: one wrong value hides no other problem."""
    enable, disable = _texts(raw.get("enable")), _texts(raw.get("disable"))
    for field, listed in (("enable", enable), ("disable", disable)):
        for index, kind in listed.items():
            if kind not in kinds.READERS:
                source.say(f"readers.{field}[{index}]", show(kind), _a_kind_like(kind))
            elif field == "disable" and kind in enable.values():
                source.say(f"readers.{field}[{index}]", show(kind), "a kind that is not in readers.enable as well")
    settings = raw.get("settings")
    for kind, part in settings.items() if isinstance(settings, dict) else ():
        key = f"readers.settings.{kind}"
        if kind not in kinds.READERS:
            source.say(key, "an unknown key", _a_kind_like(kind))
        elif kind in disable.values():
            source.say(key, "settings of a disabled reader", "none, or the kind not in readers.disable")
        elif kinds.runs_here(kind) and isinstance(part, dict):
            _check(source, part, kinds.load(kind).Settings, key)


def _a_kind_like(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, kinds.READERS, 1)
    return f"a kind of reader, perhaps {near[0]}" if near else "a kind of reader, as in config/REFERENCE.md"


def _texts(value: Any) -> dict[int, str]:
    """The texts in a list, by their place."""
    return {index: part for index, part in enumerate(value) if isinstance(part, str)} if isinstance(value, list) else {}


def _check_collector(source: _Source, raw: dict[str, Any], folder: str) -> None:
    """As `_check_readers`; `folder` is where relative paths start, empty if files are not to be looked at."""
    urls = {index: url for index, url in _texts(raw.get("urls")).items() if re.match(URL_PATTERN, url)}
    for index, url in urls.items():
        if not (url.startswith("https://") or raw.get("allow_plain_http") is True or is_loopback(url)):
            source.say(f"collector.urls[{index}]", show(url), "https://, or collector.allow_plain_http: true")
        port = re.match(URL_PATTERN, url)
        if port and port.group(2) and not 0 < int(port.group(2)[1:]) < 65_536:
            source.say(f"collector.urls[{index}]", show(url), "a port from 1 to 65535")
    ca_file, token_file = raw.get("ca_file", "ca.pem"), raw.get("token_file", "token")
    if folder and isinstance(ca_file, str) and any(url.startswith("https://") for url in urls.values()):
        path = os.path.join(folder, ca_file)
        if trouble := _certificate_trouble(path):
            source.say("collector.ca_file", f"{trouble} ({path})", "a file with a PEM certificate")
    if folder and isinstance(token_file, str):
        for found, expected in token_troubles(os.path.join(folder, token_file)):
            source.say("collector.token_file", found, expected)


def _check_snmp(source: _Source, snmp: SnmpSettings, folder: str) -> None:
    """That names mean something: targets are named once, credentials, profiles and modules exist and are sound."""
    seen: set[str] = set()
    for index, device in enumerate(snmp.devices):
        if device.target in seen:
            source.say(f"snmp.devices[{index}].target", show(device.target), "a target that is not there twice")
        seen.add(device.target)
    if snmp.devices:
        # What knows SNMP is loaded only where there is something to poll.
        from agent.snmp.named import check

        source.problems += check(snmp, folder, source.say)


def _certificate_trouble(path: str) -> str:
    try:
        data = read_plain(path, _MAX_BYTES)
    except OSError as error:
        return (error.strerror or "no readable file").lower()
    except ValueError:
        return "no path"
    return "" if b"-----BEGIN CERTIFICATE-----" in data else "no certificate"


def resolved(settings: Settings, folder: str) -> Settings:
    """The settings with all paths absolute; relative ones are meant relative to the folder of the file."""

    def absolute(path: str) -> str:
        return os.path.abspath(os.path.join(folder, path))

    collector, spool, snmp = settings.collector, settings.spool, settings.snmp
    module_files = tuple([absolute(file) for file in settings.probes.module_files])
    spool_folder = absolute(spool.folder)
    status_file = settings.status_file or os.path.join(os.path.dirname(spool_folder), "status.json")
    return msgspec.structs.replace(
        settings,
        collector=msgspec.structs.replace(
            collector, ca_file=absolute(collector.ca_file), token_file=absolute(collector.token_file)
        ),
        snmp=msgspec.structs.replace(
            snmp, auths_file=absolute(snmp.auths_file), folder=absolute(snmp.folder) if snmp.folder else ""
        ),
        probes=msgspec.structs.replace(settings.probes, module_files=module_files),
        spool=msgspec.structs.replace(spool, folder=spool_folder),
        status_file=absolute(status_file),
    )


def parse(text: str, file: str, *, files: bool = True) -> Settings:
    """Settings from the text of `file`. With `files=False` the certificate and token are not looked at.

    Raises `ConfigError` with every problem found.
    """
    source = _Source(file)
    document = source.parse(text)
    if not source.problems and document is None:
        source.say("", "an empty file", "settings, such as id: and collector:")
    if document is not None:
        _check_struct(source, document, Settings, "")
    if isinstance(document, dict):
        readers, collector = document.get("readers"), document.get("collector")
        if isinstance(readers, dict):
            _check_readers(source, readers)
        if isinstance(collector, dict):
            _check_collector(source, collector, os.path.dirname(os.path.abspath(file)) if files else "")
        if files and not source.problems:
            whole, folder = msgspec.convert(document, Settings), os.path.dirname(os.path.abspath(file))
            _check_snmp(source, whole.snmp, folder)
            if whole.probes.jobs or whole.probes.module_files:
                from agent.probes.named import check  # As SNMP: loaded only where there is something to probe.

                source.problems += check(whole.probes, folder, source.say)
    if source.problems:
        raise ConfigError(source.problems)
    return resolved(msgspec.convert(document, Settings), os.path.dirname(os.path.abspath(file)))


def load(file: str, *, files: bool = True) -> Settings:
    """Settings from a file, all paths absolute. Raises `ConfigError` with every problem found."""
    expected = "a readable file of settings (haidang-agent enrol makes one)"
    try:
        data = read_plain(file, _MAX_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise ConfigError([Problem(file, 0, "", "more than 1 MiB", "a smaller file")]) from error
        raise ConfigError([Problem(file, 0, "", (error.strerror or str(error)).lower(), expected)]) from error
    try:
        return parse(data.decode("utf-8"), file, files=files)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(file, line, "", f"byte 0x{data[error.start]:02x}", "text in UTF-8")]) from error


def defaults() -> Settings:
    """Settings for `once` without a file: the usual readers, no collector."""
    return Settings(id="localhost", collector=CollectorSettings(urls=()))

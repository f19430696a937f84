"""The collector's settings: frozen structs, strict loading, every problem named with file, line and key.

Configuration is refused, not repaired: all problems are listed at once. The only door to PyYAML in the collector;
`collector.inventory` loads its files through `load_struct`.
"""

from __future__ import annotations

import difflib
import errno
import math
import re
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml

from collector.config_forms import is_id, is_loopback, split_address, without_password
from collector.config_shapes import Shape, fields_of
from collector.files import read_plain
from collector.settings import Agents, Config, Database, Ledger, Limits, Log, Snmp, Web

_MAX_FILE_BYTES: Final = 16 * 1024 * 1024
_MAX_NODES: Final = 1_000_000
_MAX_DEPTH: Final = 24
_MAX_PARSED: Final = 64
_TEXT: Final = "tag:yaml.org,2002:str"
_WRITTEN: Final = {
    "tag:yaml.org,2002:bool": re.compile(r"(true|false)\Z"),
    "tag:yaml.org,2002:int": re.compile(r"-?(0|[1-9][0-9]*)\Z"),
    "tag:yaml.org,2002:timestamp": re.compile(r"(?!)"),
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # which one depends on the machine
    """Asks once what a plain text is: most texts of a large inventory are the same few keys and words."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self._tags: dict[str, str] = {}
        self._depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:
        """Called for every node before its children: nesting is refused before it fills the parser's stack."""
        self._depth += 1
        if self._depth > _MAX_PARSED:
            raise yaml.MarkedYAMLError(
                problem="too deep or too much (aliases count)", problem_mark=parent.start_mark if parent else None
            )

    def ascend_resolver(self) -> None:
        """Called for every node after its children."""
        self._depth -= 1

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        """The tag of a node, as PyYAML gives it."""
        if kind is not yaml.ScalarNode or not implicit[0]:
            return super().resolve(kind, value, implicit)
        tag = self._tags.get(value)
        if tag is None:
            tag = self._tags[value] = super().resolve(kind, value, implicit)
        return tag


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong in a file; `line` 0 means the file as a whole."""

    file: str
    line: int
    key: str
    found: str
    expected: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        return f"{place}:{key} found {self.found}, expected {self.expected}"


class ConfigError(ValueError):
    """Everything that is wrong, one problem a line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


Path_ = tuple[str | int, ...]
T = TypeVar("T", bound=msgspec.Struct)


class Document:
    """The plain values of one YAML file, where each stands, and what is wrong so far."""

    def __init__(self, file: Path) -> None:
        self.file = str(file)
        self.lines: dict[Path_, int] = {}
        self.problems: list[Problem] = []
        self._nodes = 0
        self.value = self._read(file)

    def problem(self, path: Path_, found: str, expected: str) -> None:
        """Note a problem at `path`; the line is that of the nearest place that exists in the file."""
        self.problems.append(self.remark(path, found, expected))

    def remark(self, path: Path_, found: str, expected: str) -> Problem:
        """What can be said of the value at `path`, without refusing the file for it."""
        place = path
        while place and place not in self.lines:
            place = place[:-1]
        return Problem(self.file, self.lines.get(place, 0), key_text(path), found, expected)

    def _read(self, file: Path) -> Any:
        try:
            data = read_plain(file, _MAX_FILE_BYTES)
        except OSError as error:
            expected = "a smaller file" if error.errno == errno.EFBIG else "a readable file"
            self.problems.append(Problem(self.file, 0, "", error.strerror or "no access", expected))
            return None
        loader = _Loader(data)
        try:
            node = loader.get_single_node()
            return {} if node is None else self._plain(loader, node, ())
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 0
            found = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
            self.problems.append(Problem(self.file, line, "", found, "YAML"))
            return None
        finally:
            loader.dispose()

    def _plain(self, loader: Any, node: yaml.Node, path: Path_) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._nodes += 1
        if self._nodes > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="too deep or too much (aliases count)", problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(loader, child, (*path, index)) for index, child in enumerate(node.value)]
        if node.tag == _TEXT:
            return node.value
        # YAML 1.1 reads `no` as false, `010` as 8, `12:30` as 750 and dates as dates: here they are what is written.
        written = _WRITTEN.get(node.tag)
        if written is not None and not written.match(node.value):
            return node.value
        return loader.construct_object(node)

    def _mapping(self, loader: Any, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            place = (*path, key)
            if key in values:
                line = key_node.start_mark.line + 1
                first = self.lines[place]
                self.problems.append(
                    Problem(self.file, line, key_text(place), "the key twice", f"once (first on line {first})")
                )
                continue
            self.lines[place] = key_node.start_mark.line + 1
            values[key] = self._plain(loader, value_node, place)
        return values


def key_text(path: Path_) -> str:
    """`("targets", 2, "site")` as people read it: `targets[2].site`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object) -> str:
    """A value as a message shows it: at most 60 characters, and never the password in an address."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = repr(value) if isinstance(value, float) else msgspec.json.encode(value).decode()
    text = without_password(text)
    return text if len(text) <= 60 else text[:57] + "..."


def load_struct(document: Document, kind: type[T]) -> T | None:
    """The document as a `kind`; None when something is wrong (the document knows what)."""
    if document.problems and document.value is None:
        return None
    value = _struct(document, kind, document.value, ())
    return None if document.problems else value


def load_part(document: Document, kind: type[T], value: Any, path: Path_) -> T | None:
    """As `load_struct`, of a value that stands at `path` of the document, or would."""
    made = _struct(document, kind, value, path)
    return None if document.problems else made


def _struct(document: Document, kind: type[T], value: Any, path: Path_) -> T | None:
    if not isinstance(value, dict):
        document.problem(path, shown(value), "a mapping")
        return None
    fields = fields_of(kind)
    for key in value:
        if key not in fields:
            close = difflib.get_close_matches(key, fields, 1)
            hint = f"{close[0]}?" if close else "one of: " + ", ".join(fields)
            document.problem((*path, key), "an unknown key", hint)
    known: dict[str, Any] = {}
    for key, field in fields.items():
        if key in value:
            known[field.name] = _value(document, field.shape, value[key], (*path, key))
        elif field.required:
            document.problem((*path, key), "nothing", field.shape.expected)
    return None if document.problems else kind(**known)


def _value(document: Document, shape: Shape, value: Any, path: Path_) -> Any:
    shape = shape.of(value) if shape.choices else shape
    if shape.struct is not None:
        return _struct(document, shape.struct, value, path)
    if shape.element is None:
        return _scalar(document, shape, value, path)
    if shape.keys is None:
        if not isinstance(value, list):
            document.problem(path, shown(value), "a list")
            return None
        element = shape.element
        return tuple([_value(document, element, item, (*path, index)) for index, item in enumerate(value)])
    if not isinstance(value, dict):
        document.problem(path, shown(value), "a mapping")
        return None
    for key in value:
        _scalar(document, shape.keys, key, (*path, key))
    return {key: _value(document, shape.element, item, (*path, key)) for key, item in value.items()}


def _scalar(document: Document, shape: Shape, value: Any, path: Path_) -> Any:
    try:
        result = value if shape.check and type(value) is str else msgspec.convert(value, shape.kind)
    except msgspec.ValidationError:
        result = None
    if result is None or (isinstance(result, float) and not math.isfinite(result)):
        quotes = ", in quotes" if shape.check and type(value) in (int, float) and shape.check(str(value)) else ""
        document.problem(path, shown(value), shape.expected + quotes)
        return None
    if shape.check is not None and not shape.check(result):
        document.problem(path, shown(value), shape.expected)
    elif isinstance(result, str) and not result.isprintable():
        document.problem(path, shown(value), "text without control characters")
    return result


def load(file: Path | None) -> Config:
    """The configuration in `file` (None: the defaults). Raises `ConfigError` with every problem."""
    if file is None:
        return Config()
    document = Document(file)
    config = load_struct(document, Config)
    if config is not None:
        _check_whole(document, config)
    if config is None or document.problems:
        raise ConfigError(document.problems)
    return _rooted(config, file.parent)


def _check_whole(document: Document, config: Config) -> None:
    """Rules that need more than one setting."""
    agents = config.agents
    if agents.transport == "plain" and not agents.allow_plain_http and not is_loopback(split_address(agents.listen)[0]):
        document.problem(("agents", "transport"), '"plain"', "tls, a loopback agents.listen, or agents.allow_plain_http: true")
    if config.database.password_file and config.database.password_env:
        document.problem(("database", "password_env"), "two passwords", "either password_file or password_env")
    if round(config.ttl_factor * 10) / 10 != config.ttl_factor:
        document.problem(("ttl_factor",), shown(config.ttl_factor), "a number with at most one decimal")
    if config.ledger.flap_low >= config.ledger.flap_high:
        document.problem(("ledger", "flap_low"), shown(config.ledger.flap_low), "a number below flap_high (R10.2)")


def _rooted(config: Config, folder: Path) -> Config:
    database = config.database
    if database.password_file:
        database = msgspec.structs.replace(database, password_file=str(folder / database.password_file))
    snmp = msgspec.structs.replace(
        config.snmp, auths_file=_below(folder, config.snmp.auths_file), folder=_below(folder, config.snmp.folder)
    )
    module_files = tuple([str(folder / file) for file in config.probes.module_files])
    return msgspec.structs.replace(
        config,
        data=str(folder / config.data),
        inventory=_below(folder, config.inventory),
        oncall=_below(folder, config.oncall),
        database=database,
        snmp=snmp,
        probes=msgspec.structs.replace(config.probes, module_files=module_files),
    )


def _below(folder: Path, path: str) -> str:
    return str(folder / path) if path else ""


__all__ = [
    "Agents", "Config", "ConfigError", "Database", "Document", "Ledger", "Limits", "Log", "Path_", "Problem", "Snmp", "Web",
    "is_id", "is_loopback", "key_text", "load", "load_part", "load_struct", "shown", "split_address",
]  # fmt: skip

"""The collector's settings: frozen structs, strict loading, every problem named with file, line and key.

Configuration is refused, not repaired: all problems are listed at once. The only door to PyYAML in the collector;
`collector.inventory` loads its files through `load_struct`.
"""

from __future__ import annotations

import difflib
import errno
import ipaddress
import math
import re
import types
import typing
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec import Meta

from collector.files import read_plain
from collector.settings import Agents, Config, Database, Limits, Log, Web

_MAX_FILE_BYTES: Final = 16 * 1024 * 1024
_MAX_NODES: Final = 1_000_000
_MAX_DEPTH: Final = 24
_WRITTEN: Final = {
    "tag:yaml.org,2002:bool": re.compile(r"(true|false)\Z"),
    "tag:yaml.org,2002:int": re.compile(r"-?(0|[1-9][0-9]*)\Z"),
    "tag:yaml.org,2002:timestamp": re.compile(r"(?!)"),
}
_PASSWORD: Final = re.compile(r"(://[^/@:]*):.*@")
_PASSWORD_ASKED: Final = re.compile(r"(password=)[^&\"]*", re.IGNORECASE)


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
        place = path
        while place and place not in self.lines:
            place = place[:-1]
        line = self.lines.get(place, 0)
        self.problems.append(Problem(self.file, line, key_text(path), found, expected))

    def _read(self, file: Path) -> Any:
        try:
            data = read_plain(file, _MAX_FILE_BYTES)
        except OSError as error:
            expected = "a smaller file" if error.errno == errno.EFBIG else "a readable file"
            self.problems.append(Problem(self.file, 0, "", error.strerror or "no access", expected))
            return None
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(data)
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
    text = _PASSWORD_ASKED.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))
    return text if len(text) <= 60 else text[:57] + "..."


def load_struct(document: Document, kind: type[T]) -> T | None:
    """The document as a `kind`; None when something is wrong (the document knows what)."""
    if document.problems and document.value is None:
        return None
    value = _struct(document, kind, document.value, ())
    return None if document.problems else value


def _struct(document: Document, kind: type[T], value: Any, path: Path_) -> T | None:
    if not isinstance(value, dict):
        document.problem(path, shown(value), "a mapping")
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for key in value:
        if key not in fields:
            close = difflib.get_close_matches(key, fields, 1)
            hint = f"{close[0]}?" if close else "one of: " + ", ".join(fields)
            document.problem((*path, key), "an unknown key", hint)
    known: dict[str, Any] = {}
    for key, field in fields.items():
        if key in value:
            known[field.name] = _value(document, field.type, value[key], (*path, key))
        elif field.required:
            document.problem((*path, key), "nothing", _expected(field.type))
    return None if document.problems else kind(**known)


def _value(document: Document, kind: Any, value: Any, path: Path_) -> Any:
    inner, _ = _bare(kind)
    if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return _struct(document, inner, value, path)
    if typing.get_origin(inner) is tuple:
        element = typing.get_args(inner)[0]
        if not isinstance(value, list):
            document.problem(path, shown(value), "a list")
            return None
        return tuple(_value(document, element, item, (*path, index)) for index, item in enumerate(value))
    try:
        result = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        result = None
    form = _form(kind)
    if result is None or (isinstance(result, float) and not math.isfinite(result)):
        quotes = ", in quotes" if form and type(value) is int and _FORMS[form](str(value)) else ""
        document.problem(path, shown(value), _expected(kind) + quotes)
        return None
    if form is not None and not _FORMS[form](result):
        document.problem(path, shown(value), form)
    elif isinstance(result, str) and not result.isprintable():
        document.problem(path, shown(value), "text without control characters")
    return result


def _bare(kind: Any) -> tuple[Any, tuple[Meta, ...]]:
    metas: tuple[Meta, ...] = ()
    while typing.get_origin(kind) is Annotated:
        inner, *extra = typing.get_args(kind)
        metas += tuple(meta for meta in extra if isinstance(meta, Meta))
        kind = inner
    return kind, metas


def _form(kind: Any) -> str | None:
    for meta in _bare(kind)[1]:
        if meta.extra and "form" in meta.extra:
            return str(meta.extra["form"])
    return None


_KIND_WORDS: Final[dict[Any, str]] = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def _expected(kind: Any) -> str:
    """What a value of this type must be, in words, from its type and bounds."""
    form = _form(kind)
    if form is not None:
        return form
    inner, metas = _bare(kind)
    if typing.get_origin(inner) is Literal:
        return "one of: " + ", ".join(typing.get_args(inner))
    words = _KIND_WORDS.get(inner) or ("a list" if typing.get_origin(inner) in (tuple, types.GenericAlias) else "a mapping")
    for meta in metas:
        bounds = ((">=", meta.ge), (">", meta.gt), ("<=", meta.le))
        limits = [f"{sign} {bound}" for sign, bound in bounds if bound is not None]
        words += " " + " and ".join(limits) if limits else ""
        words = "text that is not empty" if meta.min_length else words
    return words


def split_address(text: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`. Raises `ValueError`."""
    host, _, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (
        not host
        or not (port.isascii() and port.isdecimal())
        or int(port) > 65_535
        or (":" in host and not text.startswith("["))
    ):
        raise ValueError(text)
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether a listen host can be reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_HOST_NAME: Final = re.compile(r"(?=.{1,253}\Z)[0-9A-Za-z_]([0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?(\.[0-9A-Za-z_-]{1,63})*\Z")
_ID: Final = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z._:-]{0,127}\Z")


def is_id(text: str) -> bool:
    """Whether `text` may name a target, an agent or a site."""
    return _ID.match(text) is not None


def _is_address(text: str) -> bool:
    try:
        host, _ = split_address(text)
    except ValueError:
        return False
    return _is_host(host)


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return _HOST_NAME.match(text) is not None
    return True


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.username or parts.query or parts.fragment) and (port is None or port > 0)
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_zone(text: str) -> bool:
    try:
        zoneinfo.ZoneInfo(text)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def _is_database(text: str) -> bool:
    try:
        parts = urlsplit(text)
        secret = _PASSWORD.search(text) or _PASSWORD_ASKED.search(parts.query)
        return text == "" or (parts.scheme in ("postgresql+asyncpg", "sqlite") and not secret)
    except ValueError:
        return False


_FORMS: Final[dict[str, Callable[[str], bool]]] = {
    "host:port": _is_address,
    "host name or IP address": _is_host,
    "http:// or https:// URL": _is_url,
    "time zone name": _is_zone,
    "postgresql+asyncpg://user@host/name or sqlite:///path": _is_database,
    "letters, digits and ._:- (1 to 128, first a letter or digit)": is_id,
}


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


def _rooted(config: Config, folder: Path) -> Config:
    database = config.database
    if database.password_file:
        database = msgspec.structs.replace(database, password_file=str(folder / database.password_file))
    inventory = str(folder / config.inventory) if config.inventory else ""
    return msgspec.structs.replace(config, data=str(folder / config.data), inventory=inventory, database=database)


__all__ = [
    "Agents", "Config", "ConfigError", "Database", "Document", "Limits", "Log", "Problem", "Web",
    "is_id", "is_loopback", "key_text", "load", "load_struct", "shown", "split_address",
]  # fmt: skip

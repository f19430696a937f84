"""Strict YAML of large files (`snmp.yml`, profiles): plain values, and every problem at once with file, line, key, what was
found and what was expected. The only place of SNMP that knows YAML; it refuses, it never repairs.
"""

from __future__ import annotations

import errno
import math
import re
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml

from agent.config import Problem, show
from agent.disk import read_plain
from agent.sheets.shapes import BAD, reader_of

MAX_BYTES: Final = 32 * 1024 * 1024
_MAX_NODES: Final = 2_000_000
_MAX_DEPTH: Final = 32
_MAX_PROBLEMS: Final = 100
_SCALAR: Final = "tag:yaml.org,2002:"
_TEXT, _INT, _FLOAT, _BOOL, _NULL, _MERGE = (_SCALAR + name for name in ("str", "int", "float", "bool", "null", "merge"))
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,19})\Z")
_NUMBER: Final = re.compile(r"[-+]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][-+]?[0-9]{1,3})?\Z")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]")
_NAMED: Final = re.compile(r"(alias|anchor|handle) '.*", re.DOTALL)
"""What a parser quotes of the file, which may be a secret."""
_WORDS: Final = {"true": _BOOL, "false": _BOOL, "null": _NULL, "~": _NULL, "": _NULL, "<<": _MERGE}

Key = tuple[str | int, ...]
"""Where a value stands: `("modules", "if_mib", "walk", 0)`."""
T = TypeVar("T", bound=msgspec.Struct)


class SheetError(ValueError):
    """Files are refused; `problems` are all that was found, in the order of the files."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class _TooMuchError(yaml.MarkedYAMLError):
    """Nesting or values beyond what any honest file has."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # which one depends on the machine
    """Decides what a plain text is by the rules above, once for each text: most of a large file are the same few words.

    YAML 1.1 reads `no` as false, `010` as 8, `12:30` as 750 and dates as dates; here they are what is written.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._tags: dict[str, str] = {}
        self._depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: Any) -> None:
        """Called for every node before its children: deep nesting would overflow the stack of the parser, which is C."""
        self._depth += 1
        if self._depth > _MAX_DEPTH + 2:
            mark = parent.start_mark if parent is not None else None
            raise _TooMuchError(problem_mark=mark)

    def ascend_resolver(self) -> None:
        """Called for every node after its children."""
        self._depth -= 1

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """The tag of an untagged node."""
        if kind is not yaml.ScalarNode:
            return _SCALAR + ("map" if kind is yaml.MappingNode else "seq")
        if not implicit[0]:
            return _TEXT
        tag = self._tags.get(value)
        if tag is None:
            tag = self._tags[value] = _tag(value)
        return tag


def _tag(text: str) -> str:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return _INT
    return _FLOAT if _NUMBER.match(text) and not _LEADING_ZERO.match(text) and math.isfinite(float(text)) else _TEXT


class Sheet:
    """One YAML file as plain values: dict (keys are text as written), list, str, int, float, bool, None.

    Reading never raises: what is wrong is in `problems`, and `value` is None when nothing can be read. Merge keys (`<<`),
    anchors and aliases are resolved; what aliases expand to is bounded.
    """

    def __init__(self, path: Path | str, text: str | None = None) -> None:
        """Read the file at `path`, or take `text` as its content."""
        self.file = str(path)
        self.problems: list[Problem] = []
        self.value: Any = None
        self._root: yaml.Node | None = None
        self._left = _MAX_NODES
        content = self._content() if text is None else text
        if content is not None:
            self._parse(content)
        self._is_flawed = bool(self.problems)

    def say(self, key: Key, found: str, expected: str) -> None:
        """Note a problem at `key`; its line is that of the nearest place that the file has."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(self.remark(key, found, expected))

    def remark(self, key: Key, found: str, expected: str) -> Problem:
        """What can be said of the value at `key` without refusing the file for it."""
        return Problem(self.file, self.line(key), key_text(key), found, expected)

    def line(self, key: Key) -> int:
        """The line (from 1) where the value at `key`, or the nearest place above it, begins; of a mapping's entry its key's.
        0 if the file could not be read."""
        node, line = self._root, 0 if self._root is None else self._root.start_mark.line
        for part in key:
            below = None if node is None else _below(node, part)
            if below is None:
                break
            line, node = below
        return 0 if self._root is None else line + 1

    def convert(self, kind: type[T], key: Key = ()) -> T | None:
        """The value at `key` as a `kind`; None if something there is wrong, which is then in `problems`: unknown keys, wrong
        types, bounds of `msgspec.Meta` and missing required ones, each by itself; then what `__post_init__` refuses. None as
        well if the file could not be read without a problem.

        A number or boolean without quotes where text is expected is the text as it was written.
        """
        if self._root is None:
            if not self.problems:
                self.say((), "an empty file", "settings")
            return None
        value = self.value
        for part in key:
            value = value[part]
        result: T | Any = reader_of(kind)(self, value, key)
        return None if result is BAD or self._is_flawed else result

    def written(self, key: Key) -> str:
        """The text of the scalar at `key` as it stands in the file."""
        node = self._root
        for part in key:
            below = None if node is None else _below(node, part)
            node = below[1] if below else None
        return str(node.value) if isinstance(node, yaml.ScalarNode) else ""

    def _content(self) -> str | None:
        try:
            data = read_plain(self.file, MAX_BYTES)
        except OSError as error:
            expected = f"at most {MAX_BYTES // 2**20} MiB" if error.errno == errno.EFBIG else "a readable file"
            self.say((), (error.strerror or str(error)).lower(), expected)
            return None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self.problems.append(Problem(self.file, line, "", f"byte 0x{data[error.start]:02x}", "text in UTF-8"))
            return None

    def _parse(self, text: str) -> None:
        loader: Any = None
        try:
            loader = _Loader(text)
            root = loader.get_single_node()
            self.value = None if root is None else self._plain(root, (), 0)
            self._root = root
        except _TooMuchError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            expected = f"at most {_MAX_DEPTH} levels and {_MAX_NODES} values, aliases counted"
            self.problems.append(Problem(self.file, line, "", "too much nesting or too many values", expected))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            said = _NAMED.sub(r"\1", str(error.problem or error.context))
            found = f"broken syntax ({said})"
            self.problems.append(Problem(self.file, mark.line + 1 if mark else 1, "", found, "one YAML document"))
        except (yaml.YAMLError, RecursionError, UnicodeError) as error:
            found = f"broken syntax ({str(error).splitlines()[0][:200]})"
            self.problems.append(Problem(self.file, 1, "", found, "one YAML document"))
        finally:
            if loader is not None:
                loader.dispose()

    def _plain(self, node: yaml.Node, key: Key, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
            raise _TooMuchError(problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode) and node.tag == _SCALAR + "map":
            return self._mapping(node, key, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SCALAR + "seq":
            return [self._plain(child, (*key, index), depth + 1) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key)
        self._note(node, key, "a tagged value", "a plain value")
        return None

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> Any:
        text, tag = str(node.value), node.tag
        if tag == _TEXT:
            if "\0" in text or not (text.isascii() or _is_unicode(text)):
                self._note(node, key, "a NUL or half a character", "text")
            return text
        if tag == _INT and _INTEGER.match(text):
            return int(text)
        if tag == _FLOAT and _NUMBER.match(text) and math.isfinite(float(text)):
            return float(text)
        if tag == _BOOL and text in ("true", "false"):
            return text == "true"
        if tag == _NULL:
            return None
        if tag == _MERGE:
            return text
        self._note(node, key, "a tagged value", "a plain value")
        return None

    def _mapping(self, node: yaml.MappingNode, key: Key, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[Any] = []
        for name_node, value_node in node.value:
            if not isinstance(name_node, yaml.ScalarNode):
                self._note(name_node, key, "a key that is not plain text", "a plain key")
            elif name_node.tag == _MERGE:
                found = self._plain(value_node, (*key, "<<"), depth + 1)
                merged += found if isinstance(found, list) else [found]
            elif (name := str(name_node.value)) in values:
                first = next(line for each, _ in node.value if each.value == name and (line := each.start_mark.line + 1))
                self._note(name_node, (*key, name), f"the key a second time (first in line {first})", "it once")
            else:
                values[name] = self._plain(value_node, (*key, name), depth + 1)
        for each in merged:
            if isinstance(each, dict):
                values = {**each, **values}
            else:
                self._note(node, (*key, "<<"), show(each), "a mapping to merge")
        return values

    def _note(self, node: yaml.Node, key: Key, found: str, expected: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(self.file, node.start_mark.line + 1, key_text(key), found, expected))


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _below(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    """Line (from 0) and node of an entry of a mapping or list, also of one that a merge brings."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    if not isinstance(node, yaml.MappingNode):
        return None
    merged: list[yaml.Node] = []
    for name_node, value_node in node.value:
        if name_node.value == part:
            return name_node.start_mark.line, value_node
        if name_node.tag == _MERGE:
            merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
    return next((found for each in merged if (found := _below(each, part))), None)


def key_text(key: Key) -> str:
    """`("modules", "if_mib", "walk", 2)` as people read it: `modules.if_mib.walk[2]`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text

"""Regular expressions and numbers as `snmp.yml` means them: those of Go (RE2 syntax, `Expand` templates, `ParseFloat`).

Compiled to Python's `re`; what the two do not share is refused when the file is loaded, never guessed at run time.
"""

from __future__ import annotations

import math
import re
import warnings
from typing import Any, Final, Protocol

_FLAGS: Final = re.compile(r"\(\?([ims]+)\)")
_POSIX: Final = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": r"\t ", "digit": "0-9", "lower": "a-z", "space": r"\t\n\v\f\r ",
    "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_UNSHARED: Final = {"C": "a byte", "p": "a Unicode class", "P": "a Unicode class"}
_TOKEN: Final = re.compile(r"\\Q(?P<literal>.*?)(?:\\E|\Z)|\\(?P<escape>.)|\[:(?P<posix>\^?[a-z]+):\]|(?P<one>.)", re.DOTALL)
_TEMPLATE: Final = re.compile(r"\$(?:(?P<dollar>\$)|(?P<bare>\w+)|\{(?P<braced>\w+)\})", re.ASCII)
_DIGITS: Final = "[0-9](?:_?[0-9])*"
_HEX_DIGITS: Final = "[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_FLOAT: Final = re.compile(rf"[+-]?(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?\Z")
_HEX_FLOAT: Final = re.compile(rf"[+-]?0[xX]_?(?:{_HEX_DIGITS}\.?(?:{_HEX_DIGITS})?|\.{_HEX_DIGITS})[pP][+-]?{_DIGITS}\Z")
_WORD: Final = re.compile(r"[+-]?(?:inf|infinity)\Z|nan\Z", re.IGNORECASE)
_BACK: Final = re.compile(r"(?<!\\)(?:\\\\)*(?:\\[1-9]|\(\?(?:[=!>]|<[=!]|P=))|[*+?}][+]")


def compile_go(text: str, *, whole: bool) -> re.Pattern[str]:
    """The pattern of a Go expression; `whole` anchors it at both ends, as `regex_extracts` are. Raises `ValueError`."""
    if _BACK.search(text):
        raise ValueError("a look-around, back-reference or possessive repeat, which RE2 does not have")
    flags, letters = re.ASCII, ""
    while found := _FLAGS.match(text):
        letters += found[1]
        text = text[found.end() :]
    for letter in letters:
        flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}[letter]
    body = _translated(text, multiline="m" in letters)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of what classes may mean one day
            return re.compile(rf"\A(?:{body})\Z" if whole else body, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from error


def _translated(text: str, *, multiline: bool) -> str:
    parts: list[str] = []
    opened = -1  # where the class began that is open
    for token in _TOKEN.finditer(text):
        one, escape, posix = token["one"], token["escape"], token["posix"]
        if token["literal"] is not None:
            parts.append(re.escape(token["literal"]))
        elif escape is not None:
            if escape in _UNSHARED:
                raise ValueError(f"\\{escape} ({_UNSHARED[escape]})")
            parts.append(r"\Z" if escape == "z" else f"\\{escape}")
        elif posix is not None:
            if opened < 0 or posix not in _POSIX:
                raise ValueError(f"[:{posix}:]")
            parts.append(_POSIX[posix])
        elif opened < 0:
            opened = len(parts) if one == "[" else -1
            plain = r"\Z" if one == "$" and not multiline else str(one)
            # RE2 lets a place be repeated (`^+OK`), which Python takes only from a group.
            is_repeated = str(one) in "^$" and text[token.end() : token.end() + 1] in ("*", "+", "?")
            parts.append(f"(?:{plain})" if is_repeated else plain)
        else:
            # A bracket that comes first is itself; the others mean nothing yet, and Python warns that they may one day.
            is_first = parts[opened + 1 :] in ([], ["^"])
            parts.append(f"\\{one}" if str(one) in "[&~|" or (one == "]" and is_first) else str(one))
            opened = -1 if one == "]" and not is_first else opened
    return "".join(parts)


class Groups(Protocol):
    """What groups matched, by number or name; `IndexError` for one that there is not."""

    def __getitem__(self, key: Any, /) -> Any:
        """Text, or None or empty for a group that took no part."""


def expand(template: str, match: Groups) -> str:
    """Go's `Regexp.Expand`: `$1`, `${1}`, `$name`, `$$`. A name is as long as it can be (`$1x` is the group `1x`), and one that
    does not exist is empty."""

    def group(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        name = found["bare"] or found["braced"]
        try:
            return match[int(name) if name.isdecimal() else name] or ""
        except IndexError:
            return ""

    return _TEMPLATE.sub(group, template)


def parse_float(text: str) -> float | None:
    """Go's `ParseFloat`: no blanks, single underscores between digits; None for what is no number or beyond 64 bits."""
    if len(text) > 400:
        return None
    if _FLOAT.match(text):
        value = float(text)
        return value if math.isfinite(value) else None
    if _WORD.match(text):
        return float(text)
    try:
        return float.fromhex(text.replace("_", "")) if _HEX_FLOAT.match(text) else None
    except OverflowError:
        return None

"""Regular expressions of profiles, refused when some text of 255 characters could keep them busy. Pure."""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

from agent.snmp.answers import MAX_TEXT

MAX_PATTERN: Final = 300
_MOST_STEPS: Final = MAX_TEXT**3


class PatternError(ValueError):
    """A pattern is refused; the text says what is expected."""


def compile_pattern(source: str, factor: int = 1) -> re.Pattern[str]:
    """The pattern, to be searched in texts of at most `MAX_TEXT` characters. `factor` times as many steps as usual may be.

    The search of a text is at most the product of all its repetitions; a repetition inside a repetition can be more than that,
    and so can a back reference. Raises `PatternError`.
    """
    if len(source) > MAX_PATTERN:
        raise PatternError(f"a pattern of at most {MAX_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pattern = re.compile(source)
            parsed: Any = re._parser.parse(source)  # type: ignore[attr-defined]  # the only way to know what is in a pattern
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise PatternError(f"a pattern ({error})") from None
    if _steps(parsed) > _MOST_STEPS * factor:
        raise PatternError("a pattern with at most three repetitions without a bound (bound some: [0-9]{1,9})")
    return pattern


def _steps(parsed: Any) -> int:
    steps = 1
    for operation, argument in parsed:
        steps *= _cost(str(operation), argument)
    return steps


def _cost(operation: str, argument: Any) -> int:
    """In how many ways a part can match at one place, at most."""
    if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        least, most = int(argument[0]), min(int(argument[1]), MAX_TEXT)
        body = _steps(argument[2])
        if body > 1 and least != most > 1:
            raise PatternError("a pattern without a choice or a repetition inside a repetition")
        return int(min(body**most, 10 * _MOST_STEPS)) if body > 1 else most - least + 1
    if operation.startswith("GROUPREF"):
        raise PatternError("a pattern without references to groups")
    if operation == "BRANCH":
        return sum(_steps(branch) for branch in argument[1])
    if operation == "SUBPATTERN":
        return _steps(argument[3])
    if operation in ("ASSERT", "ASSERT_NOT"):
        return _steps(argument[1])
    return _steps(argument) if operation == "ATOMIC_GROUP" else 1

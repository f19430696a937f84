"""What several parts of `agent.yml` have in common: forms of text, and how a description says what is expected."""

from __future__ import annotations

from typing import Any, Final

ID_PATTERN: Final = r"^[0-9a-zA-Z][0-9a-zA-Z._:-]{0,127}\Z"


def expect(text: str) -> dict[str, Any]:
    """What the message about a wrong value says was expected."""
    return {"expected": text}

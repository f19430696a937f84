"""The page about profiles: complete and right, for those who write them."""

from __future__ import annotations

import re

import msgspec

from agent.sheets.sheet import Sheet
from agent.snmp.functions import FUNCTIONS
from agent.snmp.library import shipped
from agent.snmp.profile_file import Match, PortsSettings, ProfileFile, ReadingFile, Settings

PAGE = (shipped() / "PROFILES.md").read_text(encoding="utf-8")


def test_every_key_and_function_is_explained() -> None:
    """Whatever a profile may say stands on the page."""
    for kind in (ProfileFile, Match, Settings, PortsSettings, ReadingFile):
        for field in msgspec.structs.fields(kind):
            assert re.search(rf"\b{field.encode_name}:", PAGE), field.encode_name
    for name in FUNCTIONS:
        assert f"`{name}(" in PAGE, name


def test_the_example_is_right() -> None:
    """What the page shows is accepted."""
    sheet = Sheet("PROFILES.md", PAGE.split("```yaml\n")[1].split("```")[0])
    assert sheet.convert(ProfileFile) is not None, sheet.problems

"""Every message about a configuration can be said in Vietnamese: what the sources find and expect is in the tables."""

from __future__ import annotations

import ast
import importlib
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import agent.config
import agent.config_words
import agent.probes.http_url
import agent.settings
import agent.sheets.gopattern
import agent.sheets.shapes
import agent.snmp.auth_file
import agent.snmp.health_words
import agent.snmp.library
import agent.snmp.security
import agent.snmp.tables
import collector.config_shapes
import collector.config_words
import collector.inventory
import collector.oncall
import collector.poll.trap_file
import collector.settings
from agent.kinds import PROBES, READERS
from agent.snmp.library import Library
from agent.snmp.module import Module
from agent.snmp.named import _one_of as one_of
from agent.snmp.profile_file import ProfileFile
from agent.snmp.rules import RulesFile
from agent.snmp.vocabulary import VocabularyFile
from tests.project.source import tree

SAME = {"YAML", "byte 0x7", "7", "7 (7)", "7?", '"plain"', "true", "off", "authPriv", "[:7:]", "\\7 (7)", "7: 7"}
"""Texts that are the same in both languages, or that are nothing but values."""

AGENT = (Path("agent/config.py"), Path("agent/credentials.py"))
SNMP = (
    *[
        Path(f"agent/snmp/{name}.py")
        for name in (
            "auth_file", "expression", "functions", "library", "module_file", "nodes", "patterns", "profile_build",
            "profile_file", "rules", "vocabulary",
        )
    ],
    *[Path(f"agent/sheets/{name}.py") for name in ("gopattern", "shapes", "sheet")],
    Path("collector/poll/trap_file.py"),
)  # fmt: skip
"""Who speaks of the files of SNMP; what they refuse by an error of their own is told as what was expected."""
POLLS = tuple(Path(f"agent/snmp/{name}.py") for name in ("ciphers", "client", "resolve", "security", "session", "tables"))
OCTETS = tuple(Path(f"agent/packets/{name}.py") for name in ("ber", "snmp", "usm"))
"""Who says why a device gave no usable answer."""
MARKS = re.compile("[à-ỹđ]", re.IGNORECASE)
PROTOCOL_STATES = {
    "idle", "connect", "active", "opensent", "openconfirm", "attempt", "init", "exchange_start", "exchange", "loading",
}  # fmt: skip
SNMP_FILES: tuple[type[msgspec.Struct], ...] = (
    Module,
    ProfileFile,
    RulesFile,
    VocabularyFile,
    agent.snmp.auth_file._Entry,
    collector.poll.trap_file._File,
)
SAYS = ("say", "_say", "note", "_note", "problem", "remark", "Problem", "trouble", "one_of", "append")
REFUSES = (*SAYS, "ExpressionError", "PatternError", "ValueError")
FAILS = ("SnmpError", "UnauthenticError", "BerError")
PROBE_FILES = tuple(
    sorted(path for path in Path("agent/probes").glob("*.py") if path.name not in ("dns_rules.py", "patterns.py", "shapes.py"))
)
"""All but those whose errors are told by who calls them, or are a library's own."""
PROBE_PACKETS = (Path("agent/packets/dns.py"), Path("agent/packets/rtp.py"))
ANSWERS = {"longer than 7", "neither http nor https"}
"""What a redirect of a server leads to is evidence, and stays in English."""
COLLECTOR = (
    Path("collector/commands/import_rows.py"),
    Path("collector/commands/inventory_import.py"),
    Path("collector/config.py"),
    Path("collector/inventory/__init__.py"),
    Path("collector/inventory/check.py"),
    Path("collector/inventory/check_maintenance.py"),
    Path("collector/inventory/check_probes.py"),
    Path("collector/inventory/check_snmp.py"),
    Path("collector/inventory/groups.py"),
    Path("collector/inventory/joined.py"),
    Path("collector/inventory/probes.py"),
    Path("collector/inventory/reading.py"),
    Path("collector/inventory/templates.py"),
    Path("collector/oncall/check.py"),
    Path("collector/oncall/check_receivers.py"),
    Path("collector/oncall/check_rota.py"),
    Path("collector/oncall/checking.py"),
)


def _texts(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may give, 7 in the place of each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _texts(value)


def _named(path: Path) -> dict[str, list[ast.expr]]:
    """What the names of a file stand for: each value that one is given anywhere in it."""
    named: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree(path)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name) and node.value is not None:
                named.setdefault(target.id, []).append(node.value)
    return named


def _said(path: Path, says: tuple[str, ...] = SAYS) -> Iterator[str]:
    """What a file says was found and expected: the last two arguments of `say`, `problem` and their like, of what is kept to be
    said later, pairs it yields, what functions named `..._trouble` give; a name stands for what it is given."""
    named = _named(path)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0] if node.args else None
            parts = first.elts if name == "append" and isinstance(first, ast.Tuple) else node.args if name != "append" else []
            for argument in parts[-2:] if name in says else []:
                for each in named.get(argument.id, []) if isinstance(argument, ast.Name) else [argument]:
                    yield from _texts(each)
        elif isinstance(node, ast.FunctionDef) and node.name.endswith(("_trouble", "_troubles", "one_of", "expected_auth")):
            for part in ast.walk(node):
                if isinstance(part, ast.Return) and part.value is not None:
                    yield from _texts(part.value)
        elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            for part in node.value.elts:
                yield from _texts(part)


def _kinds(struct: type[msgspec.Struct]) -> Iterator[Any]:
    """The types of a settings class' fields, of what is in them, and of the classes below."""
    for hint in typing.get_type_hints(struct, include_extras=True).values():
        yield from _below(hint)


def _below(hint: Any) -> Iterator[Any]:
    yield hint
    bare = hint.__origin__ if typing.get_origin(hint) is typing.Annotated else hint
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        yield from _kinds(bare)
    elif typing.get_origin(bare) in (tuple, dict, typing.Union, types.UnionType):
        for part in typing.get_args(bare):
            if part not in (Ellipsis, Any, types.NoneType):
                yield from _below(part)


def _readers() -> list[type[msgspec.Struct]]:
    return [importlib.import_module(entry.where.partition(":")[0]).Settings for entry in READERS.values()]


def _refused(path: Path) -> set[str]:
    """What a kind of probe refuses of its settings, what it expects as an address, and what stands behind its keys."""
    texts = set(_said(path, ("ValueError",)))
    texts |= {text.removeprefix("expected ") for text in texts if text.startswith("expected ")}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef) and node.name == "address_problem":
            for part in ast.walk(node):
                texts |= set(_texts(part.value)) if isinstance(part, ast.Return) and part.value is not None else set()
    return {text for text in texts - ANSWERS if not re.fullmatch(r"(?:expected )?(?:[a-z0-9_.]+: )*7", text)}


@pytest.mark.parametrize("path", AGENT, ids=str)
def test_what_the_agent_finds_and_expects_has_words(path: Path) -> None:
    """Every text of the loader is in the agent's table."""
    said = set(_said(path)) - SAME
    assert len(said) >= 3
    assert {text for text in said if agent.config_words.vietnamese(text) == text} == set()


@pytest.mark.parametrize("path", SNMP, ids=str)
def test_what_is_said_of_files_of_snmp_has_words(path: Path) -> None:
    """Every text about modules, credentials, profiles, vocabulary, rules and notifications, for the agent and the collector."""
    said = set(_said(path, REFUSES)) - SAME
    assert said
    assert {text for text in said if agent.config_words.vietnamese(text) == text} == set()
    assert {text for text in said if collector.config_words.vietnamese(text) == text} == set()


@pytest.mark.parametrize("path", POLLS + OCTETS, ids=str)
def test_why_a_device_gave_no_usable_answer_has_words(path: Path) -> None:
    """Every text of an error that a person who asks by hand may see."""
    said = set(_said(path, FAILS)) - SAME
    assert said
    assert {text for text in said if agent.config_words.vietnamese(text) == text} == set()


def test_other_words_about_polls() -> None:
    """Those that stand in tables: reports of SNMPv3, why a walk ended early, what RE2 has and Python has not."""
    walks = [
        getattr(agent.snmp.tables, name) for name in ("NOT_INCREASING", "REPEATED", "TOO_MANY_ROWS", "TOO_MANY_BYTES", "EMPTY")
    ]
    reports = [words for _, words in agent.snmp.security.FAULTS.values()]
    for text in (*walks, *reports, *agent.sheets.gopattern._UNSHARED.values(), "h answers from 192.0.2.1:161"):
        assert agent.config_words.vietnamese(text) != text
    assert agent.config_words.vietnamese("ups-1: no answer, tries: 2, 2 s each") == (
        "ups-1: không trả lời, đã gửi 2 lần, mỗi lần chờ 2 giây"
    )


def test_every_key_of_a_file_of_snmp_is_expected_in_vietnamese() -> None:
    """What may stand behind each, with its bounds."""
    expected = {agent.sheets.shapes.expectation(hint) for struct in SNMP_FILES for hint in _kinds(struct)} - SAME
    assert len(expected) > 40
    told = {text: agent.config_words.vietnamese(text) for text in expected}
    assert {text for text, said in told.items() if said == text} == set()
    assert {text for text, said in told.items() if " or " in said and "one of" not in text} == set()
    assert {text for text in expected if collector.config_words.vietnamese(text) == text} == set()


def test_rules_readings_and_notifications_that_come_with_the_program_have_words() -> None:
    """Vietnamese cannot be written without its marks; states that a rule's sentence shows are words of people, or of the
    protocol (RFC 4271 section 8.2.2, RFC 2328 section 10.1)."""
    library = Library.load()
    table = collector.poll.trap_file.load_table([agent.snmp.library.shipped() / collector.poll.trap_file.FILE])
    texts = [reading.help_vi for reading in library.vocabulary.values()]
    texts += [rule.words.vi for rule in library.rules.values()]
    texts += [entry.words.vi for entry in table.notifications]
    assert len(texts) > 300
    assert [text for text in texts if not MARKS.search(text)] == []
    shown = [rule for rule in library.rules.values() if "{value}" in rule.words.vi + rule.words.en]
    states = {state for rule in shown for state in rule.state or library.vocabulary[rule.on].states}
    assert states - agent.snmp.health_words._STATES.keys() - PROTOCOL_STATES == set()


def test_what_a_file_says_is_not_translated() -> None:
    """Whatever words are between the quotes, and however they end."""
    for value in ("nothing", "a list (of 1)", "x or nothing", "x: y", "x at character 3", 'say "it", in "z"'):
        assert agent.config_words.vietnamese(agent.config.show(value)) == agent.config.show(value)
        assert collector.config_words.vietnamese(agent.config.show(value)) == agent.config.show(value)


def test_names_that_do_not_exist_have_words() -> None:
    """Of credentials, profiles and modules, with a near one and without."""
    for what in ("credentials of auths_file", "a profile", "a module"):
        for text in (one_of(what, "pubic", ["public"]), one_of(what, "x", [])):
            assert agent.config_words.vietnamese(text) != text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a pattern (nothing to repeat at position 3)", "một biểu thức chính quy đúng (không có gì để lặp, ở vị trí 3)"),
        ("an expression (invalid syntax) at character 9", "một biểu thức đúng (sai cú pháp), ở ký tự thứ 9"),
        ("a pattern with one group at character 17", "biểu thức chính quy có đúng một nhóm, ở ký tự thứ 17"),
        ("one of a, b or nothing", "một trong: a, b, hoặc để trống"),
        ('\\p (a Unicode class), in "(\\\\pL (x)"', '\\p (một lớp ký tự Unicode), trong "(\\\\pL (x)"'),
        ("no text (/etc/x)", "không phải văn bản (/etc/x)"),
        ("broken syntax (did not find expected key)", "sai cú pháp (không thấy khóa ở chỗ cần có, có lẽ sai thụt lề)"),
    ],
)
def test_words_within_words(text: str, said: str) -> None:
    """What is put together of several texts is said in one language throughout."""
    assert agent.config_words.vietnamese(text) == said
    assert collector.config_words.vietnamese(text) == said


@pytest.mark.parametrize("text", ["(", ")", "[", "*", "a**", r"\q", "\\", "[z-a]", "(?z)", "a{3,2}", r"\1", "a(?i)", "(?<=a*)"])
def test_what_python_says_of_patterns_has_words(text: str) -> None:
    """An expression that `re` refuses is explained in the reader's language."""
    with pytest.raises(re.error) as caught:
        re.compile(text)
    assert agent.config_words.vietnamese(caught.value.msg) != caught.value.msg


@pytest.mark.parametrize("path", COLLECTOR, ids=str)
def test_what_the_collector_finds_and_expects_has_words(path: Path) -> None:
    """Every text of the loader and of the inventory is in the collector's table."""
    said = set(_said(path, (*SAYS, "AddressError"))) - SAME
    assert said
    assert {text for text in said if collector.config_words.vietnamese(text) == text} == set()


def test_every_setting_of_the_agent_is_expected_in_vietnamese() -> None:
    """Also those of every reader."""
    expected = {agent.config._expectation(hint) for struct in (agent.settings.Settings, *_readers()) for hint in _kinds(struct)}
    assert len(expected) > 20
    assert {text for text in expected if agent.config_words.vietnamese(text) == text} == set()


def test_every_setting_of_the_collector_is_expected_in_vietnamese() -> None:
    """Also those of the inventory, and what may stand behind each."""
    structs = (collector.settings.Config, collector.inventory.InventoryFile, collector.oncall.OnCallEntry)
    expected = {collector.config_shapes.expected_text(hint) for struct in structs for hint in _kinds(struct)}
    assert len(expected) > 12
    for text in expected:
        assert collector.config_words.vietnamese(text) != text
        assert collector.config_words.vietnamese(f"{text}, in quotes").endswith(", trong dấu nháy")


def test_rules_of_readers_have_words() -> None:
    """What a reader's settings class itself refuses."""
    found = set()
    for struct in _readers():
        path = Path(*struct.__module__.split(".")).with_suffix(".py")
        made = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef) and node.name == "__post_init__"]
        for call in (node for method in made for node in ast.walk(method) if isinstance(node, ast.Call)):
            if getattr(call.func, "id", "") == "ValueError":
                found |= set(_texts(call.args[0]))
    assert len(found) >= 3
    assert {text for text in found if agent.config_words.vietnamese(text) == text} == set()


def test_what_probes_refuse_has_words() -> None:
    """Of their settings and addresses, also behind the key that a text begins with, for the agent and the collector."""
    texts = {text for path in (*PROBE_FILES, *PROBE_PACKETS) for text in _refused(path)}
    assert len(texts) > 40
    texts |= {
        agent.probes.http_url.EXPECTED,
        "tls_config: ca holds no PEM certificate",
        "host:port (no port, expected host:port)",
    }
    assert {text for text in texts if not MARKS.search(agent.config_words.vietnamese(text))} == set()
    assert {text for text in texts if not MARKS.search(collector.config_words.vietnamese(text))} == set()


@pytest.mark.parametrize("kind", PROBES)
def test_every_setting_of_a_probe_is_expected_in_vietnamese(kind: str) -> None:
    """What may stand behind each, with its bounds."""
    door = importlib.import_module(PROBES[kind].partition(":")[0])
    expected = {agent.sheets.shapes.expectation(hint) for hint in _kinds(door.Settings)} - SAME
    assert {text for text in expected if agent.config_words.vietnamese(text) == text} == set()
    assert {text for text in expected if collector.config_words.vietnamese(text) == text} == set()

"""Files of modules: what the generator writes is taken, and everything that contradicts itself is named."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sheets.sheet import SheetError
from agent.snmp.module import seconds
from agent.snmp.module_file import load

ROOT = Path(__file__).parents[3]

METRIC = "    - name: a\n      oid: 1.3.6.1.4.1.99999.1\n      type: gauge\n      help: h\n"
MODULE = "modules:\n  m:\n    walk: [1.3.6.1.4.1.99999]\n    metrics:\n" + METRIC


def _write(folder: Path, text: str, name: str = "snmp.yml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_modules_are_sound() -> None:
    """All modules that we ship load together, without a problem or a remark."""
    assert load(*sorted((ROOT / "config" / "snmp" / "modules").glob("*.yml"))).remarks == ()


def test_defaults_and_overrides(tmp_path: Path) -> None:
    """Absent settings are snmp_exporter's or left to the poller; overrides are worked into the metrics."""
    text = MODULE + METRIC.replace("name: a", "name: b").replace("99999.1", "99999.2")
    text += "    overrides: {a: {ignore: true}, b: {name: c, scale: 0.1, type: counter}}\n    timeout: 1m30s\n"
    module = load(_write(tmp_path, text)).modules["m"]
    assert (module.max_repetitions, module.retries, module.timeout_s, module.allow_nonincreasing_oids) == (25, None, 90, False)
    assert [(metric.name, metric.type, metric.scale) for metric in module.metrics] == [("c", "counter", 0.1)]


def test_auths_are_handed_on_as_written(tmp_path: Path) -> None:
    """A whole snmp.yml of the generator: its version, its auths, its comments and anchors."""
    text = "# WARNING: generated\nversion: 1\nauths:\n  public_v2: {community: public, version: 2}\n" + MODULE
    files = load(_write(tmp_path, text))
    assert files.auths == {"public_v2": {"community": "public", "version": 2}}
    assert files.modules.keys() == {"m"}
    assert files.remarks == ()


OLD_KEY = (
    "a key of the format of snmp_exporter before 0.23, expected an entry of auths: at the top level, named by whoever polls"
)
REGEX = "a regular expression of RE2 that Python's re knows too"
OLD = "it below modules:, without auth: and version:, which become an entry of auths:"


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", [": found an empty file, expected modules:, with a mapping below it"]),
        ("[]", [":1: found no mapping, expected modules:, with a mapping below it"]),
        ("if_mib: {walk: [1.3.6.1.2.1.2], auth: {community: x}}",
         [f":1: if_mib: found a module at the top level, the format of snmp_exporter before 0.23, expected {OLD}"]),
        ("modules: {m: {version: 1, auth: {community: x}}}", [
            f":1: modules.m.auth: found {OLD_KEY}",
            f":1: modules.m.version: found {OLD_KEY}"]),
        ("modules: {m: {walk: [ifTable], lookups: []}}", [
            ":1: modules.m: found a module of generator.yml, expected the file that snmp_exporter's generator makes of it"]),
        ("modules: [m]", [":1: modules: found no mapping, expected names, each with its settings below it"]),
        ("modules: {m: x}", [":1: modules.m: found no module, expected walk:, get: and metrics: below it"]),
        ("modules: {}\nmodule: {}", [":2: module: found an unknown key, expected one of auths, modules, version"]),
        ("modules: {m: {walk: [ifTable], timeout: 5, retries: -1}}", [
            ':1: modules.m.walk[0]: found "ifTable", expected an OID in numbers, such as 1.3.6.1.2.1.2',
            ':1: modules.m.timeout: found 5, expected a duration such as 5s, 500ms or 1m30s',
            ":1: modules.m.retries: found -1, expected a whole number (from 0, to 100)"]),
        (MODULE.replace("gauge", "guage"), [':7: modules.m.metrics[0].type: found "guage", expected one of Double, Float']),
        (MODULE.replace("name: a", "name: 1 a"),
         [':5: modules.m.metrics[0].name: found "1 a", expected a metric name: [a-zA-Z_:][a-zA-Z0-9_:]*']),
        (MODULE.replace("      oid: 1.3.6.1.4.1.99999.1\n", ""),
         [":5: modules.m.metrics[0].oid: found nothing, expected an OID in numbers, such as 1.3.6.1.2.1.2"]),
        (MODULE + METRIC.replace("name: a", "name: b"),
         [":10: modules.m.metrics[1].oid: found 1.3.6.1.4.1.99999.1 a second time, as b of type gauge, expected it once"
          " (line 5: a of type gauge)"]),
        (MODULE + METRIC.replace("gauge", "counter"),
         [":10: modules.m.metrics[1].oid: found 1.3.6.1.4.1.99999.1 a second time, as a of type counter, expected it once"]),
        (MODULE + "      lookups: [{labels: [x], labelname: y, oid: 1.3.6, type: gauge}]\n",
         [":9: modules.m.metrics[0].lookups[0].labels[0]: found \"x\", expected no labels: the metric has no indexes"]),
        (MODULE + "      indexes: [{labelname: x, type: gauge}]\n      lookups: [{labels: [x], labelname: y}]\n",
         [":10: modules.m.metrics[0].lookups[0]: found no oid or no type, expected oid: and type: of the object to look up"]),
        (MODULE + "      regex_extracts: {'': [{regex: '(a'}], '-': [{regex: a}], b: [{regex: '(?=a)'}, {regex: '\\pL'}]}\n", [
            ":9: modules.m.metrics[0].regex_extracts.[0].regex: found missing ), unterminated subpattern at position",
            ":9: modules.m.metrics[0].regex_extracts.-: found \"-\", expected what makes a metric name when put behind a",
            ":9: modules.m.metrics[0].regex_extracts.b[0].regex: found a look-around, back-reference or possessive"
            f" repeat, which RE2 does not have, in \"(?=a)\", expected {REGEX}",
            ":9: modules.m.metrics[0].regex_extracts.b[1].regex: found \\p (a Unicode class), in \"\\\\pL\", expected"]),
        (MODULE.replace("gauge", "ParseDateAndTime"),
         [":5: modules.m.metrics[0].datetime_pattern: found nothing, expected a pattern of strptime, such as"]),
        (MODULE.replace("gauge", "ParseDateAndTime\n      datetime_pattern: '%Q'"),
         [":8: modules.m.metrics[0].datetime_pattern: found 'Q' is a bad directive in format '%Q', expected a pattern"]),
        (MODULE + "    filters: [{oid: 1.3.6, targets: [1.3.6], values: ['(']}]\n",
         [":9: modules.m.filters[0].values[0]: found missing ), unterminated"]),
        (MODULE + "    overrides: {b: {ignore: true}}\n",
         [":9: modules.m.overrides.b: found a name of no metric, expected the name of a metric of this module"]),
        (MODULE + "      labels: [a]\n", [":9: modules.m.metrics[0].labels: found an unknown key, expected"]),
        (MODULE + "      indexes: [{labelname: __x, type: gauge}]\n",
         [':9: modules.m.metrics[0].indexes[0].labelname: found "__x", expected a label name']),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, text: str, problems: list[str]) -> None:
    """Each contradiction with file, line, key, what was found and what was expected."""
    path = _write(tmp_path, text)
    with pytest.raises(SheetError) as caught:
        load(path)
    found = [str(problem).removeprefix(str(path)) for problem in caught.value.problems]
    assert len(found) == len(problems), found
    for said, expected in zip(sorted(found), sorted(problems), strict=True):
        assert said.startswith(expected)


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        (MODULE.replace("[1.3.6.1.4.1.99999]", "[1.3.6.1.4.1.9]"),
         ":6: modules.m.metrics[0].oid: found 1.3.6.1.4.1.99999.1, expected an OID that walk: or get: asks for"),
        (MODULE + METRIC.replace("99999.1", "99999.1.1").replace("name: a", "name: b"),
         ":10: modules.m.metrics[1].oid: found 1.3.6.1.4.1.99999.1.1, expected an OID that is not below that of a"),
        (MODULE + "      indexes: [{labelname: x, type: DateAndTime}]\n",
         ":9: modules.m.metrics[0].indexes[0].type: found DateAndTime, expected a type that an index can show"),
        (MODULE + "      indexes: [{labelname: x, type: OctetString, implied: true}, {labelname: y, type: gauge}]\n",
         ":9: modules.m.metrics[0].indexes[0].implied: found true, expected it only at the last index"),
        (MODULE + "      regex_extracts: {T: [{regex: a}]}\n",
         ":9: modules.m.metrics[0].regex_extracts: found a number, expected them only for a type of text"),
        (MODULE.replace("gauge", "DisplayString") + "      regex_extracts: {T: [{regex: '(a+)+'}]}\n",
         ":9: modules.m.metrics[0].regex_extracts.T[0].regex: found \"(a+)+\", expected a pattern without a choice or a"),
    ],
)  # fmt: skip
def test_odd(tmp_path: Path, text: str, remark: str) -> None:
    """What snmp_exporter takes as well is taken, with a remark."""
    path = _write(tmp_path, text)
    files = load(path)
    assert files.modules.keys() == {"m"}
    [found] = [str(problem).removeprefix(str(path)) for problem in files.remarks]
    assert found.startswith(remark)


def test_same_definition_twice(tmp_path: Path) -> None:
    """A metric that stands there twice, word by word, contradicts nothing."""
    assert load(_write(tmp_path, MODULE + METRIC)).remarks == ()


def test_several_files(tmp_path: Path) -> None:
    """All problems of all files at once; a name may be in one file only."""
    first = _write(tmp_path, MODULE, "a.yml")
    second = _write(tmp_path, MODULE.replace("gauge", "guage"), "b.yml")
    with pytest.raises(SheetError) as caught:
        load(first, second, tmp_path / "c.yml")
    assert [(Path(problem.file).name, problem.key) for problem in caught.value.problems] == [
        ("b.yml", "modules.m"),
        ("b.yml", "modules.m.metrics[0].type"),
        ("c.yml", ""),
    ]
    assert caught.value.problems[0].found == f"a name that {first} has too"


@pytest.mark.parametrize(
    ("text", "expected"), [("5s", 5), ("500ms", 0.5), ("1m30s", 90), ("1.5h", 5400), ("2us", 2e-6), ("1h0m0.5s", 3600.5)]
)
def test_durations(text: str, expected: float) -> None:
    """Durations as Go writes them."""
    assert seconds(text) == pytest.approx(expected)


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["1.3.6.1", "gauge", "OctetString"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["walk", "get", "metrics", "oid", "name", "type", "indexes", "labelname", "lookups", "labels"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_content(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    """Whatever stands below `modules`, loading gives modules or problems and nothing else."""
    path = tmp_path_factory.mktemp("any") / "snmp.yml"
    path.write_text(json.dumps({"modules": {"m": content}}))
    with contextlib.suppress(SheetError):
        load(path)

"""The library: what is shipped is whole, a site adds and replaces, and every mistake is told with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.sheets.sheet import SheetError
from agent.snmp.library import OURS, Library, shipped
from agent.snmp.match import Facts, Identity, Matcher
from agent.snmp.profile_file import Match, ProfileFile
from tests.agent.snmp.reading_kit import site

LIBRARY = Library.load()


def test_everything_shipped_is_whole() -> None:
    """Every profile can be put together: all objects, readings, rules and patterns exist and fit."""
    assert [str(problem) for problem in LIBRARY.problems()] == []


def test_a_module_stands_alone_in_the_file_of_its_name() -> None:
    """Modules are read when they are needed, which their file names must tell."""
    for path in sorted((shipped() / "modules").glob("*.yml")):
        assert LIBRARY.module(path.stem).metrics, path.name
    assert LIBRARY.module_names == {path.stem for path in (shipped() / "modules").glob("*.yml")}


def test_every_rule_and_reading_is_for_people_of_both_languages() -> None:
    """Vietnamese words are there and are not the English ones."""
    for name, reading in LIBRARY.vocabulary.items():
        assert reading.help_vi != reading.family.help, name
    for rule in LIBRARY.rules.values():
        assert rule.words.vi != rule.words.en or "{" in rule.words.en, rule.name


def test_unknown_names() -> None:
    """A name that there is not is a KeyError, for profiles and modules alike."""
    with pytest.raises(KeyError):
        LIBRARY.profile("no-such")
    with pytest.raises(KeyError):
        LIBRARY.module("no_such")


READING = "readings: [{reading: env_temperature_celsius, value: aColumn}]\n"


def test_a_site_adds_and_replaces(tmp_path: Path) -> None:
    """A site's profile and module are there beside ours; one with our name replaces it, and so do readings and rules."""
    folder = site(
        tmp_path, READING + "class: env\n",
        readings="readings: {our_humidity_ratio: {kind: gauge, help: Ours., help_vi: Riêng.}}\n",
        health="rules: {env_temperature_high: {on: env_temperature_celsius, above: 20, health: down, words: {en: a, vi: b}}}\n",
    )  # fmt: skip
    (folder / "profiles" / "generic.yml").write_text("profile: generic\ntitle: Ours\nbase: [device]\n", encoding="utf-8")
    library = Library.load([folder])
    assert library.profile("tested").modules == ("test",)
    assert library.profile("generic").title == "Ours"
    assert library.profile("ups-rfc1628").title == LIBRARY.profile("ups-rfc1628").title
    assert "our_humidity_ratio" in library.vocabulary
    assert library.rules["env_temperature_high"].above == 20
    assert library.rules["env_temperature_too_high"].above == 38


def test_bases_come_first_and_are_replaced(tmp_path: Path) -> None:
    """A profile has what its bases have; its own entries of a reading replace theirs, its own thresholds the rules'."""
    text = """class: ups
base: [ups-rfc1628]
core: [aScalar]
vendor: Maker
settings: {max_repetitions: 5}
readings: [{reading: ups_battery_charge_ratio, value: aScalar / 100}]
health: {ups_load_high: {above: 0.9}, ups_alarms_present: off}
"""
    profile = Library.load([site(tmp_path, text)]).profile("tested")
    assert profile.modules == ("system", "ups_mib", "test")
    assert profile.core[:2] == ("sysUpTime", "snmpEngineTime")
    assert profile.core[-1] == "aScalar"
    assert profile.settings.max_repetitions == 5
    assert profile.required == ("ups_output_source",)
    charge = next(each for each in profile.derivations if each.reading.name == "ups_battery_charge_ratio")
    assert [source.value.source for entry in charge.entries for source in entry] == ["aScalar / 100"]
    rules = {rule.name: rule for rule in profile.rules}
    assert rules["ups_load_high"].above == 0.9
    assert "ups_alarms_present" not in rules
    assert "storage_failed" not in rules, "rules on what the profile does not read are left out"


def problems(folder: Path) -> list[str]:
    """What is said of a site's folder, without where it is."""
    with pytest.raises(SheetError) as error:
        Library.load([folder])
    return [str(problem).replace(f"{folder}/", "") for problem in error.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class: UPS\n", "4: class: found \"UPS\", expected a word of small letters"),
        ("zzz: red\n", "4: zzz: found an unknown key, expected one of profile, "),
        ("base: [nothing]\n", "4: base: found \"nothing\", expected the names of other profiles"),
        ("base: [tested]\n", "4: base: found tested -> tested, a circle, expected"),
        ("core: [aColumn]\n", "4: core[0]: found \"aColumn\", expected a scalar object"),
        ("core: [gone]\n", "4: core[0]: found \"gone\", expected a scalar object"),
        ("required: [ups_alarms]\n", "4: required: found \"ups_alarms\", expected a reading that"),
        ("readings: [{reading: ups_alarm_count, value: 1}]\n", "readings[0].reading: found \"ups_alarm_count\""),
        ("readings:\n- reading: ups_alarms\n  value: aScalar +\n", "6: readings[0].value: found \"aScalar +\""),
        ("readings: [{reading: ups_alarms, value: [1, gone]}]\n", "readings[0].value[1]: found \"gone\", expected an object"),
        ("readings: [{reading: ups_alarms, value: 1, where: index()}]\n", "where: found \"index()\", expected index(n) at"),
        ("readings: [{reading: ups_alarms, value: 1, labels: {line: 1}}]\n", "labels.line: found \"line\", expected no label"),
        ("readings: [{reading: device_fan_state, value: 1, states: {1: good}}]\n", "states.1: found \"good\", expected one"),
        ("readings: [{reading: ups_alarms, value: 1, states: {1: ok}}]\n", "expected no state: the reading is a number"),
        ("readings: [{reading: ups_alarms, value: 1, range: [1]}]\n", "range: found a list of 1, expected a list (of 2"),
        ("match: [{}]\n", "at least one of sysobjectid, sysdescr"),
        ("match: [{sysdescr: '(a+)+'}]\n", "match[0].sysdescr: found \"(a+)+\", expected a pattern without a choice"),
        ("match: [{sysobjectid: 1.3.x}]\n", "match[0].sysobjectid: found \"1.3.x\", expected an OID in numbers"),
        ("ports: {watch: '['}\n", "ports.watch: found \"[\", expected a pattern (unterminated"),
        ("health: {no_rule: off}\n", "health.no_rule: found \"no_rule\", expected a rule of health.yml"),
        ("health: {ups_load_high: {over: 1}}\n", "health.ups_load_high.over: found an unknown key, expected above?"),
        ("health: {ups_load_high: {above: much}}\n", "health.ups_load_high: found \"much\", expected a reading of"),
        ("health: {ups_load_high: maybe}\n", "health.ups_load_high: found \"maybe\", expected off or settings below it"),
        ("health: {ups_load_high: {above: 0.5, clear: 0.7}}\n", "clear on the good side of the threshold"),
    ],
)  # fmt: skip
def test_mistake_in_a_profile(tmp_path: Path, text: str, expected: str) -> None:
    """File, line, key, what was found and what was expected."""
    assert any(expected in problem for problem in problems(site(tmp_path, text))), problems(site(tmp_path, text))


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """What was meant to be polled is not passed over in silence."""
    with pytest.raises(SheetError) as caught:
        Library.load([tmp_path / "gone"])
    assert str(caught.value) == f"{tmp_path / 'gone'}: found no folder, expected a folder with modules/, profiles/ or the like"


def test_names_of_files_and_modules(tmp_path: Path) -> None:
    """A profile is named like its file, its modules exist, and two modules agree on what a name is."""
    folder = site(tmp_path, "")
    path = folder / "profiles" / "tested.yml"
    path.write_text("profile: other\ntitle: T\n", encoding="utf-8")
    assert problems(folder) == ['profiles/tested.yml:1: profile: found "other", expected tested, the name of the file']
    path.write_text("profile: tested\ntitle: T\nmodules: [none_such]\n", encoding="utf-8")
    assert problems(folder) == ['profiles/tested.yml:3: modules: found "none_such", expected the name of a module']
    path.write_text("profile: tested\ntitle: T\nmodules: [test, again]\n", encoding="utf-8")
    again = "modules: {again: {walk: [1.3.6.1.4.1.99998], metrics: [{name: aScalar, oid: 1.3.6.1.4.1.99998.1, type: gauge}]}}\n"
    (folder / "modules" / "again.yml").write_text(again, encoding="utf-8")
    assert problems(folder) == [
        "profiles/tested.yml:3: modules: found aScalar with one OID in test and another in again, expected one of these modules"
    ]


def entry(keys: str, name: str = "x") -> str:
    """A site's readings.yml with one reading."""
    return f"readings: {{{name}: {{{keys}, help: a, help_vi: b}}}}\n"


def rule(keys: str, *, health: str = "down", words: str = "a") -> str:
    """A site's health.yml with one rule."""
    return f"rules: {{x: {{{keys}, health: {health}, words: {{en: {words}, vi: b}}}}}}\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("readings", entry("kind: gauge", "x_total"), 'x_total: found "x_total", expected a name that ends in _total'),
        ("readings", entry("kind: state"), "expected states for a reading of kind state"),
        ("readings", entry("kind: state, states: [a]"), "expected unknown as one of the states"),
        ("readings", entry("kind: gauge, labels: [class]"), "expected labels other than class"),
        ("readings", entry("kind: gauge, range: [2, 1]"), "expected a range of two numbers"),
        ("readings", "readings: {x: {kind: gauge, help: a}}\n", "readings.x.help_vi: found nothing, expected text"),
        ("health", rule("on: none, above: 1"), 'rules.x: found "none", expected a reading'),
        ("health", rule("on: ups_alarms"), "expected one of state, above, below, equals, trend"),
        ("health", rule("on: ups_alarms, above: 1", health="bad"), 'rules.x.health: found "bad"'),
        ("health", rule("on: ups_alarms, state: [ok]"), 'found "ok", expected no state'),
        ("health", rule("on: ups_output_source, above: 1"), "expected state: with some of its"),
        ("health", rule("on: ups_alarms, above: 1", words="'{x}'"), "expected a sentence with nothing but"),
        ("health", rule("on: ups_alarms, above: 1, and: {on: none, equals: 1}"), 'found "none"'),
    ],
)
def test_mistake_in_vocabulary_or_rules(tmp_path: Path, name: str, text: str, expected: str) -> None:
    """A site's own words and rules are checked as strictly."""
    found = problems(site(tmp_path, READING, **{name: text}))
    assert any(expected in problem for problem in found), found


def profile(name: str, *matches: Match) -> ProfileFile:
    """A profile with these match sections."""
    return ProfileFile(profile=name, title=name, match=matches)


MATCHER = Matcher([
    profile("vendor", Match(sysobjectid="1.3.6.1.4.1.9")),
    profile("model", Match(sysobjectid=".1.3.6.1.4.1.9.1.5")),
    profile("described", Match(sysobjectid="1.3.6.1.4.1.9.1.5", sysdescr="(?i)adaptive")),
    profile("words", Match(sysdescr="Meeting Owl")),
    profile("asked", Match(answers="1.3.6.1.2.1.33.1.4.1.0")),
    profile("classed", Match(class_="ups"), Match(class_="room", answers="1.3.6.1.4.1.5.0")),
    profile("a-twin", Match(class_="pdu")),
    profile("b-twin", Match(class_="pdu")),
])  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(sysobjectid="1.3.6.1.4.1.9"), "vendor"),
        (Facts(sysobjectid="1.3.6.1.4.1.9.7"), "vendor"),
        (Facts(sysobjectid="1.3.6.1.4.1.99"), "generic"),  # an arc is whole
        (Facts(sysobjectid="1.3.6.1.4.1.9.1.5"), "model"),
        (Facts(sysobjectid="1.3.6.1.4.1.9.1.50"), "vendor"),
        (Facts(sysobjectid="1.3.6.1.4.1.9.1.5.1", sysdescr="ADAPTIVE appliance"), "described"),
        (Facts(sysdescr="A Meeting Owl here", class_="ups"), "words"),
        (Facts(sysobjectid="1.3.6.1.4.1.9.9", sysdescr="Meeting Owl"), "vendor"),
        (Facts(answered=frozenset({"1.3.6.1.2.1.33.1.4.1.0"}), class_="ups"), "asked"),
        (Facts(class_="ups"), "classed"),
        (Facts(class_="room"), "generic"),
        (Facts(class_="room", answered=frozenset({"1.3.6.1.4.1.5.0"})), "classed"),
        (Facts(class_="pdu"), "a-twin"),
        (Facts(), "generic"),
    ],
)
def test_identify(facts: Facts, expected: str) -> None:
    """The longest sysObjectID wins, then the description, then an answer, the class last; else generic."""
    assert MATCHER.identify(facts).profile == expected


def test_identity_says_why() -> None:
    """In both languages, with what was found."""
    found = MATCHER.identify(Facts(sysobjectid="1.3.6.1.4.1.9.1.5.1", sysdescr="ADAPTIVE appliance"))
    assert found == Identity(
        "described",
        "sysObjectID 1.3.6.1.4.1.9.1.5.1 is at or below 1.3.6.1.4.1.9.1.5, sysDescr fits (?i)adaptive",
        "sysObjectID 1.3.6.1.4.1.9.1.5.1 thuộc 1.3.6.1.4.1.9.1.5, sysDescr khớp (?i)adaptive",
    )


def test_what_must_be_asked_before() -> None:
    """Only OIDs of `answers` are probed, and only where they could change the choice."""
    assert set(MATCHER.probe_oids) == {"1.3.6.1.2.1.33.1.4.1.0", "1.3.6.1.4.1.5.0"}
    assert not MATCHER.needs_answers(Facts(sysobjectid="1.3.6.1.4.1.9"))
    assert MATCHER.needs_answers(Facts(class_="ups"))


def test_a_module_of_a_site_that_lacks_what_profiles_read_takes_nothing_from_them(tmp_path: Path) -> None:
    """Somebody brings a whole `snmp.yml` of another program: its module is polled for its series, and profiles that need more
    than it has read their own module beside it."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "snmp.yml").write_text(
        "auths: {public_v2: {community: public, version: 2}}\n"
        "modules:\n  if_mib:\n    walk: [1.3.6.1.2.1.31.1.1.1.6]\n    metrics:\n"
        "      - {name: ifHCInOctets, oid: 1.3.6.1.2.1.31.1.1.1.6, type: counter, help: Octets., "
        "indexes: [{labelname: ifIndex, type: gauge}]}\n"
    )
    library = Library.load([tmp_path])
    assert library.problems() == []
    profile = library.profile("generic-switch")
    assert {"if_mib", f"{OURS}if_mib"} <= set(profile.modules)
    assert len(library.module("if_mib").metrics) == 1
    assert len(library.module(f"{OURS}if_mib").metrics) > 10
    assert f"{OURS}if_mib" not in library.module_names
    assert f"{OURS}if_mib" not in Library.load().profile("generic-switch").modules

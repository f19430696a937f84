"""An on-call file is refused, never repaired: every wrong file in `tests/data/config/oncall` with its exact messages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collector.config import ConfigError
from collector.config_words import told, told_all
from collector.inventory import Inventory, load_inventory
from collector.oncall import OnCallFile, load_oncall
from collector.settings import Config

CASES = Path(__file__).parents[2] / "data" / "config" / "oncall"
NOW_MS = 1_767_589_200_000
"""2026-01-05 12:00 in Asia/Ho_Chi_Minh."""
INVENTORY = """sites: [{id: dic}, {id: tu-ky}]
targets:
  - {id: ups-1, site: dic, class: ups, via: collector}
  - {id: router-1, site: tu-ky, class: router, via: collector}
groups: [{id: rooms, rule: all, members: [router-1]}]
calendars: [{id: office, hours: {mon: ["07:30-17:00"]}}]
holidays: [{id: vietnam-2026, days: [2026-09-02]}]
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """A small one: two sites, two targets, a group, a calendar, a list of holidays."""
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "a.yml").write_text(INVENTORY, encoding="utf-8")
    return load_inventory(folder, [])


def load(folder: Path, text: str | bytes, inventory: Inventory | None, now_ms: int = NOW_MS) -> OnCallFile:
    """The file with this text; a template with `bad` in it cannot be used."""
    file = folder / "oncall.yml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_oncall(file, inventory, Config(), now_ms=now_ms, template_problem=_template_problem)


def _template_problem(file: Path) -> str:
    return "line 1: unexpected end" if "bad" in file.name else ""


def warnings(folder: Path, text: str, inventory: Inventory | None, now_ms: int = NOW_MS) -> list[str]:
    """What is worth saying of a file."""
    return told_all(load(folder, text, inventory, now_ms).warnings, "en").replace(f"{folder}/", "").splitlines()


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("*.yml")))
def test_a_wrong_file_is_named(case: str, tmp_path: Path, inventory: Inventory) -> None:
    """File, line, key, what was found, what was expected: all problems at once, in English and in Vietnamese."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, (CASES / f"{case}.yml").read_bytes(), inventory)
    found = f"{told(caught.value, 'en')}\n\n{told(caught.value, 'vi')}\n".replace(f"{tmp_path}/", "")
    expected = CASES / f"{case}.txt"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_every_case_has_its_messages() -> None:
    """No expected messages without a file, and a table worth its name."""
    names = {path.stem for path in CASES.glob("*.yml")}
    assert {path.stem for path in CASES.glob("*.txt")} == names
    assert len(names) >= 7


# --- what is worth saying

HEAD = """receivers: {noc: {webhook: {url: "https://noc.example.vn/"}}, sms: {webhook: {url: "https://sms.example.vn/"}}}
people: {an: {receivers: [sms]}, binh: {receivers: [sms]}}
emergency: [noc]
routes: [{name: default, escalation: noc}]
"""
STEPS = 'escalations: {noc: {steps: [{notify: ["rota:noc"]}]}}\n'
ROTA = "rotas:\n  noc:\n    hand_over: mon 08:00\n    starts: 2026-01-05\n    people: [an, binh]\n"


def test_a_file_without_fault_says_nothing(tmp_path: Path, inventory: Inventory) -> None:
    """Nothing to refuse, nothing to remark."""
    assert warnings(tmp_path, HEAD + STEPS + ROTA, inventory) == []


def test_a_gap_that_comes_is_told_and_refuses_nothing(tmp_path: Path, inventory: Inventory) -> None:
    """A rota that begins later, and the step that reaches nobody by then: with the times; the file of yesterday still loads."""
    assert warnings(tmp_path, HEAD + STEPS + ROTA, inventory, NOW_MS - 86_400_000) == [
        "oncall.yml:5: escalations.noc.steps[0]: found nobody from 2026-01-04 12:00 until 2026-01-05 08:00, "
        "expected somebody who is reached at every hour, or the emergency receivers are",
        "oncall.yml:9: rotas.noc.starts: found nobody from 2026-01-04 12:00 until 2026-01-05 08:00, "
        "expected somebody on call at every hour",
    ]


def test_a_rota_of_some_hours_needs_another_beside_it(tmp_path: Path, inventory: Inventory) -> None:
    """A step with the rota alone has hours at which nobody is reached; with one for the other hours it has none."""
    only = ROTA + "    only: {outside: office}\n"
    [said] = warnings(tmp_path, HEAD + STEPS + only, inventory)
    assert said.startswith("oncall.yml:5: escalations.noc.steps[0]: found nobody from 2026-01-05 12:00 until 2026-01-05 17:00")
    both = only + ROTA.replace("rotas:\n", "").replace("noc:", "day:") + "    only: {calendar: office}\n"
    assert warnings(tmp_path, HEAD + STEPS.replace('["rota:noc"]', '["rota:noc", "rota:day"]') + both, inventory) == []


def test_changes_of_a_rota_that_change_nothing_are_told(tmp_path: Path, inventory: Inventory) -> None:
    """An override of somebody who is not on call then, a swap of which one has nothing."""
    changes = (
        "    overrides: [{from: 2026-02-03, to: 2026-02-04, person: an, instead_of: binh}]\n"
        "    swaps: [{from: 2026-02-10, to: 2026-02-11, people: [an, binh]}]\n"
    )
    assert warnings(tmp_path, HEAD + STEPS + ROTA + changes, inventory) == [
        "oncall.yml:11: rotas.noc.overrides[0]: found nobody to replace from 2026-02-03 00:00 until 2026-02-04 00:00, "
        "expected a person who is on call then",
        "oncall.yml:12: rotas.noc.swaps[0]: found turns of one alone from 2026-02-10 00:00 until 2026-02-11 00:00, "
        "expected a turn of both people in that time",
    ]


def test_whom_a_step_calls_and_who_wants_no_call_is_told(tmp_path: Path, inventory: Inventory) -> None:
    """A receiver of digests alone in a step: the step passes, and nobody hears of it."""
    text = """receivers:
  noc: {webhook: {url: "https://noc.example.vn/"}}
  digest: {webhook: {url: "https://chat.example.vn/"}, events: [digest, notice]}
escalations: {noc: {steps: [{notify: ["receiver:noc"]}, {after: 5m, notify: ["receiver:digest"]}]}}
routes: [{name: all, escalation: noc}]
emergency: [noc]
"""
    said = "found no firing, though a person or a step names it, expected firing: without it nobody is told this way"
    assert warnings(tmp_path, text, inventory) == [f"oncall.yml:3: receivers.digest.events: {said}"]
    in_digest = (
        text.replace('["receiver:digest"]', '["receiver:noc"]') + 'digest: [{at: "07:30", notify: ["receiver:digest"]}]\n'
    )
    assert warnings(tmp_path, in_digest, inventory) == []


def test_what_nobody_names_is_told(tmp_path: Path, inventory: Inventory) -> None:
    """Receivers, people, rotas and escalations without use."""
    text = """receivers: {noc: {webhook: {url: "https://noc.example.vn/"}}, old: {webhook: {url: "https://old.example.vn/"}}}
people: {an: {receivers: [noc]}}
rotas: {r: {hand_over: mon 08:00, starts: 2026-01-05, people: [an]}}
escalations: {noc: {steps: [{notify: ["receiver:noc"]}]}, old: {steps: [{notify: ["receiver:noc"]}]}}
routes: [{name: some, escalation: noc, match: {severity: [critical]}, quiet: {severity: critical, hours: "22:00-06:00"}}]
"""
    assert [line.partition(", expected")[0] for line in warnings(tmp_path, text, inventory)] == [
        "oncall.yml:1: found no `emergency` receivers",
        "oncall.yml:1: receivers.old: found nothing that names it",
        "oncall.yml:3: rotas.r: found nothing that names it",
        "oncall.yml:4: escalations.old: found nothing that names it",
        'oncall.yml:5: routes[0].quiet.severity: found "critical"',
        "oncall.yml:5: routes[0].quiet: found quiet hours without a digest",
        "oncall.yml:5: routes[0]: found no route that takes everything",
    ]


def test_an_empty_file_tells_that_nobody_is_told(tmp_path: Path, inventory: Inventory) -> None:
    """It is no fault, and not meant."""
    assert warnings(tmp_path, "", inventory) == [
        "oncall.yml: found no routes, expected at least one route: nobody is told of anything"
    ]


# --- files of receivers

SECRET = """receivers: {noc: {webhook: {url: "https://noc.example.vn/", secret_file: noc.key, token_env: HAIDANG_TEST_UNSET}}}
escalations: {noc: {steps: [{notify: ["receiver:noc"]}]}}
routes: [{name: default, escalation: noc}]
emergency: [noc]
"""


def test_a_secret_that_is_missing_refuses_nothing(tmp_path: Path, inventory: Inventory) -> None:
    """The other receivers work; it is told."""
    assert warnings(tmp_path, SECRET, inventory) == [
        "oncall.yml:1: receivers.noc.webhook.secret_file: found No such file or directory, "
        "expected a file with the secret: without it nothing is sent",
        'oncall.yml:1: receivers.noc.webhook.token_env: found "HAIDANG_TEST_UNSET", '
        "expected a variable of the environment that is set",
    ]


@pytest.mark.parametrize(("mode", "is_taken"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False)])
def test_a_secret_that_others_can_read_is_refused(mode: int, is_taken: bool, tmp_path: Path, inventory: Inventory) -> None:
    """Its owner's alone is taken."""
    secret = tmp_path / "noc.key"
    secret.write_text("0123456789abcdef")
    secret.chmod(mode)
    if is_taken:
        assert len(load(tmp_path, SECRET, inventory).warnings) == 1
        return
    with pytest.raises(ConfigError, match=f"found mode {mode:04o}, expected a file that its owner alone can read"):
        load(tmp_path, SECRET, inventory)


def test_no_secret_is_ever_shown(tmp_path: Path, inventory: Inventory) -> None:
    """Neither one in an address nor one in a file."""
    secret = tmp_path / "noc.key"
    secret.write_text("very-secret")
    secret.chmod(0o644)
    text = SECRET.replace("https://noc.example.vn/", "https://user:very-secret@noc.example.vn/")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, inventory)
    assert len(caught.value.problems) == 2
    assert "very-secret" not in told(caught.value, "en") + told(caught.value, "vi")


def test_templates_are_judged_by_who_is_asked(tmp_path: Path, inventory: Inventory) -> None:
    """One that cannot be used is refused with the reason."""
    for name in ("bad.j2", "good.j2"):
        (tmp_path / name).write_text("{{ event }}")
    text = SECRET.replace("secret_file: noc.key, token_env: HAIDANG_TEST_UNSET", "template_file: NAME")
    assert load(tmp_path, text.replace("NAME", "good.j2"), inventory).warnings == ()
    with pytest.raises(ConfigError, match="found line 1: unexpected end, expected a template that can be used"):
        load(tmp_path, text.replace("NAME", "bad.j2"), inventory)

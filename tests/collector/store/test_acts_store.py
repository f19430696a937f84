"""People, their acts and the audit trail in SQLite and PostgreSQL: four eyes, one act after the other, nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, insert, text, update

from collector.core.acts import ActKind, ActProblem, ActRefusedError, Body, Names, Rulebook, fold, instant_ms
from collector.core.change import StoreError
from collector.core.corrections import CorrectionPlan
from collector.core.corrections import counted as counted_corrections
from collector.core.people import Actor, Person, PersonError, PersonProblem, Role
from collector.core.planned import Planned
from collector.core.state import State
from collector.core.windows import Once, Selector, WindowPlan, counted
from collector.store.engine import connect
from collector.store.store import Store
from collector.store.tables_acts import acts, audit

NOW = instant_ms(datetime.fromisoformat("2026-11-24T08:00+07:00"))
HOUR = 3_600_000
EVER = (-(1 << 60), 1 << 60)
RULES = Rulebook(Names(subjects=frozenset({"T"})))
LOCAL = Actor("os:root", Role.ADMIN, "local")
U1, U2, U3 = (
    Actor(name, role, "192.0.2.1") for name, role in (("u1", Role.OPERATOR), ("u2", Role.APPROVER), ("u3", Role.ADMIN))
)


def asked(hours: int = 1, **more: Any) -> Body[WindowPlan]:
    plan = WindowPlan(Once(NOW + hours * HOUR, NOW + (hours + 1) * HOUR), (Selector(subjects=("T",)),))
    return Body(plan=plan, **more)


def corrected() -> Body[CorrectionPlan]:
    return Body(plan=CorrectionPlan("T", NOW - HOUR, NOW, State.UP), reason="probe fault", change="CR-7")


async def populate(store: Store) -> Store:
    for actor in (U1, U2, U3):
        await store.add_person(actor.name, actor.role, actor.name.encode(), LOCAL, now_ms=NOW)
    return store


@pytest.fixture
async def peopled(store: Store) -> Store:
    """A store with an operator, an approver and an admin, whose token hashes are their names."""
    return await populate(store)


async def refused(act: Awaitable[object]) -> ActProblem:
    with pytest.raises(ActRefusedError) as caught:
        await act
    return caught.value.problem


async def denied(act: Awaitable[object]) -> PersonProblem:
    with pytest.raises(PersonError) as caught:
        await act
    return caught.value.problem


async def trail(store: Store) -> list[tuple[str, str, str]]:
    return [(row.entry.actor, row.entry.act, row.entry.object) for row in reversed(await store.audit_rows(None, 100))]


async def test_a_person_is_known_by_the_hash_of_the_token(peopled: Store) -> None:
    assert await peopled.token_holder(b"u2") == Person("u2", Role.APPROVER, NOW)
    assert await peopled.token_holder(b"u9") is None
    await peopled.rotate_person("U2", b"new", LOCAL, NOW + 1)
    assert await peopled.token_holder(b"u2") is None
    assert (await peopled.token_holder(b"new") or U1).name == "u2"
    await peopled.set_person_role("u2", Role.VIEWER, LOCAL, NOW + 2)
    assert await peopled.token_holder(b"new") == Person("u2", Role.VIEWER, NOW)
    await peopled.revoke_person("u2", LOCAL, NOW + 3)
    assert await peopled.token_holder(b"new") is None
    assert [person.revoked_ms for person in await peopled.people()] == [0, NOW + 3, 0]
    assert (await trail(peopled))[3:] == [
        ("os:root", "user.rotate", "u2"), ("os:root", "user.role", "u2"), ("os:root", "user.revoke", "u2"),
    ]  # fmt: skip


async def test_names_are_one_person_however_spelled(peopled: Store) -> None:
    assert await denied(peopled.add_person("U1", Role.ADMIN, b"x", LOCAL, now_ms=NOW)) is PersonProblem.EXISTS
    assert await denied(peopled.add_person("u 1", Role.ADMIN, b"x", LOCAL, now_ms=NOW)) is PersonProblem.BAD_NAME
    assert await denied(peopled.revoke_person("u9", LOCAL, NOW)) is PersonProblem.UNKNOWN
    await peopled.revoke_person("u1", LOCAL, NOW)
    assert await denied(peopled.rotate_person("u1", b"x", LOCAL, NOW)) is PersonProblem.REVOKED
    again = await peopled.add_person("U1", Role.VIEWER, b"y", LOCAL, now_ms=NOW + 1)
    assert again == Person("u1", Role.VIEWER, NOW), "who comes back is who was there before"


async def test_only_admins_manage_people_and_by_their_present_role(peopled: Store) -> None:
    assert await denied(peopled.add_person("u4", Role.VIEWER, b"x", U2, now_ms=NOW)) is PersonProblem.FORBIDDEN
    await peopled.add_person("u4", Role.VIEWER, b"x", U3, now_ms=NOW)
    await peopled.set_person_role("u3", Role.VIEWER, LOCAL, NOW)
    assert await denied(peopled.revoke_person("u4", U3, NOW)) is PersonProblem.FORBIDDEN
    assert (await peopled.token_holder(b"x") or U1).name == "u4"


async def test_r11_1_a_window_counts_once_someone_else_approved_it(peopled: Store) -> None:
    made = await peopled.create_window(asked(), U1, NOW, RULES)
    assert (made.id, made.author, made.approver) == ("M1", "u1", "")
    assert counted(await peopled.window_acts(), NOW, EVER) == []
    done = await peopled.act_on_window("M1", ActKind.APPROVE, Body(), (U2, NOW + 5, RULES))
    assert (done.approver, done.approved_ms) == ("u2", NOW + 5)
    [window] = counted(await peopled.window_acts(), NOW + 5, EVER)
    assert (window.from_ms, window.to_ms, window.scope) == (NOW + HOUR, NOW + 2 * HOUR, (Selector(subjects=("T",)),))
    assert counted(await peopled.window_acts(), NOW + 4, EVER) == []
    await peopled.act_on_window("M1", ActKind.CANCEL, Body(reason="no"), (U1, NOW + 6, RULES))
    assert counted(await peopled.window_acts(), NOW + 6, EVER) == []
    assert counted(await peopled.window_acts(), NOW + 5, EVER) == [window]
    assert (await trail(peopled))[3:] == [
        ("u1", "maintenance.create", "M1"), ("u2", "maintenance.approve", "M1"), ("u1", "maintenance.cancel", "M1"),
    ]  # fmt: skip


async def test_what_is_refused_is_not_recorded(peopled: Store) -> None:
    await peopled.create_window(asked(), U3, NOW, RULES)
    before = (await peopled.window_acts(), await trail(peopled), await peopled.acts_version())
    request = (U3, NOW, RULES)
    assert await refused(peopled.act_on_window("M1", ActKind.APPROVE, Body(), request)) is ActProblem.SELF_APPROVAL
    assert await refused(peopled.act_on_window("M9", ActKind.APPROVE, Body(), (U2, NOW, RULES))) is ActProblem.UNKNOWN_OBJECT
    assert await refused(peopled.act_on_window("C1", ActKind.CANCEL, Body(), request)) is ActProblem.UNKNOWN_OBJECT
    assert await refused(peopled.create_window(asked(), U1, NOW, RULES)) is ActProblem.DUPLICATE
    assert await refused(peopled.create_window(asked(-5), U1, NOW, RULES)) is ActProblem.NEEDS_REASON
    assert (await peopled.window_acts(), await trail(peopled), await peopled.acts_version()) == before
    assert (await peopled.create_window(asked(7), U1, NOW, RULES)).id == "M2", "no number is lost either"


async def test_present_role_decides_not_the_one_the_token_had(peopled: Store) -> None:
    await peopled.create_window(asked(), U1, NOW, RULES)
    await peopled.set_person_role("u2", Role.VIEWER, LOCAL, NOW)
    request = (U2, NOW, RULES)
    assert await refused(peopled.act_on_window("M1", ActKind.APPROVE, Body(), request)) is ActProblem.FORBIDDEN
    await peopled.revoke_person("u1", LOCAL, NOW)
    assert await refused(peopled.create_window(asked(3), U1, NOW, RULES)) is ActProblem.FORBIDDEN
    assert await refused(peopled.create_window(asked(3), LOCAL, NOW, RULES)) is ActProblem.FORBIDDEN, "a login is no principal"


async def test_of_two_approvals_at_once_one_is_recorded(peopled: Store) -> None:
    await peopled.create_window(asked(), U1, NOW, RULES)
    done = await asyncio.gather(
        *(peopled.act_on_window("M1", ActKind.APPROVE, Body(), (actor, NOW, RULES)) for actor in (U2, U3)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["ActRefusedError", "Record"]
    assert [act.kind for act in await peopled.window_acts()] == [ActKind.CREATE, ActKind.APPROVE]


async def test_two_processes_write_one_chain(url: str) -> None:
    """Both stores act at the same time; numbers and hashes are those of one after the other."""
    first = await populate(await Store.open(url))
    second = await Store.open(url)
    acts = [(first, second)[n % 2].create_window(asked(n + 1), U1, NOW, RULES) for n in range(12)]
    made = await asyncio.gather(*acts)
    assert sorted(record.id for record in made) == sorted(f"M{n + 1}" for n in range(12))
    assert await first.verify_audit() is None
    head = await second.audit_head()
    assert head is not None
    assert head.seq == 15
    await first.close()
    await second.close()


async def test_an_idempotency_key_makes_one_of_two(peopled: Store) -> None:
    first = await peopled.create_window(asked(), U1, NOW, RULES, key="k1")
    again = await peopled.create_window(asked(), U1, NOW + 9, RULES, key="k1")
    assert first == again
    assert len(await peopled.window_acts()) == 1
    assert await refused(peopled.create_window(asked(5), U1, NOW, RULES, key="k1")) is ActProblem.KEY_REUSED
    assert (await peopled.create_window(asked(5), U2, NOW, RULES, key="k1")).id == "M2", "keys are each person's own"
    later = NOW + 8 * 24 * HOUR
    assert (await peopled.create_window(asked(400), U1, later, RULES, key="k2")).id == "M3"
    assert (await peopled.create_window(asked(500), U1, later, RULES, key="k1")).id == "M4", "forgotten after a week"


async def test_corrections_are_kept_beside_windows(peopled: Store) -> None:
    made = await peopled.create_correction(corrected(), U1, NOW, RULES)
    assert made.id == "C1"
    request = (U2, NOW + 1, RULES)
    await peopled.act_on_correction("C1", ActKind.APPROVE, Body(), request)
    [one] = counted_corrections(await peopled.correction_acts(), NOW + 1)
    assert (one.subject, one.to_state, one.approver, one.view) == ("T", State.UP, "u2", None)
    assert await peopled.window_acts() == []
    assert await refused(peopled.act_on_window("C1", ActKind.CANCEL, Body(), request)) is ActProblem.UNKNOWN_OBJECT
    await peopled.act_on_correction("C1", ActKind.CANCEL, Body(), (U1, NOW + 2, RULES))
    assert counted_corrections(await peopled.correction_acts("C1"), NOW + 2) == []


async def test_acts_on_one_window_never_go_back_in_time(peopled: Store) -> None:
    """The clock was set back between two acts: as of any K an approval stands on what it approves (R1.3)."""
    await peopled.create_window(asked(), U1, NOW, RULES)
    await peopled.act_on_window("M1", ActKind.APPROVE, Body(), (U2, NOW - HOUR, RULES))
    assert [act.t_ms for act in await peopled.window_acts()] == [NOW, NOW]
    assert fold(await peopled.window_acts(), NOW - 1) == {}


async def test_acts_come_back_as_they_were(url: str) -> None:
    """After a restart, too."""
    store = await populate(await Store.open(url))
    plan = WindowPlan(asked().plan.when, (Selector((), "", "", {"a": "b"}), Selector(("T",))), propagate=True)  # type: ignore[union-attr]
    rules = msgspec.structs.replace(RULES, names=Names(subjects=frozenset({"T"}), labels=frozenset({("a", "b")})))
    made = await store.create_window(Body(plan=plan, reason="thay nguồn điện", change="CR-1"), U1, NOW, rules)
    await store.close()
    store = await Store.open(url)
    assert fold(await store.window_acts(), NOW)["M1"] == made
    assert made.reason == "thay nguồn điện"
    assert sorted(map(str, made.plan.scope)) == sorted(map(str, plan.scope))
    assert made.plan.propagate
    await store.close()


async def _tamper(url: str, work: Any) -> None:
    database = connect(url)
    await database.write(lambda connection: connection.execute(work).close())
    await database.close()


@pytest.mark.parametrize(
    ("work", "found"),
    [
        (update(audit).where(audit.c.id == 2).values(actor="u9"), 2),
        (update(audit).where(audit.c.id == 3).values(details="{}"), 3),
        (delete(audit).where(audit.c.id == 1), 1),
        (delete(audit).where(audit.c.id == 3), 3),
        (update(audit).where(audit.c.id == 4).values(hash=bytes(32)), 4),
        (
            insert(audit).values(
                id=0, t_ms=0, actor="u", role="admin", source="", act="user.add", object="u", details="{}", hash=bytes(32)
            ),
            1,
        ),
    ],
)
async def test_r17_4_a_changed_or_missing_row_is_found(url: str, work: Any, found: int) -> None:
    store = await populate(await Store.open(url))
    await store.create_window(asked(), U1, NOW, RULES)
    assert await store.verify_audit() is None
    await _tamper(url, work)
    assert await store.verify_audit() == found
    await store.close()


@pytest.mark.parametrize(
    ("work", "found"),
    [
        (update(acts).where(acts.c.kind == "approve").values(actor="u3"), "M1"),
        (update(acts).where(acts.c.id == 1).values(body="{}"), "M1"),
        (update(acts).where(acts.c.id == 1).values(t_ms=acts.c.t_ms - 1), "M1"),
        (delete(acts).where(acts.c.id == 1), "M1"),
        (delete(acts).where(acts.c.id == 3), "M2"),
        (
            insert(acts).values(
                id=4, family="maintenance", object="M2", kind="approve", t_ms=NOW, actor="u3", role="approver", body="{}"
            ),
            "M2",
        ),
    ],
)
async def test_r17_4_acts_are_what_the_audit_trail_says(url: str, work: Any, found: str) -> None:
    """Who altered a window would otherwise alter every figure that rests on it, and no hash would tell."""
    store = await populate(await Store.open(url))
    await store.create_window(asked(), U1, NOW, RULES)
    await store.act_on_window("M1", ActKind.APPROVE, Body(), (U2, NOW, RULES))
    await store.create_window(asked(2), U1, NOW, RULES)
    assert await store.verify_acts() is None
    await _tamper(url, work)
    assert (await store.verify_acts(), await store.verify_audit()) == (found, None)
    await store.close()


async def test_audit_rows_come_in_pages(peopled: Store) -> None:
    assert [row.seq for row in await peopled.audit_rows(None, 2)] == [3, 2]
    assert [row.seq for row in await peopled.audit_rows(2, 2)] == [1]
    head = await peopled.audit_head()
    assert head is not None
    assert (head.seq, head.entry.source, head.entry.details) == (3, "local", '{"role":"admin"}')


async def test_an_act_and_its_audit_row_are_stored_together(url: str) -> None:
    """The trail cannot be written: the act is not there either, and its number is used by the next."""
    store = await populate(await Store.open(url))
    await _tamper(url, text("ALTER TABLE audit RENAME TO away"))
    with pytest.raises(StoreError):
        await store.create_window(asked(), U1, NOW, RULES)
    await _tamper(url, text("ALTER TABLE away RENAME TO audit"))
    assert await store.window_acts() == []
    assert (await store.create_window(asked(), U1, NOW, RULES)).id == "M1"
    assert await store.verify_audit() is None
    await store.close()


async def test_what_the_inventory_plans_is_asked_for_once(peopled: Store) -> None:
    """In one transaction, audited like any act; a clock that went back does not make it ask beside itself."""
    said = [Planned("patch", "a.yml", WindowPlan(Once(NOW + HOUR, NOW + 3 * HOUR), (Selector(subjects=("T",)),)), "patching")]
    assert await peopled.take_planned(said, NOW, RULES) == []
    assert await peopled.take_planned(said, NOW + 1, RULES) == []
    await peopled.act_on_window("M1", ActKind.APPROVE, Body(), (U2, NOW + 2, RULES))
    changed = [msgspec.structs.replace(said[0], reason="other work")]
    assert await peopled.take_planned(changed, NOW + 2 * HOUR, RULES) == []
    assert await peopled.take_planned(said, NOW + HOUR, RULES) == []
    acts_done = [
        ("inventory", f"maintenance.{kind}", id_)
        for kind, id_ in (("end", "M1"), ("create", "M2"), ("cancel", "M2"), ("create", "M3"))
    ]
    assert (await trail(peopled))[-4:] == acts_done
    windows = counted(await peopled.window_acts(), NOW + 9 * HOUR, EVER)
    assert [(one.id, one.from_ms, one.to_ms) for one in windows] == [("M1", NOW + HOUR, NOW + 2 * HOUR)]
    assert await peopled.verify_acts() is None


async def test_nobody_is_called_as_the_inventory_is(peopled: Store) -> None:
    """Or somebody could take back what it asked for, and approve in its name."""
    assert await denied(peopled.add_person("Inventory", Role.ADMIN, b"x", LOCAL, now_ms=NOW)) is PersonProblem.BAD_NAME

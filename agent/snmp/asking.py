"""What one poll asks of a device and in how few requests: its profile's modules together, grouped by how they must be asked."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agent.packets.ber import BerError, oid_of, text_of
from agent.snmp.device import AUTO, Device
from agent.snmp.harvest import GET_SIZE, Habits, Harvest, Plan
from agent.snmp.match import Facts, Identity
from agent.snmp.module import Module
from agent.snmp.peer import Peer
from agent.snmp.profile import Profile
from agent.snmp.profile_file import Settings
from agent.snmp.rows import OBJECT_IDENTIFIER, Rows
from agent.snmp.series import Compiled
from agent.snmp.session import Session
from agent.snmp.tools import Tools
from agent.snmp.values import clean
from agent.snmp.walk import fetch

SYS_DESCR = oid_of("1.3.6.1.2.1.1.1.0")
SYS_OBJECT_ID = oid_of("1.3.6.1.2.1.1.2.0")
SYS_UP_TIME = oid_of("1.3.6.1.2.1.1.3.0")
SYS_NAME = oid_of("1.3.6.1.2.1.1.5.0")
SYSTEM = (SYS_DESCR, SYS_OBJECT_ID, SYS_UP_TIME, SYS_NAME)
BUILT_IN_TIMEOUT_S = 2.0
BUILT_IN_RETRIES = 1
BUILT_IN_REPETITIONS = 25


def peer_of(device: Device, settings: Settings | None) -> Peer:
    """How the device is spoken to: what it says itself, else its profile, else the built-in values."""
    given = settings or Settings()
    retries = device.retries if device.retries is not None else given.retries
    get_only = device.get_only if device.get_only is not None else given.get_only
    return Peer(
        host=device.host,
        auth=device.auth,
        port=device.port,
        timeout_s=device.timeout_s or given.timeout_s or BUILT_IN_TIMEOUT_S,
        retries=BUILT_IN_RETRIES if retries is None else retries,
        max_repetitions=_repetitions(device, given, BUILT_IN_REPETITIONS),
        strict_source=device.strict_source,
        get_only=bool(get_only),
    )


def _repetitions(device: Device, given: Settings, otherwise: int) -> int:
    """0 of a profile is its decision for GETNEXT, and of a device that it says nothing."""
    if device.max_repetitions:
        return device.max_repetitions
    return otherwise if given.max_repetitions is None else given.max_repetitions


class Manner(msgspec.Struct, frozen=True):
    """How modules want to be asked; None leaves it to the session."""

    max_repetitions: int
    allow_nonincreasing: bool = False
    timeout_s: float | None = None
    retries: int | None = None


class Part(msgspec.Struct):
    """Modules that are asked in the same manner, and what the device has taught about asking them."""

    modules: tuple[Compiled, ...]
    plan: Plan
    manner: Manner
    habits: Habits | None = None
    walks: Plan = Plan()
    """The plan without its objects."""

    def __post_init__(self) -> None:
        self.walks = msgspec.structs.replace(self.plan, gets=())


def parts_of(modules: Iterable[Compiled], device: Device, settings: Settings | None) -> list[Part]:
    """The modules in as few plans as their manners allow. What the device says goes before what its profile says, and that
    before what modules say; only of two times to wait for an answer the longer counts."""
    given = settings or Settings()
    get_only = peer_of(device, given).get_only
    groups: dict[Manner, list[Compiled]] = {}
    for compiled in modules:
        groups.setdefault(_manner(compiled.module, device, given), []).append(compiled)
    return [
        Part(
            tuple(group),
            Plan(
                gets=tuple(dict.fromkeys(oid for each in group for oid in each.plan.gets)),
                walks=_topmost(oid for each in group for oid in each.plan.walks),
                max_repetitions=manner.max_repetitions,
                allow_nonincreasing=manner.allow_nonincreasing,
                get_only=get_only,
            ),
            manner,
        )
        for manner, group in groups.items()
    ]


def _manner(module: Module, device: Device, given: Settings) -> Manner:
    timeout_s = None if device.timeout_s or module.timeout_s is None else max(module.timeout_s, given.timeout_s or 0.0)
    retries = None if device.retries is not None or given.retries is not None else module.retries
    repetitions = _repetitions(device, given, module.max_repetitions)
    return Manner(repetitions, module.allow_nonincreasing_oids, timeout_s, retries)


def _topmost(subtrees: Iterable[bytes]) -> tuple[bytes, ...]:
    """Each subtree once in its order, and none that lies within another. An octet below 128 ends an arc, so that octets begin
    with octets as arcs with arcs."""
    wanted = tuple(dict.fromkeys(subtrees))
    return tuple([oid for oid in wanted if not any(oid is not other and oid.startswith(other) for other in wanted)])


def together(core: tuple[bytes, ...], parts: Iterable[Part]) -> tuple[bytes, ...]:
    """The core objects and those that the parts ask for by GET, to be asked for in one request; nothing where that would be no
    gain or too much for one, or where a part wants its own manner of asking."""
    more: dict[bytes, None] = {}
    for part in parts:
        patience = (part.manner.timeout_s, part.manner.retries)
        if patience != (None, None) or any(each.plan.filters for each in part.modules):
            return ()
        more.update(dict.fromkeys(part.plan.gets))
    every = tuple(dict.fromkeys((*core, *more)))
    return every if more and core and len(every) <= GET_SIZE else ()


async def ask(session: Session, part: Part, until: float, *, gets: bool = True) -> Harvest:
    """One fetch of a part's modules, those with filters asked for what their filters leave. `gets`: whether objects are to be
    asked for as well as subtrees."""
    if part.manner.timeout_s is None and part.manner.retries is None:
        return await _ask(session, part, until, gets)
    peer, manner = session.peer, part.manner
    session.peer = msgspec.structs.replace(
        peer,
        timeout_s=peer.timeout_s if manner.timeout_s is None else manner.timeout_s,
        retries=peer.retries if manner.retries is None else manner.retries,
    )
    try:
        return await _ask(session, part, until, gets)
    finally:
        session.peer = peer


async def _ask(session: Session, part: Part, until: float, gets: bool) -> Harvest:
    plan = part.plan if gets else part.walks
    filtered = [each for each in part.modules if each.plan.filters]
    if filtered and not plan.get_only:
        filters = _topmost(oid for each in filtered for oid in each.plan.filters)
        found = await fetch(session, msgspec.structs.replace(plan, gets=(), walks=filters), until)
        failed = [oid for oid, _ in found.failed]
        plans = [each.plan_with_filters(found.rows, failed) if each.plan.filters else each.plan for each in part.modules]
        plan = msgspec.structs.replace(
            plan,
            gets=tuple(dict.fromkeys(oid for each in plans for oid in each.gets)),
            walks=_topmost(oid for each in plans for oid in each.walks),
        )
    harvest = await fetch(session, plan, until, part.habits)
    part.habits = harvest.habits
    return harvest


class System(msgspec.Struct, frozen=True):
    """The system group of MIB-II as it was answered; empty texts where it was not."""

    sysdescr: str = ""
    sysobjectid: str = ""
    sysname: str = ""


def system_of(rows: Rows) -> System:
    """The texts by which a device is identified."""
    texts = {SYS_DESCR: "", SYS_OBJECT_ID: "", SYS_NAME: ""}
    for oid, tag, value in zip(rows.oids, rows.tags, rows.values, strict=True):
        if oid in texts and isinstance(value, bytes):
            texts[oid] = _oid_text(value) if tag == OBJECT_IDENTIFIER else clean(value)
    return System(texts[SYS_DESCR], texts[SYS_OBJECT_ID], texts[SYS_NAME])


def is_another(system: System, *answers: Rows) -> bool:
    """Whether the first of these answers that has sysObjectID says another than was said when the device was identified."""
    for rows in answers:
        if SYS_OBJECT_ID in rows.oids:
            place = rows.oids.index(SYS_OBJECT_ID)
            said = system_of(Rows([SYS_OBJECT_ID], [rows.tags[place]], [rows.values[place]])).sysobjectid
            return bool(said) and said != system.sysobjectid
    return False


def _oid_text(value: bytes) -> str:
    try:
        return text_of(value)
    except BerError:
        return ""


async def identify(session: Session, device: Device, tools: Tools, system: System, until: float) -> tuple[Identity, bool]:
    """The profile of a device, asked of itself unless its settings name one; and whether all that it was asked was answered, so
    that the profile may be kept."""
    if device.profile != AUTO:
        return Identity(device.profile, "its settings name this profile", "thiết lập nêu tên hồ sơ này"), True
    facts = Facts(sysobjectid=system.sysobjectid, sysdescr=system.sysdescr, class_=device.class_)
    matcher = tools.library.matcher
    if not matcher.needs_answers(facts):
        return tools.library.identify(facts), True
    asked = {oid_of(oid): oid for oid in matcher.probe_oids}
    found = await fetch(session, Plan(gets=tuple(asked)), until)
    answered = frozenset(asked[oid] for oid in found.rows.oids if oid in asked)
    return tools.library.identify(msgspec.structs.replace(facts, answered=answered)), found.dead is None


def modules_of(device: Device, profile: Profile, tools: Tools) -> list[Compiled]:
    """The modules of the profile, then those that the device's settings add."""
    return [tools.compiled(name) for name in dict.fromkeys((*profile.modules, *device.modules))]

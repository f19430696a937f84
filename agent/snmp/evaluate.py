"""One poll of a device, understood: answers -> readings, findings, health. Pure; times are given.

Serves the poller in agents and collector alike. What a device said is never made better than it was: readings that were not
read are not shown, and count for health only as long as they are fresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agent.model import Readings
from agent.snmp.answers import Counts, Layout
from agent.snmp.health import Finding, Health, Judge, Judgement
from agent.snmp.objects import KNOWN
from agent.snmp.port_table import PortTable
from agent.snmp.profile import Profile
from agent.snmp.readings import Keeper, Table, bind
from agent.snmp.rows import Rows, Value
from agent.snmp.uptime import Clocks, Verdict, boots_of_host, judge, real_uptime

FRESH_S: Final = 150.0
_CLOCKS: Final = ("sysUpTime", "snmpEngineTime", "snmpEngineBoots", "hrSystemUptime")
_ROW: Final[tuple[tuple[str, ...], ...]] = ((),)


class Evaluation(msgspec.Struct, frozen=True):
    """What one poll gave. `core` are the readings that every poll gives anew, `rest` those for which the modules are walked;
    `tables` are all that still hold, by name.
    `reason` is empty for up; `notes` are oddities for people, in English and Vietnamese."""

    core: Readings
    rest: Readings
    findings: tuple[Finding, ...]
    health: Health
    reason: str
    reason_vi: str
    notes: tuple[tuple[str, str], ...]
    tables: Mapping[str, Table]
    verdict: Verdict

    @property
    def readings(self) -> Readings:
        """All that were read by this poll, the poller's own among them."""
        return [*self.core, *self.rest]


class Memory:
    """What is remembered of one device from poll to poll. Make a new one when its profile changes."""

    __slots__ = ("_at_s", "_clocks", "_counts", "_judge", "_keepers", "_layouts", "_own", "_ports", "_reboots", "_tables")

    def __init__(self) -> None:
        self._layouts: dict[bool, Layout] = {}
        self._keepers: dict[bool, dict[int, Keeper]] = {False: {}, True: {}}
        self._tables: dict[str, Table] = {}
        """Readings that were read last, and still hold."""
        self._own: dict[str, Table] = {}
        self._ports = PortTable()
        self._judge = Judge()
        self._clocks: Clocks | None = None
        self._at_s = 0.0
        self._reboots = 0
        self._counts = Counts()

    def reset(self) -> None:
        """What was counted so far is no base any more: rates begin anew."""
        self._ports.forget_baselines()


def evaluate(
    profile: Profile, rows: Rows, memory: Memory, now_s: float, *, full: bool, fresh_s: float = FRESH_S, wan: bool | None = None
) -> Evaluation:
    """Understand one answer. `full`: the modules were walked; else only the core objects were asked. `now_s` is a clock that
    never goes back. `fresh_s`: so long a reading holds when it is not read again (2.5 full intervals). `wan` overrides the
    profile's word on whether its ports are lines whose load is judged."""
    return _Poll(profile, rows, memory, now_s, full).run(fresh_s, wan)


class _Poll:
    """One evaluation on its way."""

    def __init__(self, profile: Profile, rows: Rows, memory: Memory, now_s: float, full: bool) -> None:
        self.profile = profile
        self.memory = memory
        self.now_s = now_s
        self.full = full
        layout = memory._layouts.get(full)
        if layout is None or not layout.is_of(rows):
            layout = memory._layouts[full] = profile.layouts.of(rows)
        rows.oids, rows.tags = layout.oids, layout.tags  # the same, and kept only once for all who answer alike
        self.layout = layout
        self.values: list[Value] = rows.values
        self.found: dict[str, Table] = {}
        """Readings read by this poll."""
        self.notes: list[tuple[str, str]] = []

    def run(self, fresh_s: float, wan: bool | None) -> Evaluation:
        """Readings first, then clocks, ports, health."""
        memory, profile, now_s = self.memory, self.profile, self.now_s
        verdict = self._clocks()
        self._derive()
        if self.full and profile.ports is not None:
            self._read_ports(verdict, profile.ports.wan if wan is None else wan)
        read = memory._tables
        for name, table in self.found.items():
            table.read_s = now_s
            read[name] = table
        for name in [name for name, table in read.items() if now_s - table.read_s > fresh_s]:
            del read[name]
        tables = dict(read)
        judgement = memory._judge.judge(profile.rules, profile.required, tables, now_s, fresh_s)
        self._show_health(judgement)
        return Evaluation(
            [(table.reading.family, table.series, table.numbers) for table in self.found.values() if table.is_core],
            [(table.reading.family, table.series, table.numbers) for table in self.found.values() if not table.is_core],
            judgement.findings,
            judgement.health,
            judgement.reason,
            judgement.reason_vi,
            tuple(self.notes),
            tables,
            verdict,
        )

    def _derive(self) -> None:
        """The profile's readings. With core objects alone only those that need no other, and of them the source that counted
        when everything was asked."""
        memory, objects, full = self.memory, self.profile.objects, self.full
        keepers = memory._keepers[full]
        for bound in bind(self.profile.derivations, self.layout, objects):
            derivation = bound[0]
            name = derivation.reading.name
            if not full:
                last = memory._tables.get(name)
                if not derivation.is_core or (last is not None and not last.is_core):
                    continue
            keeper = keepers.get(derivation.number)
            if keeper is None:
                keeper = keepers[derivation.number] = Keeper()
            table = keeper.derive(bound, self.layout, self.values, objects, core=not full)
            if keeper.counts is not None:
                memory._counts.add(keeper.counts)
            if table is not None:
                self.found[name] = table

    def _read_ports(self, verdict: Verdict, wan: bool) -> None:
        assert self.profile.ports is not None  # the caller has looked
        ports, vocabulary = self.memory._ports, self.profile.vocabulary
        tables = ports.read(
            self.layout,
            self.values,
            self.profile.ports,
            wan=wan,
            now_s=self.now_s,
            is_break=verdict.is_break,
            vocabulary=vocabulary,
        )
        self.found.update({table.reading.name: table for table in tables})
        number = self.layout.scalar(KNOWN["ifNumber"].oid)
        if number >= 0 and (note := ports.note(self.layout, self.values[number])) is not None:
            self.notes.append(note)

    def _clocks(self) -> Verdict:
        memory, now_s = self.memory, self.now_s
        places = self.layout.bindings.get(Clocks)
        if places is None:
            places = self.layout.bindings[Clocks] = tuple([self.layout.scalar(KNOWN[name].oid) for name in _CLOCKS])
        agent, engine, boots, host = [self._whole(place) for place in places]
        clocks = Clocks(agent_ticks=agent, engine_s=engine, boots=boots, host_ticks=host)
        verdict = Verdict.UNKNOWN if memory._clocks is None else judge(memory._clocks, clocks, now_s - memory._at_s)
        if clocks.agent_ticks or clocks.host_ticks or clocks.engine_s:
            memory._clocks, memory._at_s = clocks, now_s
        if boots_of_host(verdict, clocks):
            memory._reboots += 1
        for name, value in (
            ("snmp_agent_uptime_seconds", clocks.agent_s),
            ("snmp_engine_uptime_seconds", clocks.engine_s if clocks.engine_s and clocks.engine_s > 0 else None),
            ("snmp_engine_boots", clocks.boots or None),
            ("host_uptime_seconds", clocks.host_s),
        ):
            if value is not None:
                self._own(name, _ROW, [float(value)])
        if (real := real_uptime(clocks)) is not None:
            self._own("uptime_seconds", ((str(real[1]),),), [real[0]])
        self._own("device_reboots_total", _ROW, [float(memory._reboots)])
        return verdict

    def _whole(self, place: int) -> int | None:
        value = self.values[place] if place >= 0 else None
        return value if isinstance(value, int) else None

    def _show_health(self, judgement: Judgement) -> None:
        counts = self.memory._counts
        self._own("snmp_implausible_total", _ROW, [float(counts.implausible)])
        self._own("snmp_unparsable_total", _ROW, [float(counts.unparsable)])
        self._own("health_state", _ROW, [str(judgement.health)])
        if judgement.findings:
            rules = tuple([(finding.rule,) for finding in judgement.findings])
            self._own("health_finding", rules, [1.0] * len(rules))

    def _own(self, name: str, labels: tuple[tuple[str, ...], ...], values: list[Any]) -> None:
        reading = self.profile.vocabulary.get(name)
        if reading is not None:
            last = self.memory._own.get(name)
            if last is None or last.values != values or last.labels != labels:
                last = self.memory._own[name] = Table(reading, labels, values, last)
                last.is_core = True
            self.found[name] = last

"""A live ledger and a fleet without a database, fed evidence by hand, for tests of what is true of subjects."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from agent.model import Block, Kind, Outcome, Reason, Schema, schema_hash
from collector.alerting.conditions import Conditions
from collector.core.alert import Condition
from collector.core.evidence import Evidence
from collector.core.fleet import Fleet
from collector.core.roll import Roll
from collector.core.schemas import SchemaBook, pack
from collector.core.subject import Group, GroupRule, Objective, Rules, Sign, Subject, SubjectKind
from collector.core.tally import Tally
from collector.ledger.keeper import Keeper
from tests.collector.fleet_kit import evidence, info

T = 1_790_000_000_000
INTERVAL = 15_000
PROBED = Rules(sign=Sign.PROBE, interval_ms=INTERVAL, fail_after=3)


def target(name: str, rules: Rules = PROBED) -> Subject:
    return Subject(name, site="dic", class_="server", rules=rules)


def group(name: str, *members: str, rule: GroupRule = GroupRule.ALL, slo_ppm: int = 999_000) -> Subject:
    return Subject(name, SubjectKind.GROUP, group=Group(rule, members), objective=Objective(slo_ppm=slo_ppm))


class Small:
    """See the module. Everything is in service since an hour and a half before `T`."""

    def __init__(self, *subjects: Subject) -> None:
        self.now = T
        self.keeper = Keeper(ZoneInfo("Asia/Ho_Chi_Minh"), lambda: self.now)
        self.fleet = Fleet(SchemaBook(), Tally())
        self.take(*subjects)
        self.conditions = Conditions(self.keeper, self.fleet)

    def take(self, *subjects: Subject) -> None:
        self.keeper.take_roll(Roll.of(subjects), self.now)
        for page in self.keeper.pages.values():
            page.is_taken_up = True
        names = {subject.id.removeprefix("agent:") for subject in subjects if subject.group is None}
        self.fleet.set_targets([info(name) for name in sorted(names)])

    def see(self, name: str, outcome: Outcome = Outcome.OK, **change: object) -> None:
        """A probe's sample of a target, about now."""
        reason = Reason.NONE if outcome is Outcome.OK else Reason.TIMEOUT
        fields = {"observer": "collector", "module": "icmp", "kind": Kind.OBS, "outcome": outcome, "reason": reason}
        self.put(evidence(name, t=self.now, **(fields | change)))

    def beat(self, name: str, **change: object) -> None:
        """A heartbeat of an agent, about now."""
        up = 86_400_000 + self.now - T
        self.put(evidence(name, "heartbeat", self.now, **({"uptime_ms": up, "awake_ms": up} | change)))

    def put(self, one: Evidence, *blocks: Block) -> None:
        self.fleet.restore(one, blocks)
        self.keeper.see([one])

    def report(self, name: str, module: str, *blocks: tuple[Schema, bytes], **change: object) -> None:
        """Values of a module of a target, about now."""
        for one, _ in blocks:
            self.fleet.book.add(name, schema_hash(one), pack(one))
        made = [Block(schema_hash(one), data) for one, data in blocks]
        self.put(evidence(name, module, self.now, **change), *made)

    def run(self, name: str, *outcomes: Outcome) -> None:
        """Samples of a target, an interval apart."""
        for outcome in outcomes:
            self.now += INTERVAL
            self.see(name, outcome)

    def of(self, name: str) -> tuple[Condition, ...]:
        return self.conditions.of(name, self.now)

"""Makes what the ledger judges out of what people wrote: targets, agents, groups and sites as `core.subject.Subject`.

A site is three subjects. `site:ID` is what the centre can use: all of its link and `site:ID:critical`, enough of its critical
devices (R15.4, end-to-end view). `site:ID:devices` pools the seconds of its devices without the link (device view).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from collector.config_forms import instant_ms
from collector.core.accounts import Account, Standing
from collector.core.subject import Group, GroupRule, Objective, Rules, Sign, Subject, SubjectKind
from collector.inventory.check import parents_of
from collector.inventory.chosen import Chosen, objective_of_promise
from collector.inventory.files import GroupEntry, Promise, Selector, Site, TargetEntry
from collector.inventory.groups import picks
from collector.inventory.probes import longest_timeout_s
from collector.inventory.watching import ReadersEntry

if TYPE_CHECKING:
    from agent.probes.probe import Module
    from collector.inventory import Inventory

UNKNOWN_SLACK_S: Final = 60
"""Slack where a parent's interval is not written (R7.3, SPEC 3.20)."""
FAIL_AFTER: Final = 3
RECOVER_AFTER: Final = 1
"""Samples in a row that confirm (SPEC 3.20)."""
_RULES: Final = {
    "all": GroupRule.ALL,
    "any": GroupRule.ANY,
    "k_of_n": GroupRule.K_OF_N,
    "pooled": GroupRule.POOLED,
}


def devices_of(site: str) -> str:
    """Id of the pool of a site's devices."""
    return f"site:{site}:devices"


def critical_of(site: str) -> str:
    """Id of the group of a site's critical devices."""
    return f"site:{site}:critical"


class Making:
    """Subjects while they are made from one inventory and the accounts of one moment."""

    def __init__(self, inventory: Inventory, accounts: Iterable[Account]) -> None:
        self._settings = inventory.settings
        self._layers = inventory.layers
        self._modules: Mapping[str, Module] = inventory.equipment.modules if inventory.equipment is not None else {}
        every = {account.id: account for account in accounts}
        self._made_ms = {id_: account.created_ms for id_, account in every.items()}
        self._accounts = {id_: account for id_, account in every.items() if account.standing is Standing.ACTIVE}
        hosts = {id_: host_entry(account) for id_, account in self._accounts.items()}
        self._entries = hosts | inventory.entries
        self._by_site: dict[str, list[str]] = {}
        for id_, entry in self._entries.items():
            self._by_site.setdefault(entry.site, []).append(id_)

    def targets(self) -> Iterator[Subject]:
        """Every target: written ones and the hosts of enrolled agents."""
        for id_, entry in self._entries.items():
            chosen = self._chosen(entry)
            yield Subject(
                id=id_,
                site=entry.site,
                class_=entry.class_,
                labels=entry.labels,
                rules=self._rules(chosen),
                objective=chosen.objective,
                scope=self._scope(entry),
            )

    def agents(self) -> Iterator[Subject]:
        """Every enrolled agent as a program: it runs while its reports come; an unbroken boot of the machine says nothing
        of it (R9.2)."""
        for id_, account in self._accounts.items():
            entry = self._entries[id_]
            rules = Rules(
                sign=Sign.PUSH,
                interval_ms=1000 * self._settings.agents.interval_s,
                ttl_tenths=round(self._settings.ttl_factor * 10),
                dep_slack_ms=1000 * self._slack_s(self._chosen(entry)),
                late_after_ms=round(self._settings.late_after_s * 1000),
                accept_uptime_evidence=False,
                parents=self._parents(entry),
            )
            yield Subject(
                id=f"agent:{id_}",
                kind=SubjectKind.AGENT,
                site=entry.site,
                class_=entry.class_,
                labels=entry.labels,
                rules=rules,
                objective=objective_of_promise(Promise(), self._settings),
                scope=((account.created_ms, None),),
            )

    def groups(self, groups: Iterable[GroupEntry]) -> Iterator[Subject]:
        """Groups with members; one whose selectors pick nothing now is left out."""
        for entry in groups:
            members = tuple(dict.fromkeys(id_ for member in entry.members for id_ in self._picked(member)))
            if members:
                yield Subject(
                    id=f"group:{entry.id}",
                    kind=SubjectKind.GROUP,
                    objective=objective_of_promise(entry, self._settings),
                    group=Group(_RULES[entry.rule], members, entry.k or 0, entry.weights),
                )

    def sites(self, sites: Mapping[str, Site]) -> Iterator[Subject]:
        """Sites, written ones and those that only agents name; one with neither devices nor a link is left out."""
        places = {account.site: Site(id=account.site) for account in self._accounts.values()} | dict(sites)
        links = {site.link for site in places.values()}
        for site in places.values():
            yield from self._site(site, tuple(sorted([id_ for id_ in self._by_site.get(site.id, ()) if id_ not in links])))

    def _site(self, site: Site, devices: tuple[str, ...]) -> Iterator[Subject]:
        objective = objective_of_promise(site, self._settings)
        parts = [] if site.link is None else [site.link]
        if site.critical is not None:
            of = site.critical.of
            critical = Group(GroupRule.K_OF_N, of, site.critical.require or len(of))
            parts.append(critical_of(site.id))
            yield _part_of(site, critical_of(site.id), critical, objective)
        pool = Group(GroupRule.POOLED, devices)
        if devices:
            yield _part_of(site, devices_of(site.id), pool, objective)
        if parts or devices:
            yield Subject(
                id=f"site:{site.id}",
                kind=SubjectKind.SITE,
                site=site.id,
                class_=site.kind,
                objective=objective,
                group=Group(GroupRule.ALL, tuple(parts)) if parts else pool,
            )

    def built_in(self, chosen: Chosen) -> dict[str, object]:
        """What holds for a target where neither it nor its class says anything, by key as in the files."""
        ledger = self._settings.ledger
        return {
            "objective": ledger.objective,
            "policy": "",
            "calendar": "",
            "merge_gap_s": ledger.merge_gap_s,
            "judged_by": chosen.sign.value,
            "silence_means": chosen.silence_means,
            "fail_after": FAIL_AFTER,
            "recover_after": RECOVER_AFTER,
            "interval_s": chosen.interval_s,
            "ttl_s": self._settings.ttl_factor * chosen.interval_s,
            "dep_slack_s": self._slack_s(chosen),
            "gap_policy": chosen.gap_policy.value,
            "accept_uptime_evidence": True,
            "owner": "",
            "probes": (),
            "also_via": (),
            "priority": "normal",
            "uplink": "",
            "readers": ReadersEntry(),
            "reflector": "",
        }

    def _chosen(self, entry: TargetEntry) -> Chosen:
        return Chosen(entry, self._layers.of(entry), self._settings)

    def _rules(self, chosen: Chosen) -> Rules:
        return Rules(
            sign=chosen.sign,
            interval_ms=1000 * chosen.interval_s,
            ttl_ms=1000 * chosen.ttl_s,
            ttl_tenths=round(self._settings.ttl_factor * 10),
            fail_after=chosen.said("fail_after", FAIL_AFTER),
            recover_after=chosen.said("recover_after", RECOVER_AFTER),
            dep_slack_ms=1000 * self._slack_s(chosen),
            late_after_ms=round(self._settings.late_after_s * 1000),
            silence_is_down=chosen.silence_means == "down",
            gap_policy=chosen.gap_policy,
            accept_uptime_evidence=chosen.said("accept_uptime_evidence", True),
            parents=self._parents(chosen.entry),
        )

    def _parents(self, entry: TargetEntry) -> tuple[tuple[str, ...], ...]:
        """Parents that are targets now; a host whose agent is not enrolled says nothing about the path, so it is left out."""
        if not entry.parents:
            return ()
        known = (tuple([id_ for id_ in group if id_ in self._entries]) for group in parents_of(entry))
        return tuple([group for group in known if group])

    def _slack_s(self, chosen: Chosen) -> int:
        """R7.3: the longest interval of a parent and the child's timeout; 60 s where a parent's interval is not written."""
        intervals = [
            self._chosen(self._entries[id_]).said("interval_s", 0) for group in self._parents(chosen.entry) for id_ in group
        ]
        known = max(intervals) + longest_timeout_s(chosen, self._modules) if intervals and all(intervals) else UNKNOWN_SLACK_S
        return chosen.said("dep_slack_s", known)

    def _scope(self, entry: TargetEntry) -> tuple[tuple[int, int | None], ...]:
        """R12.3: as written; an agent's own host from the day its agent was made."""
        if entry.in_service:
            zone = self._settings.time_zone
            return tuple(
                sorted(
                    [
                        (instant_ms(each.from_, zone), None if each.to is None else instant_ms(each.to, zone))
                        for each in entry.in_service
                    ],
                    key=lambda interval: interval[0],
                )
            )
        return ((self._made_ms.get(entry.id, 0) if entry.via == entry.id else 0, None),)

    def _picked(self, member: str | Selector) -> Iterable[str]:
        if isinstance(member, str):
            return (member,)
        among = self._entries if member.site is None else self._by_site.get(member.site, ())
        entries = ((id_, self._entries[id_]) for id_ in among)
        return sorted([id_ for id_, each in entries if picks(member, each.site, each.class_, each.labels)])


def host_entry(account: Account) -> TargetEntry:
    """The host of an agent as if it were written."""
    return TargetEntry(id=account.id, site=account.site, class_=account.class_, via=account.id)


def _part_of(site: Site, id_: str, group: Group, objective: Objective) -> Subject:
    return Subject(id=id_, kind=SubjectKind.GROUP, site=site.id, class_=site.kind, objective=objective, group=group)

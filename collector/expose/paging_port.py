"""What the API of incidents, silences and the outbox asks: of the desk that pages (in memory), and of the store (the past)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from collector.core.alert import Alert
from collector.core.audit import AuditEntry
from collector.core.incident import Entry, Incident, IncidentState
from collector.core.notice import Named, OutboxRow, RowState
from collector.core.paging_answers import (
    Duty,
    IncidentAct,
    LinkClaim,
    ReceiverStanding,
    RouteAsk,
    RouteExplained,
    SilencePlan,
    Tested,
)
from collector.core.people import Actor
from collector.core.silencing import Silence


class PagingDesk(Protocol):
    """The desk: answers from memory at once; acts are written, with their audit, before they return.

    Acts raise `incident.RefusedError` (nothing was recorded) and `change.StoreError` (nobody knows).
    """

    def is_loaded(self) -> bool:
        """Whether open alerts and incidents are taken up after a start; before that nothing else is asked."""

    def alerts(self) -> Sequence[Alert]:
        """The open ones."""

    def alerts_of(self, subject: str) -> Sequence[Alert]:
        """The open ones of a subject; cheap: asked for every target of a page."""

    def incidents(self) -> Sequence[Incident]:
        """Those that are not resolved, and those resolved lately."""

    def incident(self, number: int) -> Incident | None:
        """One of these."""

    def incident_of(self, uid: str) -> Incident | None:
        """One of these."""

    def silences(self) -> Sequence[Silence]:
        """Those not ended, and those ended lately."""

    def name_of(self, subject: str) -> Named:
        """A subject as messages show it; one that nothing knows any more has its id alone."""

    async def act(self, number: int, act: IncidentAct, actor: Actor) -> Incident:
        """Carry out `core.incident_acts.carry_out` and write what came of it."""

    async def add_silence(self, plan: SilencePlan, actor: Actor) -> Silence:
        """Make a silence (`core.silence_acts.make`)."""

    async def fits(self, silence: Silence) -> bool:
        """Whether anything that is known at present can have an alert that it mutes."""

    async def expire_silence(self, id_: str, comment: str, actor: Actor) -> Silence:
        """End a silence before its time (`core.silence_acts.expire`)."""

    def explain_route(self, ask: RouteAsk) -> RouteExplained:
        """Where an alert would go. Raises `RefusedError` (unknown_object) for a target that nothing knows."""

    def duties(self, from_ms: int, to_ms: int) -> Sequence[Duty]:
        """Who is on duty, by rota and time; empty without an on-call file."""

    def receivers(self) -> Sequence[ReceiverStanding]:
        """Every receiver of the on-call file, by name."""

    async def test_receiver(self, name: str, actor: Actor) -> Tested:
        """Send a test at once, past the outbox, and wait for the outcome; audited as `receiver.test`. Raises `RefusedError`
        (unknown_object)."""


class PagingRecords(Protocol):
    """The part of the store that keeps what was paged; raises `change.StoreError`."""

    async def incident_page(self, state: IncidentState | None, before: int | None, limit: int) -> list[Incident]: ...

    async def incident_by(self, number: int) -> Incident | None: ...

    async def incident_entries(self, uid: str) -> list[Entry]: ...

    async def incident_alerts(self, uid: str) -> list[Alert]: ...

    async def silence_page(self, before: int | None, limit: int) -> list[Silence]:
        """By the number in the id, descending; `before` is such a number."""

    async def outbox_rows(self, state: RowState | None, before: int | None, limit: int) -> list[OutboxRow]:
        """By id, descending."""

    async def outbox_of(self, order: str, limit: int) -> list[OutboxRow]:
        """Rows of one order (an incident's uid, a silence's id) of every receiver, by id, descending."""

    async def outbox_retry(self, ids: Sequence[int], now_ms: int, audit: Sequence[AuditEntry]) -> list[int]:
        """Dead letters become pending and due; the ids that were dead. Nothing is written if there are none."""

    async def outbox_drop(self, ids: Sequence[int], now_ms: int, audit: Sequence[AuditEntry]) -> list[int]:
        """Dead letters are dropped; the ids that were dead. Nothing is written if there are none."""


class LinkPort(Protocol):
    """Reads the links that messages carry, each for its purpose; None for one that is forged, expired or for another one."""

    def read(self, token: str, now_ms: int) -> LinkClaim | None:
        """What an acknowledge link says."""

    def read_view(self, token: str, now_ms: int) -> LinkClaim | None:
        """What a link to the page of an incident says."""

    def view_of(self, claim: LinkClaim) -> str:
        """The token by which who may acknowledge an incident sees the whole of it, as long as that link works."""

"""Rows <-> values: the one place that knows which column holds which field."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from agent import wire
from agent.model import Kind, Lane, Loss, LossReason, Outcome, Reason
from collector.core.accounts import Account, Standing
from collector.core.change import Blind, BootRow, Latest, LossRow, SequenceRow
from collector.core.evidence import Evidence, Grade, Run, TimeQuality
from collector.core.skew import BootClock

Values = dict[str, Any]
Fields = tuple[Any, ...]


def run_values(run: Run, boot_id: int) -> Values:
    """A new row of `evidence`."""
    return {
        "boot_id": boot_id,
        "target": run.target,
        "module": run.module,
        "kind": run.kind.value,
        "outcome": run.outcome.value,
        "reason": run.reason.value,
        "detail": run.detail,
        "interval_ms": run.interval_ms,
        "lane": run.lane.value,
        "grade": run.grade.value,
        "quality": run.quality.value,
        "first_t_ms": run.first_t_ms,
        "first_rx_ms": run.first_rx_ms,
        "first_seq": run.first_seq,
        "first_uptime_ms": run.first_uptime_ms,
        "first_asleep_ms": run.first_asleep_ms,
        "first_wall_ms": run.first_wall_ms,
        "from_ms": run.from_ms,
        "until_ms": run.until_ms,
        "delta_ms": run.delta_ms,
        "growing": run.growing,
        **_end_values(run),
    }


def _end_values(run: Run) -> Values:
    return {
        "last_t_ms": run.last_t_ms,
        "last_rx_ms": run.last_rx_ms,
        "last_seq": run.last_seq,
        "count": run.count,
        "last_uptime_ms": run.last_uptime_ms,
        "last_asleep_ms": run.last_asleep_ms,
        "last_wall_ms": run.last_wall_ms,
        "steps": run.steps,
    }


GROWTH = ("t", "rx", "seq", "n", "uptime", "asleep", "wall", "steps", "run")
"""Parameters of the statement that lets a run grow, in the order of `growth_values`."""


def growth_values(r: Run) -> Fields:
    """What changes when a run grows, and its id."""
    return (
        r.last_t_ms, r.last_rx_ms, r.last_seq, r.count, r.last_uptime_ms, r.last_asleep_ms, r.last_wall_ms, r.steps, r.id,
    )  # fmt: skip


def run_of(row: Row[Any]) -> Run:
    """A row of `evidence` joined with its row of `boots`."""
    m = row._mapping
    return Run(
        m["id"], m["target"], m["agent"], m["module"], Kind(m["kind"]), Outcome(m["outcome"]), Reason(m["reason"]), m["detail"],
        m["interval_ms"], m["stream"], m["boot"], Lane(m["lane"]), Grade(m["grade"]), TimeQuality(m["quality"]),
        m["first_t_ms"], m["last_t_ms"], m["first_rx_ms"], m["last_rx_ms"], m["first_seq"], m["last_seq"], m["count"],
        m["first_uptime_ms"], m["last_uptime_ms"], m["first_asleep_ms"], m["last_asleep_ms"], m["first_wall_ms"],
        m["last_wall_ms"], m["from_ms"], m["until_ms"], m["delta_ms"], bool(m["growing"]),
        bytes(m["steps"]),
    )  # fmt: skip


def boot_values(row: BootRow) -> Values:
    """A row of `boots`."""
    clock = row.clock
    return {
        "agent": row.agent,
        "stream": row.stream,
        "boot": row.boot,
        "sender": row.sender,
        "present": row.present,
        "instant_ms": clock.instant_ms if clock else None,
        "current_ms": clock.current_ms if clock else None,
        "since_ms": clock.since_ms if clock else None,
        "offset_ms": clock.offset_ms if clock else None,
        "first_rx_ms": row.first_rx_ms,
        "last_rx_ms": row.last_rx_ms,
    }


def boot_of(row: Row[Any]) -> BootRow:
    """Inverse of `boot_values`."""
    clock = None
    if row.instant_ms is not None:
        clock = BootClock(row.instant_ms, row.current_ms, row.since_ms, row.offset_ms)
    return BootRow(row.agent, row.stream, row.boot, bool(row.sender), bool(row.present), clock, row.first_rx_ms, row.last_rx_ms)


SEQUENCE = ("agent", "stream", "lane", "received", "lost", "rx_ms")


def sequence_values(row: SequenceRow) -> Fields:
    """A row of `sequences`, in the order of `SEQUENCE`."""
    return (row.agent, row.stream, row.lane.value, row.received, row.lost, row.rx_ms)


def sequence_of(row: Row[Any]) -> SequenceRow:
    """Inverse of `sequence_values`."""
    return SequenceRow(row.agent, row.stream, Lane(row.lane), row.received, row.lost, row.rx_ms)


def loss_values(row: LossRow) -> Values:
    """A row of `losses`."""
    loss = row.loss
    return {
        "agent": row.agent,
        "stream": row.stream,
        "seq": loss.seq,
        "boot": loss.boot,
        "lane": loss.lane.value,
        "first_seq": loss.first_seq,
        "last_seq": loss.last_seq,
        "count": loss.count,
        "from_ms": loss.from_ms,
        "until_ms": loss.until_ms,
        "reason": loss.reason.value,
        "at_ms": loss.at_ms,
        "uptime_ms": loss.uptime_ms,
        "t_ms": row.t_ms,
        "rx_ms": row.rx_ms,
    }


def loss_of(row: Row[Any]) -> LossRow:
    """Inverse of `loss_values`."""
    m = row._mapping
    loss = Loss(
        m["seq"], Lane(m["lane"]), m["boot"], m["first_seq"], m["last_seq"], m["count"], m["from_ms"], m["until_ms"],
        LossReason(m["reason"]), m["at_ms"], m["uptime_ms"],
    )  # fmt: skip
    return LossRow(m["agent"], m["stream"], loss, m["t_ms"], m["rx_ms"])


LATEST = ("target", "module", "agent", "stream", "boot", "lane", "t_ms", "rx_ms", "grade", "quality", "report")


def latest_values(n: Latest) -> Fields:
    """A row of `latest`, in the order of `LATEST`."""
    return (
        n.target, n.module, n.observer, n.stream, n.boot, n.lane.value, n.t_ms, n.rx_ms, n.grade.value, n.quality.value,
        wire.encode(n.report),
    )  # fmt: skip


def latest_of(row: Row[Any]) -> Latest:
    """Inverse of `latest_values`."""
    return Latest(
        row.target, row.module, row.agent, row.stream, row.boot, Lane(row.lane), row.t_ms, row.rx_ms, Grade(row.grade),
        TimeQuality(row.quality), wire.decode_report(row.report),
    )  # fmt: skip


def evidence_of(latest: Latest) -> Evidence:
    """The evidence that the newest report was."""
    n, r = latest, latest.report
    return Evidence(
        n.target, n.observer, n.module, r.kind, n.t_ms, n.rx_ms, r.outcome, r.reason, r.detail, r.interval_ms, n.stream,
        n.boot, n.lane, r.seq, r.uptime_ms, r.awake_ms, r.at_ms, n.grade, n.quality,
    )  # fmt: skip


def blind_of(row: Row[Any]) -> Blind:
    """A row of `blinds`."""
    return Blind(row.observer, row.from_ms, row.until_ms, row.cause)


def account_of(row: Row[Any], heard_ms: int) -> Account:
    """A row of `agents`."""
    m = row._mapping
    return Account(
        m["id"], m["site"], m["class"], Standing(m["standing"]), m["created_ms"], m["enrolled_ms"], m["revoked_ms"], heard_ms,
        m["agent_version"], m["hostname"],
    )  # fmt: skip

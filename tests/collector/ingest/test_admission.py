"""Admission: what an agent may say is bounded by who it is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Kind, Lane, Loss, LossReason, Report
from agent.wire import Batch, Group, Watermark, WireError
from collector.core.evidence import TargetInfo
from collector.core.refusal import RefusalCode
from collector.ingest.admission import MAX_GROUPS, admit, check_batch
from collector.ingest.answers import told

TARGETS = {
    "box": TargetInfo(id="box", site="s", class_="server", via="box"),
    "sw": TargetInfo(id="sw", site="s", class_="switch", via="box"),
    "other": TargetInfo(id="other", site="s", class_="server", via="other"),
    "pdu": TargetInfo(id="pdu", site="s", class_="pdu", via="collector"),
}


def report(seq: int = 1, target: str = "box", kind: Kind = Kind.REPORT, module: str = "host") -> Report:
    return Report(seq=seq, target=target, module=module, kind=kind, at_ms=1, uptime_ms=1, awake_ms=1)


def batch(*groups: Group) -> Batch:
    return Batch(version=1, stream="s", boot="b", uptime_ms=1, awake_ms=1, wall_ms=1, groups=groups)


def group(*reports: Report, lane: Lane = Lane.BULK, losses: tuple[Loss, ...] = ()) -> Group:
    return Group(boot="b", lane=lane, reports=reports, losses=losses)


def loss(seq: int) -> Loss:
    return Loss(
        seq=seq, lane=Lane.BULK, boot="b", first_seq=1, last_seq=1, count=1, from_ms=1, until_ms=1,
        reason=LossReason.AGE, at_ms=1, uptime_ms=1,
    )  # fmt: skip


TABLE = [
    (report(), ""),
    (report(target="sw", kind=Kind.OBS, module="snmp.if_mib"), ""),
    (report(target="other"), "target_not_yours"),
    (report(target="pdu", kind=Kind.OBS), "target_not_yours"),
    (report(target="never-heard-of"), "target_not_yours"),
    (report(target=""), "target_not_yours"),
    (report(target="sw", kind=Kind.REPORT), "kind_own_host_only"),
    (report(target="sw", kind=Kind.REPORT, module="heartbeat"), "kind_own_host_only"),
    (report(target="sw", kind=Kind.REPORT, module="agent"), "kind_own_host_only"),
    (report(target="sw", kind=Kind.REPORT, module="snmp_values"), ""),
    (report(target="pdu", kind=Kind.REPORT, module="snmp_values"), "target_not_yours"),
    (report(target="sw", kind=Kind.AGENT_STOP), "kind_own_host_only"),
    (report(target="sw", kind=Kind.STALL), "kind_own_host_only"),
    (report(kind=Kind.STALL), ""),
    (report(module=""), "bad_module"),
    (report(module="Host"), "bad_module"),
    (report(module="a\nb"), "bad_module"),
    (report(module="host\n"), "bad_module"),
    (report(module="x" * 129), "bad_module"),
]


@pytest.mark.parametrize(("one", "reason"), TABLE)
def test_one_report(one: Report, reason: str) -> None:
    admission = admit(batch(group(one)), "box", TARGETS)
    if reason:
        (refusal,) = admission.refused
        assert (refusal.lane, refusal.seq, refusal.code) == (Lane.BULK, 1, reason)
        assert told(refusal).reason == f"{reason}: {refusal.detail}"
        assert 20 < len(refusal.detail) < 200
        assert admission.groups == ()
        assert admission.is_forbidden
    else:
        assert admission.refused == ()
        assert admission.groups == (group(one),)
        assert not admission.is_forbidden


def test_a_refused_report_leaves_the_rest_of_its_batch() -> None:
    given_ = batch(group(report(1), report(2, target="other"), report(3)), group(report(2), lane=Lane.FACTS, losses=(loss(3),)))
    admission = admit(given_, "box", TARGETS)
    assert admission.groups == (group(report(1), report(3)), group(report(2), lane=Lane.FACTS, losses=(loss(3),)))
    assert [(one.lane, one.seq, one.code) for one in admission.refused] == [(Lane.BULK, 2, RefusalCode.TARGET_NOT_YOURS)]
    assert not admission.is_forbidden


def test_the_same_number_in_the_other_lane_is_another_report() -> None:
    admission = admit(batch(group(report(7, target="other")), group(report(7), lane=Lane.FACTS)), "box", TARGETS)
    assert admission.groups == (group(report(7), lane=Lane.FACTS),)


def test_losses_are_always_the_agents_own_to_state() -> None:
    admission = admit(batch(group(report(1, target="other"), lane=Lane.FACTS, losses=(loss(2),))), "box", TARGETS)
    assert admission.groups == (group(lane=Lane.FACTS, losses=(loss(2),)),)
    assert not admission.is_forbidden


def test_an_empty_batch_is_fine() -> None:
    admission = admit(batch(), "box", TARGETS)
    assert (admission.groups, admission.refused, admission.is_forbidden) == ((), (), False)


@given(st.lists(st.tuples(st.sampled_from([*TARGETS, "ghost"]), st.sampled_from(list(Kind)), st.sampled_from(list(Lane)))))
def test_nothing_of_another_agent_ever_passes_and_every_report_is_accounted_for(made: list[tuple[str, Kind, Lane]]) -> None:
    groups = [group(report(seq, target, kind), lane=lane) for seq, (target, kind, lane) in enumerate(made, 1)]
    admission = admit(batch(*groups), "box", TARGETS)
    passed = [(g.lane, r) for g in admission.groups for r in g.reports]
    assert all(TARGETS[r.target].via == "box" for _, r in passed)
    assert len(passed) + len(admission.refused) == len(made) == admission.offered
    assert {(lane, r.seq) for lane, r in passed}.isdisjoint({(one.lane, one.seq) for one in admission.refused})


GOOD = batch(group(report()))
BIG = 2**53
BAD = [
    (msgspec.structs.replace(GOOD, uptime_ms=-1), "bad_time"),
    (msgspec.structs.replace(GOOD, uptime_ms=2**63), "bad_time"),
    (msgspec.structs.replace(GOOD, awake_ms=BIG), "bad_time"),
    (msgspec.structs.replace(GOOD, wall_ms=-BIG), "bad_time"),
    (msgspec.structs.replace(GOOD, agent_version="1\0"), "bad_text"),
    (msgspec.structs.replace(GOOD, agent_version="1\n2"), "bad_text"),
    (msgspec.structs.replace(GOOD, agent_version="v" * 65), "bad_text"),
    (msgspec.structs.replace(GOOD, groups=(group(),) * (MAX_GROUPS + 1)), "too_many"),
    (msgspec.structs.replace(GOOD, watermarks=(Watermark(Lane.BULK, 2**64, 0, 0, 0),)), "bad_watermark"),
    (msgspec.structs.replace(GOOD, watermarks=(Watermark(Lane.BULK, 1, 1, 1, -1),)), "bad_watermark"),
    (msgspec.structs.replace(GOOD, watermarks=(Watermark(Lane.BULK, 1, 1, 1, 1),) * 2), "bad_watermark"),
]


@pytest.mark.parametrize(("made", "code"), BAD)
def test_numbers_and_texts_that_no_store_can_hold_refuse_the_batch(made: Batch, code: str) -> None:
    with pytest.raises(WireError) as caught:
        check_batch(made)
    assert caught.value.code == code


def test_what_an_honest_agent_sends_passes() -> None:
    marks = (Watermark(Lane.FACTS, 10, 1, 9, 100), Watermark(Lane.BULK, 0, 0, 0, 0))
    check_batch(msgspec.structs.replace(GOOD, watermarks=marks, agent_version="0.1.0"))

"""Policies: which state counts for, against or not at all (SPEC 3.12), as data, with the text beside every figure (R12.2).

Pure. A policy never changes what was observed, only how seconds are added up.
"""

from __future__ import annotations

import enum

import msgspec

from collector.core.state import State, View
from collector.core.subject import Objective


class Role(enum.StrEnum):
    """What a class of seconds does to the figure."""

    GOOD = "good"
    BAD = "bad"
    EXCLUDED = "excluded"


class Policy(msgspec.Struct, frozen=True):
    """One way of counting. States in neither `good` nor `bad` are excluded from the denominator."""

    name: str
    good: frozenset[State]
    bad: frozenset[State]
    incident_states: frozenset[State]
    """States whose charged time makes incidents (R13.1)."""
    text: dict[str, str]
    """The policy in words, by language: `en`, `vi` (R12.2)."""
    maintenance: Role = Role.EXCLUDED
    ignores_maintenance: bool = False
    """No window counts: what was observed under it is charged."""
    ignores_hours: bool = False
    """Counts 24/7, whatever calendar the subject has."""

    @property
    def excludes_unknown(self) -> bool:
        """Unknown time is in neither side, so the figure has a low and a high (3.12)."""
        return State.UNKNOWN not in self.good and State.UNKNOWN not in self.bad

    def role(self, state: State) -> Role:
        """What a second of an observed state does to the figure."""
        return Role.GOOD if state in self.good else Role.BAD if state in self.bad else Role.EXCLUDED


_DOWN = frozenset({State.DOWN})
_USABLE = frozenset({State.UP, State.DEGRADED})

_ALL = (
    Policy(
        "device_contract",
        good=_USABLE,
        bad=_DOWN,
        incident_states=_DOWN,
        text={
            "en": "Did the device itself work? Down counts against it; time when it could not be reached because the path "
            "to it was down, unknown time and approved maintenance windows are left out of both sides.",
            "vi": "Bản thân thiết bị có hoạt động không? Thời gian ngừng bị tính; thời gian không tới được vì đường truyền "
            "tới thiết bị bị đứt, thời gian không rõ và các khoảng bảo trì đã duyệt không tính vào cả hai vế.",
        },
    ),
    Policy(
        "e2e",
        good=_USABLE,
        bad=frozenset({State.DOWN, State.UNREACHABLE}),
        incident_states=frozenset({State.DOWN, State.UNREACHABLE}),
        text={
            "en": "Could the centre use it? Down and unreachable both count against it; unknown time and approved "
            "maintenance windows are left out of both sides.",
            "vi": "Trung tâm có sử dụng được không? Thời gian ngừng và thời gian không tới được đều bị tính; thời gian "
            "không rõ và các khoảng bảo trì đã duyệt không tính vào cả hai vế.",
        },
    ),
    Policy(
        "unknown_as_down",
        good=_USABLE,
        bad=frozenset({State.DOWN, State.UNKNOWN}),
        incident_states=_DOWN,
        text={
            "en": "As the device contract, but unknown time counts as down (for penalty clauses).",
            "vi": "Như hợp đồng thiết bị, nhưng thời gian không rõ bị tính như thời gian ngừng (dùng cho điều khoản phạt).",
        },
    ),
    Policy(
        "unknown_as_up",
        good=frozenset({State.UP, State.DEGRADED, State.UNKNOWN}),
        bad=_DOWN,
        incident_states=_DOWN,
        text={
            "en": "As the device contract, but unknown time counts as up: only to show the supplier's reading.",
            "vi": "Như hợp đồng thiết bị, nhưng thời gian không rõ được tính như hoạt động: chỉ để đối chiếu với cách tính "
            "của nhà cung cấp.",
        },
    ),
    Policy(
        "degraded_bad",
        good=frozenset({State.UP}),
        bad=frozenset({State.DEGRADED, State.DOWN}),
        incident_states=frozenset({State.DEGRADED, State.DOWN}),
        text={
            "en": "Quality agreement: degraded time counts against it as down does; unreachable and unknown time and "
            "approved maintenance windows are left out of both sides.",
            "vi": "Thỏa thuận chất lượng: thời gian suy giảm bị tính như thời gian ngừng; thời gian không tới được, thời "
            "gian không rõ và các khoảng bảo trì đã duyệt không tính vào cả hai vế.",
        },
    ),
    Policy(
        "maintenance_as_up",
        good=_USABLE,
        bad=_DOWN,
        incident_states=_DOWN,
        maintenance=Role.GOOD,
        text={
            "en": "As the device contract, but approved maintenance windows count as up: for comparison with reports that "
            "do so.",
            "vi": "Như hợp đồng thiết bị, nhưng các khoảng bảo trì đã duyệt được tính như hoạt động: để so sánh với những "
            "báo cáo tính như vậy.",
        },
    ),
    Policy(
        "calendar",
        good=_USABLE,
        bad=_DOWN,
        incident_states=_DOWN,
        ignores_maintenance=True,
        ignores_hours=True,
        text={
            "en": "Raw, around the clock: no maintenance window and no service hours; unreachable and unknown time is left "
            "out of both sides.",
            "vi": "Số liệu thô, tính suốt 24/7: không áp dụng khoảng bảo trì và giờ phục vụ; thời gian không tới được và "
            "thời gian không rõ không tính vào cả hai vế.",
        },
    ),
    Policy(
        "calendar_strict",
        good=_USABLE,
        bad=frozenset({State.DOWN, State.UNKNOWN}),
        incident_states=_DOWN,
        ignores_maintenance=True,
        ignores_hours=True,
        text={
            "en": "Raw, around the clock, worst case: no maintenance window and no service hours, and unknown time counts "
            "as down; unreachable time is left out of both sides.",
            "vi": "Số liệu thô, tính suốt 24/7, trường hợp xấu nhất: không áp dụng khoảng bảo trì và giờ phục vụ, thời "
            "gian không rõ bị tính như thời gian ngừng; thời gian không tới được không tính vào cả hai vế.",
        },
    ),
)

POLICIES: dict[str, Policy] = {policy.name: policy for policy in _ALL}
"""The eight of SPEC 3.12 by name."""

DEFAULTS: dict[View, str] = {View.DEVICE: "device_contract", View.E2E: "e2e"}
"""What a subject is counted by when its objective names no policy (SPEC 5, decision 1)."""


def policy_for(objective: Objective, view: View) -> Policy:
    """The policy that an objective is counted by in a view; `KeyError` for a name that is not in the table."""
    return POLICIES[objective.policy or DEFAULTS[view]]

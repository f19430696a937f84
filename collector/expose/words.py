"""States, their reasons, and why there is no figure, in words: English and Vietnamese."""

from __future__ import annotations

import enum

from collector.core.life import Judgement, Life
from collector.core.state import State, Why

LANGUAGES = ("en", "vi")
Words = dict[str, str]
"""By language."""

STATES: dict[State, Words] = {
    State.UP: {"en": "up", "vi": "hoạt động"},
    State.DEGRADED: {"en": "degraded", "vi": "suy giảm"},
    State.DOWN: {"en": "down", "vi": "ngừng"},
    State.UNREACHABLE: {"en": "unreachable", "vi": "không tới được"},
    State.UNKNOWN: {"en": "unknown", "vi": "không rõ"},
}

WHY: dict[Why, Words] = {
    Why.OBSERVED: {"en": "probes say so", "vi": "kết quả thăm dò cho biết như vậy"},
    Why.REPORTING: {"en": "it reported by itself", "vi": "tự báo cáo đều đặn"},
    Why.NEVER: {"en": "never reported", "vi": "chưa từng báo cáo"},
    Why.SILENT: {"en": "reports that were due did not come", "vi": "các báo cáo đến hạn đã không tới"},
    Why.STALE: {"en": "the last sample is too old to speak for it", "vi": "kết quả gần nhất đã quá cũ để kết luận"},
    Why.BLIND: {"en": "its observer could not see", "vi": "bên quan sát nó không quan sát được"},
    Why.PENDING: {
        "en": "it failed, and too few probes followed to confirm that",
        "vi": "thăm dò thất bại nhưng chưa đủ số lần để xác nhận",
    },
    Why.PATH: {
        "en": "it cannot be reached: what lies between is down",
        "vi": "không tới được: thành phần nằm giữa đường đang ngừng",
    },
    Why.PATH_UNCLEAR: {
        "en": "it fails, and it is not known whether the way to it works",
        "vi": "thăm dò thất bại, và không rõ đường tới nó có thông hay không",
    },
    Why.REBOOT: {"en": "it was restarting without notice", "vi": "máy khởi động lại mà không báo trước"},
    Why.SHUTDOWN: {"en": "it announced that it was going down", "vi": "máy đã báo trước là sẽ tắt"},
    Why.STALL: {"en": "it stood still: its agent could not run", "vi": "máy bị treo: tác tử không chạy được"},
    Why.BACKFILL: {"en": "reports that came late prove it", "vi": "các báo cáo đến muộn chứng minh như vậy"},
    Why.CONTINUITY: {
        "en": "it was not restarted meanwhile, so it ran",
        "vi": "trong thời gian đó máy không khởi động lại, nên vẫn chạy",
    },
    Why.BRIDGED: {
        "en": "it lies between two outages, and the contract counts such gaps",
        "vi": "nằm giữa hai lần ngừng, và hợp đồng có tính khoảng này",
    },
    Why.CORRECTED: {
        "en": "a person corrected it and another approved",
        "vi": "một người đã hiệu chỉnh và một người khác đã duyệt",
    },
    Why.MEMBERS: {"en": "its members say so", "vi": "tổng hợp từ các thành viên"},
    Why.STATED: {"en": "it was given so", "vi": "theo số liệu được khai báo"},
}
"""For a stretch of the past."""

_OBSERVED: dict[State, Words] = {
    State.UP: {"en": "the last probe was answered", "vi": "lần thăm dò gần nhất có trả lời"},
    State.DEGRADED: {
        "en": "the last probe was answered, but not as well as it should be",
        "vi": "lần thăm dò gần nhất có trả lời nhưng không đạt yêu cầu",
    },
    State.DOWN: {
        "en": "probes fail although the way to it works",
        "vi": "thăm dò thất bại dù đường tới nó vẫn thông",
    },
}
_NOW: dict[Why, Words] = {
    Why.REPORTING: {"en": "reports every {interval}", "vi": "báo cáo mỗi {interval}"},
    Why.SILENT: {
        "en": "silent for {age}; a report was due every {interval}",
        "vi": "im lặng {age}; lẽ ra có báo cáo mỗi {interval}",
    },
    Why.BLIND: {
        "en": "the collector itself could not see; last report {age} ago",
        "vi": "bộ thu thập không quan sát được; báo cáo cuối cách đây {age}",
    },
    Why.STALE: {
        "en": "nothing new for {age}, and a sample was due every {interval}",
        "vi": "không có gì mới suốt {age}; lẽ ra có kết quả mỗi {interval}",
    },
    Why.SHUTDOWN: {
        "en": "it announced that it goes down and has been silent for {age}",
        "vi": "máy đã báo trước là sẽ tắt và im lặng {age}",
    },
}
"""For the present of a target whose reports are known."""
_PLANNED: Words = {"en": "{reason}; under maintenance", "vi": "{reason}; đang trong khoảng bảo trì"}
_PLANNED_LOSS: Words = {
    "en": "under maintenance, so it does not count: {reason}",
    "vi": "đang trong khoảng bảo trì nên không tính: {reason}",
}


class Nothing(enum.StrEnum):
    """Why there is no figure: a closed list."""

    NOT_BEGUN = "not_begun"
    NOT_KNOWN_THEN = "not_known_then"
    NOT_IN_SERVICE = "not_in_service"
    OUT_OF_HOURS = "out_of_hours"
    MAINTENANCE = "maintenance"
    UNREACHABLE = "unreachable"
    NO_EVIDENCE = "no_evidence"
    NO_MEMBERS = "no_members"


NO_DATA: dict[Nothing, Words] = {
    Nothing.NOT_BEGUN: {
        "en": "the period had not begun at that time",
        "vi": "tại thời điểm đó kỳ này chưa bắt đầu",
    },
    Nothing.NOT_KNOWN_THEN: {
        "en": "by what was known then, it was not configured in this period",
        "vi": "theo những gì biết được lúc đó, đối tượng chưa được khai báo trong kỳ này",
    },
    Nothing.NOT_IN_SERVICE: {
        "en": "it was not in service in this period",
        "vi": "đối tượng không được khai thác trong kỳ này",
    },
    Nothing.OUT_OF_HOURS: {
        "en": "no service hours lie in this period",
        "vi": "kỳ này không có giờ phục vụ nào",
    },
    Nothing.MAINTENANCE: {
        "en": "all of the agreed time was under maintenance",
        "vi": "toàn bộ thời gian cam kết nằm trong khoảng bảo trì",
    },
    Nothing.UNREACHABLE: {
        "en": "it could not be reached whenever anything is known of it, and this policy leaves that out",
        "vi": "suốt thời gian có thông tin đều không tới được, và cách tính này bỏ qua thời gian đó",
    },
    Nothing.NO_EVIDENCE: {
        "en": "there is no evidence for any of the agreed time",
        "vi": "không có bằng chứng nào cho thời gian cam kết",
    },
    Nothing.NO_MEMBERS: {"en": "it has no members to add up", "vi": "không có thành viên nào để cộng lại"},
}

_UNITS = {"en": ("s", "min", "h", "d"), "vi": ("giây", "phút", "giờ", "ngày")}


def reason(judgement: Judgement, life: Life | None, now_ms: int, language: str, *, planned: bool = False) -> str:
    """Why the target has its state, as one short sentence; `planned`: a maintenance window counts for it now."""
    state, why = judgement.state, judgement.why
    text = (_OBSERVED.get(state, WHY[why]) if why is Why.OBSERVED else WHY[why])[language]
    if life is not None and why in _NOW and life.interval_ms:
        age = span(max(0, now_ms - life.last_ms), language)
        text = _NOW[why][language].format(interval=span(life.interval_ms, language), age=age)
    if not planned:
        return text
    is_good = state in (State.UP, State.DEGRADED)
    return (_PLANNED if is_good else _PLANNED_LOSS)[language].format(reason=text)


def span(ms: int, language: str) -> str:
    """A duration in the two largest units: `3 min 5 s`."""
    second, minute, hour, day = _UNITS[language]
    seconds = ms // 1000
    if seconds < 60:
        return f"{seconds} {second}"
    if seconds < 3600:
        return f"{seconds // 60} {minute} {seconds % 60} {second}"
    if seconds < 86_400:
        return f"{seconds // 3600} {hour} {seconds % 3600 // 60} {minute}"
    return f"{seconds // 86_400} {day} {seconds % 86_400 // 3600} {hour}"

"""States and their reasons in words, English and Vietnamese."""

from __future__ import annotations

from collector.core.life import Judgement, Life
from collector.core.state import State, Why

LANGUAGES = ("en", "vi")

STATES: dict[State, dict[str, str]] = {
    State.UP: {"en": "up", "vi": "hoạt động"},
    State.DEGRADED: {"en": "degraded", "vi": "suy giảm"},
    State.DOWN: {"en": "down", "vi": "ngừng"},
    State.UNREACHABLE: {"en": "unreachable", "vi": "không tới được"},
    State.UNKNOWN: {"en": "unknown", "vi": "không rõ"},
}

_REASONS: dict[Why, dict[str, str]] = {
    Why.OBSERVED: {"en": "a probe says so", "vi": "kết quả thăm dò cho biết"},
    Why.STALE: {"en": "nothing fresh is known of it", "vi": "không có thông tin mới"},
    Why.PENDING: {"en": "not confirmed yet", "vi": "chưa được xác nhận"},
    Why.PATH: {"en": "what it depends on is down", "vi": "thành phần mà nó phụ thuộc đang ngừng"},
    Why.PATH_UNCLEAR: {
        "en": "it fails, and what it depends on is unknown",
        "vi": "thăm dò thất bại, và không rõ thành phần mà nó phụ thuộc ra sao",
    },
    Why.REBOOT: {"en": "it was rebooted", "vi": "máy đã khởi động lại"},
    Why.SHUTDOWN: {"en": "it announced that it goes down", "vi": "máy đã báo trước khi tắt"},
    Why.STALL: {"en": "it stood still", "vi": "máy bị treo"},
    Why.BACKFILL: {"en": "reports that came late say so", "vi": "các báo cáo đến muộn cho biết"},
    Why.CONTINUITY: {"en": "it has not been rebooted since", "vi": "máy chưa khởi động lại từ đó"},
    Why.BRIDGED: {"en": "between two outages", "vi": "nằm giữa hai lần ngừng"},
    Why.CORRECTED: {"en": "corrected by a person", "vi": "đã được hiệu chỉnh"},
    Why.MEMBERS: {"en": "its members say so", "vi": "theo các thành viên"},
    Why.STATED: {"en": "as stated", "vi": "theo khai báo"},
    Why.REPORTING: {"en": "reports every {interval}", "vi": "báo cáo mỗi {interval}"},
    Why.NEVER: {"en": "never reported", "vi": "chưa từng báo cáo"},
    Why.SILENT: {
        "en": "silent for {age}; a report was due every {interval}",
        "vi": "im lặng {age}; lẽ ra có báo cáo mỗi {interval}",
    },
    Why.BLIND: {
        "en": "the collector itself could not see; last report {age} ago",
        "vi": "bộ thu thập không quan sát được; báo cáo cuối cách đây {age}",
    },
}

_UNITS = {"en": ("s", "min", "h", "d"), "vi": ("giây", "phút", "giờ", "ngày")}


def reason(judgement: Judgement, life: Life | None, now_ms: int, language: str) -> str:
    """Why the target has its state, as one short sentence."""
    interval = span(life.interval_ms, language) if life is not None else ""
    age = span(max(0, now_ms - life.last_ms), language) if life is not None else ""
    return _REASONS[judgement.why][language].format(interval=interval, age=age)


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

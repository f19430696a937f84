"""Alerts, incidents and why nobody is told, in words: English and Vietnamese."""

from __future__ import annotations

from typing import Final

from collector.core.alert import Alert, AlertKind, Hold, HoldReason, Severity, Trouble
from collector.core.incident import IncidentState
from collector.core.state import State
from collector.expose.words import Words

HOLDS: Final[dict[HoldReason, Words]] = {
    HoldReason.SETTLING: {
        "en": "it has not lasted long enough yet",
        "vi": "chưa kéo dài đủ lâu",
    },
    HoldReason.PARENT_CHECKED: {
        "en": "what it depends on ({by}) is looked at first",
        "vi": "đang kiểm tra trước thành phần mà nó phụ thuộc ({by})",
    },
    HoldReason.PARENT_DOWN: {
        "en": "{by} is out, which explains it",
        "vi": "{by} đang ngừng, đó là nguyên nhân",
    },
    HoldReason.RECHECKED: {
        "en": "{by} has just returned, so it is looked at again first",
        "vi": "{by} vừa khôi phục nên đang được kiểm tra lại trước khi báo",
    },
    HoldReason.OBSERVER_GONE: {
        "en": "its observer {by} is itself out or silent",
        "vi": "bên quan sát nó ({by}) cũng đang ngừng hoặc im lặng",
    },
    HoldReason.BLIND: {
        "en": "the collector itself does not see over this way out ({by})",
        "vi": "chính bộ thu thập không quan sát được qua đường ra này ({by})",
    },
    HoldReason.MAINTENANCE: {
        "en": "maintenance window {by} counts now",
        "vi": "đang trong khoảng bảo trì {by}",
    },
    HoldReason.SILENCE: {
        "en": "silence {by} mutes it",
        "vi": "lệnh tắt báo {by} đang có hiệu lực",
    },
    HoldReason.INHIBITED: {
        "en": "another alert says it already ({by})",
        "vi": "đã có cảnh báo khác nói thay ({by})",
    },
    HoldReason.FLAPPING: {
        "en": "it changes too often",
        "vi": "trạng thái thay đổi liên tục (dao động)",
    },
    HoldReason.OUT_OF_HOURS: {
        "en": "it is outside its service hours",
        "vi": "đang ngoài giờ phục vụ",
    },
    HoldReason.QUIET_HOURS: {
        "en": "route {by} keeps this severity for the digest at this hour",
        "vi": "tuyến báo {by} giữ mức độ này cho bản tổng hợp trong giờ yên tĩnh",
    },
    HoldReason.GROUPED: {
        "en": "it is part of an incident of which people were told already ({by})",
        "vi": "thuộc một sự cố đã được báo ({by})",
    },
    HoldReason.CLOSED_BY_HAND: {
        "en": "a person resolved its incident ({by}) while it lasted",
        "vi": "đã có người đóng sự cố ({by}) khi nó vẫn còn",
    },
    HoldReason.NO_ROUTE: {
        "en": "no route of the on-call file takes it",
        "vi": "không có tuyến báo nào nhận nó",
    },
    HoldReason.MUTED_RULE: {
        "en": "the on-call file says that this kind of alert pages nobody",
        "vi": "tệp trực ca quy định loại cảnh báo này không báo ai",
    },
}
KINDS: Final[dict[AlertKind, Words]] = {
    AlertKind.DOWN: {"en": "down", "vi": "ngừng"},
    AlertKind.DEGRADED: {"en": "degraded", "vi": "suy giảm"},
    AlertKind.NO_DATA: {"en": "no data", "vi": "không có dữ liệu"},
    AlertKind.BURN: {"en": "error budget burns", "vi": "ngân sách lỗi cạn nhanh"},
    AlertKind.AGENT_WEDGED: {"en": "agent is stuck", "vi": "tác tử bị kẹt"},
    AlertKind.CERTIFICATE: {"en": "certificate expires", "vi": "chứng chỉ sắp hết hạn"},
    AlertKind.ON_BATTERY: {"en": "on battery", "vi": "chạy bằng ắc quy"},
    AlertKind.COLLECTOR: {"en": "collector in trouble", "vi": "bộ thu thập gặp trục trặc"},
}
UNREACHABLE: Final[Words] = {"en": "unreachable", "vi": "không tới được"}
"""Of an alert `down` whose target is unreachable."""
TROUBLES: Final[dict[Trouble, Words]] = {
    Trouble.DISK: {"en": "disk runs full", "vi": "ổ đĩa sắp đầy"},
    Trouble.DATABASE: {"en": "database cannot be written", "vi": "không ghi được cơ sở dữ liệu"},
    Trouble.OUTBOX: {"en": "pages are not delivered", "vi": "tin báo chưa gửi đi được"},
    Trouble.BLIND: {"en": "the collector sees nothing", "vi": "bộ thu thập không quan sát được gì"},
    Trouble.CLOCK: {"en": "the collector's clock cannot be trusted", "vi": "đồng hồ của bộ thu thập không đáng tin"},
    Trouble.LEDGER: {"en": "judging fails", "vi": "lỗi khi đánh giá"},
}
SEVERITIES: Final[dict[Severity, Words]] = {
    Severity.CRITICAL: {"en": "critical", "vi": "nghiêm trọng"},
    Severity.WARNING: {"en": "warning", "vi": "cảnh báo"},
    Severity.INFO: {"en": "info", "vi": "thông tin"},
}
INCIDENTS: Final[dict[IncidentState, Words]] = {
    IncidentState.OPEN: {"en": "open", "vi": "đang mở"},
    IncidentState.ACKNOWLEDGED: {"en": "acknowledged", "vi": "đã tiếp nhận"},
    IncidentState.RESOLVED: {"en": "resolved", "vi": "đã khôi phục"},
}
_REACHES_NOBODY: Final[Words] = {"en": "route {by} reaches nobody now", "vi": "tuyến báo {by} hiện không có ai nhận"}
"""Of `no_route` where a route takes it and its step has no receiver."""
_DECIDED: Final[Words] = {"en": "it is being decided", "vi": "đang được xem xét"}


def hold_text(hold: Hold | None, language: str) -> str:
    """Why nobody is told; of an alert without a reason, which was written this moment, that it is being decided."""
    if hold is None:
        return _DECIDED[language]
    is_taken = hold.reason is HoldReason.NO_ROUTE and hold.by
    text = (_REACHES_NOBODY if is_taken else HOLDS[hold.reason])[language]
    return text.format(by=hold.by) if hold.by else text.replace(" ({by})", "").replace("{by}", "—")


def kind_text(alert: Alert, language: str) -> str:
    """What is wrong, with the name of the probe or burn alert if there is one."""
    is_cut = alert.key.kind is AlertKind.DOWN and alert.state is State.UNREACHABLE
    return UNREACHABLE[language] if is_cut else kind_name_text(alert.key.kind, alert.key.name, language)


def kind_name_text(kind: AlertKind, name: str, language: str) -> str:
    """What is wrong where only the kind and the name of the probe, burn alert or trouble are known."""
    if kind is AlertKind.COLLECTOR and name in set(Trouble):
        return TROUBLES[Trouble(name)][language]
    return f"{KINDS[kind][language]} ({name})" if name else KINDS[kind][language]

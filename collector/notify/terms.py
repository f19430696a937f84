"""Closed lists in the words of messages, English and Vietnamese: conditions, reasons, why somebody is not told, severities."""

from __future__ import annotations

from typing import Final

from collector.core.alert import AlertKind, HoldReason, Severity, Trouble
from collector.core.incident import IncidentState
from collector.core.state import State
from collector.notify.cutting import clean, cut

TERMS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "condition": {
        "down": ("DOWN", "NGỪNG HOẠT ĐỘNG"),
        "unreachable": ("UNREACHABLE", "MẤT KẾT NỐI"),
        "degraded": ("DEGRADED", "SUY GIẢM"),
        "no_data": ("NO DATA", "KHÔNG CÓ DỮ LIỆU"),
        "burn": ("ERROR BUDGET IS BURNING", "NGÂN SÁCH LỖI CẠN NHANH"),
        "agent_wedged": ("AGENT IS STUCK", "TÁC TỬ BỊ KẸT"),
        "certificate": ("CERTIFICATE EXPIRES SOON", "CHỨNG CHỈ SẮP HẾT HẠN"),
        "certificate_ended": ("CERTIFICATE HAS EXPIRED", "CHỨNG CHỈ ĐÃ HẾT HẠN"),
        "on_battery": ("ON BATTERY", "CHẠY BẰNG ẮC QUY"),
        "collector": ("IN TROUBLE", "GẶP TRỤC TRẶC"),
        "disk": ("DISK IS RUNNING FULL", "Ổ ĐĨA SẮP ĐẦY"),
        "database": ("DATABASE CANNOT BE WRITTEN", "KHÔNG GHI ĐƯỢC CƠ SỞ DỮ LIỆU"),
        "outbox": ("PAGES ARE NOT DELIVERED", "TIN BÁO CHƯA GỬI ĐI ĐƯỢC"),
        "blind": ("SEES NOTHING", "BỊ MÙ, KHÔNG QUAN SÁT ĐƯỢC"),
        "clock": ("CLOCK CANNOT BE TRUSTED", "ĐỒNG HỒ KHÔNG ĐÁNG TIN"),
        "ledger": ("JUDGING FAILS", "LỖI KHI ĐÁNH GIÁ"),
    },
    "reason": {
        "timeout": ("timeout", "quá thời gian chờ"),
        "refused": ("refused", "bị từ chối"),
        "unreachable": ("unreachable", "không tới được"),
        "unresolved": ("name not resolved", "không phân giải được tên"),
        "tls": ("TLS error", "lỗi TLS"),
        "auth": ("not authorised", "sai xác thực"),
        "bad_status": ("bad status", "trạng thái trả về không tốt"),
        "mismatch": ("unexpected answer", "trả lời không như mong đợi"),
        "no_data": ("no data", "không có dữ liệu"),
        "internal": ("fault of the agent", "lỗi của tác tử"),
        "observed": ("a probe says so", "theo phép đo"),
        "reporting": ("its own report says so", "theo báo cáo trực tiếp"),
        "never_reported": ("never reported", "chưa từng báo cáo"),
        "silent": ("it fell silent", "thiết bị im lặng, không báo cáo"),
        "stale": ("the last sign is too old", "tín hiệu cuối đã cũ"),
        "collector_blind": ("its observer is blind", "bên quan sát bị mù"),
        "unconfirmed": ("not confirmed", "chưa xác nhận"),
        "path_broken": ("the path to it is down", "đường tới bị đứt"),
        "path_unclear": ("the path to it is unclear", "đường tới không rõ"),
        "reboot": ("reboot", "khởi động lại"),
        "shutdown": ("announced shutdown", "tắt máy có báo trước"),
        "stall": ("the agent stood still", "tác tử bị treo"),
        "late_reports": ("late reports", "báo cáo muộn"),
        "boot_continuity": ("same boot", "cùng lần khởi động"),
        "bridged": ("between two outages", "giữa hai lần ngừng"),
        "corrected": ("correction", "đính chính"),
        "members": ("its members", "theo các thành viên"),
        "stated": ("as stated", "theo khai báo"),
        "expiring": ("it ends soon", "sắp hết hạn"),
        "expired": ("it has ended", "đã hết hạn"),
        "mains_lost": ("the mains are out", "mất điện lưới"),
        "battery_low": ("the battery is low", "ắc quy sắp cạn"),
        "burning": ("faster than agreed", "nhanh hơn mức cho phép"),
        "backlog": ("its reports do not arrive", "báo cáo của tác tử không về tới nơi"),
        "readers_silent": ("heartbeats come and nothing else", "chỉ còn nhịp tim, không có số liệu"),
        "bytes_low": ("little room is left", "còn ít dung lượng"),
        "files_low": ("no room for more files is left (inodes)", "sắp hết chỗ tạo tệp (inode)"),
        "unreadable": ("the data folder cannot be looked at", "không đọc được thư mục dữ liệu"),
        "unwritten": ("writes fail or wait", "ghi bị lỗi hoặc phải chờ"),
        "unsent": ("notifications wait for too long", "tin báo chờ gửi quá lâu"),
        "dead_letters": ("notifications were given up", "có tin báo không gửi được, đã bỏ"),
        "no_way_out": ("no reference answers over any way out", "mọi đường ra đều không có điểm chuẩn trả lời"),
        "way_lost": ("no reference answers over a way out", "một đường ra không có điểm chuẩn trả lời"),
        "dark": ("what is observed cannot be taken", "không nhận được dữ liệu quan sát"),
        "clock_step": ("the clock has stepped", "đồng hồ bị nhảy"),
        "unsynchronised": ("the clock follows no other", "đồng hồ không được đồng bộ"),
        "failing": ("it fails again and again", "lỗi lặp đi lặp lại"),
    },
    "hold": {
        "settling": ("just begun", "mới xảy ra"),
        "parent_checked": ("what it depends on is being checked", "đang kiểm tra thiết bị phía trước"),
        "parent_down": ("behind what is out", "nằm phía sau chỗ gặp sự cố"),
        "rechecked": ("being checked again", "đang được kiểm tra lại"),
        "observer_gone": ("its observer is out", "bên quan sát bị ngừng"),
        "blind": ("the collector does not see it", "bộ thu thập bị mù"),
        "maintenance": ("under maintenance", "đang bảo trì"),
        "silence": ("silenced", "đang tắt báo"),
        "inhibited": ("said by a graver alert", "đã có cảnh báo nặng hơn"),
        "flapping": ("flapping", "dao động"),
        "out_of_hours": ("out of service hours", "ngoài giờ phục vụ"),
        "quiet_hours": ("quiet hours", "giờ yên tĩnh"),
        "grouped": ("of the same incident", "cùng sự cố"),
        "closed_by_hand": ("closed by hand", "đã đóng bằng tay"),
        "no_route": ("no route takes it", "chưa có tuyến báo"),
        "muted_rule": ("this kind pages nobody", "loại này không báo ai"),
    },
    "severity": {
        "critical": ("CRITICAL", "NGHIÊM TRỌNG"),
        "warning": ("WARNING", "CẢNH BÁO"),
        "info": ("INFO", "THÔNG TIN"),
    },
    "state": {
        "up": ("up", "hoạt động"),
        "degraded": ("degraded", "suy giảm"),
        "down": ("down", "ngừng"),
        "unreachable": ("unreachable", "không tới được"),
        "unknown": ("unknown", "không rõ"),
    },
    "incident": {
        "open": ("open", "đang mở"),
        "acknowledged": ("acknowledged", "đã tiếp nhận"),
        "resolved": ("resolved", "đã khôi phục"),
    },
}

CLOSED_LISTS: Final = {
    "hold": HoldReason,
    "severity": Severity,
    "state": State,
    "incident": IncidentState,
}
"""Table -> the list that it says whole."""


VERBS: Final = frozenset({"down", "unreachable", "degraded", "on_battery", "collector"})
"""Conditions that follow a name as its verb; the others are set off by a dash."""


def term(language: str, table: str, key: str) -> str:
    """`key` in words; one that is not known is shown as it is: a page must go out whatever a newer part wrote."""
    pair = TERMS[table].get(key)
    return cut(clean(key), 60) if pair is None else pair[language == "vi"]


def condition_key(kind: AlertKind, state: State, name: str, value: float | None) -> str:
    """Which condition of `TERMS` an alert's is."""
    if kind is AlertKind.DOWN and state is State.UNREACHABLE:
        return "unreachable"
    if kind is AlertKind.CERTIFICATE and value is not None and value <= 0:
        return "certificate_ended"
    if kind is AlertKind.COLLECTOR and name in set(Trouble):
        return name
    return kind.value

"""What an explanation says, in English and Vietnamese; states, causes and reasons are in the report's closed lists."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "subject": ("{id}{name} · {kind}{place}", "{id}{name} · {kind}{place}"),
    "site": ("site {site}", "địa điểm {site}"),
    "class": ("class {class_}", "nhóm thiết bị {class_}"),
    "period": (
        "Period {period}: {start} – {end} ({zone}, UTC{offset})",
        "Kỳ {period}: {start} – {end} ({zone}, UTC{offset})",
    ),
    "known": (
        "By what was received until {known}; objective {objective} %",
        "Theo những gì nhận được đến {known}; mục tiêu {objective} %",
    ),
    "view": ("View: {view}{decides}; policy {policy}", "Góc nhìn: {view}{decides}; cách tính {policy}"),
    "decides": (" (this one decides)", " (góc nhìn quyết định)"),
    "reached": (
        "Availability {reached} % (low {low} %, high {high} %), coverage {coverage} %: {verdict}{provisional}",
        "Độ sẵn sàng {reached} % (cận dưới {low} %, cận trên {high} %), độ phủ đo {coverage} %: {verdict}{provisional}",
    ),
    "nothing_counts": ("Nothing counts in this period: {verdict}", "Không có gì để tính trong kỳ này: {verdict}"),
    "provisional": (", provisional", ", tạm tính"),
    "seconds": (
        "Agreed {ast}: good {good}, bad {bad}, unknown {unknown}, maintenance {maintenance}",
        "Thời gian phục vụ {ast}: đạt {good}, lỗi {bad}, không rõ {unknown}, bảo trì {maintenance}",
    ),
    "proof": (
        "Of the time up {backfill} rests on late reports and {inferred} on boot continuity alone",
        "Trong thời gian hoạt động có {backfill} dựa vào báo cáo muộn và {inferred} chỉ dựa vào cùng lần khởi động",
    ),
    "incidents": ("Incidents: {count}, uncertainty ± {uncertainty}", "Sự cố: {count}, sai số ± {uncertainty}"),
    "pool": (
        "This figure adds up the seconds of its members; it has no states of its own (R15.3)",
        "Số liệu này cộng thời gian của các thành viên; bản thân nó không có trạng thái (R15.3)",
    ),
    "incident": (
        "  {onset}: confirmed {hard}, restored {restored}, charged {charged}, cause: {cause}",
        "  {onset}: xác nhận {hard}, khôi phục {restored}, bị tính {charged}, nguyên nhân: {cause}",
    ),
    "soft": (
        "Failures never confirmed (listed, not charged): {list}",
        "Lỗi chưa từng được xác nhận (chỉ liệt kê, không tính): {list}",
    ),
    "flapping": ("Flapping (changes no figure): {list}", "Dao động (không làm đổi số liệu): {list}"),
    "reboots": ("Reboots:", "Các lần khởi động lại:"),
    "reboot": (
        "  last sign of the old boot {last}, first of the new {first}{pinned}",
        "  tín hiệu cuối của lần khởi động cũ {last}, tín hiệu đầu của lần mới {first}{pinned}",
    ),
    "pinned": (" (stop and start announced by the agent)", " (tác tử đã báo dừng và khởi động)"),
    "head_from": ("FROM", "TỪ"),
    "head_to": ("TO", "ĐẾN"),
    "head_duration": ("DURATION", "THỜI LƯỢNG"),
    "head_state": ("STATE", "TRẠNG THÁI"),
    "head_why": ("WHY", "LÝ DO"),
    "head_cause": ("CAUSE", "NGUYÊN NHÂN"),
    "head_grade": ("GRADE", "CẤP"),
    "head_counts": ("COUNTS AS", "ĐƯỢC TÍNH LÀ"),
    "head_rule": ("RULE", "QUY TẮC"),
    "good": ("good", "đạt"),
    "bad": ("bad", "lỗi"),
    "excluded": ("not counted", "không tính"),
    "maintenance": ("maintenance", "bảo trì"),
    "out_of_hours": ("out of hours", "ngoài giờ phục vụ"),
    "since": ("since {since}", "từ {since}"),
    "window": ("under window {windows}", "trong khoảng bảo trì {windows}"),
    "inherited": ("under a window of its parents or of its members", "trong khoảng bảo trì của đối tượng cha hoặc thành viên"),
    "ignored": (
        "window {windows}: this policy does not look at it",
        "khoảng bảo trì {windows}: cách tính này không xét đến",
    ),
    "correction": (
        "correction {correction}; observed was {observed}",
        "đính chính {correction}; trạng thái quan sát được là {observed}",
    ),
    "evidence": (
        "#{id} {role}: {what} {module}, by {observer}, {outcome}, {start} – {end}, {count} ×, received {received}{late}{boot}",
        "#{id} {role}: {what} {module}, bởi {observer}, {outcome}, {start} – {end}, {count} ×, nhận lúc {received}{late}{boot}",
    ),
    "late": (", late", ", đến muộn"),
    "boot": (", boot {boot}", ", lần khởi động {boot}"),
    "left_out": ("… and {count} more", "… và {count} mục nữa"),
    "no_evidence": ("no evidence within reach", "không có bằng chứng nào ở gần"),
    "blind": ("{observer} was blind {start} – {end}", "{observer} bị mù {start} – {end}"),
    "other": ("{subject} was {state} ({why}) {start} – {end}", "{subject} {state} ({why}) {start} – {end}"),
    "said": ("says so", "cho biết"),
    "against": ("says otherwise", "cho biết khác"),
    "before": ("before it", "trước đó"),
    "after": ("after it", "sau đó"),
    "old_boot": ("old boot", "lần khởi động cũ"),
    "new_boot": ("new boot", "lần khởi động mới"),
    "obs": ("probe", "phép đo"),
    "report": ("report", "báo cáo"),
    "agent_start": ("start of the agent", "tác tử khởi động"),
    "agent_stop": ("stop of the agent", "tác tử dừng"),
    "stall": ("stall of the agent", "tác tử bị treo"),
    "clock_step": ("step of the clock", "đồng hồ nhảy"),
    "blind_kind": ("blindness", "bị mù"),
    "ok": ("ok", "tốt"),
    "degraded": ("degraded", "suy giảm"),
    "failed": ("failed", "lỗi"),
    "error": ("could not test", "không đo được"),
    "timeout": ("timeout", "quá thời gian chờ"),
    "refused": ("refused", "bị từ chối"),
    "unreachable": ("unreachable", "không tới được"),
    "unresolved": ("name not resolved", "không phân giải được tên"),
    "tls": ("TLS", "TLS"),
    "auth": ("not authorised", "sai xác thực"),
    "bad_status": ("bad status", "trạng thái không tốt"),
    "mismatch": ("unexpected answer", "trả lời không như mong đợi"),
    "no_data": ("no data", "không có dữ liệu"),
    "internal": ("fault of the agent", "lỗi của tác tử"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    english, vietnamese = WORDS[key]
    return (vietnamese if language == "vi" else english).format(**values)

"""What messages say to people on call, English and Vietnamese; the closed lists are in `terms`."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    # Headlines: the beginning of a subject, before `what`.
    "firing": ("INCIDENT #{number}", "SỰ CỐ #{number}"),
    "reopened": ("INCIDENT #{number} RE-OPENED", "SỰ CỐ #{number} TÁI PHÁT"),
    "update": ("Update on incident #{number}", "Cập nhật sự cố #{number}"),
    "reminder": (
        "REMINDER (step {step}): nobody has acknowledged incident #{number}",
        "NHẮC LẠI (bước {step}): chưa ai tiếp nhận sự cố #{number}",
    ),
    "acknowledged": ("{by} has acknowledged incident #{number}", "{by} đã tiếp nhận sự cố #{number}"),
    "acknowledged_unnamed": ("Incident #{number} is acknowledged", "Sự cố #{number} đã được tiếp nhận"),
    "resolved": ("RESOLVED: incident #{number}", "ĐÃ KHÔI PHỤC: sự cố #{number}"),
    "resolved_partly": ("RESOLVED IN PART: incident #{number}", "KHÔI PHỤC MỘT PHẦN: sự cố #{number}"),
    "firing_bare": ("ALERT", "CẢNH BÁO"),
    "resolved_bare": ("RESOLVED", "ĐÃ KHÔI PHỤC"),
    "closed": ("{by} has closed incident #{number}", "{by} đã đóng sự cố #{number}"),
    "hides": ("Silence {silence} hides a real outage", "Lệnh tắt báo {silence} đang che một sự cố thật"),
    "ended_down": (
        "Silence {silence} has ended, what it hid still lasts",
        "Lệnh tắt báo {silence} đã kết thúc nhưng sự cố bị che vẫn còn",
    ),
    "forgotten": (
        "Silence {silence} seems to be forgotten",
        "Lệnh tắt báo {silence} có thể đã bị bỏ quên",
    ),
    "notice": ("About silence {silence}", "Về lệnh tắt báo {silence}"),
    "digest": ("Digest: {count} held back in quiet hours", "Bản tổng hợp: {count} cảnh báo được giữ lại trong giờ yên tĩnh"),
    "test": ("Test message of Hải Đăng for {receiver}", "Tin thử của Hải Đăng gửi {receiver}"),
    # Parts of a subject.
    "short_affected": ("{count} affected", "ảnh hưởng {count}"),
    "short_more": ("and {count} more", "và {count} cảnh báo khác"),
    "short_since": ("since {since}", "từ {since}"),
    "short_after": ("for {length}", "trong {length}"),
    "short_still": ("{count} still down", "còn {count} đối tượng chưa khôi phục"),
    # Labels of facts.
    "severity": ("Severity", "Mức độ"),
    "site": ("Site", "Địa điểm"),
    "since": ("Since", "Từ"),
    "why": ("Why", "Căn cứ"),
    "affected": ("Affected", "Ảnh hưởng"),
    "others": ("Also in this incident", "Cảnh báo khác cùng sự cố"),
    "alerts": ("Alerts", "Cảnh báo"),
    "acknowledged_by": ("Acknowledged", "Tiếp nhận"),
    "assignee": ("Assigned to", "Phụ trách"),
    "outage": ("Lasted", "Kéo dài"),
    "closed_at": ("Closed", "Đóng lúc"),
    "ended": ("Ended", "Khôi phục lúc"),
    "still_down": ("Still down by themselves", "Vẫn chưa khôi phục"),
    "comment": ("Comment", "Ghi chú"),
    "author": ("By", "Người đặt"),
    "sender": ("Sent by", "Người gửi"),
    "matchers": ("Matches", "Áp dụng cho"),
    "hidden": ("Hidden", "Bị che"),
    "late": ("Late", "Gửi trễ"),
    "reopened_count": ("Re-opened", "Tái phát"),
    # Values of facts.
    "lasting": ("{at}, {length} before this was written", "{at}, khi lập tin đã kéo dài {length}"),
    "affected_some": ("Affects {count} more, not paged one by one", "Ảnh hưởng {count} thiết bị phía sau, không báo riêng"),
    "affected_group": ("{reason}: {names}", "{reason}: {names}"),
    "more_alerts": ("and {count} more", "và {count} cảnh báo khác"),
    "more": ("and {count} more", "và {count} đối tượng khác"),
    "nobody": ("nobody yet", "chưa ai"),
    "times": ("{count} ×", "{count} lần"),
    "late_text": (
        "written {at}, sent {length} later: things may have changed",
        "tin lập lúc {at}, gửi đi sau {length}: tình hình có thể đã khác",
    ),
    "one_alert": ("{what}: {condition} ({since})", "{what}: {condition} ({since})"),
    "one_over": ("{what}: {condition}, over since {ended}", "{what}: {condition}, đã hết lúc {ended}"),
    "quoted": ("“{text}”", "“{text}”"),
    "days_left": ("{days} days left", "còn {days} ngày"),
    "days_over": ("expired {days} days ago", "hết hạn {days} ngày trước"),
    "burn_rate": ("{rate} times as fast as allowed", "nhanh gấp {rate} lần mức cho phép"),
    "free_ratio": ("{percent} % free", "còn trống {percent} %"),
    "collector_name": ("The Hải Đăng collector", "Bộ thu thập Hải Đăng"),
    # Whole sentences.
    "test_body": (
        "This is only a test: nothing is wrong and nothing is to be done. Pages come the same way.",
        "Đây chỉ là tin thử: không có sự cố và không cần làm gì. Tin báo sự cố cũng sẽ đến theo đường này.",
    ),
    "hides_body": (
        "Nobody else is told while the silence lasts. End it if this was not meant.",
        "Không ai khác được báo trong khi lệnh tắt báo còn hiệu lực. Hãy kết thúc lệnh nếu đây không phải chủ ý.",
    ),
    "ended_body": (
        "From now on alerts about it go their usual way.",
        "Từ bây giờ cảnh báo về các đối tượng này được gửi đi như bình thường.",
    ),
    "forgotten_body": (
        "It has muted nothing for long, or its end is far away. End it if it is needed no longer.",
        "Lệnh đã lâu không che cảnh báo nào, hoặc còn rất lâu mới hết hạn. Hãy kết thúc lệnh nếu không còn cần.",
    ),
    "still_body": (
        "What was explained by this incident and is down by itself is paged by itself.",
        "Những đối tượng trước đây được coi là do sự cố này mà nay vẫn ngừng sẽ được báo riêng.",
    ),
    "update_body": ("The extent has changed since the last message.", "Phạm vi ảnh hưởng đã thay đổi so với tin trước."),
    # Links.
    "open_link": ("Open", "Xem chi tiết"),
    "acknowledge_link": ("Acknowledge", "Bấm để tiếp nhận"),
    # Times.
    "clock": ("{date} {time} (UTC{offset})", "{time} ngày {date} (UTC{offset})"),
    "day": ("{count} d", "{count} ngày"),
    "hour": ("{count} h", "{count} giờ"),
    "minute": ("{count} min", "{count} phút"),
    "second": ("{count} s", "{count} giây"),
    "event_id": ("Event {event_id}, attempt {attempt}", "Mã sự kiện {event_id}, lần gửi {attempt}"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    english, vietnamese = WORDS[key]
    return (vietnamese if language == "vi" else english).format(**values)

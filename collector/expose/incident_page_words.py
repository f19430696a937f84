"""What the page of an incident says, English and Vietnamese."""

from __future__ import annotations

from typing import Final

from collector.core.incident import EntryKind
from collector.core.notice import EventKind
from collector.expose.words import Words

PAGE: Final[dict[str, Words]] = {
    "subject": {"en": "Target", "vi": "Đối tượng"},
    "site": {"en": "Site", "vi": "Địa điểm"},
    "severity": {"en": "Severity", "vi": "Mức độ"},
    "state": {"en": "State", "vi": "Tình trạng"},
    "since": {"en": "Since", "vi": "Từ"},
    "why": {"en": "Why we think so", "vi": "Căn cứ"},
    "acknowledged": {"en": "Acknowledged", "vi": "Tiếp nhận"},
    "nobody": {"en": "by nobody yet", "vi": "chưa có ai"},
    "assignee": {"en": "Assigned to", "vi": "Giao cho"},
    "resolved": {"en": "Over", "vi": "Kết thúc"},
    "told": {"en": "Told", "vi": "Đã báo cho"},
    "affected": {"en": "Also affected", "vi": "Cũng bị ảnh hưởng"},
    "paged": {"en": "people were told", "vi": "đã báo"},
    "over": {"en": "over {time}", "vi": "kết thúc {time}"},
    "more": {"en": "and {count} more", "vi": "và {count} mục nữa"},
    "timeline": {"en": "Timeline", "vi": "Diễn biến"},
    "no_timeline": {
        "en": "The timeline cannot be read at the moment.",
        "vi": "Hiện chưa đọc được diễn biến.",
    },
    "button": {"en": "Acknowledge …", "vi": "Tiếp nhận …"},
    "other": {"en": "Tiếng Việt", "vi": "English"},
}
ENTRIES: Final[dict[EntryKind, Words]] = {
    EntryKind.OPENED: {"en": "opened", "vi": "mở sự cố"},
    EntryKind.REOPENED: {"en": "opened again", "vi": "mở lại"},
    EntryKind.JOINED: {"en": "joined", "vi": "gộp vào"},
    EntryKind.LEFT: {"en": "left", "vi": "ra khỏi sự cố"},
    EntryKind.SEVERITY: {"en": "severity changed", "vi": "đổi mức độ"},
    EntryKind.PAGED: {"en": "people are told", "vi": "báo cho"},
    EntryKind.HELD: {"en": "held back", "vi": "chưa báo"},
    EntryKind.ESCALATED: {"en": "next step of the escalation", "vi": "báo bậc tiếp theo"},
    EntryKind.ACKNOWLEDGED: {"en": "acknowledged", "vi": "tiếp nhận"},
    EntryKind.ASSIGNED: {"en": "assigned", "vi": "giao việc"},
    EntryKind.COMMENTED: {"en": "comment", "vi": "ghi chú"},
    EntryKind.RESOLVED: {"en": "over", "vi": "kết thúc"},
    EntryKind.DELIVERED: {"en": "delivered", "vi": "đã gửi tới"},
    EntryKind.UNDELIVERABLE: {"en": "could not be delivered", "vi": "không gửi được"},
    EntryKind.FALLBACK: {"en": "a second channel is asked", "vi": "gửi qua kênh dự phòng"},
}
EVENTS: Final[dict[EventKind, Words]] = {
    EventKind.FIRING: {"en": "page", "vi": "tin báo"},
    EventKind.UPDATE: {"en": "update", "vi": "tin cập nhật"},
    EventKind.REMINDER: {"en": "reminder", "vi": "tin nhắc"},
    EventKind.ACKNOWLEDGED: {"en": "word of the acknowledgement", "vi": "tin tiếp nhận"},
    EventKind.RESOLVED: {"en": "resolved", "vi": "tin kết thúc"},
    EventKind.NOTICE: {"en": "notice", "vi": "thông báo"},
    EventKind.DIGEST: {"en": "digest", "vi": "bản tổng hợp"},
    EventKind.TEST: {"en": "test", "vi": "tin thử"},
}

"""What the acknowledge page says, English and Vietnamese."""

from __future__ import annotations

from typing import Final

from collector.expose.words import Words

PAGE: Final[dict[str, Words]] = {
    "incident": {"en": "Incident", "vi": "Sự cố"},
    "subject": {"en": "Target", "vi": "Đối tượng"},
    "what": {"en": "What", "vi": "Hiện tượng"},
    "severity": {"en": "Severity", "vi": "Mức độ"},
    "site": {"en": "Site", "vi": "Địa điểm"},
    "since": {"en": "Since", "vi": "Từ"},
    "alerts": {"en": "Open alerts", "vi": "Số cảnh báo đang mở"},
    "state": {"en": "State", "vi": "Tình trạng"},
    "name": {"en": "Your name (may stay empty)", "vi": "Tên của bạn (có thể bỏ trống)"},
    "button": {"en": "Acknowledge", "vi": "Tiếp nhận"},
    "whole": {"en": "The whole incident", "vi": "Xem toàn bộ sự cố"},
    "done": {"en": "Acknowledged: nobody else is called.", "vi": "Đã tiếp nhận: hệ thống không gọi thêm người khác."},
    "bad_link": {
        "en": "This link is not valid, or not valid any more. Nothing was done.",
        "vi": "Liên kết không hợp lệ hoặc đã hết hạn. Chưa có gì được thực hiện.",
    },
    "gone": {
        "en": "The incident was over long ago. Nothing was done.",
        "vi": "Sự cố này đã kết thúc từ lâu. Chưa có gì được thực hiện.",
    },
    "bad_name": {
        "en": "The name is not understood: expected one line of at most 64 printable characters. Nothing was done.",
        "vi": "Tên không hợp lệ: cần một dòng không quá 64 ký tự in được. Chưa có gì được thực hiện.",
    },
    "refused": {"en": "This is refused. Nothing was done.", "vi": "Yêu cầu bị từ chối. Chưa có gì được thực hiện."},
    "loading": {
        "en": "The collector has just started; try again in some seconds. Nothing was done.",
        "vi": "Bộ thu thập vừa khởi động; hãy thử lại sau vài giây. Chưa có gì được thực hiện.",
    },
    "slow_down": {
        "en": "Too many wrong links came from here; wait a little. Nothing was done.",
        "vi": "Có quá nhiều liên kết sai từ đây; hãy đợi một lát. Chưa có gì được thực hiện.",
    },
    "store": {
        "en": "The collector cannot use its database at the moment; try again, or call somebody.",
        "vi": "Bộ thu thập hiện không dùng được cơ sở dữ liệu; hãy thử lại hoặc gọi điện cho người phụ trách.",
    },
}

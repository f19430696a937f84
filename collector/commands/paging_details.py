"""What refusals of acts on incidents and silences expected, and why a receiver failed, in Vietnamese; English is the API's own.

What stands in no table is shown as it came: the words of other programs are nobody's to translate.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

DETAILS: Final[dict[str, str]] = {
    # acts on incidents
    "acknowledged by {}": "{} đã tiếp nhận",
    "assigned to {}": "đã giao cho {}",
    "the same silence was made already": "lệnh tắt báo giống hệt đã được đặt",
    "expected one line of {} to {} printable characters": "cần một dòng từ {} đến {} ký tự in được",
    "no incident has this number": "không có sự cố nào mang số này (xem `incidents --state all`)",
    "no incident of the last day has this number": (
        "không có sự cố nào của một ngày qua mang số này; sự cố cũ hơn chỉ xem được, không thao tác được"
    ),
    "no silence has this id": "không có lệnh tắt báo nào mang mã này (xem `silence list`)",
    "no receiver has this name": "không có nơi nhận nào tên này; tệp trực ca chưa nêu nơi nhận nào",
    "no receiver has this name; there are {}": "không có nơi nhận nào tên này; có: {}",
    "no dead letter has this number": "không có tin không gửi được nào mang số này (xem `outbox list --state dead`)",
    "no target, agent, group or site has this id": "không có đối tượng, tác tử, nhóm hay địa điểm nào mang mã này",
    "nothing has this id": "không có mục nào mang mã này",
    # times and matchers of silences
    "expected an end that is after the start and in the future": "thời điểm kết thúc phải sau lúc bắt đầu và ở tương lai",
    "expected at most {} days": "dài tối đa {} ngày",
    "expected a start within {} days": "phải bắt đầu trong vòng {} ngày tới",
    "expected at most {} characters": "dài tối đa {} ký tự",
    'expected LABEL=VALUE, LABEL!=VALUE, LABEL=~PATTERN or LABEL!~PATTERN, such as instance=~"web.*"': (
        'cần dạng NHÃN=GIÁ_TRỊ, NHÃN!=GIÁ_TRỊ, NHÃN=~MẪU hoặc NHÃN!~MẪU, ví dụ instance=~"web.*"'
    ),
    "expected a value of at most {} printable characters": "cần giá trị không quá {} ký tự in được",
    "expected a quote at the end of the value": "thiếu dấu ngoặc kép ở cuối giá trị",
    "expected a backslash before each quote within the value": "cần dấu \\ trước mỗi dấu ngoặc kép trong giá trị",
    "expected something after the last backslash": "cần một ký tự sau dấu \\ cuối cùng",
    "expected {} to {} matchers": "cần từ {} đến {} điều kiện",
    "expected a pattern ({})": "mẫu không hợp lệ ({})",
    "expected at least one matcher that does not match everything, nor what lacks its label": (
        "cần ít nhất một điều kiện không khớp với mọi thứ và không khớp với cái thiếu nhãn đó"
    ),
    # receivers
    "connection refused": "máy từ chối kết nối",
    "the host's name cannot be resolved": "không phân giải được tên máy",
    "no connection within {} s": "không kết nối được trong {} giây",
    "no whole answer within {} s": "không có trả lời trọn vẹn trong {} giây",
    "not confirmed within {} s": "không xác nhận trong {} giây",
    "not taken within {} s": "không nhận trong {} giây",
    "the connection ended before the answer was whole": "kết nối bị đóng trước khi có trả lời trọn vẹn",
    "the answer is no HTTP": "trả lời không phải HTTP",
    "no route to host": "không có đường tới máy",
    "network is unreachable": "không tới được mạng",
    "status {}": "mã trả lời {}",
}
FAILURES: Final[dict[str, str]] = {
    "auth": "bị từ chối vì xác thực",
    "rate_limit": "nơi nhận yêu cầu gửi chậm lại",
    "rejected": "nơi nhận không chấp nhận tin",
    "server": "nơi nhận đang lỗi",
    "timeout": "quá thời gian",
    "refused": "bị từ chối",
    "unreachable": "không tới được",
    "unresolved": "không rõ địa chỉ",
    "tls": "lỗi TLS",
    "closed": "bị ngắt",
    "settings": "sai thiết lập",
    "internal": "lỗi nội bộ",
}
"""By the class of a failure: every one of `notify.channel.Failure`."""


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(re.escape(known).replace(r"\{\}", "(.*?)"), re.DOTALL), text) for known, text in DETAILS.items()]


def detail_in(language: str, detail: str) -> str:
    """What was expected, in a language."""
    if language != "vi":
        return detail
    for pattern, text in _patterns():
        if (match := pattern.fullmatch(detail)) is not None:
            return text.format(*match.groups())
    return detail


def failure_in(language: str, error: str) -> str:
    """`class: text` of a failed delivery, in a language."""
    kind, found, text = error.partition(": ")
    if language != "vi" or not found or kind not in FAILURES:
        return error
    return f"{FAILURES[kind]}: {detail_in(language, text)}"

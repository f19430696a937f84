"""Problems of configuration and inventory in Vietnamese: the closed list of what was found and expected."""

from __future__ import annotations

import re
from typing import Final

from collector.config import ConfigError, Problem

_TEXT: Final[dict[str, str]] = {
    # found
    "nothing": "để trống",
    "a mapping": "một nhóm thiết lập",
    "a list": "một danh sách",
    "an unknown key": "khóa không có trong danh sách",
    "the key twice": "khóa lặp lại",
    "two passwords": "hai mật khẩu",
    "no folder": "không phải thư mục",
    "no access": "không truy cập được",
    "a folder": "một thư mục",
    "a named pipe": "một ống có tên (FIFO)",
    "a device": "một thiết bị",
    "a socket": "một socket",
    "no regular file": "không phải tệp thường",
    "No such file or directory": "không có tệp hoặc thư mục này",
    "Not a directory": "không phải thư mục",
    "Permission denied": "không có quyền đọc",
    "over {} bytes": "hơn {} byte",
    "too deep or too much (aliases count)": "quá sâu hoặc quá nhiều (tính cả bí danh)",
    # expected
    "a readable file": "một tệp đọc được",
    "a smaller file": "tệp nhỏ hơn",
    "YAML": "YAML",
    "once (first on line {})": "một lần (lần đầu ở dòng {})",
    "a whole number": "một số nguyên",
    "a number": "một số",
    "text": "văn bản",
    "true or false": "true hoặc false",
    "text that is not empty": "văn bản không rỗng",
    "text without control characters": "văn bản không có ký tự điều khiển",
    "host:port": "máy:cổng",
    "host name or IP address": "tên máy hoặc địa chỉ IP",
    "http:// or https:// URL": "địa chỉ http:// hoặc https://",
    "time zone name": "tên múi giờ",
    "postgresql+asyncpg://user@host/name or sqlite:///path": "postgresql+asyncpg://user@host/name hoặc sqlite:///path",
    "letters, digits and ._:- (1 to 128, first a letter or digit)": (
        "chữ cái, chữ số và ._:- (1 đến 128 ký tự, bắt đầu bằng chữ cái hoặc chữ số)"
    ),
    "one of: {}": "một trong: {}",
    "{}?": "{}?",
    "either password_file or password_env": "chỉ password_file hoặc password_env",
    "tls, a loopback agents.listen, or agents.allow_plain_http: true": (
        "tls, agents.listen ở địa chỉ nội bộ của máy, hoặc agents.allow_plain_http: true"
    ),
    "a folder of *.yml files": "một thư mục chứa các tệp *.yml",
    "the id of a site in this inventory": "mã của một địa điểm trong danh mục này",
    "`collector` or an agent made with `agent add`": "`collector` hoặc một tác tử tạo bằng `agent add`",
    "{}: this id is an agent, which reports its own host": "{}: mã này là của một tác tử, tác tử tự báo cáo máy của nó",
    "an id used once (first at {})": "mã chỉ dùng một lần (lần đầu ở {})",
    # with bounds; the longer ones first
    "a whole number >= {} and <= {}": "một số nguyên >= {} và <= {}",
    "a whole number >= {}": "một số nguyên >= {}",
    "a number >= {} and <= {}": "một số >= {} và <= {}",
    "a number > {} and <= {}": "một số > {} và <= {}",
    "a number >= {}": "một số >= {}",
    "a number > {}": "một số > {}",
}
_QUOTES: Final = ", in quotes"
_PATTERNS: Final = tuple(
    (re.compile(re.escape(english).replace(r"\{\}", "(.+)"), re.DOTALL), vietnamese)
    for english, vietnamese in _TEXT.items()
    if "{}" in english
)


def vietnamese(text: str) -> str:
    """What was found or expected in Vietnamese; a value from the file, or what is not in the list, stays as it is."""
    if text.endswith(_QUOTES):
        return f"{vietnamese(text.removesuffix(_QUOTES))}, trong dấu nháy"
    if text in _TEXT:
        return _TEXT[text]
    matches = ((pattern.fullmatch(text), translated) for pattern, translated in _PATTERNS)
    return next((translated.format(*match.groups()) for match, translated in matches if match), text)


def told(error: ConfigError, language: str) -> str:
    """The problems, one a line."""
    return "\n".join(_in_vietnamese(problem) for problem in error.problems) if language == "vi" else str(error)


def _in_vietnamese(problem: Problem) -> str:
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    key = f" {problem.key}:" if problem.key else ""
    return f"{place}:{key} thấy {vietnamese(problem.found)}, cần {vietnamese(problem.expected)}"

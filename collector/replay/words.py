"""What `replay` says, in English and Vietnamese."""

from __future__ import annotations

import re
from typing import Final

from collector.replay.format import FormatError, Problem

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "help": (
        "judge the timelines of a file and print segments and figures",
        "đánh giá các chuỗi sự kiện trong tệp rồi in các đoạn trạng thái và số liệu",
    ),
    "file": ("file in the format of the golden vectors", "tệp theo định dạng của bộ dữ liệu chuẩn"),
    "result_json": (
        "print the file again with everything computed in place of what was expected",
        "in lại tệp, thay các giá trị mong đợi bằng giá trị đã tính",
    ),
    "unreadable": ("{file} cannot be read: {why}", "không đọc được {file}: {why}"),
    "refused": ("{file} cannot be replayed:", "không thể tính lại từ {file}:"),
    "problem": ("{place}: found {found}, expected {expected}", "{place}: thấy {found}, cần {expected}"),
    "equal": ("as expected", "đúng như mong đợi"),
    "differs": ("DIFFERS", "KHÁC"),
    "computed": ("computed", "đã tính"),
    "segments": ("segments", "các đoạn"),
    "figures": ("figures", "số liệu"),
    "display": ("display", "hiển thị"),
    "burn": ("burn", "tốc độ tiêu hao"),
    "alerts": ("alerts", "cảnh báo"),
    "annotations": ("annotations", "ghi chú"),
    "difference": ("{what}: expected {expected}, computed {computed}", "{what}: mong đợi {expected}, tính được {computed}"),
    "remark": ("remark: {text}", "lưu ý: {text}"),
    "total": (
        "{vectors} vectors, {results} results, {figures} expected figures, {differences} differences",
        "{vectors} chuỗi, {results} kết quả, {figures} giá trị mong đợi, {differences} khác biệt",
    ),
}
_VIETNAMESE: Final[dict[str, str]] = {
    "nothing": "không có gì",
    "a whole number": "một số nguyên",
    "text": "văn bản",
    "a mapping": "một nhóm khóa và giá trị",
    "a mapping with `vectors`": "một nhóm khóa và giá trị có `vectors`",
    "a list": "một danh sách",
    "true or false": "true hoặc false",
    "JSON": "JSON",
    "from and to": "from và to",
    "from before to": "from trước to",
    "parents without a cycle": "phụ thuộc không thành vòng",
    "a target of this vector": "một đối tượng của chuỗi này",
    "a target or another group of this vector": "một đối tượng hoặc một nhóm khác của chuỗi này",
    "a member that has states, which a pool has not": "một thành viên có trạng thái, mà nhóm gộp thì không có",
    "a target of this vector, or a `group` beside it": "một đối tượng của chuỗi này, hoặc `group` đi kèm",
    "a `calendar` in the vector": "`calendar` trong chuỗi",
    "the id of a maint_create": "id của một maint_create",
    "the last instant of every": "thời điểm cuối của every",
    "per cent as text, such as 99.9": "phần trăm ở dạng văn bản, như 99.9",
    "one of the values of the format": "một trong các giá trị của định dạng",
    "groups without a cycle": "các nhóm không thành vòng",
    "a time zone, dates and hours as HH:MM": "múi giờ, ngày và giờ dạng HH:MM",
    "only with {}": "chỉ dùng với {}",
    "one of {}": "một trong: {}",
    "at most {} bytes": "nhiều nhất {} byte",
    "at most {} events": "nhiều nhất {} sự kiện",
    "the key {}, which {} needs": "khóa {} mà {} cần",
    "the key {}": "khóa {}",
    "not before t ({})": "không trước t ({})",
    "after from ({})": "sau from ({})",
    "{} to {}": "{} đến {}",
    "a whole number {}": "một số nguyên {}",
}
_PATTERNS: Final = tuple(
    (re.compile(re.escape(english).replace(r"\{\}", "(.+)")), vietnamese)
    for english, vietnamese in _VIETNAMESE.items()
    if "{}" in english
)


def say(language: str, key: str, **values: object) -> str:
    """A text of the table in a language (`en`, `vi`)."""
    return _WORDS[key][language == "vi"].format(**values)


def told(error: FormatError, language: str) -> str:
    """What is wrong with a file, one problem a line."""
    return "\n".join(f"  {_problem(problem, language)}" for problem in error.problems)


def _problem(problem: Problem, language: str) -> str:
    if language != "vi":
        return str(problem)
    found, expected = vietnamese(problem.found), vietnamese(problem.expected)
    return say(language, "problem", place=problem.place, found=found, expected=expected)


def vietnamese(text: str) -> str:
    """What was found or expected in Vietnamese; values of the file stay as they are."""
    if text in _VIETNAMESE:
        return _VIETNAMESE[text]
    for pattern, words in _PATTERNS:
        match = pattern.fullmatch(text)
        if match:
            return words.format(*match.groups())
    return text

"""Problems of a configuration in Vietnamese: the closed list of what was found and expected, beside its English originals.

English is what the loader says; this only speaks for people who asked for the other language.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from agent.config import Problem

_TEXT: Final[dict[str, str]] = {
    # found
    "nothing": "để trống",
    "a mapping": "một nhóm thiết lập",
    "a list": "một danh sách",
    "an empty list": "một danh sách rỗng",
    "an empty file": "tệp rỗng",
    "an unknown key": "khóa không có trong danh sách",
    "a key that is not plain text": "khóa không phải văn bản thường",
    "the key a second time (first in line {0})": "khóa lặp lại lần hai (lần đầu ở dòng {0})",
    "broken syntax ({0})": "sai cú pháp ({0})",
    "too much nesting or too many values": "lồng quá sâu hoặc quá nhiều giá trị",
    "half a character (a surrogate)": "nửa ký tự (surrogate)",
    "settings that do not fit together": "các thiết lập không khớp nhau",
    "settings of a disabled reader": "thiết lập của bộ đọc đã tắt",
    "no certificate": "không có chứng chỉ",
    "no path": "không phải đường dẫn",
    "no readable file": "không có tệp đọc được",
    "no regular file": "không phải tệp thường",
    "a folder": "một thư mục",
    "a named pipe": "một ống có tên (FIFO)",
    "a device": "một thiết bị",
    "no such file or directory": "không có tệp hoặc thư mục này",
    "not a directory": "không phải thư mục",
    "permission denied": "không có quyền đọc",
    "bytes that are no token": "những byte không phải token",
    "{0} characters ({1})": "{0} ký tự ({1})",
    "mode {0} ({1})": "quyền {0} ({1})",
    "more than 1 MiB": "hơn 1 MiB",
    "more than {0} bytes": "hơn {0} byte",
    "byte {0}": "byte {0}",
    # expected
    "one YAML document": "một tài liệu YAML",
    "at most {0} levels and {1} values": "nhiều nhất {0} cấp và {1} giá trị",
    "text": "văn bản",
    "text in UTF-8": "văn bản UTF-8",
    "a plain key": "một khóa thường",
    "it once": "chỉ một lần",
    "a number": "một số",
    "a whole number": "một số nguyên",
    "true or false": "true hoặc false",
    "another value": "giá trị khác",
    "a path": "một đường dẫn",
    "one of {0}": "một trong: {0}",
    "no key here": "không có khóa nào ở đây",
    "settings below it": "các thiết lập bên dưới",
    "settings below it, at least urls:": "các thiết lập bên dưới, ít nhất là urls:",
    "settings, such as id: and collector:": "các thiết lập, như id: và collector:",
    "settings by kind of reader": "thiết lập theo loại bộ đọc",
    "https://HOST[:PORT]": "https://MÁY[:CỔNG]",
    "a list of 1 to 8 addresses, each https://HOST[:PORT]": "danh sách 1 đến 8 địa chỉ, mỗi địa chỉ dạng https://MÁY[:CỔNG]",
    "https://, or collector.allow_plain_http: true": "https://, hoặc collector.allow_plain_http: true",
    "a port from 1 to 65535": "cổng từ 1 đến 65535",
    "a whole number of seconds, {0} to {1}": "số giây nguyên, từ {0} đến {1}",
    "a whole number of seconds, 3600 (an hour) to 31622400 (366 days)": (
        "số giây nguyên, từ 3600 (một giờ) đến 31622400 (366 ngày)"
    ),
    "a whole number of bytes, {0} to {1}": "số byte nguyên, từ {0} đến {1}",
    "a number of seconds, {0} to {1}": "số giây, từ {0} đến {1}",
    "1 to 128 of letters, digits and . _ : - beginning with a letter or digit": (
        "1 đến 128 ký tự gồm chữ cái, chữ số và . _ : - bắt đầu bằng chữ cái hoặc chữ số"
    ),
    "the kind of a reader, such as cpu": "loại bộ đọc, ví dụ cpu",
    "a list of kinds of readers": "danh sách loại bộ đọc",
    "a kind": "một loại",
    "a list of kinds": "danh sách loại",
    "a network, such as 10.20.0.0/16": "một mạng, ví dụ 10.20.0.0/16",
    "a list of networks, such as 10.20.0.0/16": "danh sách mạng, ví dụ 10.20.0.0/16",
    "a kind of reader, perhaps {0}": "một loại bộ đọc, có lẽ là {0}",
    "a kind of reader, as in config/REFERENCE.md": "một loại bộ đọc, như trong config/REFERENCE.md",
    "a kind that is not in readers.enable as well": "loại không có trong readers.enable",
    "none, or the kind not in readers.disable": "không có, hoặc bỏ loại này khỏi readers.disable",
    "a file with a PEM certificate": "tệp chứa chứng chỉ PEM",
    "a file with the agent's token (made by haidang-agent enrol)": "tệp chứa token của tác tử (do haidang-agent enrol tạo)",
    "one token of 16 to 4096 characters": "một token dài 16 đến 4096 ký tự",
    "mode 0600 (chmod 0600 {0})": "quyền 0600 (chmod 0600 {0})",
    "a smaller file": "tệp nhỏ hơn",
    "a readable file of settings (haidang-agent enrol makes one)": (
        "tệp thiết lập đọc được (haidang-agent enrol tạo ra một tệp)"
    ),
    "{0}: {1} is no regular expression: {2}": "{0}: {1} không phải biểu thức chính quy: {2}",
    "units: {0} is no unit, expected a full name such as nginx.service": (
        "units: {0} không phải unit, cần tên đầy đủ như nginx.service"
    ),
    "units: a unit stands there twice": "units: có unit lặp lại",
    "services: a service stands there twice (upper and lower case are the same)": (
        "services: có dịch vụ lặp lại (không phân biệt chữ hoa, chữ thường)"
    ),
    "an address or a name": "một địa chỉ hoặc tên máy",
    "the name of credentials": "tên của một bộ thông tin truy cập",
    "credentials of auths_file, perhaps {0}": "một bộ thông tin truy cập trong auths_file, có lẽ là {0}",
    "credentials of auths_file that there are": "một bộ thông tin truy cập có trong auths_file",
    "the name of a profile, or auto": "tên một hồ sơ thiết bị, hoặc auto",
    "a profile, perhaps {0}": "một hồ sơ thiết bị, có lẽ là {0}",
    "a profile that there is": "một hồ sơ thiết bị có sẵn",
    "the name of a module": "tên một mô-đun",
    "a module, perhaps {0}": "một mô-đun, có lẽ là {0}",
    "a module that there is": "một mô-đun có sẵn",
    "a list of modules": "danh sách mô-đun",
    "a list of devices": "danh sách thiết bị",
    "a class, such as ups": "một loại thiết bị, ví dụ ups",
    "a target that is not there twice": "một đối tượng chưa có trong danh sách",
    "a whole number, {0} to {1}": "số nguyên, từ {0} đến {1}",
    "a host, host:port or a URL": "máy, máy:cổng hoặc URL",
    "1 to 64 of letters, digits and . _ - beginning with a letter or digit": (
        "1 đến 64 ký tự gồm chữ cái, chữ số và . _ - bắt đầu bằng chữ cái hoặc chữ số"
    ),
    "command lines by name, each a list of words": "các dòng lệnh theo tên, mỗi dòng là danh sách từ",
    "a list of probes": "danh sách phép thăm dò",
    "a list of paths": "danh sách đường dẫn",
    "one of critical, normal, low": "một trong critical, normal, low",
    "a name that no other probe of the target has": "tên mà không phép thăm dò nào khác của đối tượng có",
    "a module whose program is one of probes.scripts, not {0}": (
        "mô-đun có chương trình nằm trong probes.scripts, không phải {0}"
    ),
    # bounds, and a place behind what was found; what stands in the places is looked up as well
    "{0} (above {1}, to {2})": "{0} (lớn hơn {1}, đến {2})",
    "{0} (from {1}, to {2})": "{0} (từ {1} đến {2})",
    "{0} (from {1})": "{0} (từ {1})",
    "{0} (of 1 to any number of parts)": "{0} (ít nhất 1 phần tử)",
    "{0} (of {1} to {2} parts)": "{0} (từ {1} đến {2} phần tử)",
    "{0} ({1})": "{0} ({1})",
}

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
"""A text of the file as `show` gives it: whatever it says, it is not ours to translate."""
_PLACE: Final = re.compile(r"\{\d\}")
_KEYED: Final = re.compile(r"([a-z][a-z0-9_]*(?:\.[A-Za-z0-9_-]+)*(?:, [a-z][a-z0-9_]*)*): (.+)", re.DOTALL)
"""What is wrong behind a key, or behind several of one file."""
_ESCAPED_PLACE: Final = re.compile(r"\\\{\d\\\}")


def vietnamese(text: str) -> str:
    """What was found or expected in Vietnamese; a value from the file, or what is not in the list, stays as it is."""
    if text in _TEXT:
        return _TEXT[text]
    if _QUOTED.fullmatch(text):
        return text
    exact, patterns = _all()
    if text in exact:
        return exact[text]
    for pattern, translated in patterns:
        if match := pattern.fullmatch(text):
            return translated.format(*map(vietnamese, match.groups()))
    if keyed := _KEYED.fullmatch(text):
        return f"{keyed[1]}: {vietnamese(keyed[2])}"
    return text


@functools.cache
def _all() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """All that is said, with what is said of SNMP and of probes, which is loaded only now: texts, and those with places for
    values, the longest first, since it says more exactly what is meant."""
    from agent.probes.words import TEXT as PROBES
    from agent.snmp.words import TEXT

    exact = {**PROBES, **TEXT, **_TEXT}
    forms = sorted([english for english in exact if _PLACE.search(english)], key=lambda english: -len(_PLACE.sub("", english)))
    return exact, [(re.compile(_ESCAPED_PLACE.sub("(.+?)", re.escape(form)), re.DOTALL), exact[form]) for form in forms]


def told(problems: Iterable[Problem], language: str) -> str:
    """The problems, one a line."""
    if language != "vi":
        return "\n".join(str(problem) for problem in problems)
    lines = []
    for problem in problems:
        place = f"{problem.file}:{problem.line}" if problem.line else problem.file
        key = f" {problem.key}:" if problem.key else ""
        lines.append(f"{place}:{key} thấy {vietnamese(problem.found)}, cần {vietnamese(problem.expected)}")
    return "\n".join(lines)

"""Problems of configuration and inventory in Vietnamese: the closed list of what was found and expected."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from agent import config_words
from collector.config import ConfigError, Problem
from collector.config_words_oncall import TEXT as ONCALL

_TEXT: Final[dict[str, str]] = {
    **ONCALL,
    # found
    "nothing": "để trống",
    "a mapping": "một nhóm thiết lập",
    "a mapping or text of at most 200 characters": "một nhóm thiết lập hoặc văn bản tối đa 200 ký tự",
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
    "an empty list": "một danh sách rỗng",
    "a cycle {}": "vòng lặp {}",
    "reports of its agent only": "chỉ có báo cáo của tác tử",
    "no target": "không có đối tượng nào",
    "a selector that says nothing": "một bộ chọn không nêu gì",
    "no hours": "không có giờ nào",
    "weights": "trọng số",
    "{} weights": "{} trọng số",
    "{} levels of groups": "{} tầng nhóm lồng nhau",
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
    # settings of the ledger and the inventory
    "per cent above 0 and below 100, at most 4 decimals": "số phần trăm trên 0 và dưới 100, tối đa 4 chữ số thập phân",
    "a date as 2026-10-31": "một ngày như 2026-10-31",
    "a date as 2026-10-01 or a time as 2026-10-01T08:00:00+07:00": (
        "một ngày như 2026-10-01 hoặc một thời điểm như 2026-10-01T08:00:00+07:00"
    ),
    "hours as 07:30-11:30, from 00:00 to 24:00": "khoảng giờ như 07:30-11:30, từ 00:00 đến 24:00",
    "letters, digits and _ (1 to 64, first a letter)": "chữ cái, chữ số và _ (1 đến 64 ký tự, bắt đầu bằng chữ cái)",
    "text of at most 200 characters": "văn bản tối đa 200 ký tự",
    "a number with at most one decimal": "một số có tối đa một chữ số thập phân",
    "a number below flap_high (R10.2)": "một số nhỏ hơn flap_high (R10.2)",
    "an id without `:`": "mã không có dấu `:`",
    "an id that does not begin with site:, group: or agent:": "mã không bắt đầu bằng site:, group: hoặc agent:",
    "the id of a target: one written here or the host of an agent": (
        "mã của một đối tượng: ghi trong danh mục này hoặc là máy của một tác tử"
    ),
    "the id of a target, or group:ID, site:ID or agent:ID of one that exists": (
        "mã của một đối tượng, hoặc group:ID, site:ID hay agent:ID đã có"
    ),
    "the id of a calendar in this inventory": "mã của một lịch trong danh mục này",
    "the id of a list under `holidays`, or a date as 2026-10-31": (
        "mã của một danh sách dưới `holidays`, hoặc một ngày như 2026-10-31"
    ),
    "parents that do not lead back (R7.1)": "các đối tượng cha không dẫn trở lại chính nó (R7.1)",
    "groups that do not contain themselves": "các nhóm không chứa chính mình",
    "a moment after `from`": "một thời điểm sau `from`",
    "a moment after in_service[{}] has ended": "một thời điểm sau khi in_service[{}] kết thúc",
    "probe: an agent pushes, the collector polls": "probe: tác tử thì gửi, bộ thu thập thì hỏi",
    "at least 1.5 times the interval of {} s (R5.1)": "ít nhất 1,5 lần chu kỳ {} giây (R5.1)",
    "a probe besides the agent, of it or of a service on it, as it has an objective (R6.1)": (
        "một phép thăm dò ngoài tác tử, cho chính nó hoặc một dịch vụ trên nó, vì nó có mục tiêu (R6.1)"
    ),
    "hours of some day, or special_days": "giờ của một ngày nào đó, hoặc special_days",
    "hours that do not overlap others of the day": "khoảng giờ không chồng lên khoảng khác trong ngày",
    "each member once": "mỗi thành viên một lần",
    "at most the number of members, {} (R15.2)": "tối đa bằng số thành viên, {} (R15.2)",
    "a member with states of its own: not pooled, and a site with a link or critical devices (R15.3)": (
        "một thành viên có trạng thái riêng: không phải nhóm pooled, và địa điểm thì có link hoặc thiết bị thiết yếu (R15.3)"
    ),
    "at least one of site, class and labels": "ít nhất một trong site, class và labels",
    "a selector that picks a written target; hosts of agents may follow": (
        "một bộ chọn trúng ít nhất một đối tượng đã ghi; máy của các tác tử có thể có sau"
    ),
    "how many members must work, for k_of_n": "số thành viên phải hoạt động, cho k_of_n",
    "no k: only for k_of_n": "bỏ k: chỉ dùng cho k_of_n",
    "no weights: only for pooled with members named one by one (R15.3)": (
        "bỏ weights: chỉ dùng cho pooled với từng thành viên được nêu tên (R15.3)"
    ),
    "one for each of {} members (R15.3)": "mỗi thành viên một trọng số, cả thảy {} (R15.3)",
    "at most {}": "tối đa {}",
    # planned maintenance
    "{} selectors": "{} bộ chọn",
    "times beside `repeat`": "thời điểm bên cạnh `repeat`",
    "both": "cả hai",
    "the same scope and some of the same time as {}": "cùng phạm vi và trùng một phần thời gian với {}",
    "times of its own, or the window is refused": "thời gian riêng, nếu không khoảng bảo trì sẽ bị từ chối",
    "at least one of subjects, site, class and labels": "ít nhất một trong subjects, site, class và labels",
    "`from` with `to` or `for`, or `repeat`": "`from` kèm `to` hoặc `for`, hoặc `repeat`",
    "either weekly or monthly": "hoặc weekly hoặc monthly",
    "either to or for": "hoặc to hoặc for",
    "days of the week, or daily": "các ngày trong tuần, hoặc daily",
    "at most 366 days": "tối đa 366 ngày",
    "at most 31 days": "tối đa 31 ngày",
    "times in the years 1970 to 2099": "thời gian trong các năm 1970 đến 2099",
    "days of the years 1970 to 2098": "các ngày trong các năm 1970 đến 2098",
    "a day not before `first`": "một ngày không trước `first`",
    "a day at most 5 years after `first`": "một ngày không quá 5 năm sau `first`",
    "a day by which it has been at least once": "một ngày mà tới đó đã có ít nhất một lần",
    "a length after which the next time has not begun": "độ dài để mỗi lần kết thúc trước khi lần sau bắt đầu",
    "a length as 90m, 2h or 1d": "một độ dài như 90m, 2h hoặc 1d",
    "a list or one of: daily": "một danh sách hoặc daily",
    "15, last, 2-tue or last-sun": "15, last, 2-tue hoặc last-sun",
    "a local time as 22:00": "một giờ địa phương như 22:00",
    # SNMP
    "the host name or IP address under which it is polled": "tên máy hoặc địa chỉ IP để hỏi thiết bị này",
    "the name of its credentials": "tên của thông tin xác thực",
    "at least the interval of {} s": "ít nhất bằng chu kỳ {} giây",
    "less than the interval of {} s": "nhỏ hơn chu kỳ {} giây",
    "a name in `snmp.auths_file`, such as {}": "một tên có trong `snmp.auths_file`, ví dụ {}",
    "a name in `snmp.auths_file`": "một tên có trong `snmp.auths_file`",
    "`auto` or the name of a profile, such as {}": "`auto` hoặc tên của một hồ sơ thiết bị, ví dụ {}",
    "`auto` or the name of a profile": "`auto` hoặc tên của một hồ sơ thiết bị",
    "the name of a module, such as {}": "tên của một mô-đun, ví dụ {}",
    "the name of a module": "tên của một mô-đun",
    "an address, port and context that no other target has (first at {})": (
        "địa chỉ, cổng và ngữ cảnh không trùng với đối tượng nào khác (lần đầu ở {})"
    ),
    "an SNMP engine id: 5 to 32 bytes in hexadecimal": "mã engine SNMP: 5 đến 32 byte viết ở hệ mười sáu",
    "nothing, or an SNMP engine id: 5 to 32 bytes in hexadecimal": (
        "để trống, hoặc mã engine SNMP: 5 đến 32 byte viết ở hệ mười sáu"
    ),
    # probes, observers, ways out, templates and includes
    "the name of a module of probes, such as {}": "tên của một mô-đun thăm dò, ví dụ {}",
    "the name of a module of probes": "tên của một mô-đun thăm dò",
    "a `name` of lower-case letters, digits and ._:- (1 to 128, first a letter or digit)": (
        "một `name` gồm chữ thường, chữ số và ._:- (1 đến 128 ký tự, bắt đầu bằng chữ cái hoặc chữ số)"
    ),
    "a `name` that no reader and no poll has": "một `name` không trùng với bộ đọc hoặc phép hỏi nào",
    "a `name` that no other probe of the target has": "một `name` không trùng với phép thăm dò khác của đối tượng",
    "each observer once": "mỗi bên quan sát một lần",
    "the id of a way out under `uplinks`, such as {}": "mã của một đường ra dưới `uplinks`, ví dụ {}",
    "the id of a way out under `uplinks`": "mã của một đường ra dưới `uplinks`",
    "the way out {} of {}": "đường ra {} của {}",
    "a way out of one of its observers": "đường ra của một trong các bên quan sát nó",
    "a kind of reader, such as {}": "một loại bộ đọc, ví dụ {}",
    "a kind of reader": "một loại bộ đọc",
    "a kind that is not in `disable` as well": "một loại không có trong `disable`",
    "settings that it does not take": "thiết lập không hợp lệ",
    "what the reader {} takes: {}": "những gì bộ đọc {} nhận: {}",
    "only on the host of an agent, whose id is that of the agent": "chỉ dùng cho máy của một tác tử, có mã trùng mã tác tử",
    "no more than the interval of {} s": "tối đa bằng chu kỳ {} giây",
    "the module {} that runs {}": "mô-đun {} chạy {}",
    "a module whose program is one of `probes.scripts` of `collector.yml`": (
        "một mô-đun có chương trình nằm trong `probes.scripts` của `collector.yml`"
    ),
    "the module {} on a target without reflector": "mô-đun {} ở một đối tượng không có reflector",
    "`reflector` on the target, or an `address`": "`reflector` ở đối tượng đó, hoặc một `address`",
    "the host name or IP address that is probed": "tên máy hoặc địa chỉ IP để thăm dò",
    "an address of the target, for which it stands": "địa chỉ của đối tượng, mà nó đại diện",
    "an address for a probe of kind {}: {}": "một địa chỉ cho phép thăm dò loại {}: {}",
    "IP addresses that answer echoes": "các địa chỉ IP có trả lời ping",
    "an IP address: names may not resolve when it matters": "một địa chỉ IP: tên máy có thể không phân giải được đúng lúc cần",
    "each address once": "mỗi địa chỉ một lần",
    "each day once": "mỗi ngày một lần",
    "a day of {}": "một ngày của năm {}",
    "a path below the folder of this file, such as `sites/*.yml`": (
        "một đường dẫn nằm dưới thư mục của tệp này, ví dụ `sites/*.yml`"
    ),
    "a file that exists": "một tệp đã có",
    "a way outside: {} leads to {}": "đường ra ngoài: {} dẫn tới {}",
    "a file inside the folder of the inventory": "một tệp bên trong thư mục của danh mục",
    "a cycle: {} leads back to {}": "vòng lặp: {} dẫn trở lại {}",
    "files that do not include themselves": "các tệp không tự gộp chính mình",
    "over {} targets": "hơn {} đối tượng",
    "fewer targets made from templates": "ít đối tượng tạo từ khuôn mẫu hơn",
    "the name of a template under `templates.site`": "tên của một khuôn mẫu dưới `templates.site`",
    "templates that do not lead back": "các khuôn mẫu không dẫn trở lại chính nó",
    "a name other than site, name, name_en, address, id": "một tên khác site, name, name_en, address, id",
    "text or a number": "văn bản hoặc một số",
    "placeholders that have a value": "các chỗ trống đều có giá trị",
    "the placeholder {} in {}": "chỗ trống {} trong {}",
    "a list of texts, or of mappings of names to texts": "một danh sách văn bản, hoặc nhóm gồm tên và văn bản",
    "a text, or a mapping of names to texts": "một văn bản, hoặc một nhóm gồm tên và văn bản",
    "an id that is another one for each row of `each`": "một id khác nhau ở mỗi dòng của `each`",
    # rows of a spreadsheet
    "a class": "một loại",
    "a site": "một địa điểm",
    "the same as row {}": "giống hệt dòng {}",
    "each target once": "mỗi đối tượng một lần",
    "an id used once (first in row {})": "mã chỉ dùng một lần (lần đầu ở dòng {})",
    "an id that the inventory does not have yet (at {})": "mã chưa có trong danh mục (đã có ở {})",
    "the id or name of a target in the table or the inventory": "mã hoặc tên của một đối tượng trong bảng hoặc trong danh mục",
    "a site of the inventory, by id or name (--new takes others)": (
        "một địa điểm trong danh mục, theo mã hoặc tên (--new chấp nhận địa điểm mới)"
    ),
    "a class that is known: {} (--new takes others)": "một loại đã biết: {} (--new chấp nhận loại mới)",
    "letters or digits, from which an id can be made": "chữ cái hoặc chữ số, để tạo được mã",
    "rows with targets": "các dòng có đối tượng",
    "a column for id or name": "một cột cho mã hoặc tên",
    "a second column for {}": "cột thứ hai cho {}",
    "one column for {} (first in column {})": "một cột cho {} (lần đầu ở cột {})",
    "labels as name=value; name=value": "nhãn dạng tên=giá_trị; tên=giá_trị",
    "quotes that do not end or text behind them": "dấu nháy không khép lại, hoặc có chữ ngay sau dấu nháy",
    "quotes in pairs": "dấu nháy theo cặp",
    "more rows than are read": "nhiều dòng hơn mức đọc được",
    "several smaller tables": "chia thành nhiều bảng nhỏ hơn",
    "no headers that are known": "không có tiêu đề nào nhận ra được",
    "a row of headers, such as Mã, Tên, Địa chỉ IP, Loại, Địa điểm": (
        "một dòng tiêu đề, ví dụ Mã, Tên, Địa chỉ IP, Loại, Địa điểm"
    ),
    # with bounds; the longer ones first
    "a whole number >= {} and <= {}": "một số nguyên >= {} và <= {}",
    "a whole number >= {}": "một số nguyên >= {}",
    "a number >= {} and <= {}": "một số >= {} và <= {}",
    "a number > {} and <= {}": "một số > {} và <= {}",
    "a number >= {}": "một số >= {}",
    "a number > {}": "một số > {}",
}
_QUOTES: Final = ", in quotes"
_ALSO: Final = {" or a list": " hoặc một danh sách", " or a mapping": " hoặc một nhóm thiết lập"}
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
    for also, translated in _ALSO.items():
        if text.endswith(also):
            return vietnamese(text.removesuffix(also)) + translated
    if (of_agent := config_words.vietnamese(text)) != text:
        return of_agent  # said of files that agent and collector have in common
    matches = ((pattern.fullmatch(text), translated) for pattern, translated in _PATTERNS)
    return next((translated.format(*match.groups()) for match, translated in matches if match), text)


def told(error: ConfigError, language: str) -> str:
    """The problems, one a line."""
    return told_all(error.problems, language)


def told_all(problems: Iterable[Problem], language: str) -> str:
    """Problems, or what is worth saying and no problem, one a line."""
    return "\n".join(_in_vietnamese(problem) if language == "vi" else str(problem) for problem in problems)


def _in_vietnamese(problem: Problem) -> str:
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    key = f" {problem.key}:" if problem.key else ""
    return f"{place}:{key} thấy {vietnamese(problem.found)}, cần {vietnamese(problem.expected)}"

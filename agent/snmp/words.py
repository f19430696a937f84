"""What is found and expected in files of modules, credentials and notifications, in Vietnamese, beside its English originals.

`agent.config_words` looks here for what it does not know itself; loaded only when somebody asked for Vietnamese.
"""

from __future__ import annotations

from typing import Final

from agent.snmp.words_poll import POLL
from agent.snmp.words_profile import PROFILE

_SHEET: Final[dict[str, str]] = {
    "a NUL or half a character": "ký tự NUL hoặc nửa ký tự",
    "a mapping to merge": "một nhóm thiết lập để gộp vào",
    "a tagged value": "giá trị có gắn nhãn kiểu (!)",
    "a plain value": "giá trị thường",
    "a readable file": "một tệp đọc được",
    "settings": "các thiết lập",
    "at most {0} MiB": "nhiều nhất {0} MiB",
    "at most {0} levels and {1} values, aliases counted": "nhiều nhất {0} cấp và {1} giá trị, tính cả bí danh",
    "a key that is {0}": "khóa là {0}",
    "a list of {0}": "danh sách có {0} phần tử",
    "no mapping": "không phải một nhóm thiết lập",
    "true": "true",
    "off or settings below it": "off hoặc các thiết lập bên dưới",
    "settings below it or a list": "các thiết lập bên dưới hoặc một danh sách",
    "text or a number": "văn bản hoặc số",
    "text or a number or a list": "văn bản, số hoặc một danh sách",
    "a number or a name of small letters, digits and underscores": ("một số, hoặc tên gồm chữ thường, chữ số và dấu gạch dưới"),
    "{0} or nothing": "{0}, hoặc để trống",
    "{0} (above {1})": "{0} (lớn hơn {1})",
    "{0} (of {1} parts)": "{0} (đúng {1} phần tử)",
    "{0} (of {1} to {2} characters)": "{0} (từ {1} đến {2} ký tự)",
    "{0}, in {1}": "{0}, trong {1}",
}

_YAML: Final[dict[str, str]] = {
    "mapping values are not allowed in this context": "ở đây không được có dấu : với giá trị, có lẽ sai thụt lề",
    "block sequence entries are not allowed in this context": "ở đây không được có mục danh sách (-), có lẽ sai thụt lề",
    "did not find expected key": "không thấy khóa ở chỗ cần có, có lẽ sai thụt lề",
    "did not find expected '-' indicator": "không thấy dấu - ở chỗ cần có",
    "did not find expected ',' or '}'": "không thấy dấu , hoặc }",
    "did not find expected ',' or ']'": "không thấy dấu , hoặc ]",
    "did not find expected <document start>": "không thấy chỗ bắt đầu tài liệu",
    "did not find expected node content": "không thấy giá trị ở chỗ cần có",
    "could not find expected ':'": "không thấy dấu :",
    "found character that cannot start any token": "có ký tự không được đứng đầu, ví dụ dấu tab hoặc @",
    "found a tab character that violates indentation": "thụt lề bằng dấu tab",
    "found a tab character where an indentation space is expected": "thụt lề bằng dấu tab",
    "found unexpected end of stream": "tệp hết giữa chừng",
    "found unknown escape character": "ký tự thoát không có nghĩa",
    "found undefined alias": "bí danh (*) chưa được định nghĩa",
    "found duplicate anchor": "neo (&) lặp lại",
    "control characters are not allowed": "không được có ký tự điều khiển",
}

_MODULES: Final[dict[str, str]] = {
    # found
    "a module at the top level, the format of snmp_exporter before 0.23": (
        "mô-đun nằm ở cấp cao nhất, theo định dạng của snmp_exporter trước bản 0.23"
    ),
    "a key of the format of snmp_exporter before 0.23": "khóa theo định dạng của snmp_exporter trước bản 0.23",
    "a module of generator.yml": "mô-đun của generator.yml",
    "a name that {0} has too": "tên đã có trong {0}",
    "a name of no metric": "tên không thuộc metric nào",
    "{0} a second time, as {1} of type {2}": "{0} lặp lại lần hai, lần này là {1} kiểu {2}",
    "no module": "không phải mô-đun",
    "no oid or no type": "thiếu oid hoặc type",
    "a look-around, back-reference or possessive repeat, which RE2 does not have": (
        "phép nhìn trước/sau, tham chiếu ngược hoặc phép lặp chiếm hữu, RE2 không có các phép này"
    ),
    "a byte": "một byte",
    "a Unicode class": "một lớp ký tự Unicode",
    "'{0}' is a bad directive in format '{1}'": "chỉ dẫn '{0}' không dùng được, trong mẫu '{1}'",
    "stray % in format '{0}'": "dấu % đứng lẻ, trong mẫu '{0}'",
    # expected
    "modules:, with a mapping below it": "modules:, bên dưới là một nhóm thiết lập",
    "it below modules:, without auth: and version:, which become an entry of auths:": (
        "đặt nó dưới modules:, bỏ auth: và version: (chuyển hai khóa đó thành một mục của auths:)"
    ),
    "an entry of auths: at the top level, named by whoever polls": (
        "một mục của auths: ở cấp cao nhất, nơi nào hỏi thiết bị thì nêu tên mục đó"
    ),
    "the file that snmp_exporter's generator makes of it": "tệp mà generator của snmp_exporter tạo ra từ nó",
    "names, each with its settings below it": "các tên, bên dưới mỗi tên là thiết lập của nó",
    "walk:, get: and metrics: below it": "walk:, get: và metrics: bên dưới",
    "another name": "tên khác",
    "the name of a metric of this module": "tên một metric của mô-đun này",
    "it once (line {0}: {1} of type {2})": "chỉ một lần (dòng {0}: {1} kiểu {2})",
    "an OID that walk: or get: asks for": "OID nằm trong phạm vi mà walk: hoặc get: hỏi đến",
    "an OID that is not below that of {0}": "OID không nằm dưới OID của {0}",
    "a type that an index can show": "kiểu mà chỉ mục của bảng thể hiện được",
    "it only at the last index": "chỉ đặt ở chỉ mục cuối cùng",
    "no labels: the metric has no indexes": "bỏ nhãn này: metric không có chỉ mục",
    "oid: and type: of the object to look up": "oid: và type: của đối tượng cần tra cứu",
    "them only for a type of text: they do nothing here": "chỉ dùng cho kiểu văn bản: ở đây chúng không có tác dụng",
    "a pattern of strptime, such as %Y-%m-%d %H:%M:%S": "mẫu ngày giờ của strptime, ví dụ %Y-%m-%d %H:%M:%S",
    "what makes a metric name when put behind {0}": "phần mà khi nối sau {0} thì thành một tên metric",
    "a regular expression of RE2 that Python's re knows too": "biểu thức chính quy RE2 mà re của Python cũng hiểu",
    "{0}: some texts could keep this one busy": "{0}: có văn bản làm biểu thức này chạy rất lâu",
    "an OID in numbers, such as {0}": "một OID viết bằng số, ví dụ {0}",
    "a label name: [a-zA-Z_][a-zA-Z0-9_]*, without __ before it": (
        "một tên nhãn: [a-zA-Z_][a-zA-Z0-9_]*, không bắt đầu bằng __"
    ),
    "a metric name: [a-zA-Z_:][a-zA-Z0-9_:]*": "một tên metric: [a-zA-Z_:][a-zA-Z0-9_:]*",
    "a duration such as 5s, 500ms or 1m30s": "một khoảng thời gian như 5s, 500ms hoặc 1m30s",
}

_AUTHS: Final[dict[str, str]] = {
    # found
    "no text ({0})": "không phải văn bản ({0})",
    "several lines ({0})": "nhiều dòng ({0})",
    "a setting of version 3": "thiết lập của phiên bản 3",
    "no variable that is set": "biến chưa được đặt",
    "{0}, which is not set or empty": "{0}, biến này chưa đặt hoặc rỗng",
    "{0} at the level {1}": "{0} ở mức {1}",
    "the secret in several places": "bí mật nêu ở nhiều chỗ",
    "too few characters ({0})": "quá ít ký tự ({0})",
    # expected
    "auths:, with names and settings below it": "auths:, bên dưới là các tên cùng thiết lập",
    "1, 2 or 3": "1, 2 hoặc 3",
    "version: 3, or no such setting": "version: 3, hoặc bỏ thiết lập này",
    "the name of a user, which version 3 needs": "tên người dùng, phiên bản 3 cần tên này",
    "{0}, {1} or {2}, which {3} needs": "{0}, {1} hoặc {2}, vì {3} cần mật khẩu này",
    "authNoPriv or authPriv": "authNoPriv hoặc authPriv",
    "at least {0} characters (RFC 3414)": "ít nhất {0} ký tự (RFC 3414)",
    "a variable of the environment with the secret": "một biến môi trường chứa bí mật",
    "a readable file with the secret": "một tệp đọc được có chứa bí mật",
    "a readable file with the secret, relative to {0}": "một tệp đọc được có chứa bí mật, tính từ thư mục {0}",
    "one line with the secret": "một dòng chứa bí mật",
}

_NOTIFICATIONS: Final[dict[str, str]] = {
    # found
    "{0} a second time": "{0} lặp lại lần hai",
    "{0}, which {1} has too": "{0}, {1} cũng đã có",
    "{0} without an OID": "{0} không có OID",
    "{0} beside {1}": "{0} cùng với {1}",
    # expected
    "each name once": "mỗi tên một lần",
    "each OID once": "mỗi OID một lần",
    "`oids` or `under`": "`oids` hoặc `under`",
    "an alarm that another entry of the file raises": "một cảnh báo mà mục khác trong tệp phát ra (raises)",
    "a name: letters, digits and _.- (1 to 64, first a letter)": (
        "một tên: chữ cái, chữ số và _.- (1 đến 64 ký tự, bắt đầu bằng chữ cái)"
    ),
    "an OID as 1.3.6.1.6.3.1.1.5.3": "một OID như 1.3.6.1.6.3.1.1.5.3",
}

TEXT: Final[dict[str, str]] = {**_SHEET, **_YAML, **_MODULES, **_AUTHS, **_NOTIFICATIONS, **PROFILE, **POLL}
"""English -> Vietnamese; `{0}` stands for a value, which is looked up as well."""

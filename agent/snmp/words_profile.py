"""What is found and expected in profiles, vocabulary and health rules, in Vietnamese; see `agent.snmp.words`."""

from __future__ import annotations

from typing import Final

_PROFILES: Final[dict[str, str]] = {
    "no folder": "không phải thư mục",
    "a folder with modules/, profiles/ or the like": "một thư mục có modules/, profiles/ hoặc tương tự",
    "at least one of sysobjectid, sysdescr, answers, class": "ít nhất một trong sysobjectid, sysdescr, answers, class",
    "a name of small letters, digits, - and .": "tên gồm chữ thường, chữ số, dấu - và dấu .",
    "a name of small letters, digits and underscores": "tên gồm chữ thường, chữ số và dấu gạch dưới",
    "a word of small letters": "một từ viết chữ thường",
    "the name of an object": "tên một đối tượng",
    "the names of other profiles": "tên các hồ sơ thiết bị khác",
    "{0}, a circle": "{0}, một vòng lặp",
    "{0}, the name of the file": "{0}, theo tên tệp",
    "a scalar object of the profile's modules": "đối tượng đơn (không phải cột của bảng) trong các mô-đun của hồ sơ",
    "a reading that the profile derives": "số đọc mà hồ sơ này có tính ra",
    "{0} with one OID in {1} and another in {2}": "{0} có một OID trong {1} và một OID khác trong {2}",
    "one of these modules": "chỉ một trong các mô-đun này",
    "a rule of health.yml": "một quy tắc trong health.yml",
    "a reading of readings.yml": "một số đọc trong readings.yml",
    "no label: the reading has none": "bỏ nhãn này: số đọc không có nhãn nào",
    "no state: the reading is a number": "bỏ trạng thái này: số đọc là một con số",
}

_VOCABULARY: Final[dict[str, str]] = {
    "a range of two numbers, the lower first": "một khoảng gồm hai số, số nhỏ trước",
    "states for a reading of kind state, and for no other": "states chỉ dành cho số đọc loại state, và loại này phải có",
    "{0} as one of the states": "có {0} trong các trạng thái",
    "labels for a reading of kind info, which tells by them": "các nhãn cho số đọc loại info, vì loại này chỉ nói qua nhãn",
    "{0} that differ from each other": "{0}: các mục khác nhau",
    "labels other than {0}, which the collector gives": "các nhãn khác {0}, vì bộ thu thập tự gắn các nhãn này",
    "a name that ends in {0} for a counter, and for nothing else": "tên kết thúc bằng {0} cho bộ đếm, và chỉ cho bộ đếm",
}

_RULES: Final[dict[str, str]] = {
    "clear beside above or below only": "clear chỉ đi cùng above hoặc below",
    "clear on the good side of the threshold": "clear nằm ở phía tốt của ngưỡng",
    "a sentence with nothing but {value} and {label} to put in": "một câu chỉ có chỗ điền {value} và {label}",
    "a threshold for {0}": "một ngưỡng cho {0}",
    "state: with some of its states": "state: cùng một số trạng thái của nó",
}

_EXPRESSIONS: Final[dict[str, str]] = {
    "{0} at character {1}": "{0}, ở ký tự thứ {1}",
    "an expression ({0}) at character {1}": "một biểu thức đúng ({0}), ở ký tự thứ {1}",
    "at most {0} characters": "nhiều nhất {0} ký tự",
    "an expression that is nested less and has no NUL in it": "biểu thức lồng ít hơn và không có ký tự NUL",
    "an expression with at most {0} parts": "biểu thức có nhiều nhất {0} phần",
    "a number, text, object, operation or call of a function": "một số, văn bản, đối tượng, phép tính hoặc lời gọi hàm",
    "an object of the profile's modules instead of {0}": "một đối tượng trong các mô-đun của hồ sơ thay cho {0}",
    "a column instead of {0}": "một cột của bảng thay cho {0}",
    "no operator but - and not before a value": "trước một giá trị chỉ được có - hoặc not",
    "one of + - * / // % ** between two values": "một trong + - * / // % ** giữa hai giá trị",
    "one of == != < <= > >= in between two values": "một trong == != < <= > >= in giữa hai giá trị",
    "values in brackets after in": "các giá trị trong ngoặc sau in",
    "one of the functions {0}": "một trong các hàm {0}",
    "a number or a text": "một số hoặc văn bản",
    "a whole number from {0} to {1}, not 0": "một số nguyên từ {0} đến {1}, khác 0",
    "invalid syntax": "sai cú pháp",
    "invalid syntax. Perhaps you forgot a comma?": "sai cú pháp, có lẽ thiếu dấu phẩy",
    "'{0}' was never closed": "'{0}' chưa được đóng",
    "unmatched '{0}'": "'{0}' thừa, không có dấu mở",
    "unterminated string literal": "chuỗi chưa đóng dấu nháy",
}

_PATTERNS: Final[dict[str, str]] = {
    "a pattern ({0} at position {1})": "một biểu thức chính quy đúng ({0}, ở vị trí {1})",
    "a pattern ({0})": "một biểu thức chính quy đúng ({0})",
    "a pattern of at most {0} characters": "biểu thức chính quy dài nhất {0} ký tự",
    "a pattern in quotes": "một biểu thức chính quy trong dấu nháy",
    "a pattern with one group": "biểu thức chính quy có đúng một nhóm",
    "a pattern without references to groups": "biểu thức chính quy không tham chiếu lại nhóm",
    "a pattern without a choice or a repetition inside a repetition": (
        "biểu thức chính quy không có phép chọn hoặc phép lặp bên trong một phép lặp"
    ),
    "a pattern with at most three repetitions without a bound (bound some: [0-9]{1,9})": (
        "biểu thức chính quy có nhiều nhất ba phép lặp không giới hạn (hãy giới hạn bớt: [0-9]{1,9})"
    ),
    # what Python's re says of an expression that it does not understand
    "{0} at position {1}": "{0}, ở vị trí {1}",
    "missing ), unterminated subpattern": "thiếu dấu ) đóng nhóm",
    "unbalanced parenthesis": "thừa dấu )",
    "unterminated character set": "thiếu dấu ] đóng lớp ký tự",
    "nothing to repeat": "không có gì để lặp",
    "multiple repeat": "hai phép lặp liền nhau",
    "bad escape {0}": "ký tự thoát {0} không có nghĩa",
    "bad escape (end of pattern)": "dấu \\ ở cuối biểu thức",
    "bad character range {0}": "khoảng ký tự {0} bị ngược",
    "unknown extension {0}": "phần mở rộng {0} không có",
    "min repeat greater than max repeat": "số lần lặp ít nhất lớn hơn số lần nhiều nhất",
    "invalid group reference {0}": "tham chiếu tới nhóm {0} không có",
    "global flags not at the start of the expression": "cờ chung không đứng đầu biểu thức",
    "look-behind requires fixed-width pattern": "phép nhìn sau cần biểu thức có độ dài cố định",
}

PROFILE: Final[dict[str, str]] = {**_PROFILES, **_VOCABULARY, **_RULES, **_EXPRESSIONS, **_PATTERNS}

"""What `haidang-collector inventory` says, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "inventory": (
        "check, show, compare, import and export the inventory",
        "kiểm tra, xem, so sánh, nhập và xuất danh mục",
    ),
    "verb_check": ("list every problem of the inventory", "liệt kê mọi lỗi của danh mục"),
    "verb_show": (
        "show every setting of a target, who says it and where, and its probes",
        "xem mọi thiết lập của một đối tượng, nơi ghi thiết lập đó, và các phép thăm dò",
    ),
    "verb_diff": (
        "show what the inventory changes against what the collector last took, or against another folder",
        "xem danh mục thay đổi gì so với bản bộ thu thập đã dùng gần nhất, hoặc so với một thư mục khác",
    ),
    "verb_export": (
        "print all targets as one table, or everything as YAML",
        "in mọi đối tượng thành một bảng, hoặc tất cả dạng YAML",
    ),
    "verb_import": (
        "make inventory out of a spreadsheet saved as CSV, for a person to review; nothing is made if any row is wrong",
        "tạo danh mục từ bảng tính lưu dạng CSV để con người duyệt lại; chỉ cần một dòng sai là không tạo gì",
    ),
    "opt_target": ("id of the target", "mã của đối tượng"),
    "opt_old": (
        "folder to compare with (default: what the collector last took)",
        "thư mục để so sánh (mặc định: bản bộ thu thập đã dùng gần nhất)",
    ),
    "opt_format": ("csv (columns of import) or yaml", "csv (các cột như khi nhập) hoặc yaml"),
    "opt_file": ("the spreadsheet, saved as CSV", "bảng tính, lưu dạng CSV"),
    "opt_output": (
        "file to write, which must not exist yet (default: printed)",
        "tệp để ghi, chưa được có sẵn (mặc định: in ra)",
    ),
    "opt_map": (
        'what a column of another name holds, such as "Tên máy=name"; may be given several times; keys: {keys}',
        'cột có tên khác chứa gì, ví dụ "Tên máy=name"; có thể nêu nhiều lần; các khóa: {keys}',
    ),
    "opt_encoding": (
        "encoding of the file, such as utf-8, utf-16 or windows-1258 (default: found out)",
        "bảng mã của tệp, ví dụ utf-8, utf-16 hoặc windows-1258 (mặc định: tự nhận)",
    ),
    "opt_site": ("site of rows that do not say one", "địa điểm của các dòng không ghi địa điểm"),
    "opt_class": ("class of rows that do not say one", "loại của các dòng không ghi loại"),
    "opt_new": (
        "take sites and classes that the inventory does not have yet, instead of refusing them",
        "chấp nhận địa điểm và loại chưa có trong danh mục, thay vì từ chối",
    ),
    "no_inventory": (
        "no inventory is configured: `inventory` in collector.yml names its folder",
        "chưa cấu hình danh mục: `inventory` trong collector.yml nêu thư mục",
    ),
    "unknown": ("no target {value} in the inventory{hint}", "không có đối tượng {value} trong danh mục{hint}"),
    "hint": (", perhaps {names}", ", có phải {names}"),
    "ok": (
        "ok: {targets} targets, {sites} sites, {groups} groups, {jobs} probes, {polls} polled by SNMP",
        "tốt: {targets} đối tượng, {sites} địa điểm, {groups} nhóm, {jobs} phép thăm dò, {polls} đối tượng hỏi qua SNMP",
    ),
    "via_later": (
        "agents that are named are looked up when the collector starts or reloads",
        "tên các tác tử được đối chiếu khi bộ thu thập khởi động hoặc nạp lại",
    ),
    "columns": ("SETTING\tVALUE\tSAID BY\tWHERE", "THIẾT LẬP\tGIÁ TRỊ\tNGUỒN\tNƠI GHI"),
    "target": ("the target", "đối tượng"),
    "template": ("a template", "khuôn mẫu"),
    "site": ("its site", "địa điểm"),
    "site_kind": ("the kind of its site", "loại địa điểm"),
    "class": ("its class", "loại đối tượng"),
    "built-in": ("built in", "có sẵn"),
    "probe_columns": (
        "PROBE\tKIND\tADDRESS\tEVERY\tRETRY\tTIMEOUT\tJUDGED\tBY",
        "PHÉP THĂM DÒ\tLOẠI\tĐỊA CHỈ\tCHU KỲ\tTHỬ LẠI\tTHỜI HẠN\tĐÁNH GIÁ\tBÊN QUAN SÁT",
    ),
    "yes": ("yes", "có"),
    "no": ("no", "không"),
    "no_probes": ("No probes.", "Không có phép thăm dò nào."),
    "no_taken": (
        "the collector has taken no inventory in {data} yet: name a folder to compare with",
        "bộ thu thập chưa dùng danh mục nào trong {data}: hãy nêu thư mục để so sánh",
    ),
    "no_change": ("No difference.", "Không có khác biệt."),
    "counts": (
        "{added} added, {removed} removed, {changed} changed",
        "thêm {added}, bớt {removed}, đổi {changed}",
    ),
    "sites": ("site", "địa điểm"),
    "targets": ("target", "đối tượng"),
    "groups": ("group", "nhóm"),
    "uplinks": ("way out", "đường ra"),
    "maintenance": ("planned maintenance", "bảo trì theo kế hoạch"),
    "calendars": ("calendar", "lịch"),
    "holidays": ("holidays", "ngày nghỉ"),
    "exists": (
        "{file} exists: choose another name, or look at it and remove it",
        "{file} đã có: chọn tên khác, hoặc xem rồi xóa",
    ),
    "unreadable": ("{file} cannot be read: {why}", "không đọc được {file}: {why}"),
    "unwritable": ("{file} cannot be written: {why}", "không ghi được {file}: {why}"),
    "bad_encoding": (
        "{file} is no text in {encoding}: name its encoding with --encoding, such as utf-8, utf-16 or windows-1258",
        "{file} không phải văn bản bảng mã {encoding}: hãy nêu bảng mã bằng --encoding, ví dụ utf-8, utf-16 hoặc windows-1258",
    ),
    "unknown_encoding": (
        "--encoding {value}: no encoding that is known here",
        "--encoding {value}: không phải bảng mã đã biết",
    ),
    "bad_map": (
        "--map {value}: expected HEADER=KEY with a key of: {keys}",
        "--map {value}: cần TIÊU ĐỀ=KHÓA, khóa là một trong: {keys}",
    ),
    "map_nothing": ("--map {value}: no column has this header", "--map {value}: không có cột nào có tiêu đề này"),
    "read_as": (
        "{file}: {encoding}, columns separated by {separator}, header in row {row}, {count} rows taken",
        "{file}: bảng mã {encoding}, cột ngăn cách bằng {separator}, tiêu đề ở dòng {row}, nhận {count} dòng",
    ),
    "not_read": (
        'columns that are not read: {columns} (--map "HEADER=KEY" reads them)',
        'các cột không đọc: {columns} (--map "TIÊU ĐỀ=KHÓA" để đọc)',
    ),
    "written": (
        "{file}: {targets} targets, {sites} new sites. Review it before it is put into the inventory.",
        "{file}: {targets} đối tượng, {sites} địa điểm mới. Hãy duyệt lại trước khi đưa vào danh mục.",
    ),
    "head": (
        "From {file} ({encoding}), {targets} targets. Made for review: look at ids, classes and parents before use.",
        "Từ {file} ({encoding}), {targets} đối tượng. Cần duyệt lại: xem mã, loại và phụ thuộc trước khi dùng.",
    ),
    "row": ("row {row}", "dòng {row}"),
    "made_id": ("row {row}, id made from {value}", "dòng {row}, mã tạo từ {value}"),
    "comma": ("commas", "dấu phẩy"),
    "semicolon": ("semicolons", "dấu chấm phẩy"),
    "tab": ("tabs", "dấu tab"),
    "pipe": ("bars", "dấu gạch đứng"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    english, vietnamese = _WORDS[key]
    text = vietnamese if language == "vi" else english
    return text.format(**values) if values else text

"""What the commands of the ledger say, in English and Vietnamese: replay, explain, report, seal, audit verify."""

from __future__ import annotations

from typing import Final

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "explain": (
        "tell every span of a target, group or site: why it is so, what it counts as, and the evidence behind it",
        "giải thích từng đoạn trạng thái của một đối tượng, nhóm hoặc địa điểm: vì sao, tính thế nào, dựa trên bằng chứng nào",
    ),
    "report": (
        "write the report of a month or another period",
        "lập báo cáo của một tháng hoặc một kỳ khác",
    ),
    "seal": (
        "issue a period's report as version 1; later changes make new versions (role approver)",
        "ban hành báo cáo của một kỳ thành phiên bản 1; thay đổi về sau tạo phiên bản mới (vai trò người duyệt)",
    ),
    "audit_verify": (
        "check the audit trail, the chain of days and reports, and the bytes they speak of",
        "kiểm tra nhật ký kiểm toán, chuỗi băm của ngày và báo cáo, cùng dữ liệu mà chúng xác nhận",
    ),
    "opt_subject": (
        "id of a target, agent:ID, group:ID or site:ID",
        "mã đối tượng, agent:MÃ, group:MÃ hoặc site:MÃ",
    ),
    "opt_from": (
        "begin: 2026-11-24T08:00 in the configured zone, with an offset, or a date (default: 24 hours before the end)",
        "bắt đầu: 2026-11-24T08:00 theo múi giờ cấu hình, kèm độ lệch, hoặc một ngày (mặc định: 24 giờ trước khi kết thúc)",
    ),
    "opt_to": ("end, as --from (default: now)", "kết thúc, viết như --from (mặc định: bây giờ)"),
    "opt_as_of": (
        "as it was known at this time, worked out again from evidence",
        "theo những gì đã biết tại thời điểm này, tính lại từ bằng chứng",
    ),
    "opt_view": ("one view only (default: both)", "chỉ một góc nhìn (mặc định: cả hai)"),
    "opt_text": ("text or json (default: text)", "text hoặc json (mặc định: text)"),
    "opt_month": ("month: 2026-10", "tháng: 2026-10"),
    "opt_period": (
        "period: 2026, 2026-Q4, 2026-10, 2026-W45, 2026-10-31, or FROM/TO with two dates or times",
        "kỳ: 2026, 2026-Q4, 2026-10, 2026-W45, 2026-10-31, hoặc TỪ/ĐẾN là hai ngày hoặc hai thời điểm",
    ),
    "opt_seal_period": ("period: 2026-10, 2026-Q4 or 2026", "kỳ: 2026-10, 2026-Q4 hoặc 2026"),
    "opt_site": ("only this site", "chỉ địa điểm này"),
    "opt_group": ("only this group", "chỉ nhóm này"),
    "opt_format": (
        "csv, json, html, pdf or xlsx (default: by the name of the file, else csv)",
        "csv, json, html, pdf hoặc xlsx (mặc định: theo đuôi tệp, nếu không thì csv)",
    ),
    "opt_output": ("write to this file, whole or not at all", "ghi ra tệp này, trọn vẹn hoặc không ghi gì"),
    "opt_policy": ("count every subject by this policy", "tính mọi đối tượng theo chính sách này"),
    "opt_version": ("an issued version instead of the newest one", "một phiên bản đã ban hành thay cho phiên bản mới nhất"),
    "opt_fresh": (
        "work it out as of now, also where a version is issued",
        "tính lại theo hiện tại, kể cả khi đã có phiên bản ban hành",
    ),
    "no_store": (
        "{file}: there is no data here; give --data or --config of the collector",
        "{file}: không có dữ liệu ở đây; hãy chỉ ra --data hoặc --config của bộ thu thập",
    ),
    "bad_period": ("{why}", "kỳ {value} không hợp lệ: cần 2026, 2026-Q4, 2026-10, 2026-W45, 2026-10-31 hoặc TỪ/ĐẾN"),
    "bad_month": ("--month {value}: expected a month such as 2026-10", "--month {value}: cần một tháng, ví dụ 2026-10"),
    "future_period": (
        "{value} begins {at}, which is still to come: there is nothing to report yet",
        "{value} bắt đầu lúc {at}, chưa tới: chưa có gì để báo cáo",
    ),
    "unknown_then": (
        "{value} begins {at}, later than --as-of: nothing was known of it then",
        "{value} bắt đầu lúc {at}, sau --as-of: khi đó chưa biết gì về kỳ này",
    ),
    "future_as_of": (
        "--as-of {value} is in the future: expected a moment that is over",
        "--as-of {value} ở tương lai: cần một thời điểm đã qua",
    ),
    "inverted": ("--from {start} is not before --to {end}", "--from {start} không đứng trước --to {end}"),
    "too_long": ("expected at most {days} days, found {found}", "tối đa {days} ngày, đang là {found}"),
    "unknown_subject": ("{value}: there is no such subject{hint}", "{value}: không có đối tượng này{hint}"),
    "hint": ("; did you mean {names}?", "; có phải ý bạn là {names}?"),
    "unknown_limit": (
        "{value}: no such site or group in the period; there are {names}",
        "{value}: không có địa điểm hoặc nhóm này trong kỳ; hiện có {names}",
    ),
    "none_there": ("none", "chưa có mục nào"),
    "pruned": (
        "evidence from before {at} is no longer kept, so that nothing older can be worked out again; issued versions stay: "
        "leave out --as-of",
        "bằng chứng trước {at} không còn được lưu nên không thể tính lại; các phiên bản đã ban hành vẫn còn: hãy bỏ --as-of",
    ),
    "unknown_version": (
        "{value}: version {version} is not issued; there is {known}",
        "{value}: phiên bản {version} chưa được ban hành; hiện có {known}",
    ),
    "no_version": ("no issued version", "chưa có phiên bản nào"),
    "versions": ("version 1 to {newest}", "phiên bản 1 đến {newest}"),
    "version_alone": (
        "--version is an issued report as it is: leave out --as-of, --policy and --fresh",
        "--version là báo cáo đã ban hành, giữ nguyên: hãy bỏ --as-of, --policy và --fresh",
    ),
    "terminal": (
        "{format} is not for a terminal: give -o FILE or send it elsewhere",
        "{format} không hiển thị được trên màn hình lệnh: hãy dùng -o TỆP hoặc chuyển đi nơi khác",
    ),
    "unwritable": ("{file} cannot be written: {why}", "không ghi được {file}: {why}"),
    "written": ("{file}: {what}", "{file}: {what}"),
    "what": (
        "report {period}, {status}, as of {known}",
        "báo cáo kỳ {period}, {status}, theo những gì đã biết lúc {known}",
    ),
    "version": ("version {number}", "phiên bản {number}"),
    "open": ("not over yet", "chưa kết thúc"),
    "settling": ("not issued", "chưa ban hành"),
    "sealed": ("sealed", "đã chốt"),
    "no_data": (
        "NO_DATA: nothing was in service in {value}{since}",
        "NO_DATA: không có đối tượng nào hoạt động trong {value}{since}",
    ),
    "since": ("; the first subject was configured {at}", "; đối tượng đầu tiên được cấu hình lúc {at}"),
    "nameless": (
        "the inventory has problems, so that the report has ids instead of names",
        "danh mục có lỗi nên báo cáo dùng mã thay cho tên",
    ),
    "counting": ("counting", "đang tính"),
    "checking": ("checking", "đang kiểm tra"),
    "sealed_now": (
        "{period} is sealed: version {version}, issued by {author}.\nRead it: haidang-collector report --period {period}",
        "{period} đã được chốt: phiên bản {version}, ban hành bởi {author}.\n"
        "Xem báo cáo: haidang-collector report --period {period}",
    ),
    "period_open": ("{period} is not over: it may be sealed from {at} on", "{period} chưa kết thúc: có thể chốt từ {at}"),
    "period_settling": (
        "{period} is settling, spools may still arrive: it may be sealed from {at} on",
        "{period} đang chờ dữ liệu đến muộn: có thể chốt từ {at}",
    ),
    "is_sealed": (
        "{period} is sealed already: version {value} is the newest one",
        "{period} đã được chốt: phiên bản mới nhất là {value}",
    ),
    "seal_no_data": (
        "nothing was in service in {period}: there is nothing to seal",
        "không có đối tượng nào hoạt động trong {period}: không có gì để chốt",
    ),
    "audit_ok": ("audit trail: {count} entries, whole", "nhật ký kiểm toán: {count} mục, nguyên vẹn"),
    "audit_bad": (
        "audit trail: entry {number} is missing or altered",
        "nhật ký kiểm toán: mục {number} bị thiếu hoặc bị sửa",
    ),
    "acts_bad": (
        "windows and corrections: what was done with {id} is not what the audit trail says",
        "khoảng bảo trì và hiệu chỉnh: những gì đã làm với {id} không khớp với nhật ký kiểm toán",
    ),
    "chain_ok": ("chain: {count} links, whole", "chuỗi băm: {count} mắt xích, nguyên vẹn"),
    "chain_bad": (
        "chain: link {number} ({name}) is altered, missing or out of place",
        "chuỗi băm: mắt xích {number} ({name}) bị sửa, bị thiếu hoặc sai chỗ",
    ),
    "spans_ok": (
        "closed days: {count} of {all} are what their newest link says",
        "các ngày đã chốt: {count} trên {all} đúng với mắt xích mới nhất",
    ),
    "spans_bad": (
        "link {number}: the spans of {name} are not what was linked",
        "mắt xích {number}: các đoạn trạng thái của {name} khác với lúc đưa vào chuỗi",
    ),
    "waiting": (
        "link {number}: {name} was changed by late evidence and waits for its next link",
        "mắt xích {number}: {name} đã thay đổi do bằng chứng đến muộn và đang chờ mắt xích kế tiếp",
    ),
    "evidence_ok": (
        "evidence: {count} links agree with the stored evidence, {gone} are about evidence that is no longer kept",
        "bằng chứng: {count} mắt xích khớp với bằng chứng đã lưu, {gone} mắt xích thuộc về bằng chứng không còn lưu",
    ),
    "evidence_bad": (
        "link {number}: the evidence of {name} is not what was linked",
        "mắt xích {number}: bằng chứng của {name} khác với lúc đưa vào chuỗi",
    ),
    "reports_ok": (
        "issued reports: {count} versions, as they were issued",
        "báo cáo đã ban hành: {count} phiên bản, nguyên vẹn",
    ),
    "reports_bad": (
        "link {number}: report {name} is not what was issued",
        "mắt xích {number}: báo cáo {name} khác với lúc ban hành",
    ),
    "report_unlinked": ("report {name} is in no link of the chain", "báo cáo {name} không có trong chuỗi băm"),
    "head": (
        "head of the chain: {hash} (link {number}). That nothing was cut off at its end a printed head shows.",
        "đầu chuỗi băm: {hash} (mắt xích {number}). Một đầu chuỗi đã in ra cho thấy phần cuối không bị cắt.",
    ),
    "no_head": ("chain: no link yet", "chuỗi băm: chưa có mắt xích"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    english, vietnamese = _WORDS[key]
    return (vietnamese if language == "vi" else english).format(**values)

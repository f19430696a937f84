"""What the commands on people's acts say, in English and Vietnamese: texts by key, refusals by code."""

from __future__ import annotations

from typing import Final

from collector.commands.acts_problems import PERSONS, PROBLEMS

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "maintenance": ("plan, approve, end and cancel maintenance windows", "lập, duyệt, kết thúc và hủy khoảng bảo trì"),
    "maintenance_add": (
        "ask for a maintenance window; it counts once someone else approves it",
        "đề nghị một khoảng bảo trì; chỉ được tính khi có người khác duyệt",
    ),
    "maintenance_list": ("list maintenance windows, newest first", "liệt kê các khoảng bảo trì, mới nhất trước"),
    "maintenance_show": ("show everything about one window", "xem toàn bộ thông tin của một khoảng bảo trì"),
    "maintenance_approve": (
        "approve a window that someone else asked for",
        "duyệt khoảng bảo trì do người khác đề nghị",
    ),
    "maintenance_end": (
        "say that the work is over, now or earlier; of a series, all of it or one occurrence",
        "báo công việc đã xong, ngay bây giờ hoặc trước đó; với chuỗi lặp: cả chuỗi hoặc một lần",
    ),
    "maintenance_cancel": (
        "cancel a window; of a series, what is still to come or one occurrence",
        "hủy khoảng bảo trì; với chuỗi lặp: các lần sắp tới hoặc một lần",
    ),
    "correct": ("correct the ledger with a second person's approval", "đính chính sổ cái với sự duyệt của người thứ hai"),
    "correct_add": (
        "say what state a target was in; it counts once someone else approves it",
        "khai trạng thái thật của một đối tượng; chỉ được tính khi có người khác duyệt",
    ),
    "correct_list": ("list corrections, newest first", "liệt kê các đính chính, mới nhất trước"),
    "correct_show": ("show everything about one correction", "xem toàn bộ thông tin của một đính chính"),
    "correct_approve": ("approve a correction that someone else asked for", "duyệt đính chính do người khác đề nghị"),
    "correct_cancel": ("cancel a correction", "hủy một đính chính"),
    "user": ("make people who may act, and change their roles", "tạo người dùng được phép thao tác và đổi vai trò"),
    "user_add": ("make a person and print the token once", "tạo người dùng và in token một lần"),
    "user_list": ("list people and their roles", "liệt kê người dùng và vai trò"),
    "user_rotate": ("replace a person's token at once", "thay token của một người ngay lập tức"),
    "user_revoke": ("void a person's token at once", "hủy token của một người ngay lập tức"),
    "user_role": ("give a person another role", "đổi vai trò của một người"),
    "audit": ("read the audit trail", "xem nhật ký kiểm toán"),
    "audit_list": ("list who did what, newest first", "liệt kê ai đã làm gì, mới nhất trước"),
    "opt_url": (
        "address of the collector (default: `web.listen` of the configuration)",
        "địa chỉ bộ thu thập (mặc định: `web.listen` trong cấu hình)",
    ),
    "opt_token_file": (
        "file with your token, mode 0600 (default: environment variable HAIDANG_TOKEN)",
        "tệp chứa token của bạn, quyền 0600 (mặc định: biến môi trường HAIDANG_TOKEN)",
    ),
    "opt_plain": (
        "allow plain HTTP to another machine, where others can read the token",
        "cho phép HTTP không mã hóa tới máy khác, dù token có thể bị đọc trộm",
    ),
    "opt_from": (
        "begin: 2026-11-24T22:00 in the configured zone, with an offset, or now",
        "bắt đầu: 2026-11-24T22:00 theo múi giờ cấu hình, kèm độ lệch, hoặc now",
    ),
    "opt_to": ("end, as --from", "kết thúc, viết như --from"),
    "opt_for": ("length instead of an end: 90m, 2h, 1d, 1h30m", "độ dài thay cho kết thúc: 90m, 2h, 1d, 1h30m"),
    "opt_target": ("id of a target, group or site; may be repeated", "mã đối tượng, nhóm hoặc địa điểm; có thể lặp lại"),
    "opt_site": ("everything at this site", "mọi thứ tại địa điểm này"),
    "opt_class": ("everything of this class", "mọi thứ thuộc loại này"),
    "opt_label": (
        "everything with this label, NAME=VALUE; may be repeated",
        "mọi thứ có nhãn này, TÊN=GIÁ_TRỊ; có thể lặp lại",
    ),
    "opt_scope": (
        "one more selection beside the options above: target=a+b,site=x,class=y,label.rack=7",
        "thêm một lựa chọn ngoài các tùy chọn trên: target=a+b,site=x,class=y,label.rack=7",
    ),
    "opt_weekly": ("repeat on these days: mon,wed,fri or daily", "lặp vào các ngày: mon,wed,fri hoặc daily"),
    "opt_monthly": (
        "repeat each month: 15, last, 2-tue (second Tuesday) or last-sun",
        "lặp hằng tháng: 15, last, 2-tue (thứ Ba thứ hai) hoặc last-sun",
    ),
    "opt_at": ("local time at which each occurrence begins: 22:00", "giờ địa phương bắt đầu mỗi lần: 22:00"),
    "opt_first": ("first day of a series (default: today)", "ngày đầu của chuỗi lặp (mặc định: hôm nay)"),
    "opt_last": ("last day of a series", "ngày cuối của chuỗi lặp"),
    "opt_zone": ("time zone of a series (default: the configured one)", "múi giờ của chuỗi lặp (mặc định: theo cấu hình)"),
    "opt_reason": ("why", "lý do"),
    "opt_change": ("number of the change request", "số yêu cầu thay đổi"),
    "opt_propagate": (
        "also for what depends on it, while that is unreachable",
        "áp dụng cả cho đối tượng phụ thuộc, trong lúc không tới được",
    ),
    "opt_as_of": ("as it was known at this time", "theo những gì đã biết tại thời điểm này"),
    "opt_before": ("only what is older than this id", "chỉ những mục cũ hơn mã này"),
    "opt_limit": ("how many at most", "tối đa bao nhiêu mục"),
    "opt_status": ("only those that stand so", "chỉ những mục có trạng thái này"),
    "opt_end_at": ("when the work was over (default: now)", "thời điểm xong việc (mặc định: bây giờ)"),
    "opt_occurrence": ("start of the one occurrence that is meant", "thời điểm bắt đầu của đúng lần muốn nói"),
    "opt_id": ("id, such as M17 or C3", "mã, ví dụ M17 hoặc C3"),
    "opt_name": ("name of the person", "tên người dùng"),
    "opt_role": (
        "viewer, operator, approver or admin",
        "viewer (xem), operator (vận hành), approver (duyệt) hoặc admin (quản trị)",
    ),
    "opt_state": ("the state it was in", "trạng thái thật"),
    "opt_view": ("in which view (default: both)", "ở góc nhìn nào (mặc định: cả hai)"),
    "window_waits": (
        "It waits for approval by someone else: haidang-collector maintenance approve {id}",
        "Đang chờ người khác duyệt: haidang-collector maintenance approve {id}",
    ),
    "correction_waits": (
        "It waits for approval by someone else: haidang-collector correct approve {id}",
        "Đang chờ người khác duyệt: haidang-collector correct approve {id}",
    ),
    "window_columns": (
        "ID\tSTATUS\tFROM\tTO\tSCOPE\tAUTHOR\tAPPROVER\tREASON",
        "MÃ\tTRẠNG THÁI\tTỪ\tĐẾN\tPHẠM VI\tNGƯỜI LẬP\tNGƯỜI DUYỆT\tLÝ DO",
    ),
    "correction_columns": (
        "ID\tSTATUS\tTARGET\tVIEW\tFROM\tTO\tSTATE\tAUTHOR\tAPPROVER\tREASON",
        "MÃ\tTÌNH TRẠNG\tĐỐI TƯỢNG\tGÓC NHÌN\tTỪ\tĐẾN\tTRẠNG THÁI\tNGƯỜI LẬP\tNGƯỜI DUYỆT\tLÝ DO",
    ),
    "audit_columns": (
        "NO.\tTIME\tWHO\tROLE\tADDRESS\tACT\tOBJECT\tDETAILS",
        "SỐ\tTHỜI GIAN\tAI\tVAI TRÒ\tĐỊA CHỈ\tHÀNH ĐỘNG\tĐỐI TƯỢNG\tCHI TIẾT",
    ),
    "user_columns": ("NAME\tROLE\tMADE\tREVOKED", "TÊN\tVAI TRÒ\tTẠO LÚC\tTHU HỒI LÚC"),
    "no_windows": ("No maintenance windows.", "Không có khoảng bảo trì."),
    "no_corrections": ("No corrections.", "Không có đính chính."),
    "no_audit": ("The audit trail is empty.", "Nhật ký kiểm toán trống."),
    "no_users": (
        "Nobody yet: haidang-collector user add NAME --role admin",
        "Chưa có ai: haidang-collector user add NAME --role admin",
    ),
    "more": ("More: --before {before}", "Còn nữa: --before {before}"),
    "user_added": (
        "{name} is made, role {role}. The token is shown this once:\n\n  {token}",
        "Đã tạo {name}, vai trò {role}. Token chỉ hiện một lần này:\n\n  {token}",
    ),
    "user_rotated": (
        "{name} has a new token, the old one is void. It is shown this once:\n\n  {token}",
        "{name} có token mới, token cũ đã bị hủy. Token chỉ hiện một lần này:\n\n  {token}",
    ),
    "user_revoked": ("{name} is revoked.", "Đã thu hồi quyền của {name}."),
    "user_role_set": ("{name} has the role {role} now.", "{name} nay có vai trò {role}."),
    "role_viewer": ("viewer", "xem"),
    "role_operator": ("operator", "vận hành"),
    "role_approver": ("approver", "duyệt"),
    "role_admin": ("admin", "quản trị"),
    "status_pending": ("pending", "chờ duyệt"),
    "status_approved": ("approved", "đã duyệt"),
    "status_ended": ("ended", "đã kết thúc"),
    "status_cancelled": ("cancelled", "đã hủy"),
    "retroactive": ("retroactive", "hồi tố"),
    "state_up": ("up", "hoạt động"),
    "state_degraded": ("degraded", "suy giảm"),
    "state_down": ("down", "ngừng"),
    "state_unreachable": ("unreachable", "không tới được"),
    "state_unknown": ("unknown", "không rõ"),
    "view_device": ("device", "thiết bị"),
    "view_e2e": ("end to end", "đầu cuối"),
    "view_both": ("both views", "cả hai góc nhìn"),
    "fact_status": ("status", "trạng thái"),
    "fact_time": ("time", "thời gian"),
    "fact_repeat": ("repeats", "lặp lại"),
    "fact_scope": ("scope", "phạm vi"),
    "fact_propagate": ("for dependents, too", "cả đối tượng phụ thuộc"),
    "fact_retroactive": ("retroactive", "hồi tố"),
    "fact_author": ("author", "người lập"),
    "fact_origin": ("written", "ghi tại"),
    "origin": ("{file}, entry {entry}", "{file}, mục {entry}"),
    "fact_approver": ("approver", "người duyệt"),
    "fact_reason": ("reason", "lý do"),
    "fact_change": ("change", "số thay đổi"),
    "fact_end": ("ended", "kết thúc"),
    "fact_cancel": ("cancelled", "hủy"),
    "fact_next": ("to come", "sắp tới"),
    "fact_target": ("target", "đối tượng"),
    "fact_state": ("state", "trạng thái thật"),
    "real_end": ("over at {at}", "xong lúc {at}"),
    "of_occurrence": ("only that of {at}", "chỉ lần bắt đầu {at}"),
    "yes": ("yes", "có"),
    "last_day": ("last day of the month", "ngày cuối tháng"),
    "month_day": ("day {day} of the month", "ngày {day} hằng tháng"),
    "nth": ("number {nth} of the month", "lần thứ {nth} trong tháng"),
    "nth_last": ("last of the month", "lần cuối trong tháng"),
    "day_mon": ("Monday", "thứ Hai"),
    "day_tue": ("Tuesday", "thứ Ba"),
    "day_wed": ("Wednesday", "thứ Tư"),
    "day_thu": ("Thursday", "thứ Năm"),
    "day_fri": ("Friday", "thứ Sáu"),
    "day_sat": ("Saturday", "thứ Bảy"),
    "day_sun": ("Sunday", "Chủ nhật"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    return _chosen(language, _WORDS.get(key) or PROBLEMS[key]).format(**values)


def problem(language: str, code: str, value: str, detail: str) -> str:
    """What a refusal of the API means. A code without words of its own is told with the collector's detail."""
    texts = PROBLEMS.get(code)
    if texts is None:
        texts = PROBLEMS["other"]
    return _chosen(language, texts).format(value=value, detail=detail, code=code)


def person_problem(language: str, code: str, value: str) -> str:
    """Why a principal cannot be changed as asked."""
    return _chosen(language, PERSONS[code]).format(value=value)


def _chosen(language: str, texts: tuple[str, str]) -> str:
    return texts[language == "vi"]

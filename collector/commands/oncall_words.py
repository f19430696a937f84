"""What `haidang-collector oncall` and `route explain` say, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "oncall": ("who is on call, and what the on-call file says", "ai đang trực, và tệp trực ca nói gì"),
    "verb_now": ("show who is on call", "xem ai đang trực"),
    "verb_week": ("show whose turn it is, as a table to print", "xem lịch trực, thành bảng để in"),
    "verb_check": (
        "list every problem of the on-call file, and what is worth saying of it",
        "liệt kê mọi lỗi của tệp trực ca, và những điều cần lưu ý",
    ),
    "route": ("where alerts go", "cảnh báo được gửi đi đâu"),
    "verb_explain": (
        "show which route takes an alert and why the others do not, and everybody who would be told",
        "xem tuyến nào nhận một cảnh báo và vì sao các tuyến khác không nhận, và những ai sẽ được báo",
    ),
    "opt_at": (
        "local time, such as 2026-11-24T22:00 (default: now)",
        "giờ địa phương, ví dụ 2026-11-24T22:00 (mặc định: bây giờ)",
    ),
    "opt_rota": ("only this rota", "chỉ ca trực này"),
    "opt_from": (
        "first day, such as 2026-11-23 (default: Monday of this week)",
        "ngày đầu, ví dụ 2026-11-23 (mặc định: thứ hai tuần này)",
    ),
    "opt_weeks": ("number of weeks (default: 1)", "số tuần (mặc định: 1)"),
    "opt_target": ("id of a target, or group:ID, site:ID, agent:ID", "mã đối tượng, hoặc group:ID, site:ID, agent:ID"),
    "opt_severity": ("how grave the alert is", "mức độ của cảnh báo"),
    "opt_kind": ("what is wrong (default: down)", "loại sự cố (mặc định: down)"),
    "opt_site": (
        "site of a target that is not in the inventory, such as the host of an agent",
        "địa điểm của đối tượng không có trong danh mục, ví dụ máy của một tác tử",
    ),
    "opt_class": ("class of such a target", "loại của đối tượng đó"),
    "no_file": (
        "no on-call file is configured: `oncall` in collector.yml names it; until then nobody is told of anything",
        "chưa cấu hình tệp trực ca: `oncall` trong collector.yml nêu tên tệp; trước đó không ai được báo",
    ),
    "ok": (
        "ok: {receivers} receivers, {people} people, {rotas} rotas, {escalations} escalations, {routes} routes",
        "tốt: {receivers} nơi nhận, {people} người, {rotas} ca trực, {escalations} quy trình báo, {routes} tuyến",
    ),
    "no_rotas": ("the on-call file has no rotas", "tệp trực ca không có ca trực nào"),
    "unknown_rota": ("no rota {value}: {known}", "không có ca trực {value}: {known}"),
    "unknown_target": (
        "no target {value} in the inventory{hint}; for the host of an agent say --site and --class",
        "không có đối tượng {value} trong danh mục{hint}; với máy của tác tử hãy nêu --site và --class",
    ),
    "hint": (", perhaps {names}", ", có phải {names}"),
    "bad_weeks": ("--weeks {value}: expected 1 to 53", "--weeks {value}: cần từ 1 đến 53"),
    "columns_now": ("ROTA\tON CALL\tNAME\tSINCE\tUNTIL\tWHY\tRECEIVERS", "CA TRỰC\tNGƯỜI TRỰC\tTÊN\tTỪ\tĐẾN\tLÝ DO\tNƠI NHẬN"),
    "columns_week": ("FROM\tUNTIL\tON CALL\tNAME\tWHY", "TỪ\tĐẾN\tNGƯỜI TRỰC\tTÊN\tLÝ DO"),
    "columns_steps": (
        "ROUND\tSTEP\tAFTER\tAT\tWHOM\tON CALL\tRECEIVERS",
        "VÒNG\tBƯỚC\tSAU\tLÚC\tBÁO CHO\tNGƯỜI TRỰC\tNƠI NHẬN",
    ),
    "title_week": ("On call: {rota} ({zone})", "Lịch trực: {rota} ({zone})"),
    "only_hours": ("only within its hours", "chỉ trong giờ của ca"),
    "nobody": ("nobody", "không ai"),
    "rotation": ("by turn", "theo lượt"),
    "holiday": ("holiday", "ngày nghỉ"),
    "swap": ("swap", "đổi ca"),
    "override": ("steps in", "trực thay"),
    "gap": ("gap", "khoảng trống"),
    "in_place_of": ("{why}, in place of {person}", "{why} cho {person}"),
    "asked": ("{target}: {kind}, {severity}, {at}", "{target}: {kind}, {severity}, {at}"),
    "labels": ("labels: {labels}", "nhãn: {labels}"),
    "takes": ("{route}: takes it, escalation {escalation}", "{route}: nhận, quy trình báo {escalation}"),
    "misses": ("{route}: no, {why}", "{route}: không, {why}"),
    "miss_severity": ("its severities are {wanted}", "chỉ nhận mức {wanted}"),
    "miss_kind": ("its kinds are {wanted}", "chỉ nhận loại sự cố {wanted}"),
    "miss_site": ("its sites are {wanted}", "chỉ nhận địa điểm {wanted}"),
    "miss_class": ("its classes are {wanted}", "chỉ nhận loại đối tượng {wanted}"),
    "miss_group": ("the target is in none of its groups: {wanted}", "đối tượng không thuộc nhóm nào của tuyến: {wanted}"),
    "miss_labels": ("its labels are {wanted}", "chỉ nhận nhãn {wanted}"),
    "miss_hours": ("not at this hour", "không nhận vào giờ này"),
    "no_route": ("No route takes it: nobody is told.", "Không tuyến nào nhận: không ai được báo."),
    "no_pages": (
        "The on-call file says that alerts of the kind {kind} page nobody.",
        "Tệp trực ca nói rằng cảnh báo loại {kind} không báo cho ai.",
    ),
    "after": ("Told once it has lasted {after}.", "Báo khi đã kéo dài {after}."),
    "quiet": (
        "Quiet hours: kept for the digest; what is still true at {until} is told then.",
        "Giờ yên tĩnh: giữ lại cho bản tổng hợp; nếu đến {until} vẫn còn thì báo lúc đó.",
    ),
    "emergency": ("emergency: nobody else is reached", "khẩn cấp: không còn ai nhận"),
    "mon": ("Mon", "T2"),
    "tue": ("Tue", "T3"),
    "wed": ("Wed", "T4"),
    "thu": ("Thu", "T5"),
    "fri": ("Fri", "T6"),
    "sat": ("Sat", "T7"),
    "sun": ("Sun", "CN"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    english, vietnamese = _WORDS[key]
    text = vietnamese if language == "vi" else english
    return text.format(**values) if values else text

"""What the commands on incidents, silences, receivers and the outbox say, in English and Vietnamese; refusals by code."""

from __future__ import annotations

from typing import Final

from collector.commands.acts_words import problem as act_problem
from collector.commands.paging_details import detail_in

WORDS: Final[dict[str, tuple[str, str]]] = {
    "incidents": (
        "what is wrong and who cares for it; alone it lists what is not resolved",
        "các sự cố và người đang xử lý; không kèm lệnh con thì liệt kê sự cố chưa khôi phục",
    ),
    "incidents_list": ("list incidents, newest first", "liệt kê sự cố, mới nhất trước"),
    "incidents_show": (
        "show one with its alerts, timeline and notifications",
        "xem một sự cố cùng cảnh báo, diễn biến và các tin đã gửi",
    ),
    "incidents_ack": ("say that you care for it: the escalation stops", "tiếp nhận sự cố: hệ thống thôi gọi thêm người"),
    "incidents_assign": ("give it to somebody", "giao sự cố cho một người"),
    "incidents_comment": ("write a line into its timeline", "ghi một dòng vào diễn biến"),
    "incidents_resolve": (
        "close it by hand; alerts that still last page nobody until they have ended",
        "đóng sự cố bằng tay; cảnh báo còn kéo dài sẽ không báo ai cho tới khi hết",
    ),
    "silence": ("mute matching alerts until a time", "tắt báo các cảnh báo khớp điều kiện đến một thời điểm"),
    "silence_add": ("make a silence", "đặt một lệnh tắt báo"),
    "silence_list": ("list the silences that are not over", "liệt kê các lệnh tắt báo còn hiệu lực hoặc sắp tới"),
    "silence_expire": ("end a silence now", "kết thúc một lệnh tắt báo ngay"),
    "alert": ("try the ways by which people are told", "kiểm tra các đường gửi tin báo"),
    "alert_test": (
        "send a test message to a receiver at once and tell how it went",
        "gửi ngay một tin thử tới nơi nhận và cho biết kết quả",
    ),
    "outbox": ("notifications on their way, and dead letters", "các tin đang gửi và tin không gửi được"),
    "outbox_list": ("list what is not delivered, newest first", "liệt kê các tin chưa gửi được, mới nhất trước"),
    "outbox_retry": ("try dead letters again", "gửi lại các tin không gửi được"),
    "outbox_drop": ("give dead letters up for good", "bỏ hẳn các tin không gửi được"),
    "opt_number": ("number of the incident", "số sự cố"),
    "opt_assignee": ("name of the person", "tên người được giao"),
    "opt_text": ("a comment", "ghi chú"),
    "opt_text_needed": ("the comment", "nội dung ghi chú"),
    "opt_incident_state": (
        "only those that stand so (default: active)",
        "chỉ những sự cố có tình trạng này (mặc định: active)",
    ),
    "opt_row_state": ("only those that stand so (default: pending and dead)", "chỉ những tin này (mặc định: pending và dead)"),
    "opt_limit": ("how many at most", "tối đa bao nhiêu mục"),
    "opt_before": ("only what is older than this number", "chỉ những mục cũ hơn số này"),
    "opt_matchers": (
        "LABEL=VALUE, LABEL!=VALUE, LABEL=~PATTERN or LABEL!~PATTERN; all must hold. Labels: instance, site, class, kind, "
        "severity, alertname, name and those of the inventory",
        "NHÃN=GIÁ_TRỊ, NHÃN!=GIÁ_TRỊ, NHÃN=~MẪU hoặc NHÃN!~MẪU; phải thỏa tất cả. Nhãn: instance, site, class, kind, "
        "severity, alertname, name và các nhãn trong danh mục",
    ),
    "opt_comment": ("why", "lý do"),
    "opt_from": ("begin, as for maintenance (default: now)", "bắt đầu, viết như lệnh maintenance (mặc định: bây giờ)"),
    "opt_to": (
        "end: 2026-11-24T22:00 in the configured zone, or with an offset",
        "kết thúc: 2026-11-24T22:00 theo múi giờ cấu hình, hoặc kèm độ lệch",
    ),
    "opt_for": ("length instead of an end: 90m, 2h, 1d", "độ dài thay cho kết thúc: 90m, 2h, 1d"),
    "opt_notify": (
        "receiver that is told what it hides and when it ends; may be repeated",
        "nơi nhận được báo khi lệnh che một sự cố hoặc hết hạn; có thể lặp lại",
    ),
    "opt_all_silences": ("also those that are over", "cả những lệnh đã hết hạn"),
    "opt_silence": ("id, such as S3", "mã, ví dụ S3"),
    "opt_receiver": ("name of the receiver in the on-call file", "tên nơi nhận trong tệp trực ca"),
    "opt_ids": ("numbers of dead letters", "số của các tin không gửi được"),
    "opt_all": ("all dead letters", "mọi tin không gửi được"),
    "incident_columns": (
        "NO.\tSTATE\tSEVERITY\tSINCE\tTARGET\tWHAT\tSITE\tACKNOWLEDGED\tASSIGNEE",
        "SỐ\tTÌNH TRẠNG\tMỨC ĐỘ\tTỪ\tĐỐI TƯỢNG\tHIỆN TƯỢNG\tĐỊA ĐIỂM\tTIẾP NHẬN\tPHỤ TRÁCH",
    ),
    "silence_columns": (
        "ID\tSTATUS\tFROM\tTO\tMATCHERS\tAUTHOR\tMUTES NOW\tCOMMENT",
        "MÃ\tTRẠNG THÁI\tTỪ\tĐẾN\tĐIỀU KIỆN\tNGƯỜI ĐẶT\tĐANG CHE\tLÝ DO",
    ),
    "outbox_columns": (
        "NO.\tSTATE\tRECEIVER\tEVENT\tABOUT\tWRITTEN\tATTEMPTS\tNEXT\tERROR",
        "SỐ\tTÌNH TRẠNG\tNƠI NHẬN\tSỰ KIỆN\tVỀ\tGHI LÚC\tSỐ LẦN\tLẦN TỚI\tLỖI",
    ),
    "no_incidents": ("No incidents.", "Không có sự cố."),
    "no_silences": ("No silences.", "Không có lệnh tắt báo."),
    "no_outbox": ("No notifications.", "Không có tin nào."),
    "none_waits": (
        "Nothing waits to be delivered, and there are no dead letters.",
        "Không có tin nào đang chờ gửi, cũng không có tin nào không gửi được.",
    ),
    "more": ("More: --before {before}", "Còn nữa: --before {before}"),
    "incident": ("Incident #{number}", "Sự cố #{number}"),
    "fact_state": ("state", "tình trạng"),
    "fact_severity": ("severity", "mức độ"),
    "fact_target": ("cause", "nguyên nhân"),
    "fact_site": ("site", "địa điểm"),
    "fact_onset": ("since", "từ"),
    "fact_opened": ("opened", "mở lúc"),
    "fact_acknowledged": ("acknowledged", "tiếp nhận"),
    "fact_assignee": ("assignee", "phụ trách"),
    "fact_resolved": ("resolved", "khôi phục"),
    "fact_reopened": ("re-opened", "mở lại"),
    "fact_route": ("route", "tuyến báo"),
    "fact_next": ("next step", "bước tiếp theo"),
    "fact_told": ("told", "đã báo"),
    "times": ("{count} ×", "{count} lần"),
    "part_held": ("Wrong, and nobody is told", "Đang có vấn đề mà chưa báo ai"),
    "held_more": ("… and {count} more: /api/v1/alerts", "… và {count} cảnh báo khác: /api/v1/alerts"),
    "part_alerts": ("Alerts", "Cảnh báo"),
    "part_timeline": ("Timeline", "Diễn biến"),
    "part_outbox": ("Notifications", "Tin báo"),
    "alert_line": ("{subject}: {what}, since {since}: {told}", "{subject}: {what}, từ {since}: {told}"),
    "alert_over": (
        "{subject}: {what}, {since} – {ended}: {told}",
        "{subject}: {what}, {since} – {ended}: {told}",
    ),
    "paged": ("paged {at}", "đã báo lúc {at}"),
    "paged_as": ("paged {at} as incident #{number}", "đã báo lúc {at}, sự cố #{number}"),
    "held": ("nobody is told: {why}", "chưa báo ai: {why}"),
    "held_until": ("nobody is told: {why} (until {until})", "chưa báo ai: {why} (đến {until})"),
    "held_again": ("{paged}; now held: {why}", "{paged}; hiện đang giữ lại: {why}"),
    "never_told": ("nobody was told", "không ai được báo"),
    "never_told_why": ("nobody was told: {why}", "không ai được báo: {why}"),
    "attempt": ("attempt {number}", "lần gửi thứ {number}"),
    "in_place_of": ("in place of {receiver}", "thay cho {receiver}"),
    "step": ("step {number}: {receivers}", "bước {number}: {receivers}"),
    "entry_opened": ("opened", "mở sự cố"),
    "entry_reopened": ("re-opened", "mở lại"),
    "entry_joined": ("joined", "thêm vào"),
    "entry_left": ("left", "rời khỏi"),
    "entry_severity": ("severity", "đổi mức độ"),
    "entry_paged": ("paged", "báo"),
    "entry_held": ("held back", "giữ lại"),
    "entry_escalated": ("escalated", "báo thêm"),
    "entry_acknowledged": ("acknowledged", "tiếp nhận"),
    "entry_assigned": ("assigned to", "giao cho"),
    "entry_commented": ("comment", "ghi chú"),
    "entry_resolved": ("resolved", "khôi phục"),
    "entry_delivered": ("delivered", "đã gửi tới"),
    "entry_undeliverable": ("not deliverable", "không gửi được"),
    "entry_fallback": ("second channel asked", "chuyển sang kênh dự phòng"),
    "event_firing": ("firing", "báo sự cố"),
    "event_update": ("update", "cập nhật"),
    "event_reminder": ("reminder", "nhắc lại"),
    "event_acknowledged": ("acknowledged", "tiếp nhận"),
    "event_resolved": ("resolved", "khôi phục"),
    "event_notice": ("about a silence", "về lệnh tắt báo"),
    "event_digest": ("digest", "bản tổng hợp"),
    "event_test": ("test", "tin thử"),
    "row_pending": ("pending", "đang chờ gửi"),
    "row_delivered": ("delivered", "đã gửi"),
    "row_dead": ("dead", "không gửi được"),
    "row_dropped": ("dropped", "đã bỏ"),
    "status_pending": ("to come", "sắp tới"),
    "status_active": ("active", "đang hiệu lực"),
    "status_expired": ("over", "đã hết"),
    "link_actor": ("by link of {receiver}", "qua liên kết của {receiver}"),
    "silence_made": ("Silence {id} is made, until {to}.", "Đã đặt lệnh tắt báo {id}, đến {to}."),
    "silence_mutes": ("It matches at present: {subjects}", "Hiện đang khớp: {subjects}"),
    "silence_mutes_none": ("It matches nothing that is wrong at present.", "Hiện không khớp cảnh báo nào."),
    "silence_fits_none": (
        "Look again: no target, agent, group or site known at present has such labels, so it mutes nothing.",
        "Hãy xem lại: hiện không có đối tượng, tác tử, nhóm hay địa điểm nào có nhãn như vậy, nên lệnh này không tắt gì cả.",
    ),
    "silence_ended": ("Silence {id} is over.", "Lệnh tắt báo {id} đã kết thúc."),
    "test_delivered": ("{receiver}: delivered in {took} s.", "{receiver}: đã gửi trong {took} giây."),
    "test_failed": ("{receiver}: not delivered: {why}", "{receiver}: không gửi được: {why}"),
    "retried": ("Due again: {ids}", "Sẽ gửi lại: {ids}"),
    "dropped": ("Dropped: {ids}", "Đã bỏ: {ids}"),
    "no_dead": ("There are no dead letters.", "Không có tin nào không gửi được."),
}
PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "resolved": ("#{value} is resolved already", "#{value} đã khôi phục"),
    "already": ("{value}: {detail}", "{value}: {detail}"),
    "unknown_object": ("{value}: {detail}", "{value}: {detail}"),
    "bad_text": ("{value}: {detail}", "{value}: {detail}"),
    "bad_matchers": ("{value}: {detail}", "{value}: {detail}"),
    "bad_times": ("--{value}: {detail}", "--{value}: {detail}"),
    "expired": ("{value} is over already", "{value} đã hết hạn"),
    "loading": (
        "the collector has just started; try again in some seconds",
        "bộ thu thập vừa khởi động; hãy thử lại sau vài giây",
    ),
    "busy": (
        "too many tests are on their way; try again in some seconds",
        "đang có quá nhiều tin thử; hãy thử lại sau vài giây",
    ),
    "no_ids": ("expected numbers of dead letters, or --all", "cần số của các tin không gửi được, hoặc --all"),
    "no_end": ("expected one of --to and --for", "cần đúng một trong --to và --for"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    pair = WORDS.get(key) or PROBLEMS[key]
    return pair[language == "vi"].format(**values)


def problem(language: str, code: str, value: str, detail: str) -> str:
    """What a refusal of the API means."""
    if code in PROBLEMS:
        return PROBLEMS[code][language == "vi"].format(value=value, detail=detail_in(language, detail))
    return act_problem(language, code, value, detail)

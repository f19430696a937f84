"""Closed lists of the ledger in words that people read: states, verdicts, causes, reasons; and how the figures are made."""

from __future__ import annotations

from typing import Final

TERMS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "kind": {
        "target": ("target", "đối tượng"),
        "agent": ("agent", "tác tử"),
        "group": ("group", "nhóm"),
        "site": ("site", "địa điểm"),
        "fleet": ("pool", "tập hợp"),
    },
    "kinds": {
        "target": ("Targets", "Đối tượng"),
        "agent": ("Agents", "Tác tử"),
        "group": ("Groups", "Nhóm"),
        "site": ("Sites", "Địa điểm"),
        "fleet": ("Pools", "Tập hợp"),
    },
    "class": {
        "link": ("lines", "đường truyền"),
        "wan": ("lines", "đường truyền"),
        "server": ("servers", "máy chủ"),
        "host": ("hosts", "máy chủ"),
        "vm": ("virtual machines", "máy ảo"),
        "switch": ("switches", "thiết bị chuyển mạch"),
        "router": ("routers", "thiết bị định tuyến"),
        "firewall": ("firewalls", "tường lửa"),
        "storage": ("storage", "hệ thống lưu trữ"),
        "ups": ("UPS", "bộ lưu điện"),
        "service": ("services", "dịch vụ"),
        "room": ("video rooms", "phòng họp trực tuyến"),
        "room-pc": ("room computers", "máy tính phòng họp"),
        "codec": ("video codecs", "thiết bị hội nghị"),
        "mcu": ("conference bridges", "cầu hội nghị"),
        "camera": ("cameras", "máy quay"),
        "printer": ("printers", "máy in"),
        "pc": ("computers", "máy tính"),
        "ap": ("access points", "điểm truy cập không dây"),
    },
    "policy": {
        "device_contract": ("device contract", "hợp đồng thiết bị"),
        "e2e": ("end to end", "đầu cuối"),
        "unknown_as_down": ("unknown counts as down", "không rõ tính là ngừng"),
        "unknown_as_up": ("unknown counts as up", "không rõ tính là hoạt động"),
        "degraded_bad": ("degraded counts as bad", "suy giảm tính là lỗi"),
        "maintenance_as_up": ("maintenance counts as up", "bảo trì tính là hoạt động"),
        "calendar": ("around the clock", "suốt 24/7"),
        "calendar_strict": ("around the clock, worst case", "suốt 24/7, xấu nhất"),
    },
    "rule": {
        "R1.1": ("as stated", "theo khai báo"),
        "R4.4": ("a run that was never confirmed", "loạt đo chưa được xác nhận"),
        "R5.2": ("no valid sign at that time", "lúc đó không có tín hiệu còn hiệu lực"),
        "R5.5": ("between two outages", "giữa hai lần ngừng"),
        "R5.6": ("nothing is known of it", "không có dữ liệu"),
        "R6.3": ("missed reports", "thiếu báo cáo"),
        "R7.2": ("the path was down", "đường tới bị đứt"),
        "R8.5": ("announced shutdown", "tắt máy có báo trước"),
        "R9.1": ("reports", "báo cáo của đối tượng"),
        "R9.3": ("late evidence", "bằng chứng đến muộn"),
        "R9.4": ("correction by people", "người có thẩm quyền đính chính"),
        "R9.5": ("late evidence of a reboot", "bằng chứng muộn về khởi động lại"),
        "R9.8": ("samples of another observer", "phép đo của bên quan sát khác"),
        "R11.3": ("retroactive window", "khoảng bảo trì hồi tố"),
        "R15.1": ("members changed", "thành viên thay đổi"),
        "R17.2": ("a correction was withdrawn", "rút lại đính chính"),
    },
    "view": {
        "device": ("device", "thiết bị"),
        "e2e": ("end to end", "đầu cuối"),
    },
    "verdict": {
        "MET": ("met", "đạt"),
        "BREACHED": ("breached", "không đạt"),
        "NOT_PROVEN": ("not proven", "chưa đủ căn cứ"),
        "NO_DATA": ("no data", "không có dữ liệu"),
    },
    "state": {
        "up": ("up", "hoạt động"),
        "degraded": ("degraded", "suy giảm"),
        "down": ("down", "ngừng"),
        "unreachable": ("unreachable", "không tới được"),
        "unknown": ("unknown", "không rõ"),
        "maintenance": ("maintenance", "bảo trì"),
        "out_of_hours": ("out of hours", "ngoài giờ phục vụ"),
        "out_of_scope": ("out of scope", "ngoài phạm vi"),
    },
    "cause": {
        "host": ("host", "thiết bị"),
        "link": ("link", "đường truyền"),
        "power": ("power", "nguồn điện"),
        "agent": ("agent", "tác tử"),
        "collector": ("collector", "bộ thu thập"),
        "maintenance": ("maintenance", "bảo trì"),
    },
    "why": {
        "observed": ("probe", "phép đo"),
        "reporting": ("live report", "báo cáo trực tiếp"),
        "never_reported": ("never reported", "chưa từng báo cáo"),
        "silent": ("silence", "im lặng"),
        "stale": ("last sign too old", "tín hiệu cuối đã cũ"),
        "collector_blind": ("observer blind", "bên quan sát bị mù"),
        "unconfirmed": ("unconfirmed run", "loạt chưa xác nhận"),
        "path_broken": ("path down", "đường tới bị đứt"),
        "path_unclear": ("path unclear", "đường tới không rõ"),
        "reboot": ("reboot", "khởi động lại"),
        "shutdown": ("shutdown", "tắt máy"),
        "stall": ("agent stalled", "tác tử bị treo"),
        "late_reports": ("late reports", "báo cáo muộn"),
        "boot_continuity": ("boot continuity", "cùng lần khởi động"),
        "bridged": ("between two outages", "giữa hai lần ngừng"),
        "corrected": ("correction", "đính chính"),
        "members": ("members", "thành viên"),
        "stated": ("as stated", "theo khai báo"),
    },
    "status": {
        "open": ("provisional: the period is open", "tạm tính: kỳ báo cáo đang mở"),
        "settling": ("settling", "đang chờ chốt"),
        "sealed": ("sealed", "đã chốt"),
    },
}

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

METHOD: Final[tuple[tuple[str, str], ...]] = (
    (
        "Availability = good / (good + bad), in milliseconds that are added up, never a mean of percentages. What "
        "is good, bad or left out is said by the policy of the line.",
        "Độ sẵn sàng = đạt / (đạt + lỗi), tính bằng mili giây được cộng dồn, không bao giờ lấy trung bình của các "
        "tỷ lệ phần trăm. Đạt, lỗi hay không tính là do cách tính của từng dòng quy định.",
    ),
    (
        "Low and high count the unknown time all bad and all good. Met: low reaches the objective. Breached: high "
        "misses it. Not proven: the objective lies between. No data: nothing counts.",
        "Cận dưới và cận trên coi toàn bộ thời gian không rõ là lỗi và là đạt. Đạt: cận dưới đạt mục tiêu. Không "
        "đạt: cận trên vẫn dưới mục tiêu. Chưa đủ căn cứ: mục tiêu nằm giữa hai cận. Không có dữ liệu: không có gì"
        " để tính.",
    ),
    (
        "Coverage is the share of the agreed time outside maintenance of which something is known. Below {limit} %"
        " the figure is marked as insufficient measurement.",
        "Độ phủ đo là tỷ lệ thời gian phục vụ ngoài bảo trì mà trạng thái được biết. Dưới {limit} % thì số liệu "
        "được đánh dấu là đo chưa đủ.",
    ),
    (
        "An outage begins at the first failed check of a confirmed run and ends at the first good one. Resolution "
        "is the uncertainty of one edge, interval plus timeout; the uncertainty of a figure is that times the "
        "number of incidents.",
        "Một lần ngừng bắt đầu từ phép đo lỗi đầu tiên của một loạt đã xác nhận và kết thúc ở phép đo tốt đầu "
        "tiên. Độ phân giải là sai số của một mép, bằng chu kỳ cộng thời gian chờ; sai số của số liệu là độ phân "
        "giải nhân với số sự cố.",
    ),
    (
        "Percentages are rounded down; 100 is printed only if nothing was counted bad. Downtime is rounded up to the second.",
        "Tỷ lệ phần trăm được làm tròn xuống; chỉ in 100 khi không có thời gian nào bị tính lỗi. Thời gian ngừng "
        "được làm tròn lên đến giây.",
    ),
    (
        "Device view: did the thing run? Late evidence counts. End to end: could the centre use it at that time? "
        "Late evidence does not count.",
        "Góc nhìn thiết bị: thiết bị có chạy không? Bằng chứng đến muộn được tính. Góc nhìn đầu cuối: lúc đó trung"
        " tâm có sử dụng được không? Bằng chứng đến muộn không được tính.",
    ),
    (
        "Grades of evidence: E1 seen at the time; E2 the target's own reports, on schedule but received late; E3 "
        "the same boot before and after, nothing else.",
        "Cấp bằng chứng: E1 quan sát ngay lúc đó; E2 báo cáo đúng lịch của chính đối tượng nhưng đến muộn; E3 chỉ "
        "biết cùng một lần khởi động ở trước và sau.",
    ),
    (
        "A maintenance window counts only when another person than its author approved it; windows are united, "
        "never added. MTTR (mean time to restore) and MTBF (mean time between failures) are clipped to the period, and "
        "MTBSI is their sum; MTTR of closed incidents takes their full length.",
        "Khoảng bảo trì chỉ được tính khi có người khác với người đề nghị phê duyệt; các khoảng được hợp lại, "
        "không cộng trùng. MTTR (thời gian khôi phục trung bình) và MTBF (thời gian trung bình giữa hai sự cố) chỉ tính "
        "phần trong kỳ, MTBSI là tổng của hai số đó; MTTR đã đóng lấy toàn bộ độ dài của sự cố.",
    ),
)
"""The definitions, in the order in which they are printed."""


def term(language: str, list_: str, value: str) -> str:
    """The word for `value` of a closed list; a value that the list does not have is shown as it is."""
    english, vietnamese = TERMS[list_].get(value, (value, value))
    return vietnamese if language == "vi" else english

"""What the report says, in English and Vietnamese: headings, labels and sentences. Closed lists of values are in `terms`."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "vi")

WORDS: Final[dict[str, tuple[str, str]]] = {
    # The head of the document.
    "motto_state": ("SOCIALIST REPUBLIC OF VIET NAM", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"),
    "motto": ("Independence – Freedom – Happiness", "Độc lập – Tự do – Hạnh phúc"),
    "title": ("Availability report", "Báo cáo độ sẵn sàng"),
    "for_site": ("Scope: {site}", "Phạm vi: {site}"),
    "everything": ("everything", "toàn bộ"),
    "for_all": ("Scope: everything watched", "Phạm vi: toàn bộ đối tượng được giám sát"),
    "extent": (
        "{start} to {end} ({zone}, UTC{offset})",
        "Từ {start} đến {end} ({zone}, UTC{offset})",
    ),
    "known": ("Evidence received until {known}", "Theo bằng chứng nhận được đến {known}"),
    "version": ("version {version}", "phiên bản {version}"),
    "page": ("page", "trang"),
    "of_pages": ("of", "/"),
    # Names of periods.
    "month": ("{month} {year}", "tháng {month} năm {year}"),
    "quarter": ("quarter {quarter} of {year}", "quý {quarter} năm {year}"),
    "year": ("year {year}", "năm {year}"),
    "week": ("week {week} of {year}", "tuần {week} năm {year}"),
    # Headings.
    "summary": ("Result", "Kết quả"),
    "headline": ("Groups and sites against their objectives", "Nhóm và địa điểm so với mục tiêu"),
    "composition": ("Where the agreed time went", "Phân bố thời gian phục vụ"),
    "causes": ("Lost time by cause", "Thời gian mất theo nguyên nhân"),
    "targets": ("Targets", "Đối tượng"),
    "incidents": ("Incidents", "Sự cố"),
    "windows": ("Maintenance windows", "Khoảng bảo trì"),
    "retroactive_windows": ("Entered or approved after they began (retroactive)", "Nhập hoặc duyệt sau khi bắt đầu (hồi tố)"),
    "reliability": (
        "Incidents, error budget, and how firm the figures are",
        "Sự cố, ngân sách lỗi và mức chắc chắn của số liệu",
    ),
    "corrections": ("Corrections", "Đính chính"),
    "unknown": ("Unknown time", "Thời gian không rõ"),
    "restatements": ("Restatements", "Thay đổi so với bản đã phát hành"),
    "method": ("How the figures are made", "Phương pháp tính"),
    "method_sheet": ("Method", "Phương pháp"),
    "provenance": ("What the figures rest on", "Căn cứ của số liệu"),
    "signatures": ("Signatures", "Ký xác nhận"),
    # Columns.
    "name": ("Name", "Tên"),
    "id": ("Id", "Mã"),
    "kind": ("Kind", "Loại"),
    "site": ("Site", "Địa điểm"),
    "class": ("Class", "Nhóm thiết bị"),
    "view": ("View", "Góc nhìn"),
    "policy": ("Policy", "Cách tính"),
    "slo": ("Objective", "Mục tiêu"),
    "availability": ("Availability", "Độ sẵn sàng"),
    "unavailability": ("Unavailability", "Độ không sẵn sàng"),
    "low": ("Low", "Cận dưới"),
    "high": ("High", "Cận trên"),
    "bounds": ("Low – high", "Cận dưới – trên"),
    "verdict": ("Verdict", "Kết luận"),
    "coverage": ("Coverage", "Độ phủ đo"),
    "resolution": ("Resolution", "Độ phân giải"),
    "uncertainty": ("Uncertainty", "Sai số"),
    "charged": ("Charged", "Bị tính"),
    "incident_count": ("Incidents", "Số sự cố"),
    "incidents_started": ("Incidents begun", "Sự cố mới"),
    "ast": ("Agreed service time", "Thời gian phục vụ"),
    "maintenance": ("Maintenance", "Bảo trì"),
    "up": ("Up", "Hoạt động"),
    "degraded": ("Degraded", "Suy giảm"),
    "down": ("Down", "Ngừng"),
    "unreachable": ("Unreachable", "Không tới được"),
    "unknown_s": ("Unknown", "Không rõ"),
    "good": ("Counted good", "Thời gian tính đạt"),
    "bad": ("Counted bad", "Thời gian tính lỗi"),
    "future_ast": ("Still to come", "Còn lại trong kỳ"),
    "mttr": ("MTTR", "MTTR"),
    "mtbf": ("MTBF", "MTBF"),
    "mtbsi": ("MTBSI", "MTBSI"),
    "mttr_closed": ("MTTR of closed", "MTTR đã đóng"),
    "budget_total": ("Error budget", "Ngân sách lỗi"),
    "budget_left": ("Budget left", "Ngân sách còn"),
    "up_backfill": ("Up by late reports", "Hoạt động theo báo cáo muộn"),
    "up_inferred": ("Up by boot continuity", "Hoạt động suy ra"),
    "soft_fail": ("Unconfirmed failures", "Lỗi chưa xác nhận"),
    "maint_up": ("Up in maintenance", "Hoạt động khi bảo trì"),
    "maint_down": ("Down in maintenance", "Ngừng khi bảo trì"),
    "subject": ("Target", "Đối tượng"),
    "onset": ("Onset", "Bắt đầu"),
    "hard": ("Confirmed", "Xác nhận"),
    "delay": ("Detection delay", "Độ trễ phát hiện"),
    "restored": ("Restored", "Khôi phục"),
    "duration": ("Duration", "Kéo dài"),
    "cause": ("Cause", "Nguyên nhân"),
    "why": ("Seen by", "Căn cứ"),
    "grade": ("Grade", "Cấp"),
    "before": ("Began before", "Có từ kỳ trước"),
    "lasts": ("still lasts", "chưa khôi phục"),
    "yes": ("yes", "có"),
    "no": ("no", "không"),
    "total": ("Total", "Tổng"),
    "all_targets": ("All targets", "Mọi đối tượng"),
    "share": ("Share", "Tỷ lệ"),
    "from": ("From", "Từ"),
    "to": ("To", "Đến"),
    "scope": ("Scope", "Phạm vi"),
    "author": ("Asked by", "Người đề nghị"),
    "approver": ("Approved by", "Người duyệt"),
    "reason": ("Reason", "Lý do"),
    "change": ("Change", "Số thay đổi"),
    "retroactive": ("Retroactive", "Hồi tố"),
    "counted": ("Counted", "Được tính"),
    "to_state": ("Set to", "Sửa thành"),
    "from_state": ("From state", "Từ trạng thái"),
    "new_state": ("To state", "Sang trạng thái"),
    "report": ("Report", "Báo cáo"),
    "version_column": ("Version", "Phiên bản"),
    "rule": ("Rule", "Quy tắc"),
    "evidence": ("Evidence", "Bằng chứng"),
    "received": ("Received", "Nhận lúc"),
    "figure_before": ("Before", "Trước"),
    "figure_after": ("After", "Sau"),
    # Sentences.
    "of_headline": ("Figures of groups and sites", "Số liệu nhóm và địa điểm"),
    "of_targets": ("Figures of targets", "Số liệu đối tượng"),
    "headline_band": ("groups and sites", "nhóm và địa điểm"),
    "so_many": ("incidents: {count}", "sự cố: {count}"),
    "insufficient": ("insufficient measurement", "đo chưa đủ"),
    "insufficient_lines": (
        "Insufficient measurement: {count} of {total} figures below rest on less than {limit} % of the time that they speak of "
        "(R12.5). They are marked.",
        "Đo chưa đủ: {count} trong {total} số liệu dưới đây dựa trên chưa tới {limit} % thời gian mà số liệu nói đến (R12.5), "
        "và được đánh dấu.",
    ),
    "watched": (
        "The collector itself watched {coverage} % of the period.",
        "Bản thân bộ thu thập đã theo dõi {coverage} % kỳ báo cáo.",
    ),
    "provisional": ("provisional", "tạm tính"),
    "provisional_note": (
        "The period is not over: all figures and verdicts are provisional.",
        "Kỳ báo cáo chưa kết thúc: mọi số liệu và kết luận đều là tạm tính.",
    ),
    "settling_note": (
        "The period is over and settling: evidence that is still on its way may change the figures.",
        "Kỳ báo cáo đã kết thúc và đang chờ chốt: bằng chứng còn trên đường về có thể làm thay đổi số liệu.",
    ),
    "nothing": ("None in this period.", "Không có trong kỳ."),
    "no_lines": ("Nothing is watched in this scope.", "Phạm vi này không có đối tượng nào được giám sát."),
    "more": (
        "and {count} more: see the {where} file",
        "và {count} mục nữa: xem tệp {where}",
    ),
    "worst_first": (
        "Those that miss their objective come first.",
        "Đối tượng không đạt mục tiêu đứng trước.",
    ),
    "longest": ("The longest are shown, in order of time.", "Chỉ nêu các mục dài nhất, theo thứ tự thời gian."),
    "times_are": (
        "Durations are hours:minutes:seconds, rounded up to the second; times are local ({zone}).",
        "Thời lượng ghi theo giờ:phút:giây, làm tròn lên đến giây; thời điểm theo giờ địa phương ({zone}).",
    ),
    "adds_up": (
        "For each line: agreed service time = maintenance + up + degraded + down + unreachable + unknown, exactly to the "
        "millisecond (each is shown rounded up to the second).",
        "Ở mỗi dòng: thời gian phục vụ = bảo trì + hoạt động + suy giảm + ngừng + không tới được + không rõ, khớp đến "
        "mili giây (mỗi số được làm tròn lên đến giây khi in).",
    ),
    "losses_add_up": (
        "Each row adds up to its total exactly; targets only, so that nothing is counted twice.",
        "Mỗi dòng cộng lại đúng bằng tổng; chỉ tính các đối tượng đơn lẻ để không cộng trùng.",
    ),
    "merge_gaps": (
        "Good time shorter than the merge gap does not part two incidents (R10.3). Merge gaps used: {gaps}.",
        "Thời gian tốt ngắn hơn khoảng gộp không tách hai sự cố (R10.3). Khoảng gộp được dùng: {gaps}.",
    ),
    # What can go wrong.
    "unknown_format": (
        "format {value}: expected one of {known}",
        "định dạng {value}: cần một trong các định dạng {known}",
    ),
    "unknown_language": ("language {value}: expected one of {known}", "ngôn ngữ {value}: cần một trong {known}"),
    "no_package": (
        "{format} needs the Python package {package}: pip install 'haidang[collector,report]'",
        "{format} cần gói Python {package}: pip install 'haidang[collector,report]'",
    ),
    "no_library": (
        "PDF needs libraries of the system that are not there ({why}). On Debian and Ubuntu: apt-get install {packages}",
        "PDF cần các thư viện hệ thống chưa có trên máy ({why}). Trên Debian và Ubuntu: apt-get install {packages}",
    ),
    # Signatures.
    "place_date": ("{place}, date ....................", "{place}, ngày ...... tháng ...... năm {year}"),
    "no_place": ("....................", "...................."),
    "prepared": ("PREPARED BY", "NGƯỜI LẬP"),
    "approved": ("APPROVED BY", "NGƯỜI DUYỆT"),
    "sign_here": ("(signature, full name)", "(Ký, ghi rõ họ tên)"),
    # Provenance.
    "known_label": ("Evidence known until (K)", "Bằng chứng biết đến thời điểm (K)"),
    "chain_head": ("Head of the hash chain", "Đầu chuỗi băm"),
    "no_chain": ("no day is sealed yet", "chưa có ngày nào được chốt"),
    "code_version": ("Program version", "Phiên bản chương trình"),
    "tzdata_version": ("Time zone data", "Dữ liệu múi giờ"),
    "config_version": ("Configuration version", "Phiên bản cấu hình"),
    "period": ("Period", "Kỳ báo cáo"),
    "status": ("Status", "Trạng thái báo cáo"),
    "collector_coverage": ("Collector's own coverage", "Độ phủ của bộ thu thập"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    english, vietnamese = WORDS[key]
    return (vietnamese if language == "vi" else english).format(**values)

"""What can be wrong with people's acts, in English and Vietnamese, by code."""

from __future__ import annotations

from typing import Final

PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "forbidden": ("your role ({value}) does not allow this", "vai trò của bạn ({value}) không cho phép việc này"),
    "not_own": (
        "{value}: only its author or an admin may do this",
        "{value}: chỉ người lập hoặc quản trị mới được làm việc này",
    ),
    "self_approval": (
        "{value}: approval must come from someone else than its author (R11.1)",
        "{value}: người duyệt phải khác người lập (R11.1)",
    ),
    "unknown_object": ("{value}: there is nothing with this id", "{value}: không có mục nào mang mã này"),
    "unknown_name": ("{value}: not in the inventory", "{value}: không có trong danh mục"),
    "empty_scope": (
        "say for what: --target, --site, --class, --label or --scope",
        "hãy nêu phạm vi: --target, --site, --class, --label hoặc --scope",
    ),
    "empty": ("it ends when it begins", "thời điểm kết thúc trùng thời điểm bắt đầu"),
    "inverted": ("it ends before it begins", "kết thúc trước khi bắt đầu"),
    "too_long": (
        "too long: {detail}",
        "quá dài: một khoảng tối đa 366 ngày, một lần lặp tối đa 31 ngày, phạm vi tối đa 100 lựa chọn",
    ),
    "out_of_range": ("expected times in the years 1970 to 2099", "thời gian phải trong các năm 1970 đến 2099"),
    "bad_repeat": ("{value}: {detail}", "chuỗi lặp không hợp lệ ở: {value}"),
    "overlaps_itself": (
        "each occurrence must end before the next begins",
        "mỗi lần phải kết thúc trước khi lần sau bắt đầu",
    ),
    "bad_text": ("{value}: {detail}", "{value}: cần một dòng không quá 500 ký tự in được"),
    "duplicate": ("{value} has the same times and scope", "{value} đã có cùng thời gian và phạm vi"),
    "overlaps": (
        "{value} has the same scope and some of the same time: choose other times, or end or cancel it first",
        "{value} có cùng phạm vi và trùng một phần thời gian: hãy chọn thời gian khác, hoặc kết thúc hay hủy nó trước",
    ),
    "second_person": (
        "{value} counts in a month that is over: someone else than its author must take it back (R17.2)",
        "{value} được tính trong tháng đã qua: người rút lại phải khác người lập (R17.2)",
    ),
    "needs_reason": (
        "what changes the past needs --reason and --change (R11.3); missing: {value}",
        "thay đổi hồi tố cần --reason và --change (R11.3); còn thiếu: {value}",
    ),
    "too_late": ("too late: {detail}", "quá hạn: đã hết số ngày làm việc cho phép sau tháng liên quan (R11.3)"),
    "already_approved": ("{value} is approved already", "{value} đã được duyệt"),
    "cancelled": ("{value} is cancelled already", "{value} đã bị hủy"),
    "in_future": ("expected a time that is not in the future", "thời điểm không được nằm trong tương lai"),
    "before_start": (
        "{value} cannot end before its start; cancel it instead",
        "{value} không thể kết thúc trước khi bắt đầu; hãy hủy nó",
    ),
    "over": ("{value} was over before", "{value} đã kết thúc từ trước"),
    "no_occurrence": ("{value}: no occurrence begins then", "{value}: không có lần nào bắt đầu vào lúc đó"),
    "key_reused": ("the request came before with something else", "yêu cầu này đã được gửi trước đó với nội dung khác"),
    "bad_token": ("the token is not known or not valid any more", "token không đúng hoặc không còn hiệu lực"),
    "slow_down": ("too many wrong tokens came from here; wait a little", "quá nhiều token sai từ đây; hãy đợi một lát"),
    "store": ("the collector cannot use its database at the moment", "bộ thu thập hiện không dùng được cơ sở dữ liệu"),
    "other": ("the collector refuses ({code}): {detail}", "bộ thu thập từ chối ({code}): {detail}"),
    "no_token": (
        "no token: set HAIDANG_TOKEN or give --token-file (made with `user add NAME --role ROLE`)",
        "chưa có token: đặt HAIDANG_TOKEN hoặc dùng --token-file (tạo bằng `user add NAME --role ROLE`)",
    ),
    "odd_token": (
        "the token is not one: expected 1 to 256 printable characters without spaces",
        "token không hợp lệ: cần 1 đến 256 ký tự in được, không có khoảng trắng",
    ),
    "token_file": ("--token-file {file}: {why}", "--token-file {file}: không đọc được ({why})"),
    "open_token": (
        "--token-file {file}: mode {mode}, expected 0600 (chmod 0600 {file})",
        "--token-file {file}: quyền {mode}, cần 0600 (chmod 0600 {file})",
    ),
    "bad_url": (
        "--url {url}: expected http://HOST:PORT or https://HOST",
        "--url {url}: cần dạng http://HOST:PORT hoặc https://HOST",
    ),
    "plain_url": (
        "--url {url}: plain HTTP to another machine would show the token; use https, or --allow-plain-http",
        "--url {url}: HTTP không mã hóa tới máy khác sẽ làm lộ token; hãy dùng https hoặc --allow-plain-http",
    ),
    "unreached": ("{url}: no collector can be reached: {why}", "{url}: không tới được bộ thu thập: {why}"),
    "cut": (
        "{url}: the answer did not come: {why}; look whether it was done",
        "{url}: không nhận được trả lời: {why}; hãy kiểm tra xem việc đã được thực hiện chưa",
    ),
    "no_collector": (
        "{url}: what answers there is no collector (status {status})",
        "{url}: nơi trả lời không phải bộ thu thập (mã {status})",
    ),
    "bad_time": (
        "{value}: expected a time such as 2026-11-24T22:00, 2026-11-24T22:00+07:00 or now",
        "{value}: cần thời điểm như 2026-11-24T22:00, 2026-11-24T22:00+07:00 hoặc now",
    ),
    "odd_time": (
        "{value}: the clocks change then; give the offset, such as +07:00",
        "{value}: đồng hồ được chỉnh vào lúc đó; hãy ghi độ lệch, ví dụ +07:00",
    ),
    "bad_length": ("{value}: expected a length such as 90m, 2h or 1d", "{value}: cần độ dài như 90m, 2h hoặc 1d"),
    "bad_day": ("{value}: expected a day such as 2026-11-24", "{value}: cần ngày như 2026-11-24"),
    "bad_weekdays": (
        "{value}: expected mon,tue,wed,thu,fri,sat,sun or daily",
        "{value}: cần mon,tue,wed,thu,fri,sat,sun hoặc daily",
    ),
    "bad_monthly": ("{value}: expected 15, last, 2-tue or last-sun", "{value}: cần 15, last, 2-tue hoặc last-sun"),
    "bad_scope": (
        "{value}: expected target=a+b,site=x,class=y,label.rack=7",
        "{value}: cần dạng target=a+b,site=x,class=y,label.rack=7",
    ),
    "bad_label": ("{value}: expected NAME=VALUE", "{value}: cần dạng TÊN=GIÁ_TRỊ"),
    "needed": ("{value} is needed", "cần có {value}"),
}

PERSONS: Final[dict[str, tuple[str, str]]] = {
    "exists": ("{value} exists: `user rotate {value}` gives a new token", "{value} đã có: `user rotate {value}` cấp token mới"),
    "unknown": ("{value}: nobody has this name", "{value}: không có ai tên này"),
    "revoked": (
        "{value} is revoked: `user add {value} --role ROLE` lets them in again",
        "{value} đã bị thu hồi quyền: `user add {value} --role ROLE` cấp lại",
    ),
    "bad_name": (
        "{value}: expected letters, digits and ._@- (1 to 64, first a letter or digit)",
        "{value}: cần chữ cái không dấu, chữ số và ._@- (1 đến 64 ký tự, bắt đầu bằng chữ hoặc số)",
    ),
    "forbidden": ("{value}: this role may not manage people", "{value}: vai trò này không được quản lý người dùng"),
}

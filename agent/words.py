"""What the agent's command line says to people, in English and Vietnamese. Log lines stay English."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("en", "vi")

_TEXT: Final[dict[str, tuple[str, str]]] = {
    "about": (
        "Reports this machine's health to a Hải Đăng collector.",
        "Báo cáo tình trạng của máy này về bộ thu thập Hải Đăng.",
    ),
    "run": ("run the agent until it is stopped", "chạy tác tử cho đến khi bị dừng"),
    "once": (
        "collect once and print the Prometheus text; needs no collector",
        "thu thập một lần và in dạng văn bản Prometheus; không cần bộ thu thập",
    ),
    "check": (
        "check the configuration and list every problem",
        "kiểm tra cấu hình và liệt kê mọi lỗi",
    ),
    "enrol": (
        "trade a one-time code for this agent's identity",
        "đổi mã dùng một lần lấy danh tính của tác tử này",
    ),
    "probe": (
        "probe a target once and print the Prometheus text; exit code 0 if it went well, 1 if not",
        "dò một đối tượng một lần và in dạng văn bản Prometheus; mã thoát 0 nếu tốt, 1 nếu không",
    ),
    "p_kind": ("kind of probe: {kinds}", "loại phép dò: {kinds}"),
    "p_target": (
        "what is probed: a host, host:port or a URL, as the kind wants it",
        "đối tượng: máy, máy:cổng hoặc URL, tùy loại",
    ),
    "p_module": (
        "module whose settings are used (default: those of the kind)",
        "mô-đun có thiết lập cần dùng (mặc định: của loại)",
    ),
    "p_modules": ("file of modules such as blackbox.yml; may be repeated", "tệp mô-đun dạng blackbox.yml; có thể lặp lại"),
    "p_timeout": (
        "longest run in seconds (default: that of the module, or 10)",
        "thời gian chạy tối đa, tính bằng giây (mặc định: theo mô-đun, hoặc 10)",
    ),
    "p_set": (
        "another value of a setting, such as query_name=portal.example.vn; may be repeated",
        "giá trị khác cho một thiết lập, ví dụ query_name=portal.example.vn; có thể lặp lại",
    ),
    "p_ipv4": ("IPv4 only", "chỉ IPv4"),
    "p_ipv6": ("IPv6 only", "chỉ IPv6"),
    "p_debug": (
        "tell every step, then the metrics and the settings, without secrets",
        "in từng bước, sau đó là các số đo và thiết lập, không kèm bí mật",
    ),
    "p_config": (
        "configuration file whose probes.module_files and probes.scripts count (default: {default}, if it is there)",
        "tệp cấu hình có probes.module_files và probes.scripts được dùng (mặc định: {default}, nếu có)",
    ),
    "p_bad_target": ("{target} cannot be probed: expected {expected}", "không dò được {target}: cần {expected}"),
    "p_no_module": ("there is no module {module}", "không có mô-đun {module}"),
    "p_other_kind": ("module {module} is of kind {found}, not {kind}", "mô-đun {module} thuộc loại {found}, không phải {kind}"),
    "p_bad_set": ("--set {given}: expected KEY=VALUE", "--set {given}: cần dạng KHÓA=GIÁ_TRỊ"),
    "p_no_family": (
        "a probe of kind {kind} has no choice of IPv4 or IPv6",
        "phép dò loại {kind} không chọn được IPv4 hay IPv6",
    ),
    "p_unusable": ("module {module} cannot be used here: {why}", "không dùng được mô-đun {module} ở đây: {why}"),
    "p_log": ("Logs for the probe:", "Nhật ký của phép dò:"),
    "p_metrics": ("Metrics that would have been returned:", "Các số đo sẽ được trả về:"),
    "p_settings": ("Module configuration:", "Thiết lập của mô-đun:"),
    "status": ("say how the running agent is doing", "cho biết tác tử đang chạy ra sao"),
    "version": ("print the version", "in số phiên bản"),
    "lang": ("language of messages (or HAIDANG_LANG)", "ngôn ngữ của thông báo (hoặc HAIDANG_LANG)"),
    "config": ("configuration file (default: {default})", "tệp cấu hình (mặc định: {default})"),
    "url": ("the collector's address for agents, https://HOST:8601", "địa chỉ bộ thu thập dành cho tác tử, https://HOST:8601"),
    "code": (
        "the one-time code that `haidang-collector agent add` printed",
        "mã dùng một lần do `haidang-collector agent add` in ra",
    ),
    "config_dir": (
        "folder for agent.yml, ca.pem and token (default: {default})",
        "thư mục chứa agent.yml, ca.pem và token (mặc định: {default})",
    ),
    "id": (
        "id to expect; another one from the collector is refused",
        "mã định danh mong đợi; nếu bộ thu thập trả mã khác thì từ chối",
    ),
    "force": ("replace an existing identity", "thay danh tính đã có"),
    "user": (
        "account that runs the agent and owns the token (default: haidang-agent where it exists)",
        "tài khoản chạy tác tử và sở hữu token (mặc định: haidang-agent nếu có)",
    ),
    "ok": ("ok", "tốt"),
    "problem": ("1 problem in {file}", "1 lỗi trong {file}"),
    "problems": ("{count} problems in {file}", "{count} lỗi trong {file}"),
    "and_named": ("{file} and the files that it names", "{file} và các tệp mà nó nêu tên"),
    "enrolled": (
        "Enrolled as {id}. Written: {file}\nStart the agent: haidang-agent run --config {file}",
        "Đã ghi danh với mã {id}. Đã ghi: {file}\nKhởi động tác tử: haidang-agent run --config {file}",
    ),
    "bad_code": ("The code is not one: {detail}", "Mã không hợp lệ: {detail}"),
    "bad_url": ("The address is not usable: {detail}", "Địa chỉ không dùng được: {detail}"),
    "unreachable": (
        "The collector cannot be reached: {detail}. Check the address, the port and the firewall.",
        "Không kết nối được bộ thu thập: {detail}. Hãy kiểm tra địa chỉ, cổng và tường lửa.",
    ),
    "wrong_fingerprint": (
        "Stopped: this is not the collector that made the code ({detail}). Someone may be in between, or the address is wrong. "
        "The code was not sent.",
        "Đã dừng: đây không phải bộ thu thập đã tạo mã ({detail}). Có thể có kẻ xen giữa, hoặc sai địa chỉ. "
        "Mã chưa được gửi đi.",
    ),
    "tls": (
        "The collector's certificate does not fit its address: {detail}. Add the name to agents.names of the collector.",
        "Chứng chỉ của bộ thu thập không khớp địa chỉ: {detail}. Hãy thêm tên vào agents.names của bộ thu thập.",
    ),
    "refused": (
        "The collector refused the code ({detail}). A code works once and expires; "
        "make a new one with haidang-collector agent add.",
        "Bộ thu thập từ chối mã ({detail}). Mã chỉ dùng một lần và có hạn; hãy tạo mã mới bằng haidang-collector agent add.",
    ),
    "bad_answer": ("The collector's answer makes no sense: {detail}", "Câu trả lời của bộ thu thập không hợp lệ: {detail}"),
    "exists": (
        "There is an identity already: {detail}. Use --force to replace it.",
        "Đã có danh tính: {detail}. Dùng --force để thay thế.",
    ),
    "files": ("The identity cannot be written: {detail}", "Không ghi được danh tính: {detail}"),
    "output": ("haidang-agent: the output cannot be written: {why}", "haidang-agent: không ghi được kết quả: {why}"),
    "outcome_ok": ("ok", "tốt"),
    "outcome_no_data": ("no_data", "không có dữ liệu"),
    "outcome_failed": ("failed", "lỗi"),
    "outcome_degraded": ("degraded", "suy giảm"),
    "outcome_error": ("could not be tested", "không kiểm tra được"),
    "outcome_timeout": ("timeout", "quá thời gian"),
    "state_starting": ("starting", "đang khởi động"),
    "state_ok": ("ok", "tốt"),
    "state_unreachable": ("unreachable", "không kết nối được"),
    "state_busy": ("busy", "bộ thu thập đang bận"),
    "state_auth": ("auth", "sai token"),
    "state_conflict": ("conflict", "trùng danh tính"),
    "state_forbidden": ("forbidden", "không được phép"),
    "state_refused": ("refused", "bị từ chối"),
    "state_incompatible": ("incompatible", "không tương thích"),
    "state_internal": ("internal", "lỗi nội bộ"),
    "stop_shutdown": ("shutdown", "tắt máy"),
    "stop_suspend": ("suspend", "tạm ngừng máy"),
    "stop_restart": ("restart", "khởi động lại"),
    "bad_reader": ("reader {kind}: {outcome}: {detail}", "bộ đọc {kind}: {outcome}: {detail}"),
    "other_id": (
        "the code is for {found}, expected {expected}",
        "mã dành cho {found}, mong đợi {expected}",
    ),
    "no_status": (
        "No status in {file} ({why}). Is the agent running with this configuration?",
        "Không có trạng thái trong {file} ({why}). Tác tử có đang chạy với cấu hình này không?",
    ),
    "s_running": ("{id}: running (pid {pid}, version {version})", "{id}: đang chạy (pid {pid}, phiên bản {version})"),
    "s_stopped": ("{id}: stopped ({why})", "{id}: đã dừng ({why})"),
    "s_silent": (
        "{id}: not running, or stuck: no collection for {age}",
        "{id}: không chạy hoặc bị treo: {age} chưa thu thập",
    ),
    "s_collected": (
        "collections: {count}, the last {age} ago; every {interval} s; missed slots: {missed}",
        "số lần thu thập: {count}, lần cuối cách đây {age}; mỗi {interval} giây; lỡ hẹn: {missed}",
    ),
    "s_readers": (
        "readers: {ok} ok, {no_data} without data here, {bad} with trouble",
        "bộ đọc: {ok} tốt, {no_data} không có dữ liệu ở máy này, {bad} gặp lỗi",
    ),
    "s_spool": (
        "spool: {reports} reports wait, {size}; lost since start: {lost}",
        "hàng đợi: {reports} báo cáo đang chờ, {size}; mất từ khi khởi động: {lost}",
    ),
    "s_disk": ("disk: {error}; {held} reports held in memory", "đĩa: {error}; giữ {held} báo cáo trong bộ nhớ"),
    "s_repairs": (
        "spool folder: removed from outside {count} time(s) since the start, made anew; what only it held is stated as lost",
        "thư mục hàng đợi: bị xóa từ bên ngoài {count} lần từ khi khởi động, đã tạo lại; phần chỉ nằm trong đó được ghi là mất",
    ),
    "s_uplink": (
        "uplink: {state} ({url}); last stored batch {age}; {reports} reports delivered",
        "đường gửi: {state} ({url}); lô được lưu gần nhất {age}; đã gửi {reports} báo cáo",
    ),
    "s_observing": (
        "observing: {probes} probes, {devices} devices; under way: {in_flight}; late: {late}, missed: {missed}, "
        "left out for want of time: {shed}",
        "quan sát: {probes} phép thăm dò, {devices} thiết bị; đang chạy: {in_flight}; trễ: {late}, lỡ hẹn: {missed}, "
        "bỏ bớt vì không kịp: {shed}",
    ),
    "s_way": (
        "way out {id}: {state}; without sight since start: {lost}",
        "đường ra {id}: {state}; mất tầm nhìn từ khi khởi động: {lost}",
    ),
    "s_seeing": ("a reference answers", "có điểm mốc trả lời"),
    "s_blind": (
        "no reference answers, nobody behind it is accused",
        "không điểm mốc nào trả lời, không kết luận đối tượng nào phía sau hỏng",
    ),
    "ago": ("{age} ago", "cách đây {age}"),
    "never": ("never", "chưa có"),
}


def choose(argument: str, environment: Mapping[str, str] = os.environ) -> str:
    """The language to speak: the argument, else HAIDANG_LANG, else English."""
    for wish in (argument, environment.get("HAIDANG_LANG", "")):
        if wish[:2].lower() in LANGUAGES:
            return wish[:2].lower()
    return "en"


def say(key: str, language: str, **values: object) -> str:
    """The text of `key` with its values. Raises `KeyError` for a key that is not in the table."""
    return _TEXT[key][LANGUAGES.index(language)].format(**values)


def name(of: str, value: str, language: str) -> str:
    """The word for a value of a closed list (`outcome`, `state`, `stop`); one that a newer agent wrote stays as it is."""
    key = f"{of}_{value}"
    return say(key, language) if key in _TEXT else value


def known() -> tuple[str, ...]:
    """Every key, for the tests."""
    return tuple(_TEXT)


def span(seconds: float) -> str:
    """A stretch of time in units both languages read."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7_200:
        return f"{whole // 60} min"
    return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"


def size(count: int) -> str:
    """A number of bytes."""
    return f"{count / 1024:.0f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"

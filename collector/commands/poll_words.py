"""What the commands `poll` and `discover` say, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "poll": (
        "ask one device by SNMP now and print its series as an exporter's page; --explain tells what was made of them",
        "hỏi một thiết bị qua SNMP ngay và in các chuỗi số liệu như trang của exporter; --explain giải thích kết quả",
    ),
    "discover": (
        "look for devices in an address range by SNMP and write an inventory for a person to review",
        "tìm thiết bị trong một dải địa chỉ qua SNMP và ghi ra danh mục để con người duyệt lại",
    ),
    "opt_address": ("host name or IP address of the device", "tên máy hoặc địa chỉ IP của thiết bị"),
    "opt_auth": (
        "name of credentials in the file (may be left out if there is only one)",
        "tên thông tin xác thực trong tệp (có thể bỏ qua nếu chỉ có một)",
    ),
    "opt_auths": (
        "file of credentials (default: snmp.auths_file of the configuration)",
        "tệp thông tin xác thực (mặc định: snmp.auths_file trong cấu hình)",
    ),
    "opt_module": ("module to poll; may be given several times", "mô-đun cần hỏi; có thể nêu nhiều lần"),
    "opt_profile": (
        "profile, or auto: chosen by what the device says of itself (default: auto if no --module is given, else none)",
        "hồ sơ thiết bị, hoặc auto: chọn theo thông tin thiết bị tự khai (mặc định: auto nếu không có --module)",
    ),
    "opt_class": ("class, for devices that do not tell what they are", "loại thiết bị, khi thiết bị không tự khai"),
    "opt_port": ("UDP port (default: 161)", "cổng UDP (mặc định: 161)"),
    "opt_timeout": ("seconds until a request is tried again (default: 2)", "số giây trước khi hỏi lại (mặc định: 2)"),
    "opt_retries": ("how often a request is tried again (default: 1)", "số lần hỏi lại (mặc định: 1)"),
    "opt_repetitions": ("most rows of a table in one answer", "số dòng tối đa của bảng trong một câu trả lời"),
    "opt_context": ("SNMPv3 context", "ngữ cảnh SNMPv3"),
    "opt_deadline": ("seconds for all of it (default: 60)", "số giây cho toàn bộ (mặc định: 60)"),
    "opt_folder": (
        "folder with modules/ and profiles/ of one's own (default: snmp.folder of the configuration)",
        "thư mục chứa modules/ và profiles/ riêng (mặc định: snmp.folder trong cấu hình)",
    ),
    "opt_explain": (
        "print identity, readings, verdict and why, and each request, instead of the series",
        "in thông tin nhận dạng, số đọc, kết luận cùng lý do và từng yêu cầu, thay cho các chuỗi số liệu",
    ),
    "no_auths": (
        "no credentials: give --auths FILE, or set snmp.auths_file in the configuration",
        "chưa có thông tin xác thực: hãy dùng --auths TỆP, hoặc đặt snmp.auths_file trong cấu hình",
    ),
    "which_auth": (
        "several credentials in {file}: choose one with --auth: {names}",
        "có nhiều thông tin xác thực trong {file}: hãy chọn bằng --auth: {names}",
    ),
    "unknown_auth": ("--auth {value}: {file} has only {names}", "--auth {value}: {file} chỉ có {names}"),
    "unknown_module": ("--module {value}: there is no such module{hint}", "--module {value}: không có mô-đun này{hint}"),
    "unknown_profile": ("--profile {value}: there is no such profile{hint}", "--profile {value}: không có hồ sơ này{hint}"),
    "hint": ("; did you mean {names}?", "; có phải ý bạn là {names}?"),
    "bad_address": ("{value}: expected a host name or an IP address", "{value}: cần tên máy hoặc địa chỉ IP"),
    "bad_number": (
        "--{option} {value}: expected {low} to {high}",
        "--{option} {value}: cần từ {low} đến {high}",
    ),
    "silent": ("{address} port {port}: {why}", "{address} cổng {port}: {why}"),
    "partly": ("{module}: {why}", "{module}: {why}"),
    "polling": ("polling", "đang hỏi"),
    # explain
    "device": ("device", "thiết bị"),
    "port": ("port {port}", "cổng {port}"),
    "auth": ("auth {name} ({version})", "xác thực {name} ({version})"),
    "answers_from": ("answers from {address}", "trả lời từ {address}"),
    "profile": ("profile", "hồ sơ"),
    "because": ("because {why}", "vì {why}"),
    "verdict": ("verdict", "kết luận"),
    "up": ("up", "hoạt động"),
    "degraded": ("degraded", "suy giảm"),
    "down": ("down", "ngừng"),
    "unknown": ("unknown", "không rõ"),
    "no_trouble": ("no rule of health is broken", "không vi phạm quy tắc sức khỏe nào"),
    "findings": ("findings", "phát hiện"),
    "none": ("none", "không có"),
    "readings": ("readings", "số đọc"),
    "modules": ("modules", "mô-đun"),
    "module_line": ("{rows} rows, {series} series, {ms} ms", "{rows} dòng, {series} chuỗi, {ms} ms"),
    "requests": ("requests", "yêu cầu"),
    "requests_sum": (
        "{count}, {tries} tries, {sent} bytes sent, {received} received, {ms} ms",
        "{count}, {tries} lần gửi, gửi {sent} byte, nhận {received} byte, {ms} ms",
    ),
    "request_head": (
        "kind\tobjects\trows\ttries\tsent\treceived\tms\toutcome",
        "loại\tđối tượng\tdòng\tlần gửi\tgửi\tnhận\tms\tkết quả",
    ),
    "notes": ("notes", "ghi chú"),
    "once": (
        "asked once: rates and rules that must hold for a time need the running collector",
        "mới hỏi một lần: tốc độ và quy tắc cần kéo dài một thời gian chỉ có khi bộ thu thập đang chạy",
    ),
    "no_answer": ("no answer", "không trả lời"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    english, vietnamese = _WORDS[key]
    return (vietnamese if language == "vi" else english).format(**values)

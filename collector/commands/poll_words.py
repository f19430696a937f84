"""What the commands `poll` and `discover` say, in English and Vietnamese."""

from __future__ import annotations

from typing import Final

from collector.config_words import vietnamese

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
    "opt_timeout": (
        "seconds until a request is tried again (default: what the profile or module says, else 2)",
        "số giây trước khi hỏi lại (mặc định: theo hồ sơ hoặc mô-đun, nếu không có thì 2)",
    ),
    "opt_retries": (
        "how often a request is tried again (default: what the profile or module says, else 1)",
        "số lần hỏi lại (mặc định: theo hồ sơ hoặc mô-đun, nếu không có thì 1)",
    ),
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
        "kind\tfirst object\tobjects\trows\ttries\tsent\treceived\tms\toutcome",
        "loại\tđối tượng đầu\tsố đối tượng\tdòng\tlần gửi\tgửi\tnhận\tms\tkết quả",
    ),
    "notes": ("notes", "ghi chú"),
    "once": (
        "asked once: rates and rules that must hold for a time need the running collector",
        "mới hỏi một lần: tốc độ và quy tắc cần kéo dài một thời gian chỉ có khi bộ thu thập đang chạy",
    ),
    # discover
    "opt_range": (
        "networks or addresses: 10.20.0.0/24, 10.20.1.7, 10.20.2.1-10.20.2.9",
        "mạng hoặc địa chỉ: 10.20.0.0/24, 10.20.1.7, 10.20.2.1-10.20.2.9",
    ),
    "opt_auth_more": (
        "name of credentials in the file; given several times, they are tried in this order",
        "tên thông tin xác thực trong tệp; nêu nhiều lần thì được thử theo thứ tự đó",
    ),
    "opt_rate": ("addresses a second, at most (default: 50/s)", "số địa chỉ mỗi giây, tối đa (mặc định: 50/s)"),
    "opt_output": (
        "write the inventory to this file, which must not exist (default: standard output)",
        "ghi danh mục ra tệp này, tệp chưa được tồn tại (mặc định: đầu ra chuẩn)",
    ),
    "opt_site": (
        "site of what is found (default: the only one of the inventory)",
        "địa điểm của thiết bị tìm thấy (mặc định: địa điểm duy nhất trong danh mục)",
    ),
    "opt_via": (
        "who will poll them: collector, or an agent (default: collector)",
        "bên sẽ hỏi: collector hoặc một tác tử (mặc định: collector)",
    ),
    "opt_root": (
        "id or address of the device that leads to the collector (default: this machine's gateway, else the likeliest)",
        "mã hoặc địa chỉ của thiết bị dẫn về bộ thu thập (mặc định: cổng ra của máy này, nếu không thì thiết bị hợp lý nhất)",
    ),
    "opt_large": ("allow more than 65536 addresses", "cho phép hơn 65536 địa chỉ"),
    "bad_range": (
        "{value}: expected a network such as 10.20.0.0/24, an address, or two addresses with - between them",
        "{value}: cần một mạng như 10.20.0.0/24, một địa chỉ, hoặc hai địa chỉ nối bằng dấu -",
    ),
    "too_many_large": (
        "{count} addresses, at most {most}: name smaller ranges, or say --large if you mean it",
        "{count} địa chỉ, tối đa {most}: hãy nêu dải nhỏ hơn, hoặc dùng --large nếu thực sự muốn",
    ),
    "too_many": ("{count} addresses, at most {most}", "{count} địa chỉ, tối đa {most}"),
    "bad_rate": ("--rate {value}: expected 0.1/s to 1000/s", "--rate {value}: cần từ 0.1/s đến 1000/s"),
    "bad_name": (
        "{value}: expected letters, digits and ._:- (1 to 128, first a letter or digit)",
        "{value}: cần chữ cái, chữ số và ._:- (1 đến 128 ký tự, bắt đầu bằng chữ cái hoặc chữ số)",
    ),
    "exists_file": ("{file} exists: nothing is overwritten", "{file} đã tồn tại: không ghi đè"),
    "unwritable": ("{file} cannot be written: {why}", "không ghi được {file}: {why}"),
    "bad_inventory": (
        "the inventory in {folder} has problems, see haidang-collector check: what is known already cannot be told",
        "danh mục trong {folder} có lỗi, xem haidang-collector check: không thể biết thiết bị nào đã có",
    ),
    "sweeping": ("looking", "đang tìm"),
    "written": (
        "{file}: {count} targets. Review it, then put it into the inventory's folder.",
        "{file}: {count} đối tượng. Hãy duyệt lại rồi đưa vào thư mục danh mục.",
    ),
    "nobody": ("none of {count} addresses answered", "không địa chỉ nào trong {count} địa chỉ trả lời"),
    "found_columns": ("ADDRESS\tID\tCLASS\tMAKE\tPROFILE\tPARENTS", "ĐỊA CHỈ\tMÃ\tLOẠI\tHÃNG\tHỒ SƠ\tCHA"),
    "found_head": (
        "Proposed by haidang-collector discover {ranges} on {date}: {count} devices at {all} addresses.",
        "Đề xuất của haidang-collector discover {ranges} ngày {date}: {count} thiết bị trên {all} địa chỉ.",
    ),
    "found_review": (
        "Review ids, classes, sites and parents before use; the comments say what each rests on.",
        "Hãy duyệt mã, loại, địa điểm và đối tượng cha trước khi dùng; các chú thích nêu căn cứ.",
    ),
    "found_profile": ("profile {profile} ({title}), because {why}", "hồ sơ {profile} ({title}), vì {why}"),
    "found_again": ("the same device answers at {address} too", "cùng thiết bị này cũng trả lời ở {address}"),
    "found_parent": (
        "parent {parent}: on the way to {root}, by LLDP {link}",
        "cha {parent}: trên đường tới {root}, theo LLDP {link}",
    ),
    "found_root": (
        "no parent: the others are seen from here, as it is the nearest to the collector",
        "không có cha: các thiết bị khác được nhìn từ đây, vì nó gần bộ thu thập nhất",
    ),
    "found_stranger": (
        "LLDP at {port}: {name}, its port {remote}, not found in these ranges",
        "LLDP ở {port}: {name}, cổng {remote} của nó, không thấy trong các dải này",
    ),
    "found_more": ("LLDP: {count} more that were not found", "LLDP: thêm {count} thiết bị không tìm thấy"),
    "found_known": (
        "In the inventory already, and therefore not written above:",
        "Đã có trong danh mục nên không ghi ở trên:",
    ),
    "found_refused": (
        "These speak SNMP but not with the given credentials:",
        "Các địa chỉ này có SNMP nhưng không chấp nhận thông tin xác thực đã cho:",
    ),
    "no_answer": ("no answer", "không trả lời"),
    # outcomes of requests
    "ok": ("ok", "được"),
    "cancelled": ("cancelled", "bị ngắt"),
    "timeout": ("timeout", "không trả lời"),
    "deadline": ("deadline", "hết thời gian"),
    "unresolved": ("unresolved", "tên không có địa chỉ"),
    "unreachable": ("unreachable", "không gửi được"),
    "refused": ("refused", "cổng bị từ chối"),
    "no_host": ("no_host", "không có đường tới"),
    "malformed": ("malformed", "không đọc được"),
    "error_status": ("error_status", "thiết bị báo lỗi"),
    "too_big": ("too_big", "quá lớn"),
    "wrong_digest": ("wrong_digest", "sai mật khẩu xác thực"),
    "unknown_user": ("unknown_user", "không có người dùng này"),
    "unsupported_level": ("unsupported_level", "không có mức bảo mật này"),
    "decryption": ("decryption", "sai mật khẩu mã hóa"),
    "time_window": ("time_window", "lệch cửa sổ thời gian"),
    "unknown_engine": ("unknown_engine", "không rõ engine"),
    "not_supported": ("not_supported", "không hỗ trợ"),
}


def told(language: str, detail: str) -> str:
    """Why a device gave no usable answer, which the poller says in English."""
    return vietnamese(detail) if language == "vi" else detail


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    english, vietnamese = _WORDS[key]
    return (vietnamese if language == "vi" else english).format(**values)

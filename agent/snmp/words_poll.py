"""Why a device gave no usable answer, in Vietnamese, for people who ask by hand; reports keep English. See `words`."""

from __future__ import annotations

from typing import Final

_SENDING: Final[dict[str, str]] = {
    "{0}: {1}": "{0}: {1}",
    "{0}, auth {1}: {2}": "{0}, xác thực {1}: {2}",
    "auth {0}: privacy without authentication is no level of SNMPv3": (
        "xác thực {0}: SNMPv3 không có mức mã hóa mà không xác thực"
    ),
    "auth {0}: a protocol without its password": "xác thực {0}: có giao thức nhưng thiếu mật khẩu của nó",
    "SNMPv3 privacy needs the package cryptography: pip install 'haidang[snmp]' (found no such package)": (
        "mã hóa SNMPv3 cần gói cryptography: pip install 'haidang[snmp]' (không tìm thấy gói này)"
    ),
    "SNMP v1 has no GETBULK": "SNMP v1 không có GETBULK",
    "{0} asked of a device that answers GET only": "gửi {0} tới một thiết bị chỉ trả lời GET",
    "the device answers GET only, subtrees are not asked for": "thiết bị chỉ trả lời GET nên không hỏi các nhánh",
    "{0}: no socket for its address family ({1})": "{0}: máy này không có socket cho loại địa chỉ đó ({1})",
    "{0}: cannot send ({1})": "{0}: không gửi được ({1})",
    "no answer from the name service within {0} s": "dịch vụ tên không trả lời trong {0} giây",
    "{0}: the name has no address ({1})": "{0}: tên này không có địa chỉ ({1})",
    "the name has no IPv4 or IPv6 address": "tên này không có địa chỉ IPv4 hay IPv6",
    "the SNMP client was closed": "bộ hỏi SNMP đã đóng",
    # what the system says
    "Network is unreachable": "không có đường tới mạng này",
    "No route to host": "không có đường tới máy này",
    "Connection refused": "bị từ chối kết nối",
    "Permission denied": "không có quyền",
    "Address family not supported by protocol": "hệ thống không hỗ trợ loại địa chỉ này",
    "[Errno -2] Name or service not known": "không có tên này",
    "[Errno -3] Temporary failure in name resolution": "tạm thời không tra được tên",
    "[Errno -5] No address associated with hostname": "tên không gắn với địa chỉ nào",
}

_ANSWERS: Final[dict[str, str]] = {
    "no answer": "không trả lời",
    "no answer, tries: {0}, {1} s each": "không trả lời, đã gửi {0} lần, mỗi lần chờ {1} giây",
    "the time of the poll was over, tries so far: {0}": "hết thời gian của lần hỏi, đã gửi {0} lần",
    "{0}: cannot be reached ({1})": "{0}: không tới được ({1})",
    "error-status {0} ({1}), error-index {2}": "thiết bị báo lỗi {0} ({1}), ở đối tượng thứ {2}",
    "the agent names no engine id": "thiết bị không cho biết mã engine",
    "the answer cannot be read: {0}": "không đọc được câu trả lời: {0}",
    "the answer is not trusted: {0}": "không tin được câu trả lời: {0}",
    "the answer has more security than we have keys for": "câu trả lời có mức bảo mật cao hơn các khóa đang có",
    "the digest is wrong": "mã xác thực sai",
    "decryption gives no message": "giải mã không ra thông điệp",
    "the answer has less security than was asked for": "câu trả lời có mức bảo mật thấp hơn mức đã yêu cầu",
    "the answer names another user or engine": "câu trả lời nêu người dùng hoặc engine khác",
    "{0} answers from {1}": "{0} trả lời từ địa chỉ {1}",
}

_REPORTS: Final[dict[str, str]] = {
    "the agent's user does not have this security level (usmStatsUnsupportedSecLevels): compare auth and priv protocols": (
        "người dùng trên thiết bị không có mức bảo mật này (usmStatsUnsupportedSecLevels): hãy đối chiếu giao thức "
        "xác thực và mã hóa"
    ),
    "still outside the time window after the clocks were synchronised (usmStatsNotInTimeWindows): is its clock or boot "
    "count wrong, or do two machines share the address?": (
        "vẫn lệch cửa sổ thời gian sau khi đồng bộ đồng hồ (usmStatsNotInTimeWindows): đồng hồ hoặc số lần khởi động của "
        "thiết bị sai, hay có hai máy dùng chung địa chỉ?"
    ),
    "the agent does not know the user (usmStatsUnknownUserNames): create it, or correct it": (
        "thiết bị không biết người dùng này (usmStatsUnknownUserNames): hãy tạo hoặc sửa lại tên"
    ),
    "the agent refuses the engine id that it named itself (usmStatsUnknownEngineIDs): do two machines share the address?": (
        "thiết bị từ chối chính mã engine nó đã nêu (usmStatsUnknownEngineIDs): có hai máy dùng chung địa chỉ?"
    ),
    "wrong password or authentication protocol (usmStatsWrongDigests)": (
        "sai mật khẩu hoặc giao thức xác thực (usmStatsWrongDigests)"
    ),
    "wrong privacy password or privacy protocol (usmStatsDecryptionErrors, or silence to what is encrypted)": (
        "sai mật khẩu hoặc giao thức mã hóa (usmStatsDecryptionErrors, hoặc im lặng trước thông điệp mã hóa)"
    ),
    "the agent has no user-based security (snmpUnknownSecurityModels)": (
        "thiết bị không có bảo mật theo người dùng (snmpUnknownSecurityModels)"
    ),
    "the agent cannot read our message (snmpInvalidMsgs)": "thiết bị không đọc được thông điệp của ta (snmpInvalidMsgs)",
    "the context is not available at present (snmpUnavailableContexts)": (
        "ngữ cảnh hiện không sẵn sàng (snmpUnavailableContexts)"
    ),
    "the agent does not know the context_name (snmpUnknownContexts)": (
        "thiết bị không biết context_name này (snmpUnknownContexts)"
    ),
}

_WALKS: Final[dict[str, str]] = {
    "names do not increase": "các tên không tăng dần",
    "names come a second time": "các tên lặp lại lần hai",
    "more rows than the cap": "nhiều dòng hơn mức cho phép",
    "more octets than the cap": "nhiều byte hơn mức cho phép",
    "an answer without names": "câu trả lời không có tên nào",
}

_OCTETS: Final[dict[str, str]] = {
    "octet {0}: {1}": "byte thứ {0}: {1}",
    "an element begins where the enclosing one ends": "một phần tử bắt đầu ở chỗ phần tử bao nó đã hết",
    "tag {0} has more than one octet, which SNMP does not use": "thẻ {0} dài hơn một byte, SNMP không dùng dạng này",
    "indefinite length": "độ dài không xác định",
    "a length of {0} octets reaches over the end": "phần độ dài {0} byte vượt quá cuối thông điệp",
    "{0} octets of content, {1} are left": "nội dung {0} byte, chỉ còn {1} byte",
    "tag {0}, expected {1}": "thẻ {0}, cần {1}",
    "an integer of {0} octets": "số nguyên dài {0} byte",
    "{0} are not octets of an OID": "{0} không phải các byte của một OID",
    "an OID without octets": "OID rỗng",
    "PDU of type {0}": "PDU loại {0}",
    "the bindings reach over the end of the message": "danh sách đối tượng vượt quá cuối thông điệp",
    "the last binding reaches {0} octets over the end of the list": "đối tượng cuối vượt quá cuối danh sách {0} byte",
    "a name in the bindings is no OID": "một tên trong danh sách đối tượng không phải OID",
    "{0} octets after the value of a binding": "{0} byte thừa sau giá trị của một đối tượng",
    "the value {0} is no OID": "giá trị {0} không phải OID",
    "a value with tag {0}": "giá trị có thẻ {0}",
    "msgFlags of {0} octets and security model {1}, expected 1 octet and {2}": (
        "msgFlags dài {0} byte và mô hình bảo mật {1}, cần 1 byte và {2}"
    ),
    "privacy parameters of {0} octets, expected {1}": "tham số mã hóa dài {0} byte, cần {1}",
    "{0} encrypted octets are no whole number of blocks": "{0} byte mã hóa không chia hết thành các khối",
}

POLL: Final[dict[str, str]] = {**_SENDING, **_ANSWERS, **_REPORTS, **_WALKS, **_OCTETS}

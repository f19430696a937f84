"""What is found and expected in files of modules of probes, in Vietnamese, beside its English originals.

`agent.config_words` looks here for what it does not know itself; loaded only when somebody asked for Vietnamese.
"""

from __future__ import annotations

from typing import Final

TEXT: Final[dict[str, str]] = {
    "modules": "modules",
    "modules:, with names and their settings below it": "modules:, bên dưới là các tên cùng thiết lập",
    "names, each with its settings below it": "các tên, mỗi tên có thiết lập bên dưới",
    "settings below it, at least prober:": "các thiết lập bên dưới, ít nhất là prober:",
    "{0}, which is left out": "{0}, được bỏ qua",
    "settings of {0}": "thiết lập của {0}",
    "those of {0}, its prober": "thiết lập của {0}, đúng với prober",
    "a name that {0} has too": "một tên đã có trong {0}",
    "another name": "một tên khác",
    "{0}, which cannot run here ({1})": "{0}, không chạy được ở đây ({1})",
    "a kind whose packages are installed": "một loại đã cài đủ gói cần thiết",
    "{0} in several places": "{0} ở nhiều nơi",
    "one of {0}, {0}_file, {0}_env": "một trong {0}, {0}_file, {0}_env",
    "the name of a variable": "tên một biến môi trường",
    "{0}, which is not set": "{0}, chưa được đặt",
    "a variable of the environment that is set": "một biến môi trường đã được đặt",
    "{0} ({1})": "{0} ({1})",
    "bytes that are no text ({0})": "những byte không phải văn bản ({0})",
    "an empty file ({0})": "tệp rỗng ({0})",
    "a secret in it": "một bí mật trong đó",
    "a duration such as 5s, 500ms or 1m30s": "khoảng thời gian như 5s, 500ms hoặc 1m30s",
    "a size such as 4096, 64KB or 10MB": "kích thước như 4096, 64KB hoặc 10MB",
    "a regular expression of RE2 that Python's re knows too": "biểu thức chính quy của RE2 mà re của Python cũng hiểu",
    "a host name": "một tên máy",
    "the name of a script": "tên một chương trình (script)",
    # what the probes of mail and scripts refuse, and what they expect as addresses
    "a login needs username and password": "đăng nhập cần cả username và password",
    "never, so that the password would be sent in clear, which allow_plain_auth does not allow": (
        "never nên mật khẩu sẽ bị gửi không mã hóa, điều allow_plain_auth không cho phép"
    ),
    "a NUL is in it or in the password": "có ký tự NUL ở đây hoặc trong mật khẩu",
    "{0} (number {1}) is no plain value such as 10, 80% or /srv": (
        "{0} (số thứ tự {1}) không phải giá trị đơn giản như 10, 80% hoặc /srv"
    ),
    "a host or host:port": "một máy hoặc máy:cổng",
    "a host, an address or another plain value, or nothing": "một máy, một địa chỉ hay giá trị đơn giản khác, hoặc để trống",
    # what the kinds refuse of their settings
    "is empty": "để trống",
    "expected a URL": "cần một URL",
    "a URL": "một URL",
    "only one of them can be used": "chỉ dùng được một trong số đó",
    "has line breaks or other control characters": "có ký tự xuống dòng hoặc ký tự điều khiển khác",
    "a header field has no line breaks or other control characters": (
        "trường tiêu đề không được có ký tự xuống dòng hoặc ký tự điều khiển khác"
    ),
    "is set by the probe itself": "do chính phép thăm dò đặt",
    "{0} is no name of a header field": "{0} không phải tên trường tiêu đề",
    "{0} is no method of HTTP": "{0} không phải phương thức HTTP",
    "br cannot be unpacked here, expected gzip, deflate or identity": (
        "ở đây không giải nén được br, cần gzip, deflate hoặc identity"
    ),
    "{0}, which headers.Accept-Encoding ({1}) does not accept": "{0}, mà headers.Accept-Encoding ({1}) không chấp nhận",
    "HTTP/1.1 is spoken, so it must be among them": "chương trình nói HTTP/1.1 nên phải có phiên bản này",
    "fail_if_ssl, fail_if_not_ssl: both, so that no answer would do": (
        "fail_if_ssl, fail_if_not_ssl: đặt cả hai nên không trả lời nào đạt"
    ),
    "for Basic use basic_auth": "với Basic hãy dùng basic_auth",
    "must not contain a colon": "không được có dấu hai chấm",
    "expected http://host:port or http://user:password@host:port": ("cần http://máy:cổng hoặc http://tên:mật_khẩu@máy:cổng"),
    "a proxy that is itself reached by https is not supported, expected http://…": (
        "không hỗ trợ proxy kết nối bằng https, cần http://…"
    ),
    "ca holds no PEM certificate": "ca không chứa chứng chỉ PEM",
    "cert and key belong together": "cert và key phải đi cùng nhau",
    "cert and key are not a PEM certificate and its unencrypted private key": (
        "cert và key không phải chứng chỉ PEM và khóa riêng không mã hóa của nó"
    ),
    "min_version {0} is newer than max_version {1}": "min_version {0} mới hơn max_version {1}",
    "min_days and degraded_cert_days cannot be negative": "min_days và degraded_cert_days không được âm",
    "{0} is unknown, expected one such as {1}": "{0} không có trong danh sách, cần một giá trị như {1}",
    "goes with transport_protocol tcp only": "chỉ dùng được với transport_protocol tcp",
    "{0} is no domain name: it has more than {1} bytes": "{0} không phải tên miền: dài hơn {1} byte",
    "{0} is no domain name: labels have 1 to {1} bytes": "{0} không phải tên miền: mỗi nhãn dài 1 đến {1} byte",
    "{0} is no label of a domain name": "{0} không phải nhãn của tên miền",
    "not below max_offset, where the probe fails anyway": "không nhỏ hơn max_offset, mức mà phép thăm dò đã bị lỗi",
    "{0} is no address": "{0} không phải địa chỉ",
    "http://host:port or http://user:password@host:port": "http://máy:cổng hoặc http://tên:mật_khẩu@máy:cổng",
    "100ms to 30s": "từ 100ms đến 30s",
    "20ms to 4s": "từ 20ms đến 4s",
    "expected 100ms to 30s": "cần từ 100ms đến 30s",
    "expected 20ms to 4s": "cần từ 20ms đến 4s",
    "neither hexadecimal digits nor base64": "không phải chữ số thập lục phân cũng không phải base64",
    "shorter than {0} bytes": "ngắn hơn {0} byte",
    "{0} cannot stand in a SIP header": "{0} không đặt được trong tiêu đề SIP",
    "more than {0} steps": "hơn {0} bước",
    "query_response, step {0}: {1}": "query_response, bước {0}: {1}",
    "starttls where TLS has begun already": "starttls khi TLS đã bắt đầu",
    "labels in a second step, where one may have them": "có nhãn ở bước thứ hai, trong khi chỉ một bước được có",
    "labels without expect": "có nhãn mà không có expect",
    "{0} cannot be the name of a label here": "{0} không làm tên nhãn ở đây được",
    "a label that is there twice": "một nhãn bị lặp lại",
    "there is no kind of probe named {0}": "không có loại phép thăm dò nào tên {0}",
    # addresses, references
    "host:port": "máy:cổng",
    "no port, expected host:port": "thiếu cổng, cần máy:cổng",
    "no host, expected host:port": "thiếu máy, cần máy:cổng",
    "too long for a host and its port": "quá dài đối với một máy và cổng",
    "brackets belong around an IPv6 address and nothing else": "dấu ngoặc vuông chỉ dùng quanh địa chỉ IPv6",
    "an IPv6 address with a port belongs in brackets, as in [2001:db8::1]:443": (
        "địa chỉ IPv6 có cổng phải đặt trong ngoặc vuông, như [2001:db8::1]:443"
    ),
    "the port is not a number from 1 to 65535": "cổng không phải số từ 1 đến 65535",
    "a host name or an IP address, without a port": "tên máy hoặc địa chỉ IP, không kèm cổng",
    "a host, host:port or URL (http://… or https://…) without user and password": (
        "máy, máy:cổng hoặc URL (http://… hoặc https://…) không kèm tên và mật khẩu"
    ),
    "expected a host, host:port or URL (http://… or https://…) without user and password": (
        "cần máy, máy:cổng hoặc URL (http://… hoặc https://…) không kèm tên và mật khẩu"
    ),
    "no URL: longer than {0} or with control characters": "không phải URL: dài hơn {0} hoặc có ký tự điều khiển",
    "no host and port: {0}": "không phải máy và cổng: {0}",
    "host, host:port or sip:user@host:port;transport=tcp": "máy, máy:cổng hoặc sip:tên@máy:cổng;transport=tcp",
    "{0}: expected an IP address, or one with a port": "{0}: cần một địa chỉ IP, có hoặc không kèm cổng",
    "{0}: expected a port from 1 to 65535": "{0}: cần cổng từ 1 đến 65535",
}

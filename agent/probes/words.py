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
}

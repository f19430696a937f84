"""What the command line says to people, in English and Vietnamese; `--lang` or `HAIDANG_LANG` chooses."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "vi")

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "program": (
        "The Hải Đăng collector: receives reports of agents, judges, exposes metrics.",
        "Bộ thu thập Hải Đăng: nhận báo cáo của các tác tử, đánh giá, cung cấp số liệu.",
    ),
    "run": ("run the collector until SIGTERM", "chạy bộ thu thập cho tới khi nhận SIGTERM"),
    "check": ("check configuration and inventory, list every problem", "kiểm tra cấu hình và danh mục, liệt kê mọi lỗi"),
    "agent": ("enrol, list, rotate and revoke agents", "ghi danh, liệt kê, thay khóa và thu hồi tác tử"),
    "agent_add": ("make an agent and print its one-time code", "tạo tác tử và in mã ghi danh dùng một lần"),
    "agent_list": ("list all agents", "liệt kê mọi tác tử"),
    "agent_rotate": (
        "print a new one-time code; enrolling with it replaces the token",
        "in mã ghi danh mới; ghi danh lại bằng mã này sẽ thay token",
    ),
    "agent_revoke": ("void an agent's token at once", "hủy token của agent ngay lập tức"),
    "version": ("print the version", "in phiên bản"),
    "local": (
        "run collector and agent of this machine together, for a first look",
        "chạy bộ thu thập và tác tử của máy này cùng lúc, để xem thử",
    ),
    "local_data": ("data folder (default: var)", "thư mục dữ liệu (mặc định: var)"),
    "local_port": (
        "port of metrics and API on 127.0.0.1 (default: 8600)",
        "cổng của số liệu và API trên 127.0.0.1 (mặc định: 8600)",
    ),
    "local_agent_port": (
        "port of the agents' listener, TLS (default: 8601)",
        "cổng nhận báo cáo của các tác tử, TLS (mặc định: 8601)",
    ),
    "output": ("haidang-collector: the output cannot be written: {why}", "haidang-collector: không ghi được kết quả: {why}"),
    "opt_config": (
        "configuration file (default: {default} if it is there, else built-in defaults)",
        "tệp cấu hình (mặc định: {default} nếu có, không thì dùng giá trị có sẵn)",
    ),
    "opt_data": ("data folder, instead of the one configured", "thư mục dữ liệu, thay cho thư mục trong cấu hình"),
    "opt_lang": ("language of messages", "ngôn ngữ của thông báo"),
    "opt_site": ("id of its site", "mã địa điểm"),
    "opt_class": ("class of its host (default: server)", "loại máy (mặc định: server)"),
    "opt_ttl": ("how long the code is valid: 30m, 1h, 7d (default: 1h)", "thời hạn của mã: 30m, 1h, 7d (mặc định: 1h)"),
    "opt_id": ("id of the agent and of its host", "mã của tác tử và của máy"),
    "opt_now": ("void the present token at once", "hủy token hiện tại ngay"),
    "ok": ("ok: {targets} targets, {sites} sites", "tốt: {targets} đối tượng, {sites} địa điểm"),
    "via_later": (
        "agents named by `via` are looked up when the collector starts or reloads",
        "tên tác tử ở `via` được đối chiếu khi bộ thu thập khởi động hoặc nạp lại",
    ),
    "code": (
        "Code for {agent}, valid once, until {until}:\n\n  {code}\n\nOn that machine run:\n\n"
        "  haidang-agent enrol {url} {code}",
        "Mã cho {agent}, dùng một lần, có hạn tới {until}:\n\n  {code}\n\nTrên máy đó hãy chạy:\n\n"
        "  haidang-agent enrol {url} {code}",
    ),
    "rotated_now": (
        "The present token is void. Enrol again with --force on that machine.",
        "Token hiện tại đã bị hủy. Hãy ghi danh lại với --force trên máy đó.",
    ),
    "rotated": (
        "The present token is valid until the code is used (enrol with --force).",
        "Token hiện tại còn giá trị cho tới khi mã được dùng (ghi danh với --force).",
    ),
    "revoked": ("Agent {agent} is revoked.", "Tác tử {agent} đã bị thu hồi."),
    "none": (
        "No agents yet: haidang-collector agent add ID --site SITE",
        "Chưa có tác tử: haidang-collector agent add ID --site SITE",
    ),
    "columns": (
        "AGENT\tSITE\tCLASS\tSTANDING\tVERSION\tHOST\tORDERS\tHEARD",
        "TÁC TỬ\tĐỊA ĐIỂM\tLOẠI\tTRẠNG THÁI\tPHIÊN BẢN\tMÁY\tCHỈ THỊ\tNGHE LẦN CUỐI",
    ),
    "orders_current": ("current", "hiện hành"),
    "orders_waiting": ("waiting", "đang chờ"),
    "orders_refused": ("refused", "bị từ chối"),
    "orders_detail": ("{agent} refuses its orders: {detail}", "{agent} từ chối chỉ thị: {detail}"),
    "never": ("never", "chưa"),
    "invited": ("invited", "đã mời"),
    "active": ("active", "hoạt động"),
    "revoked_standing": ("revoked", "đã thu hồi"),
    "exists": (
        "agent {agent} exists: `agent rotate {agent}` makes a new code for it",
        "tác tử {agent} đã có: `agent rotate {agent}` tạo mã mới cho nó",
    ),
    "is_revoked": (
        "agent {agent} is revoked: `agent rotate {agent}` without --now invites it again",
        "tác tử {agent} đã bị thu hồi: `agent rotate {agent}` không kèm --now mời lại tác tử này",
    ),
    "unknown": ("agent {agent} is unknown: see `agent list`", "không có tác tử {agent}: xem `agent list`"),
    "bad_id": (
        "id {value}: expected letters, digits and ._:- (1 to 128, first a letter or digit), not `collector`",
        "mã {value}: cần chữ cái, chữ số và ._:- (1 đến 128 ký tự, bắt đầu bằng chữ hoặc số), khác `collector`",
    ),
    "bad_site": (
        "site {value}: expected a site of the inventory: {known}",
        "địa điểm {value}: cần một địa điểm trong danh mục: {known}",
    ),
    "bad_ttl": (
        "--ttl {value}: expected 1m to 30d, such as 30m, 1h or 7d",
        "--ttl {value}: cần từ 1m đến 30d, ví dụ 30m, 1h hoặc 7d",
    ),
    "taken_id": (
        "id {value} is a target of the inventory reported by {via}: change it there first",
        "mã {value} là đối tượng trong danh mục do {via} báo cáo: hãy sửa ở đó trước",
    ),
    "problem": ("1 problem", "1 lỗi"),
    "problems": ("{count} problems", "{count} lỗi"),
}


def word(language: str, key: str, **values: object) -> str:
    """The text of `key`; an unknown language is answered in English."""
    english, vietnamese = _WORDS[key]
    return (vietnamese if language == "vi" else english).format(**values)

"""What `haidang-collector local` says, in English and Vietnamese, and the few figures of a host that it says it with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from collector.expose.words import STATES

_LINE: Final = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)", re.MULTILINE)
_LABEL: Final = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_VIRTUAL: Final = {"tmpfs", "ramfs", "squashfs", "devtmpfs", "overlay"}


class Figures(NamedTuple):
    """A host as its last report shows it; sizes in bytes, times in seconds, ratios 0 to 1."""

    system: str
    cores: int
    load: float
    memory_used: float
    memory_total: float
    disk: str
    disk_used: float
    disk_size: float
    booted_at: float
    now: float
    series: int
    readers: int

    @property
    def complete(self) -> bool:
        """Whether the report has come: a host always has cores and memory."""
        return self.cores > 0 and self.memory_total > 0


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text)


def _samples(page: str) -> list[tuple[str, dict[str, str], float]]:
    return [
        (name, {key: _unescape(value) for key, value in _LABEL.findall(labels or "")}, float(number))
        for name, labels, number in _LINE.findall(page)
    ]


def read_figures(page: str) -> Figures:
    """The figures in a page of metrics (Prometheus text); zeros and empty texts for what is not there."""
    samples = _samples(page)
    first = {name: value for name, _, value in reversed(samples)}
    cores = {labels.get("cpu") for name, labels, _ in samples if name == "node_cpu_seconds_total"}
    uname = next((labels for name, labels, _ in samples if name == "node_uname_info"), {})
    disk, used, size = _fullest(samples)
    total = first.get("node_memory_MemTotal_bytes", 0.0)
    return Figures(
        system=f"{uname.get('sysname', '')} {uname.get('release', '')}".strip(),
        cores=len(cores),
        load=first.get("node_load1", 0.0),
        memory_used=total - first.get("node_memory_MemAvailable_bytes", total),
        memory_total=total,
        disk=disk,
        disk_used=used,
        disk_size=size,
        booted_at=first.get("node_boot_time_seconds", 0.0),
        now=first.get("node_time_seconds", 0.0),
        series=len(samples),
        readers=sum(name == "node_scrape_collector_success" and value == 1 for name, _, value in samples),
    )


def _fullest(samples: list[tuple[str, dict[str, str], float]]) -> tuple[str, float, float]:
    """Mount point, used ratio and size of the fullest real file system."""
    found: dict[str, dict[str, float]] = {}
    for name, labels, value in samples:
        if name in ("node_filesystem_avail_bytes", "node_filesystem_size_bytes") and labels.get("fstype") not in _VIRTUAL:
            found.setdefault(labels.get("mountpoint", "?"), {})[name] = value
    ratios = [
        (1 - sizes["node_filesystem_avail_bytes"] / size, mount, size)
        for mount, sizes in found.items()
        if (size := sizes.get("node_filesystem_size_bytes", 0.0)) > 0 and "node_filesystem_avail_bytes" in sizes
    ]
    used, mount, size = max(ratios, default=(0.0, "", 0.0))
    return mount, used, size


class Words(NamedTuple):
    """Every sentence, in one language."""

    starting: str
    waiting: str
    not_ready: str
    no_report: str
    ended: str
    port: str
    folder: str
    twice: str
    no_code: str
    command: str
    stopping: str
    stopped: str
    killed: str
    host: str
    state: str
    states: Mapping[str, str]
    cpu: str
    cpu_value: str
    memory: str
    memory_value: str
    disk: str
    disk_value: str
    no_disk: str
    uptime: str
    report: str
    report_value: str
    open: str
    pages: Mapping[str, str]
    closing: str
    days: str

    @classmethod
    def of(cls, language: str) -> Words:
        """The sentences of `vi` or `en`."""
        return VIETNAMESE if language == "vi" else ENGLISH


ENGLISH: Final = Words(
    starting="Hải Đăng starts; its data is in {data}",
    waiting="Collector and agent run; the first report comes within about {seconds} seconds.",
    not_ready="The collector did not become ready within {seconds} seconds. Its log, {log}, ends:\n{tail}",
    no_report="No report of this machine came within {seconds} seconds. The agent's log, {log}, ends:\n{tail}",
    ended="The {name} ended by itself (exit code {code}). Its log, {log}, ends:\n{tail}",
    port="Port {port} cannot be used: {error}.\nStop what uses it, or choose another: make run {option}={other}",
    folder="Nothing can be written to {folder}: {error}.\n"
    "Make it writable, or choose another folder: make run DATA=/path/to/folder",
    twice="Hải Đăng already runs on {data} (process {pid}).\n"
    "Stop it first, or choose another folder: make run DATA=/path/to/folder",
    no_code="The collector gave no enrolment code. It said:\n{output}",
    command="`{command}` failed. It said:\n{output}",
    stopping="Stopping: the agent first, then the collector.",
    stopped="The {name} has stopped.",
    killed="The {name} did not stop within {seconds} seconds and was killed; see {log}",
    host="Host",
    state="State",
    states={state.value: text["en"] for state, text in STATES.items()},
    cpu="CPU",
    cpu_value="{cores} cores, load {load:.2f} (1 minute)",
    memory="Memory",
    memory_value="{ratio:.0%} of {total} in use",
    disk="Fullest file system",
    disk_value="{mount} – {ratio:.0%} of {total} in use",
    no_disk="none of its own",
    uptime="Uptime",
    report="Report",
    report_value="{series} series from {readers} readers",
    open="Open",
    pages={
        "/": "where everything is",
        "/metrics": "the collector and the state of all targets",
        "/metrics/targets/{name}": "everything this machine reported",
        "/api/v1/targets": "the targets as JSON",
    },
    closing="Prometheus: prometheus --config.file=config/prometheus.yml (it asks port 8600). Ctrl-C stops both.",
    days="{days} days {hours} h {minutes} min",
)

VIETNAMESE: Final = Words(
    starting="Hải Đăng khởi động; dữ liệu nằm trong {data}",
    waiting="Bộ thu thập và tác tử đang chạy; báo cáo đầu tiên đến trong khoảng {seconds} giây.",
    not_ready="Bộ thu thập chưa sẵn sàng sau {seconds} giây. Cuối nhật ký {log}:\n{tail}",
    no_report="Sau {seconds} giây vẫn chưa có báo cáo của máy này. Cuối nhật ký của tác tử {log}:\n{tail}",
    ended="Chương trình {name} tự dừng (mã {code}). Cuối nhật ký {log}:\n{tail}",
    port="Không dùng được cổng {port}: {error}.\n"
    "Hãy dừng chương trình đang dùng cổng đó, hoặc chọn cổng khác: make run {option}={other}",
    folder="Không ghi được vào {folder}: {error}.\nHãy cấp quyền ghi, hoặc chọn thư mục khác: make run DATA=/duong/dan",
    twice="Hải Đăng đang chạy trên {data} (tiến trình {pid}).\n"
    "Hãy dừng nó trước, hoặc chọn thư mục khác: make run DATA=/duong/dan",
    no_code="Bộ thu thập không đưa mã ghi danh. Nó trả lời:\n{output}",
    command="Lệnh `{command}` không thành công:\n{output}",
    stopping="Đang dừng: tác tử trước, bộ thu thập sau.",
    stopped="Đã dừng {name}.",
    killed="{name} không dừng trong {seconds} giây nên đã bị ngắt; xem {log}",
    host="Máy chủ",
    state="Trạng thái",
    states={state.value: text["vi"] for state, text in STATES.items()},
    cpu="CPU",
    cpu_value="{cores} nhân, tải {load:.2f} (1 phút)",
    memory="Bộ nhớ",
    memory_value="đang dùng {ratio:.0%} của {total}",
    disk="Hệ thống tệp đầy nhất",
    disk_value="{mount} – đang dùng {ratio:.0%} của {total}",
    no_disk="không có riêng",
    uptime="Chạy liên tục",
    report="Báo cáo",
    report_value="{series} chuỗi số liệu từ {readers} bộ đọc",
    open="Mở xem",
    pages={
        "/": "mọi thứ ở đâu",
        "/metrics": "bộ thu thập và trạng thái mọi đối tượng",
        "/metrics/targets/{name}": "mọi số liệu máy này báo về",
        "/api/v1/targets": "danh sách đối tượng, JSON",
    },
    closing="Prometheus: prometheus --config.file=config/prometheus.yml (hỏi cổng 8600). Ctrl-C dừng cả hai.",
    days="{days} ngày {hours} giờ {minutes} phút",
)


def language(environment: Mapping[str, str]) -> str:
    """`vi` or `en`: what HAIDANG_LANG says, else the locale, else `en`."""
    names = ("HAIDANG_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    chosen = next((environment[name] for name in names if environment.get(name)), "en")
    return "vi" if chosen.startswith("vi") else "en"


def read_state(page: str, target: str) -> str:
    """The state of a target in the collector's own page of metrics, or ""."""
    for name, labels, value in _samples(page):
        if name == "haidang_target_state" and labels.get("instance") == target and value == 1:
            return labels.get("state", "")
    return ""


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def describe(figures: Figures, state: str, target: str, words: Words) -> str:
    """What the last report says of the host, in plain words, one fact a line."""
    minutes = int(max(0.0, figures.now - figures.booted_at)) // 60
    disk = words.disk_value.format(mount=figures.disk, ratio=figures.disk_used, total=_size(figures.disk_size))
    memory = figures.memory_used / (figures.memory_total or 1.0)
    lines = (
        (words.host, f"{target} ({figures.system})" if figures.system else target),
        (words.state, words.states.get(state, state or "?")),
        (words.cpu, words.cpu_value.format(cores=figures.cores, load=figures.load)),
        (words.memory, words.memory_value.format(ratio=memory, total=_size(figures.memory_total))),
        (words.disk, disk if figures.disk else words.no_disk),
        (words.uptime, words.days.format(days=minutes // 1440, hours=minutes // 60 % 24, minutes=minutes % 60)),
        (words.report, words.report_value.format(series=figures.series, readers=figures.readers)),
    )
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in lines)


def addresses(port: int, target: str, words: Words) -> str:
    """The pages to open, one a line with what it shows, and how to go on."""
    rows = [(f"http://127.0.0.1:{port}{path.format(name=target)}", text) for path, text in words.pages.items()]
    width = max(len(address) for address, _ in rows)
    return "\n".join([words.open, *(f"  {address:<{width}}  {text}" for address, text in rows), words.closing])

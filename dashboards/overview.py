"""The *Overview* board: states and availability of all targets, CPU, memory, disks and network of hosts, and the collector.

Only what is asked and how it is called, in Vietnamese and English; `dashboards.build` turns it into Grafana's JSON.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from collector.core.state import State
from collector.expose.words import STATES as NAMES


class Text(NamedTuple):
    """One text of a board in both languages."""

    vi: str
    en: str


class Query(NamedTuple):
    """A PromQL expression and how its series are called; a legend without words is the same in both languages."""

    expr: str
    legend: Text | str = "{{instance}}"


class Panel(NamedTuple):
    """A panel: what it asks, in which unit (Grafana's name of it), and its width of 24."""

    kind: Literal["stat", "states", "lines", "table"]
    title: Text
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 8
    height: int = 8
    bounds: tuple[float, float] | None = None
    """Warning and alarm: yellow from the first, red from the second."""
    about: Text = Text("", "")


class Row(NamedTuple):
    """Panels under one heading."""

    title: Text
    panels: tuple[Panel, ...]


STATES = {
    0: (Text(**NAMES[State.DOWN]), "red"),
    1: (Text(**NAMES[State.UNREACHABLE]), "purple"),
    2: (Text(**NAMES[State.UNKNOWN]), "blue"),
    3: (Text(**NAMES[State.DEGRADED]), "yellow"),
    4: (Text(**NAMES[State.UP]), "green"),
}
"""Numbers of the state panels; the expression there gives them."""

CHOSEN = 'instance=~"$instance"'
RATE = "[$__rate_interval]"
DISKS = 'device!~"(loop|ram|zram|fd|sr)\\\\d*"'
LINKS = 'device!~"lo|veth.*|ifb.*|docker.*|br-.*"'
FILES = 'fstype!~"tmpfs|ramfs|squashfs|overlay"'

TARGETS = Row(
    Text("Đối tượng", "Targets"),
    (
        Panel(
            "stat",
            Text("Số đối tượng theo trạng thái", "Targets by state"),
            (Query("sum by (state) (haidang_target_state)", "{{state}}"),),
            width=8,
            about=Text(
                "Chưa rõ: không có bằng chứng; im lặng là bằng chứng yếu.",
                "Unknown: there is no evidence; silence is weak evidence.",
            ),
        ),
        Panel(
            "states",
            Text("Trạng thái từng đối tượng", "State of each target"),
            (
                Query(
                    " + ".join(
                        f'{number} * sum by (instance) (haidang_target_state{{state="{state}",{CHOSEN}}})'
                        for number, state in ((4, "up"), (3, "degraded"), (2, "unknown"), (1, "unreachable"))
                    )
                ),
            ),
            width=16,
        ),
    ),
)

WINDOW = 'window="month",view="device"'
LEDGER = Row(
    Text("Độ sẵn sàng tháng này", "Availability this month"),
    (
        Panel(
            "table",
            Text("Độ sẵn sàng thấp nhất", "Lowest availability"),
            (Query(f"bottomk(20, haidang_availability_ratio{{{WINDOW},{CHOSEN}}})"),),
            unit="percentunit",
            about=Text(
                "Góc nhìn thiết bị, từ đầu tháng đến nay; số liệu không bao giờ được làm tròn lên.",
                "Device view, month to date; never rounded up.",
            ),
        ),
        Panel(
            "stat",
            Text("Đối tượng theo kết luận", "Targets by verdict"),
            (Query(f'sum by (verdict) (haidang_availability_verdict{{{WINDOW},kind="target",{CHOSEN}}})', "{{verdict}}"),),
            about=Text(
                "MET: đạt; BREACHED: không đạt; NOT_PROVEN: chưa chứng minh được; NO_DATA: không có số liệu.",
                "MET, BREACHED; NOT_PROVEN: unknown time decides; NO_DATA: nothing counts.",
            ),
        ),
        Panel(
            "lines",
            Text("Quỹ lỗi còn lại", "Error budget left"),
            (Query(f"bottomk(10, haidang_error_budget_seconds{{{WINDOW},{CHOSEN}}})"),),
            unit="s",
            about=Text("Âm: đã vượt mức cho phép.", "Negative: overspent."),
        ),
        Panel(
            "lines",
            Text("Tốc độ tiêu quỹ lỗi trong 1 giờ", "Burn rate over 1 hour"),
            (Query(f'topk(10, haidang_error_budget_burn_rate{{window="1h",view="device",{CHOSEN}}})'),),
            bounds=(6, 14.4),
            about=Text("1: dùng vừa hết quỹ trong cả kỳ.", "1 uses up the budget exactly."),
        ),
        Panel(
            "table",
            Text("Nhiều sự cố nhất", "Most incidents"),
            (Query(f"topk(20, haidang_incidents{{{WINDOW},{CHOSEN}}})"),),
        ),
        Panel(
            "lines",
            Text("Độ phủ đo thấp nhất", "Lowest coverage"),
            (Query(f"bottomk(10, haidang_availability_coverage_ratio{{{WINDOW},{CHOSEN}}})"),),
            unit="percentunit",
            about=Text("Dưới 99 % là chưa đủ số liệu để kết luận.", "Below 99 % too little was measured."),
        ),
    ),
)

HOST = Row(
    Text("Máy chủ", "Hosts"),
    (
        Panel(
            "lines",
            Text("CPU đang bận", "CPU busy"),
            (Query(f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle",{CHOSEN}}}{RATE}))'),),
            unit="percentunit",
            bounds=(0.8, 0.95),
        ),
        Panel(
            "lines",
            Text("CPU theo loại việc", "CPU by mode"),
            (
                Query(
                    f'sum by (instance, mode) (rate(node_cpu_seconds_total{{mode!="idle",{CHOSEN}}}{RATE}))',
                    "{{instance}} {{mode}}",
                ),
            ),
            about=Text("Số nhân CPU bận trung bình.", "CPU cores busy, on average."),
        ),
        Panel(
            "lines",
            Text("Tải trung bình 1 phút mỗi nhân", "Load average of 1 minute per core"),
            (
                Query(
                    f"max by (instance) (node_load1{{{CHOSEN}}})"
                    f' / count by (instance) (count by (instance, cpu) (node_cpu_seconds_total{{mode="idle",{CHOSEN}}}))'
                ),
            ),
            bounds=(1, 2),
        ),
        Panel(
            "lines",
            Text("Bộ nhớ đang dùng", "Memory in use"),
            (Query(f"1 - node_memory_MemAvailable_bytes{{{CHOSEN}}} / node_memory_MemTotal_bytes{{{CHOSEN}}}"),),
            unit="percentunit",
            bounds=(0.85, 0.95),
        ),
        Panel(
            "lines",
            Text("Bộ nhớ theo loại", "Memory by use"),
            (
                Query(f"node_memory_MemAvailable_bytes{{{CHOSEN}}}", Text("{{instance}} còn trống", "{{instance}} available")),
                Query(f"node_memory_Cached_bytes{{{CHOSEN}}}", Text("{{instance}} bộ đệm", "{{instance}} cached")),
                Query(f"node_memory_AnonPages_bytes{{{CHOSEN}}}", Text("{{instance}} chương trình", "{{instance}} programs")),
            ),
            unit="bytes",
        ),
        Panel(
            "table",
            Text("Hệ thống tệp đầy nhất", "Fullest file systems"),
            (
                Query(
                    f"topk(20, max by (instance, mountpoint) (1 - node_filesystem_avail_bytes{{{CHOSEN},{FILES}}}"
                    f" / node_filesystem_size_bytes{{{CHOSEN},{FILES}}}))"
                ),
            ),
            unit="percentunit",
            bounds=(0.85, 0.95),
        ),
        Panel(
            "lines",
            Text("Đọc, ghi đĩa", "Disk reads and writes"),
            (
                Query(
                    f"rate(node_disk_read_bytes_total{{{CHOSEN},{DISKS}}}{RATE})",
                    Text("{{instance}} {{device}} đọc", "{{instance}} {{device}} read"),
                ),
                Query(
                    f"-rate(node_disk_written_bytes_total{{{CHOSEN},{DISKS}}}{RATE})",
                    Text("{{instance}} {{device}} ghi", "{{instance}} {{device}} write"),
                ),
            ),
            unit="Bps",
            about=Text("Ghi vẽ dưới trục.", "Writes are drawn below the axis."),
        ),
        Panel(
            "lines",
            Text("Đĩa đang bận", "Disk busy"),
            (Query(f"rate(node_disk_io_time_seconds_total{{{CHOSEN},{DISKS}}}{RATE})", "{{instance}} {{device}}"),),
            unit="percentunit",
            bounds=(0.8, 0.95),
        ),
        Panel(
            "lines",
            Text("Nhận, gửi qua mạng", "Network received and sent"),
            (
                Query(
                    f"8 * rate(node_network_receive_bytes_total{{{CHOSEN},{LINKS}}}{RATE})",
                    Text("{{instance}} {{device}} nhận", "{{instance}} {{device}} received"),
                ),
                Query(
                    f"-8 * rate(node_network_transmit_bytes_total{{{CHOSEN},{LINKS}}}{RATE})",
                    Text("{{instance}} {{device}} gửi", "{{instance}} {{device}} sent"),
                ),
            ),
            unit="bps",
            about=Text("Gửi vẽ dưới trục.", "Sent is drawn below the axis."),
        ),
        Panel(
            "lines",
            Text("Lỗi và gói bị bỏ trên mạng", "Network errors and drops"),
            (
                Query(
                    "sum by (instance, device) ("
                    + " + ".join(
                        f"rate(node_network_{name}_total{{{CHOSEN},{LINKS}}}{RATE})"
                        for name in ("receive_errs", "receive_drop", "transmit_errs", "transmit_drop")
                    )
                    + ")",
                    "{{instance}} {{device}}",
                ),
            ),
            unit="pps",
        ),
        Panel(
            "lines",
            Text("Thời gian chạy liên tục", "Uptime"),
            (Query(f"time() - node_boot_time_seconds{{{CHOSEN}}}"),),
            unit="s",
        ),
        Panel(
            "lines",
            Text("Bộ đọc không thành công", "Readers without success"),
            (Query(f"sum by (instance) (node_scrape_collector_success{{{CHOSEN}}} == bool 0)"),),
            about=Text(
                "Gồm cả bộ đọc không có gì để đọc trên máy này.",
                "Includes readers that have nothing to read on this machine.",
            ),
        ),
    ),
)

COLLECTOR = Row(
    Text("Bộ thu thập và tác tử", "Collector and agents"),
    (
        Panel(
            "lines",
            Text("Báo cáo nhận được", "Reports received"),
            (Query(f"sum(rate(haidang_ingest_reports_total{RATE}))", Text("báo cáo mỗi giây", "reports a second")),),
            unit="cps",
        ),
        Panel(
            "lines",
            Text("Trả lời cho tác tử theo mã", "Answers to agents by code"),
            (Query(f"sum by (code) (rate(haidang_ingest_requests_total{RATE}))", "{{code}}"),),
            unit="reqps",
        ),
        Panel(
            "lines",
            Text("Thời gian ghi một nhóm (99 %)", "Duration of a group commit (99 %)"),
            (
                Query(
                    f"histogram_quantile(0.99, sum by (le) (rate(haidang_ingest_commit_duration_seconds_bucket{RATE})))", "p99"
                ),
            ),
            unit="s",
        ),
        Panel(
            "lines",
            Text("Tuổi dữ liệu chưa về của tác tử", "Age of what agents still hold"),
            (Query(f"max by (instance, lane) (haidang_agent_watermark_age_seconds{{{CHOSEN}}})", "{{instance}} {{lane}}"),),
            unit="s",
            bounds=(60, 300),
        ),
        Panel(
            "lines",
            Text("Lệch đồng hồ của tác tử", "Clock offset of agents"),
            (Query(f"haidang_agent_clock_offset_seconds{{{CHOSEN}}}"),),
            unit="s",
        ),
        Panel(
            "lines",
            Text("Bộ thu thập không nhìn thấy (cộng dồn)", "Collector blind (total)"),
            (Query("haidang_collector_blind_seconds_total", Text("giây", "seconds")),),
            unit="s",
            about=Text(
                "Lúc bộ thu thập ngừng, không ai bị tính là mất.",
                "While the collector was off, nobody is counted as down.",
            ),
        ),
        Panel(
            "lines",
            Text("Bộ nhớ của bộ thu thập", "Memory of the collector"),
            (Query('process_resident_memory_bytes{job="haidang"}', "RSS"),),
            unit="bytes",
        ),
        Panel(
            "lines",
            Text("CPU của bộ thu thập", "CPU of the collector"),
            (Query(f'rate(process_cpu_seconds_total{{job="haidang"}}{RATE})', "CPU"),),
            unit="percentunit",
        ),
        Panel(
            "lines",
            Text("Hàng chờ ghi", "Commit queue"),
            (Query("haidang_ingest_queue_batches", Text("lô đang chờ", "batches waiting")),),
        ),
    ),
)

TITLE = Text("Hải Đăng – Tổng quan", "Hải Đăng – Overview")
OVERVIEW = (TARGETS, LEDGER, HOST, COLLECTOR)

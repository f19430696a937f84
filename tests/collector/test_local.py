"""What `haidang-collector local` reads from a page and says to the person in front; the programs themselves run in e2e."""

from __future__ import annotations

import re

import pytest

from collector.local import host_id, try_port
from collector.local.children import LocalError
from collector.local.words import ENGLISH, VIETNAMESE, addresses, describe, language, read_figures, read_state

PAGE = r"""# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{instance="web-01",site="dic",class="server",cpu="0",mode="idle"} 10
node_cpu_seconds_total{instance="web-01",site="dic",class="server",cpu="0",mode="user"} 1
node_cpu_seconds_total{instance="web-01",site="dic",class="server",cpu="1",mode="idle"} 10
node_load1{instance="web-01"} 0.5
node_memory_MemTotal_bytes{instance="web-01"} 8.589934592e+09
node_memory_MemAvailable_bytes{instance="web-01"} 6.442450944e+09
node_filesystem_size_bytes{device="/dev/vda1",mountpoint="/",fstype="ext4"} 1000
node_filesystem_avail_bytes{device="/dev/vda1",mountpoint="/",fstype="ext4"} 500
node_filesystem_size_bytes{device="/dev/vdb",mountpoint="/srv/\"a\\b\"",fstype="xfs"} 2048
node_filesystem_avail_bytes{device="/dev/vdb",mountpoint="/srv/\"a\\b\"",fstype="xfs"} 512
node_filesystem_size_bytes{device="tmpfs",mountpoint="/run",fstype="tmpfs"} 100
node_filesystem_avail_bytes{device="tmpfs",mountpoint="/run",fstype="tmpfs"} 0
node_filesystem_size_bytes{device="none",mountpoint="/empty",fstype="ext4"} 0
node_filesystem_avail_bytes{device="none",mountpoint="/empty",fstype="ext4"} 0
node_boot_time_seconds{instance="web-01"} 1000
node_time_seconds{instance="web-01"} 94720
node_uname_info{instance="web-01",sysname="Linux",release="6.1.0"} 1
node_scrape_collector_success{instance="web-01",collector="cpu"} 1
node_scrape_collector_success{instance="web-01",collector="arp"} 0
"""


def test_figures_are_read_from_a_page() -> None:
    """The fullest file system is the fullest real one; sizes, cores and times are as the page says."""
    figures = read_figures(PAGE)
    assert figures.complete
    assert (figures.system, figures.cores, figures.load) == ("Linux 6.1.0", 2, 0.5)
    assert (figures.memory_used, figures.memory_total) == (2147483648.0, 8589934592.0)
    assert (figures.disk, figures.disk_used, figures.disk_size) == ('/srv/"a\\b"', 0.75, 2048.0)
    assert (figures.booted_at, figures.now, figures.readers) == (1000.0, 94720.0, 1)


@pytest.mark.parametrize("page", ["", "ok\n", "# nothing\n", 'node_load1{instance="web-01"} 1\n'])
def test_a_page_without_a_report_is_not_complete(page: str) -> None:
    """What is not there is zero, and the report has not come."""
    assert not read_figures(page).complete


def test_report_is_told_in_plain_words() -> None:
    """One fact a line, in the person's language."""
    figures = read_figures(PAGE)
    assert describe(figures, "up", "web-01", ENGLISH).splitlines() == [
        "  Host                 web-01 (Linux 6.1.0)",
        "  State                up",
        "  CPU                  2 cores, load 0.50 (1 minute)",
        "  Memory               25% of 8.0 GiB in use",
        '  Fullest file system  /srv/"a\\b" – 75% of 2.0 KiB in use',
        "  Uptime               1 days 2 h 2 min",
        f"  Report               {figures.series} series from 1 readers",
    ]
    assert "  Trạng thái             không rõ" in describe(figures, "unknown", "web-01", VIETNAMESE).splitlines()


def test_addresses_name_the_target() -> None:
    """The pages to open, on the port that was chosen."""
    said = addresses(8700, "web-01", ENGLISH)
    assert "http://127.0.0.1:8700/metrics/targets/web-01 " in said


def test_state_is_that_of_the_target() -> None:
    """Of all states of all targets, the one that is 1 for ours."""
    page = "".join(
        f'haidang_target_state{{instance="{name}",site="dic",class="server",state="{state}"}} {int(state == real)}\n'
        for name, real in (("a", "down"), ("b", "up"))
        for state in ("up", "unknown", "down")
    )
    assert (read_state(page, "a"), read_state(page, "b"), read_state(page, "c")) == ("down", "up", "")


def test_both_languages_say_the_same() -> None:
    """No sentence is missing in one language, and the values put in are the same."""
    for name, text in ENGLISH._asdict().items():
        other = getattr(VIETNAMESE, name)
        assert type(other) is type(text)
        if isinstance(text, str):
            assert other
            assert set(re.findall(r"{(\w+)", text)) == set(re.findall(r"{(\w+)", other)), name
        else:
            assert text.keys() == other.keys()


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({}, "en"),
        ({"LANG": "vi_VN.UTF-8"}, "vi"),
        ({"LANG": "vi_VN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "HAIDANG_LANG": "vi"}, "vi"),
        ({"HAIDANG_LANG": "en", "LANG": "vi_VN"}, "en"),
    ],
)
def test_language_follows_the_environment(environment: dict[str, str], chosen: str) -> None:
    """HAIDANG_LANG first, then the locale."""
    assert language(environment) == chosen


@pytest.mark.parametrize(
    ("name", "made"), [("web-01", "web-01"), ("máy chủ", "m-y-ch-"), ("_x", "x"), ("", "localhost"), ("a" * 200, "a" * 128)]
)
def test_host_name_becomes_an_id(name: str, made: str) -> None:
    """An id has letters, digits, dots, dashes and underscores only, and begins with a letter or digit."""
    assert host_id(name) == made


def test_impossible_port_is_named() -> None:
    """A port that this user may not or cannot have is refused with another to try."""
    with pytest.raises(LocalError, match=r"Port 70000 cannot be used: .*\n.*make run PORT="):
        try_port(70_000, "PORT", ENGLISH)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_taken_port_is_found_wherever_it_is_taken(address: str) -> None:
    """A port that another program, or the other listener of our own, has on one address is not free on all of them."""
    with try_port(0, "PORT", ENGLISH, address) as taken, pytest.raises(LocalError, match="make run AGENT_PORT="):
        try_port(taken.getsockname()[1], "AGENT_PORT", ENGLISH, "0.0.0.0")

"""Kinds time and timex: the wall clock, its sources, and the kernel's discipline in base units."""

from __future__ import annotations

import errno
import sys
import time as system_time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.host import time, timex
from agent.host.reading import Host, NoData, Reader, ReaderError
from agent.model import Readings, Reason

Samples = Callable[[Readings], dict[str, float]]

FIELDS = {
    "modes": 0, "offset": 1_500_000, "freq": -655_360, "maxerror": 16_000, "esterror": 8_000, "status": 0x2001,
    "constant": 7, "precision": 1, "tolerance": 32_768_000, "seconds": 0, "microseconds": 0, "tick": 10_000,
    "ppsfreq": 6_553_600, "jitter": 2_000, "shift": 4, "stabil": 65_536, "jitcnt": 5, "calcnt": 6, "errcnt": 7,
    "stbcnt": 8, "tai": 37,
}  # fmt: skip


def read_timex(state: int, fields: Mapping[str, int]) -> Readings:
    return timex.open_reader(timex.Settings(), Host(), lambda: (state, fields))()


def test_timex_in_base_units(samples: Samples, golden: Callable[[str, str, Readings], None]) -> None:
    golden("server", "timex", read_timex(0, FIELDS))
    assert samples(read_timex(0, FIELDS)) == {
        "node_timex_sync_status": 1,
        "node_timex_offset_seconds": 0.0015,
        "node_timex_frequency_adjustment_ratio": 0.99999,
        "node_timex_maxerror_seconds": 0.016,
        "node_timex_estimated_error_seconds": 0.008,
        "node_timex_status": 0x2001,
        "node_timex_loop_time_constant": 7,
        "node_timex_tick_seconds": 0.01,
        "node_timex_pps_frequency_hertz": 0.0001,
        "node_timex_pps_jitter_seconds": 2e-06,
        "node_timex_pps_shift_seconds": 4,
        "node_timex_pps_stability_hertz": 1e-06,
        "node_timex_pps_jitter_total": 5,
        "node_timex_pps_calibration_total": 6,
        "node_timex_pps_error_total": 7,
        "node_timex_pps_stability_exceeded_total": 8,
        "node_timex_tai_offset_seconds": 37,
    }


def test_without_the_flag_the_kernel_speaks_in_microseconds(samples: Samples) -> None:
    found = samples(read_timex(5, FIELDS | {"status": 0x40}))
    assert found["node_timex_offset_seconds"] == 1.5
    assert found["node_timex_pps_jitter_seconds"] == 0.002
    assert found["node_timex_sync_status"] == 0


def test_a_call_that_fails_is_an_error_and_one_that_is_absent_is_no_data() -> None:
    def failing() -> tuple[int, Mapping[str, int]]:
        raise OSError(errno.EIO, "broken")

    with pytest.raises(ReaderError, match="adjtimex: broken") as caught:
        timex.open_reader(timex.Settings(), Host(), failing)()
    assert caught.value.reason is Reason.INTERNAL
    with pytest.raises(NoData, match="Linux only"):
        timex.open_reader(timex.Settings(), Host(platform="win32"))()


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
def test_the_kernel_answers(samples: Samples, same_layout: Callable[[Reader], None]) -> None:
    read = timex.open_reader(timex.Settings(), Host())
    found = samples(read())
    assert found["node_timex_sync_status"] in (0, 1)
    assert found["node_timex_frequency_adjustment_ratio"] == pytest.approx(1, abs=0.001)
    assert found["node_timex_tick_seconds"] == pytest.approx(0.01, rel=0.1)
    same_layout(read)


def test_time_shows_what_the_clock_shows(
    recorded: Callable[[str], Host],
    samples: Samples,
    golden: Callable[[str, str, Readings], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "ICT-7")
    system_time.tzset()
    try:
        read = time.open_reader(time.Settings(), recorded("vm"), lambda: 1_700_000_000.25)
        golden("vm", "time", read())
        found = samples(read())
    finally:
        monkeypatch.undo()
        system_time.tzset()
    assert found == {
        "node_time_seconds": 1_700_000_000.25,
        'node_time_zone_offset_seconds{time_zone="ICT"}': 7 * 3600,
        'node_time_clocksource_available_info{clocksource="acpi_pm",device="0"}': 1,
        'node_time_clocksource_available_info{clocksource="kvm-clock",device="0"}': 1,
        'node_time_clocksource_available_info{clocksource="tsc",device="0"}': 1,
        'node_time_clocksource_current_info{clocksource="kvm-clock",device="0"}': 1,
    }


def test_a_changed_clocksource_shows(copied: Callable[[str], tuple[Host, Path]], samples: Samples) -> None:
    host, folder = copied("server")
    read = time.open_reader(time.Settings(), host)
    assert 'node_time_clocksource_current_info{clocksource="hpet",device="1"}' in samples(read())
    (folder / "sys/devices/system/clocksource/clocksource1/current_clocksource").write_text("tsc\n")
    assert 'node_time_clocksource_current_info{clocksource="tsc",device="1"}' in samples(read())


def test_time_needs_no_clocksources(tmp_path: Path, samples: Samples, same_layout: Callable[[Reader], None]) -> None:
    read = time.open_reader(time.Settings(), Host(sys=str(tmp_path)), lambda: 5.0)
    assert samples(read())["node_time_seconds"] == 5
    same_layout(read)

"""What an agent states of the time in which it did not observe."""

from __future__ import annotations

from pathlib import Path

from agent.model import AGENT, Kind
from agent.observed import EVERY_MS, NAME, LastSign
from tests.agent.jumping import JumpingClock


def sign(folder: Path, clock: JumpingClock, boot: str = "b1") -> LastSign:
    return LastSign(str(folder / "spool"), clock, boot)


def test_the_first_start_is_no_blindness(tmp_path: Path) -> None:
    assert sign(tmp_path, JumpingClock()).blindness("box") is None


def test_the_time_since_the_last_sign_is_stated_by_the_uptime(tmp_path: Path) -> None:
    """Within a boot nobody's wall clock matters."""
    clock = JumpingClock()
    sign(tmp_path, clock).touch()
    then_ms = clock.uptime_ms()
    clock.jump(60_000)
    clock.step_wall(3_600_000)
    blind = sign(tmp_path, clock).blindness("box")
    assert blind is not None
    assert (blind.target, blind.module, blind.kind) == ("box", AGENT, Kind.BLIND)
    assert (blind.from_ms, blind.until_ms) == (then_ms, then_ms + 60_000)


def test_after_a_boot_it_is_stated_by_the_wall_clock(tmp_path: Path) -> None:
    clock = JumpingClock()
    sign(tmp_path, clock).touch()
    clock.jump(60_000)
    blind = sign(tmp_path, clock, "b2").blindness("box")
    assert blind is not None
    assert blind.until_ms - blind.from_ms == 60_000


def test_a_short_pause_a_clock_set_back_and_a_broken_file_are_none(tmp_path: Path) -> None:
    clock = JumpingClock()
    sign(tmp_path, clock).touch()
    clock.jump(1_000)
    assert sign(tmp_path, clock).blindness("box") is None
    clock.step_wall(-3_600_000)
    clock.jump(60_000)
    assert sign(tmp_path, clock, "b2").blindness("box") is None
    (tmp_path / NAME).write_bytes(b"haidang-observed 1 12 x b1\n")
    assert sign(tmp_path, clock).blindness("box") is None


def test_the_disk_is_written_once_in_ten_seconds_and_at_the_end(tmp_path: Path) -> None:
    clock = JumpingClock()
    one = sign(tmp_path, clock)
    one.touch()
    first = (tmp_path / NAME).read_bytes()
    clock.jump(EVERY_MS - 1)
    one.touch()
    assert (tmp_path / NAME).read_bytes() == first
    one.touch(at_once=True)
    assert (tmp_path / NAME).read_bytes() != first
    one.forget()
    one.forget()
    assert one.blindness("box") is None

"""Progress: told while work is done, shown only to a person at a terminal who has waited for a second."""

from __future__ import annotations

import io

from collector.report.progress import Bar, counted
from collector.report.render import render
from tests.collector.report import sample


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Milliseconds that stand until they are moved."""

    def __init__(self) -> None:
        self.now = 5_000

    def __call__(self) -> int:
        return self.now


def test_bar_waits_a_second_and_leaves_no_trace() -> None:
    clock, stream = Clock(), Terminal()
    with Bar(stream, clock, "Báo cáo 2026-10") as bar:
        clock.now += 999
        bar(10, 100)
        assert stream.getvalue() == ""
        clock.now += 1
        bar(20, 100)
        assert stream.getvalue() == f"\rBáo cáo 2026-10 [{'#' * 6}{'.' * 24}]  20 %"
        clock.now += 100
        bar(30, 100)
        assert "30 %" not in stream.getvalue()
        clock.now += 100
        bar(100, 100)
        assert stream.getvalue().endswith(f"[{'#' * 30}] 100 %")
    assert stream.getvalue().endswith("\r" + " " * 54 + "\r")


def test_bar_is_silent_off_a_terminal_and_on_nothing() -> None:
    clock, plain, terminal = Clock(), io.StringIO(), Terminal()
    with Bar(plain, clock, "x") as bar:
        clock.now += 10_000
        bar(1, 2)
    with Bar(terminal, clock, "x") as bar:
        clock.now += 10_000
        bar(0, 0)
    assert plain.getvalue() == ""
    assert "  0 %" in terminal.getvalue()


def test_counting_passes_every_item_and_ends_at_the_total() -> None:
    told: list[tuple[int, int]] = []
    assert list(counted(range(600), 600, lambda done, total: told.append((done, total)))) == list(range(600))
    assert told == [(256, 600), (512, 600), (600, 600)]
    assert list(counted([1, 2], 2, None)) == [1, 2]


def test_files_tell_their_progress_to_the_end() -> None:
    for name in ("csv", "json", "xlsx"):
        told: list[tuple[int, int]] = []
        render(sample.build(), name, "en", progress=lambda done, total, told=told: told.append((done, total)))
        assert len(told) > 1
        assert told[-1][0] == told[-1][1] > 0
        assert sorted(told) == told

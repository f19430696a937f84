"""Very many values are let go of a few at a time, and all of them."""

from __future__ import annotations

import gc
import weakref

from collector.core.letting_go import drain, let_go_of
from collector.core.monthly import Line, Provenance, Report
from collector.core.state import View
from tests.collector.core.test_assembly import CUT, ESTATE, PROVENANCE, Facts, court_of, report_of


class Seen(str):
    """A text that can be watched."""

    __slots__ = ("__weakref__",)


def test_a_report_goes_with_all_it_has() -> None:
    report = report_of(court_of(ESTATE, CUT), Facts(PROVENANCE, "sealed"))
    assert isinstance(report, Report)
    assert all(isinstance(line, Line) for line in report.subjects)
    name = Seen("web")
    last = weakref.ref(name)
    first = report.subjects[0]
    line = Line(name, name, *[getattr(first, field) for field in Line.__struct_fields__[2:]])
    fields = {field: getattr(report, field) for field in Report.__struct_fields__} | {"subjects": (line,) * 250}
    reports = [Report(**fields)]
    assert isinstance(reports[0].provenance, Provenance)
    del report, first, line, fields, name
    gc.collect()
    assert last() is not None
    let_go_of(reports)
    assert reports == []
    assert last() is None


def test_a_court_works_out_again_what_it_let_go_of() -> None:
    court = court_of(ESTATE, CUT)
    before = list(court.spans("link-hue", View.DEVICE))
    court.let_go()
    assert list(court.spans("link-hue", View.DEVICE)) == before
    table = dict.fromkeys(range(1_000))
    drain(table, {})
    assert table == {}

"""An agent's observing of others: a thread while anything is wanted, that follows what is wanted while it runs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import ConfigError, load
from agent.model import Kind, Lane, MetricType, Outcome, Reason, Report
from agent.probes import figures
from agent.probes.crew_stats import CrewStats
from agent.probes.local import wanted_of
from agent.probes.probe import Job, Module
from agent.probes.service import LOCAL, Observing
from agent.probes.sight import Uplink
from agent.probes.wanted import Reflecting, Wanted, joined
from agent.results import Result
from agent.snmp.peer import Stats
from collector.expose import names

TCP = Module(name="tcp_connect", kind="tcp", timeout_s=2.0, settings={"preferred_ip_protocol": "ip4"})


class Spool:
    """What arrived; `wait` for what is looked for."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.schemas: set[bytes] = set()
        self.said: list[str] = []
        self._news = threading.Condition()

    def append_collection(
        self, *, facts: Sequence[Report] = (), bulk: Sequence[Report] = (), schemas: Mapping[bytes, bytes] | None = None
    ) -> None:
        with self._news:
            self.reports += [*facts, *bulk]
            self.schemas.update(schemas or {})
            self._news.notify_all()

    def say(self, about: str, text: str, good: bool) -> None:
        with self._news:
            self.said.append(f"{about}: {text}")
            self._news.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, 20), (self.said, self.reports[-5:])

    def clear(self) -> None:
        with self._news:
            self.reports.clear()

    def targets(self) -> set[str]:
        return {report.target for report in self.reports}


def job(target: str, port: int, name: str = "tcp", **more: object) -> Job:
    fields = {"target": target, "name": name, "module": TCP, "address": f"127.0.0.1:{port}", "interval_s": 1}
    return Job(**fields | more)  # type: ignore[arg-type]


@pytest.fixture
def port() -> Iterator[int]:
    """A port that takes connections."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server.getsockname()[1]


@contextmanager
def observing(spool: Spool) -> Iterator[Observing]:
    service = Observing(spool, SystemClock(), stored=lambda: None, say=spool.say)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def test_jobs_run_and_their_reports_reach_the_spool(port: int) -> None:
    """A port that takes connections and one that does not, each with the layouts of its values."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    spool = Spool()
    with observing(spool) as service:
        service.configure(Wanted(jobs=(job("good", port), job("bad", closed))))
        spool.wait(lambda: spool.targets() == {"good", "bad"})
    found = {report.target: report for report in spool.reports}
    assert (found["good"].outcome, found["good"].kind, found["good"].module) == (Outcome.OK, Kind.OBS, "tcp")
    assert (found["bad"].outcome, found["bad"].reason) == (Outcome.FAILED, Reason.REFUSED)
    assert {block.schema for report in spool.reports for block in report.blocks} <= spool.schemas


def test_what_is_wanted_changes_while_it_runs(port: int) -> None:
    """Jobs come and go by the word of each source, in one thread."""
    spool = Spool()
    with observing(spool) as service:
        service.configure(Wanted(jobs=(job("a", port),)))
        spool.wait(lambda: spool.targets() == {"a"})
        thread = service._thread
        service.configure(Wanted(jobs=(job("b", port),)), "orders")
        spool.wait(lambda: "b" in spool.targets())
        service.configure(Wanted())
        spool.clear()
        spool.wait(lambda: [report.target for report in spool.reports].count("b") >= 2)
        assert [report.target for report in spool.reports].count("a") <= 1
        assert service._thread is thread


def test_the_thread_ends_with_the_last_job_and_begins_with_the_next(port: int) -> None:
    """An agent that has nothing to observe any more is as light as before."""
    spool = Spool()
    with observing(spool) as service:
        assert service._thread is None
        for name in "ab":
            service.configure(Wanted(jobs=(job(name, port),)), "orders")
            spool.wait(lambda name=name: name in spool.targets())  # type: ignore[misc]
            thread = service._thread
            assert thread is not None
            service.configure(Wanted(), "orders")
            thread.join(10)
            assert not thread.is_alive()
            assert service._thread is None


def test_nothing_runs_before_the_start(port: int) -> None:
    spool = Spool()
    service = Observing(spool, SystemClock(), stored=lambda: None, say=spool.say)
    service.configure(Wanted(jobs=(job("a", port),)))
    assert service._thread is None
    service.stop()
    service.start()
    assert service._thread is None


def test_the_machines_own_file_goes_before_orders() -> None:
    """Of the same job, device or uplink the first counts."""
    own, ordered = job("a", 1), job("a", 2)
    both = joined([Wanted(jobs=(own,)), Wanted(jobs=(ordered, job("b", 3, uplink="wan")), uplinks=(Uplink("wan", ()),))])
    assert [each.address for each in both.jobs] == ["127.0.0.1:1", "127.0.0.1:3"]
    assert both.uplink_of == {"b": "wan"}
    assert joined([Wanted(), Wanted()]).is_nothing
    assert LOCAL == "local"


def test_a_probe_that_will_not_end_hurts_only_itself(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds on when its time is over; the others run on as if it were not there."""
    import asyncio

    from agent.probes import running
    from agent.probes.probe import OK, Finding, Run

    released: list[asyncio.Event] = []

    async def stubborn(_address: str, _run: Run) -> Finding:
        released.append(asyncio.Event())
        while not released[-1].is_set():
            try:
                await released[-1].wait()
            except asyncio.CancelledError:
                if len(released) > 1:
                    raise
                continue
        return OK

    real = running.open_module
    monkeypatch.setattr(running, "open_module", lambda module: stubborn if module.kind == "ntp" else real(module))
    spool = Spool()
    hanging = job("stubborn", 1, module=Module(name="m", kind="ntp", timeout_s=0.2))
    with observing(spool) as service:
        service.configure(Wanted(jobs=(hanging, job("good", port))))
        spool.wait(lambda: [report.target for report in spool.reports].count("good") >= 4)
        assert spool.targets() == {"good"}
        assert service._loop is not None
        service._loop.call_soon_threadsafe(released[0].set)
        spool.wait(lambda: "stubborn" in spool.targets())
    late = next(report for report in spool.reports if report.target == "stubborn")
    assert (late.outcome, late.reason) == (Outcome.FAILED, Reason.TIMEOUT)


def test_a_lost_way_out_accuses_nobody(port: int) -> None:
    """The reference does not answer either: what failed over that way could not be tested."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    silent.bind(("127.0.0.1", 0))
    silent.listen(0)  # Its queue is filled below: then connections are neither taken nor refused, like over a dead line.
    address = silent.getsockname()
    fillers = [socket.socket() for _ in range(4)]
    try:
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        spool = Spool()
        away = job("away", address[1], uplink="wan", module=Module(name="m", kind="tcp", timeout_s=0.5, settings=TCP.settings))
        with observing(spool) as service:
            uplink = Uplink("wan", (f"127.0.0.1:{address[1]}",))
            service.configure(Wanted(jobs=(away, job("good", port)), uplinks=(uplink,)))
            spool.wait(lambda: any(report.target == "away" and report.module == "tcp" for report in spool.reports))
            spool.wait(lambda: "good" in spool.targets())
    finally:
        for filler in (*fillers, silent):
            filler.close()
    outcomes = {report.outcome for report in spool.reports if report.target == "away" and report.module == "tcp"}
    assert outcomes == {Outcome.ERROR}


def test_an_agent_tells_how_its_observing_goes(port: int) -> None:
    """By the collector's names, only while there is something to tell, and to whoever asks from another thread."""
    spool = Spool()
    service = Observing(spool, SystemClock(), stored=lambda: None, say=spool.say)
    assert (list(service.readings()), service.status()) == ([], None)
    service.start()
    try:
        service.configure(Wanted(jobs=(job("a", port, uplink="wan"),), uplinks=(Uplink("wan", (f"127.0.0.1:{port}",)),)))
        spool.wait(lambda: "a" in spool.targets())
        found = {
            (family.name, *labels): value
            for family, rows, values in service.readings()
            for labels, value in zip(rows, values, strict=True)
        }
        seen = service.status()
    finally:
        service.stop()
    assert found["haidang_probe_jobs",] == 1
    assert found["haidang_probe_runs_total", "tcp", "ok"] >= 1
    assert found["haidang_probe_shed_total", "low"] == 0
    assert found["haidang_sight_up", "wan"] == 1
    assert found["haidang_sight_lost_seconds_total", "wan"] == 0
    assert not [name for name, *_ in found if name.startswith("haidang_snmp")], "no device is polled"
    assert seen is not None
    assert (seen.probes, seen.devices, [way.id for way in seen.uplinks]) == (1, 0, ["wan"])
    assert service.status() is None


def test_readings_may_be_asked_while_everything_changes(port: int) -> None:
    """Jobs, kinds and ways out come and go in the thread that observes; whoever asks meanwhile is never harmed."""
    spool = Spool()
    with observing(spool) as service:
        for turn in range(60):
            ways = tuple([Uplink(f"w{n}", (f"127.0.0.1:{port}",)) for n in range(turn % 7)])
            service.configure(Wanted(jobs=tuple([job(f"t{n}", port) for n in range(1 + turn % 5)]), uplinks=ways))
            for _ in range(20):
                service.readings()
                service.status()
        spool.wait(lambda: "t0" in spool.targets())


def test_polls_are_told_by_outcome() -> None:
    """Devices that had no verdict yet are waiting; one that is not polled any more is forgotten, its polls are not."""
    counted = figures.Figures()
    for target, outcome in (("a", Outcome.FAILED), ("a", Outcome.OK), ("gone", Outcome.FAILED)):
        counted.judged(Result(target, "snmp", Kind.OBS, Lane.FACTS, outcome, Reason.NONE, "", 0, 0, 0, 0.0, 0))
    counted.keep({"a", "b"})
    client = Stats()
    client.sent, client.timeouts = 9, 2
    found = {
        (family.name, *labels): value
        for family, rows, values in counted.of_polls(2, CrewStats(), client)
        for labels, value in zip(rows, values, strict=True)
    }
    assert [found["haidang_snmp_devices", name] for name in ("waiting", "ok", "failed")] == [1, 1, 0]
    assert [found["haidang_snmp_polls_total", name] for name in ("ok", "failed")] == [1, 2]
    assert (found["haidang_snmp_requests_total",], found["haidang_snmp_request_timeouts_total",]) == (9, 2)


def test_names_are_the_collectors() -> None:
    """Where both say the same, type and labels are the same, and the collector shows them."""
    for family in figures.FAMILIES:
        own = names.NAMES.get(family.name)
        assert own is None or (own.type, own.labels) == (family.type.value, family.labels)
        assert family.name not in names.RESERVED
        assert family.name.endswith("_total") == (family.type is MetricType.COUNTER)
    assert "haidang_target_state" in names.RESERVED


def test_a_reflector_listens_while_it_is_wanted() -> None:
    """Another port of it is followed; one that is taken is told and stops nothing else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        spool = Spool()
        with observing(spool) as service:
            service.configure(Wanted(reflecting=Reflecting(host="127.0.0.1", port=taken.getsockname()[1], key=b"k" * 32)))
            spool.wait(lambda: any("it cannot listen" in text for text in spool.said))
            service.configure(Wanted(reflecting=Reflecting(host="127.0.0.1", port=0, key=b"k" * 32)))
            spool.wait(lambda: "reflector: ok" in spool.said)
    assert "k" * 32 not in repr(Reflecting(key=b"k" * 32))


def write(folder: Path, probes: str) -> str:
    """An `agent.yml` with this section of probes."""
    (folder / "token").write_text("a-token-of-sixteen-or-more\n")
    (folder / "token").chmod(0o600)
    (folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    file = folder / "agent.yml"
    file.write_text(f"id: box-1\ncollector: {{urls: ['https://collector.example.vn']}}\nprobes:\n{probes}")
    return str(file)


def test_the_settings_become_jobs(tmp_path: Path) -> None:
    """With modules of one's own and shipped ones."""
    (tmp_path / "own.yml").write_text("modules:\n  mine: {prober: tcp, timeout: 3s}\n")
    jobs = (
        "  module_files: [own.yml]\n"
        "  jobs:\n"
        "    - {target: portal, module: mine, address: 'portal.example.vn:443', name: web, interval_s: 30, retry_s: 5}\n"
        "    - {target: portal, module: tcp_connect, address: 'portal.example.vn:22', priority: low, judged: false}\n"
    )
    wanted = wanted_of(load(write(tmp_path, jobs)))
    first, second = wanted.jobs
    assert (first.name, first.module.timeout_s, first.interval_s, first.retry_s, first.judged) == ("web", 3.0, 30, 5, True)
    assert (second.name, second.priority, second.judged, second.interval_s) == ("tcp_connect", 0, False, 15)
    assert not wanted.devices


@pytest.mark.parametrize(
    ("jobs", "said"),
    [
        ("{target: a, module: tcp_conect, address: 'h:1'}", '[0].module: found "tcp_conect"'),
        ("{target: a, module: tcp_connect, address: nowhere}", '[0].address: found "nowhere"'),
        (
            "{target: a, module: tcp_connect, address: 'h:1'}\n    - {target: a, module: tcp_connect, address: 'h:2'}",
            "[1].name",
        ),
        ("{target: a, module: tcp_connect, address: 'h:1', priority: high}", "expected one of critical, normal, low"),
        ("{target: a, module: tcp_connect, address: 'h:1', interval_s: 0}", "a whole number of seconds, 1 to 86400"),
        ("{target: a, module: tcp_connect, address: 'h:1', every: 5}", "found an unknown key"),
    ],
)
def test_what_the_settings_name_must_exist(tmp_path: Path, jobs: str, said: str) -> None:
    """Refused at the start, with the place."""
    with pytest.raises(ConfigError) as refused:
        load(write(tmp_path, f"  jobs:\n    - {jobs}\n"))
    assert said in str(refused.value)


def test_a_broken_file_of_modules_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text("modules:\n  mine: {prober: telepathy}\n")
    with pytest.raises(ConfigError) as refused:
        load(write(tmp_path, "  module_files: [own.yml]\n"))
    assert "own.yml:2" in str(refused.value)

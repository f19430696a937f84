"""An independent, slow reading of SPEC 3.1 to 3.11: a vector (format of `vectors.json`) in, segments in seconds out.

It shares no code with `collector/`. Every event is expanded into samples, every state is looked up instant by instant.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

INF = 10**12
WRAP = 2**32
GOOD = ("up", "degraded")
BAD = ("down", "unreachable")
RANK = {"ok": 0, "degraded": 1, "fail": 2}

Event = dict[str, Any]
Interval = tuple[int, int]


class Piece(NamedTuple):
    """`mark`: "" as observed, `absence` (R6.4), `E2`, `E3` (3.9), `act` (reboot, stall, shutdown), `bridge` (R5.5)."""

    a: int
    b: int
    state: str
    mark: str = ""


class Line(NamedTuple):
    """The timeline of one target in one view, before late evidence (`base`) and after, without holes from -INF to INF."""

    base: list[Piece]
    final: list[Piece]
    soft: list[Interval]


class Answer(NamedTuple):
    segments: list[list[Any]]
    up_backfill: int
    up_inferred: int
    soft_runs: list[list[int]]
    reboots: int
    agent_restarts: int


def answer(doc: dict[str, Any], vector: dict[str, Any], question: dict[str, Any], extent: Interval) -> Answer:
    """What `question` (subject, view, as_of, params of a result) has as its segments within `extent`, in seconds."""
    return Oracle(doc, vector, question, extent[1]).answer(question["subject"], question["view"], extent)


def expand(events: list[Event]) -> Iterator[Event]:
    """Every repetition for itself; nothing is about the future of when it was learned (R2.4)."""
    for event in events:
        last, step = (event["until"], event["every"]) if "every" in event else (event["t"], 1)
        for t in range(event["t"], last + 1, step):
            rx = event.get("rx", t)
            yield {**event, "t": min(t, rx), "rx": rx}


def union(intervals: list[Interval]) -> list[Interval]:
    out: list[Interval] = []
    for a, b in sorted(i for i in intervals if i[0] < i[1]):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(b, out[-1][1]))
        else:
            out.append((a, b))
    return out


def within(t: int, intervals: list[Interval]) -> bool:
    return any(a <= t < b for a, b in intervals)


def at(pieces: list[Piece], t: int) -> Piece:
    return pieces[bisect_right(pieces, t, key=lambda piece: piece.a) - 1]


def join(pieces: list[Piece]) -> list[Piece]:
    out: list[Piece] = []
    for piece in pieces:
        if out and out[-1][2:] == piece[2:]:
            out[-1] = out[-1]._replace(b=piece.b)
        elif piece.a < piece.b:
            out.append(piece)
    return out


def remade(pieces: list[Piece], edges: list[int], rule: Callable[[Piece, int], Piece]) -> list[Piece]:
    """Every elementary stretch between two edges by itself: `rule(what it was, its first instant)`."""
    points = sorted({-INF, INF} | {piece.a for piece in pieces} | set(edges))
    out = []
    for a, b in pairwise(points):
        made = rule(at(pieces, a), a)
        out.append(Piece(a, b, made.state, made.mark))
    return join(out)


class Oracle:
    """One vector as known at some K, judged with one result's parameters."""

    def __init__(self, doc: dict[str, Any], vector: dict[str, Any], question: dict[str, Any], until: int) -> None:
        self.k = question.get("as_of", INF)
        self.end = until if self.k == INF else self.k
        """Until when somebody watched: K, or the end of what is asked where everything is known."""
        self.params = {**doc["defaults"], **question.get("params", {})}
        self.targets: dict[str, dict[str, Any]] = vector["targets"]
        self.events = [e for e in expand(vector["events"]) if e["rx"] <= self.k]
        self.lines: dict[tuple[str, str], Line] = {}

    def get(self, target: str, key: str) -> Any:
        return self.targets[target].get(key, self.params[key])

    # ------------------------------------------------------------------ inputs (3.1)
    def scope(self, target: str) -> list[Interval]:
        """R12.3."""
        if "scope" in self.targets[target]:
            return union([(a, b) for a, b in self.targets[target]["scope"]])
        acts = sorted((e["t"], e["ev"]) for e in self.events if e["ev"] in ("enrol", "retire") and e["target"] == target)
        if not acts:
            return [(-INF, INF)]
        out: list[Interval] = []
        since = -INF if acts[0][1] == "retire" else None
        for t, act in acts:
            if act == "enrol":
                since = t if since is None else since
            elif since is not None:
                out.append((since, t))
                since = None
        return union(out + ([(since, INF)] if since is not None else []))

    def evidence(self, target: str, *kinds: str) -> list[Event]:
        scope = self.scope(target)
        mine = [e for e in self.events if e.get("target") == target and e["ev"] in kinds and within(e["t"], scope)]
        return sorted(mine, key=lambda e: int(e["t"]))

    def blinds(self, observer: str) -> list[Interval]:
        return sorted(
            (e["t"], e["until"]) for e in self.events if e["ev"] == "blind" and e.get("observer", "center") == observer
        )

    # ------------------------------------------------------------------ dependencies (3.7)
    def path(self, target: str, view: str, t: int) -> str:
        """R7.2 with R7.3."""
        slack = self.get(target, "dep_slack")
        unclear = False
        for group in self.targets[target].get("parents", []):
            out = [any(a - slack <= t < b for a, b in self.outages(parent, view)) for parent in group]
            if group and all(out):
                return "broken"
            works = [not o and self.works(p, view, t) for o, p in zip(out, group, strict=True)]
            unclear = unclear or bool(group and not any(works))
        return "unclear" if unclear else "ok"

    def works(self, target: str, view: str, t: int) -> bool:
        return within(t, self.scope(target)) and at(self.line(target, view).final, t).state in GOOD

    def outages(self, target: str, view: str) -> list[Interval]:
        line = self.line(target, view)
        bad = [(p.a, p.b) for p in line.final if p.state in BAD]
        bad += [(p.a, p.b) for p in line.base if p.state == "unreachable"]
        return union([(max(a, c), min(b, d, self.k)) for a, b in bad for c, d in self.scope(target)])

    # ------------------------------------------------------------------ samples (3.3, 3.6)
    def sequences(self, target: str, view: str, service: Interval) -> dict[str, list[tuple[int, str]]]:
        """Samples within one time of service per observer, in order of time; of several at one instant the best counts."""
        late = self.get(target, "late_after")
        kind = self.targets[target]["kind"]
        made: dict[str, dict[int, str]] = {}
        for e in self.evidence(target, "report" if kind == "push" else "obs"):
            live = e["rx"] - e["t"] <= late
            observer = "center" if kind == "push" else e.get("observer", "center")
            if not live and (view == "e2e" or kind == "push"):
                continue
            if (view == "e2e" and observer != "center") or not within(e["t"], [service]):
                continue
            mine = made.setdefault(observer, {})
            result = e.get("result", "ok")
            mine[e["t"]] = min(result, mine.get(e["t"], result), key=RANK.__getitem__)
        if kind == "push" and made:
            for t in self.missed(target, sorted(made["center"]), min(self.end, service[1])):
                made["center"][t] = "missed"
        return {observer: sorted(samples.items()) for observer, samples in made.items()}

    def missed(self, target: str, reports: list[int], end: int) -> list[int]:
        """R6.2 between live reports, and after the last one as far as somebody watched long enough."""
        interval, ttl = self.get(target, "interval"), self.get(target, "ttl")
        blinds = self.blinds("center")
        out = []
        for a, b in pairwise(reports):
            if b - a > ttl:
                out += [d for d in range(a + interval, b, interval) if not within(d, blinds)]
        last = reports[-1]
        if end - last <= ttl:
            return out
        stretch: list[int] = []
        for d in [*range(last + interval, end, interval), None]:
            parted = d is None or (stretch and any(stretch[-1] < a <= d or stretch[-1] < b <= d for a, b in blinds))
            if parted and stretch:
                stop = min([a for a, _ in blinds if a > stretch[-1]] + [end])
                out += stretch if stop - stretch[0] >= ttl - interval else []
                stretch = []
            if d is not None and not within(d, blinds):
                stretch.append(d)
        return out

    # ------------------------------------------------------------------ soft and hard (3.4), holding (3.5)
    def labels(self, target: str, view: str, samples: list[tuple[int, str]], more: bool) -> tuple[list[Piece], list[Interval]]:
        """What each sample says once everything known is known; pieces `[t, t)` still to be held, and the soft runs.
        `more`: there are samples in a later time of service, and between the two is a gap."""
        ttl, n, m = (self.get(target, key) for key in ("ttl", "fail_after", "recover_after"))
        said: list[tuple[str, str]] = []
        state, pending, last_good, soft = "unknown", list[int](), "", list[Interval]()

        def settle(label: str, mark: str = "") -> None:
            for j in pending:
                said[j] = (label, mark)
            pending.clear()

        absent = ""
        for i, (t, result) in enumerate(samples):
            if i and t - samples[i - 1][0] > ttl:
                settle(*(("down", absent) if state == "recovering" else ("unknown", "")))
                state = "unknown"
            said.append(("unknown", ""))
            if result in ("ok", "degraded"):
                good = "up" if result == "ok" else "degraded"
                said[i] = (good, "")
                if state == "soft":
                    soft.append((samples[pending[0]][0], t))
                    settle(last_good or good)
                if state == "down" and m > 1:
                    state = "recovering"
                    pending.append(i)
                elif state == "recovering" and len(pending) + 1 < m:
                    pending.append(i)
                else:
                    pending.clear()
                    state, last_good = "up", good
                continue
            path = self.path(target, view, t)
            confirmed = state in ("down", "recovering")
            if confirmed:
                settle("down", absent)
            if result == "missed":
                if path == "broken":
                    label = "down" if confirmed else "unreachable"
                else:
                    label = "down" if self.get(target, "silence_means") == "down" else "unknown"
                # R6.4: from silence alone. What was an explicit failure stays one until an ok (R4.5).
                absent = absent if confirmed else "absence"
                settle(label)
            elif confirmed or (path == "ok" and len(pending) + 1 >= n):
                label, absent = "down", ""
                settle("down")
            elif path == "ok":
                state = "soft"
                pending.append(i)
                continue
            else:
                label = "unreachable" if path == "broken" else "unknown"
                settle(label)
            said[i] = (label, absent if label == "down" else "")
            state = label
        settle(*(("down", absent) if more and state == "recovering" else ("unknown", "")))
        return [Piece(t, t, *label) for (t, _), label in zip(samples, said, strict=True)], soft

    def held(self, target: str, observer: str, labels: list[Piece]) -> list[Piece]:
        """R5.1, R5.2, R5.6."""
        ttl, blinds = self.get(target, "ttl"), self.blinds(observer)
        out = [Piece(-INF, labels[0].a, "unknown")]
        for piece, following in zip(labels, [*(p.a for p in labels[1:]), INF], strict=True):
            stop = following
            if following - piece.a > ttl:
                stop = min([piece.a + ttl] + [a for a, _ in blinds if piece.a < a <= piece.a + ttl])
            out += [piece._replace(b=stop), Piece(stop, following, "unknown")]
        return join(out)

    # ------------------------------------------------------------------ one target
    def line(self, target: str, view: str) -> Line:
        key = (target, view)
        if key not in self.lines:
            self.lines[key] = self._line(target, view)
        return self.lines[key]

    def _line(self, target: str, view: str) -> Line:
        if self.targets[target]["kind"] == "state":
            given = [(e["t"], e["state"]) for e in self.evidence(target, "state")]
            ends = [t for t, _ in given[1:]] + [INF]
            pieces = [Piece(-INF, given[0][0] if given else INF, "unknown")]
            pieces = join(pieces + [Piece(t, end, state) for (t, state), end in zip(given, ends, strict=bool(given))])
            return Line(pieces, pieces, [])
        parts, soft = [], []
        services = self.scope(target)
        seen = [(service, self.sequences(target, view, service)) for service in services]
        for index, (service, sequences) in enumerate(seen):
            # What was seen in one time of service says nothing about the next (R5.6).
            for observer, samples in sequences.items():
                more = any(observer in later for _, later in seen[index + 1 :])
                labels, runs = self.labels(target, view, samples, more)
                parts.append(clipped(self.held(target, observer, labels), service))
                soft += runs
        base = [Piece(-INF, INF, "unknown")]
        order = ("up", "degraded", "down", "unreachable", "unknown")
        if parts:
            edges = [piece.a for part in parts for piece in part]
            base = remade(base, edges, lambda _, t: min((at(p, t) for p in parts), key=lambda piece: order.index(piece.state)))
        final = self.lifted(target, base) if view == "device" else base
        return Line(base, self.bridged(target, final), sorted(soft))

    def bridged(self, target: str, pieces: list[Piece]) -> list[Piece]:
        """R5.5."""
        if self.get(target, "gap_policy") != "bridge_down":
            return pieces
        gaps = []
        for a, b in self.scope(target):
            inside = [Piece(max(p.a, a), min(p.b, b), p.state) for p in pieces if p.a < b and p.b > a]
            merged = join(inside)
            gaps += [
                (y.a, y.b)
                for x, y, z in zip(merged, merged[1:], merged[2:], strict=False)
                if (x.state, y.state, z.state) == ("down", "unknown", "down")
            ]
        edges = [edge for gap in gaps for edge in gap]
        return remade(pieces, edges, lambda p, t: p._replace(state="down", mark="bridge") if within(t, gaps) else p)

    # ------------------------------------------------------------------ reboots (3.8), late evidence (3.9)
    def boots(self, target: str) -> list[list[tuple[Event, str]]]:
        """Evidence that tells of a boot, with a name for that boot: by its id, and apart from that by counters (R8.3)."""
        named: list[tuple[Event, str]] = []
        counted: list[tuple[Event, str]] = []
        lines, previous = 0, dict[str, tuple[int, int]]()
        tolerance = self.get(target, "reboot_tolerance")
        for e in self.evidence(target, "obs", "report", "agent_start", "agent_stop"):
            if "boot" in e:
                named.append((e, f"boot {e['boot']}"))
                continue
            ticks = counters(e)
            if not ticks:
                continue
            both = [name for name in ("hrSystemUptime", "sysUpTime") if name in ticks and name in previous]
            if previous and both:
                t, old = previous[both[0]]
                off = (ticks[both[0]] - old - (e["t"] - t) * 100) % WRAP
                lines += min(off, WRAP - off) > tolerance * 100
            previous = {name: (e["t"], value) for name, value in ticks.items()}
            counted.append((e, f"line {lines}"))
        return [named, counted]

    def backfill(self, target: str) -> list[Interval]:
        """E2 of R9.2."""
        ttl, reports = self.get(target, "ttl"), self.evidence(target, "report")
        return union(
            [
                (x["t"], y["t"])
                for x, y in pairwise(reports)
                if y["t"] - x["t"] <= ttl and ("boot" not in x or "boot" not in y or x["boot"] == y["boot"])
            ]
        )

    def continuity(self, target: str) -> list[Interval]:
        """E3 of R9.2, with what R8.5 takes away: time asleep, and everything after a farewell."""
        if not self.get(target, "accept_uptime_evidence"):
            return []
        named: dict[str, list[Event]] = {}
        for e, name in (pair for chain in self.boots(target) for pair in chain):
            named.setdefault(name, []).append(e)
        out = []
        for events in named.values():
            began = [e["boot_time"] for e in events if "boot_time" in e]
            ticks = counters(events[0])
            began += [events[0]["t"] - -(-next(iter(ticks.values())) // 100)] if ticks and not began else []
            out += [(min(began), events[0]["t"])] if began else []
            for x, y in pairwise(events):
                asleep = max(0, y.get("suspended", 0) - x.get("suspended", 0))
                out += [] if x.get("reason") in ("shutdown", "suspend") else [(x["t"], max(x["t"], y["t"] - asleep))]
        return union(out)

    def reboots(self, target: str) -> list[tuple[Event, Event]]:
        pairs = [pair for chain in self.boots(target) for pair in pairwise(chain)]
        return [(x, y) for (x, one), (y, other) in pairs if one != other]

    def acts(self, target: str) -> tuple[list[Interval], list[Interval]]:
        """What turns time down: reboots (R8.2) with farewells (R8.5), and stalls (R8.1)."""
        down = []
        for x, y in self.reboots(target):
            pinned = x["ev"] == "agent_stop" and y["ev"] == "agent_start"
            down += [(x["t"], y["t"])] if pinned or y["t"] - x["t"] <= self.get(target, "ttl") else []
        life = self.evidence(target, "obs", "report", "agent_start", "agent_stop", "stall")
        life = [e for e in life if e["ev"] != "obs" or e.get("result", "ok") != "fail" or "boot" in e]
        for e in self.evidence(target, "agent_stop"):
            if e.get("reason") in ("shutdown", "suspend"):
                down.append((e["t"], min([f["t"] for f in life if f["t"] > e["t"]] + [INF])))
        return union(down), union([(e["t"], e["until"]) for e in self.evidence(target, "stall")])

    def lifted(self, target: str, base: list[Piece]) -> list[Piece]:
        """R9.3 under E2, then E3; then what R9.5 turns down."""
        e2, e3 = self.backfill(target), self.continuity(target)
        down, stalls = self.acts(target)
        probed = self.targets[target]["kind"] != "push"

        def rule(was: Piece, t: int) -> Piece:
            if within(t, down):
                return was._replace(state="down", mark="act")
            if within(t, stalls) and not (probed and was.state in GOOD):
                return was._replace(state="down", mark="act")
            if was.state in ("unknown", "unreachable") or was.mark == "absence":
                if within(t, e2):
                    return was._replace(state="up", mark="E2")
                if within(t, e3):
                    return was._replace(state="up", mark="E3")
            return was

        return remade(base, [x for ab in (*e2, *e3, *down, *stalls) for x in ab], rule)

    # ------------------------------------------------------------------ the answer
    def answer(self, subject: str, view: str, extent: Interval) -> Answer:
        line = self.line(subject, view)
        shown = [
            Piece(max(p.a, a, extent[0]), min(p.b, b, extent[1], self.k), p.state, p.mark)
            for p in line.final
            for a, b in self.scope(subject)
        ]
        shown = sorted(p for p in shown if p.a < p.b)
        segments: list[list[Any]] = []
        for p in shown:
            if segments and segments[-1][1] == p.a and segments[-1][2] == p.state:
                segments[-1][1] = p.b
            else:
                segments.append([p.a, p.b, p.state])
        seconds = {mark: sum(p.b - p.a for p in shown if p.mark == mark) for mark in ("E2", "E3")}
        named, _ = self.boots(subject)
        restarts = [y for (_, one), (y, other) in pairwise(named) if one == other and y["ev"] == "agent_start"]
        soft = [[a, b] for a, b in line.soft]
        return Answer(segments, seconds["E2"], seconds["E3"], soft, len(self.reboots(subject)), len(restarts))


def clipped(pieces: list[Piece], to: Interval) -> list[Piece]:
    """Unknown outside an interval."""
    inside = [p._replace(a=max(p.a, to[0]), b=min(p.b, to[1])) for p in pieces if p.a < to[1] and p.b > to[0]]
    return join([Piece(-INF, to[0], "unknown"), *inside, Piece(to[1], INF, "unknown")])


def counters(event: Event) -> dict[str, int]:
    """Uptime counters in hundredths of a second, the better one first; a boot instant without an id counts as one."""
    found = {name: event[name] for name in ("hrSystemUptime", "sysUpTime") if name in event}
    if not found and "boot" not in event and "boot_time" in event:
        return {"hrSystemUptime": (event["t"] - event["boot_time"]) * 100 % WRAP}
    return {name: value for name, value in found.items() if 0 <= value < WRAP}

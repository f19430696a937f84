"""Evidence put into the order in which a judge reads it, so that every way of telling it gives the same answer (SPEC 3.18, 3).

Pure. Stretches of one sequence may overlap: a run of good samples goes on beyond a failure that came between two of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from agent.model import Kind
from collector.core.stretch import Result, Stretch

_FOREVER: Final = 1 << 62
_RANK: Final = {Result.OK: 0, Result.DEGRADED: 1, Result.FAIL: 2}
_REPORTS: Final = ("", "")


def in_order(stretches: Iterable[Stretch]) -> list[Stretch]:
    """By time, each once; of several samples of a sequence at one instant the best counts, and no stretch reaches over samples
    of its sequence that say something else."""
    out: list[Stretch] = []
    sequences: dict[tuple[str, str], list[Stretch]] = {}
    for s in dict.fromkeys(stretches):
        if s.kind is Kind.OBS:
            sequences.setdefault((s.observer, s.module), []).append(s)
        elif s.kind is Kind.REPORT and s.live:
            sequences.setdefault(_REPORTS, []).append(s)
        else:
            out.append(s)
    for sequence in sequences.values():
        sequence.sort(key=_place)
        out += _apart(sequence) if any(a.last_ms >= b.first_ms for a, b in pairwise(sequence)) else sequence
    return sorted(out, key=_place)


def _place(s: Stretch) -> tuple[int, int, int, str, str, str, str]:
    return s.first_ms, s.last_ms, _RANK[s.result], s.kind, s.observer, s.module, s.boot


def _apart(sequence: Sequence[Stretch]) -> list[Stretch]:
    """Stretches that say different things, cut where they meet."""
    ends: dict[int, int] = {}
    for s in sequence:
        for t_ms in s.times or (s.first_ms, s.last_ms):
            ends[t_ms] = min(ends.get(t_ms, 9), _RANK[s.result])
    out: list[Stretch] = []
    for s in sequence:
        rank = _RANK[s.result]
        others = [o for o in sequence if o.result is not s.result and o.first_ms <= s.last_ms and o.last_ms >= s.first_ms]
        if not others:
            out.append(s)
        elif s.result is Result.FAIL:
            instants = s.times or dict.fromkeys((s.first_ms, s.last_ms))
            singles = [s.part(t_ms, t_ms + 1) for t_ms in instants if ends[t_ms] == rank]
            out += [single for single in singles if single is not None]
        else:
            out += _without(s, _holes(others, ends, rank), {t for t in (s.first_ms, s.last_ms) if ends[t] < rank})
    return out


def _holes(others: Iterable[Stretch], ends: dict[int, int], rank: int) -> list[tuple[int, int]]:
    """Where, first and last instant, others say something else."""
    holes: set[tuple[int, int]] = set()
    for o in others:
        if o.result is Result.FAIL:
            holes.update((t, t) for t in o.times or (o.first_ms, o.last_ms) if ends[t] > rank)
        else:
            holes.add((o.first_ms + (ends[o.first_ms] <= rank), o.last_ms - (ends[o.last_ms] <= rank)))
    return sorted(hole for hole in holes if hole[0] <= hole[1])


def _without(s: Stretch, holes: Sequence[tuple[int, int]], beaten: set[int]) -> list[Stretch]:
    at_ms = s.first_ms + (s.first_ms in beaten)
    end_ms = s.last_ms + (s.last_ms not in beaten)
    pieces: list[Stretch | None] = []
    for from_ms, to_ms in holes:
        pieces.append(s.part(at_ms, min(from_ms, end_ms)))
        at_ms = max(at_ms, to_ms + 1)
    pieces.append(s.part(at_ms, end_ms))
    return [piece for piece in pieces if piece is not None]

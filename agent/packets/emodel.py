"""How good a conversation over a path would be: the E-model's R factor and MOS (ITU-T G.107, default values elsewhere).

Delay enters by the fit of R. G. Cole and J. H. Rosenbluth (2001), loss by G.107 7.5 with the factors of G.113 Appendix I.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

BASE: Final = 93.2
"""R of a path without delay and loss, everything else at its default (G.107 table 3)."""
_KNEE_MS: Final = 177.3
"""One-way delay from which people notice it in conversation."""


class Codec(NamedTuple):
    """Impairment without loss (`ie`), robustness to random loss (`bpl`), seconds that encoding looks ahead."""

    ie: float
    bpl: float
    lookahead_s: float


CODECS: Final[Mapping[str, Codec]] = {
    "g711": Codec(0.0, 25.1, 0.0),
    "g711_no_plc": Codec(0.0, 4.3, 0.0),
    "g729a": Codec(11.0, 19.0, 0.005),
}
"""G.113 Appendix I: G.711 with and without concealment of lost packets (its Appendix I), G.729 Annex A with silence."""


def r_factor(one_way_s: float, loss_ratio: float, codec: Codec, burst: float = 1.0) -> float:
    """R, 0 to `BASE`. `one_way_s` is from mouth to ear: network, jitter buffer, packet, codec; `burst` the burst ratio."""
    delay_ms = max(0.0, one_way_s) * 1000.0
    delay = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - _KNEE_MS)
    lost = min(1.0, max(0.0, loss_ratio)) * 100.0
    equipment = codec.ie + (95.0 - codec.ie) * lost / (lost / max(burst, 1.0) + codec.bpl)
    return min(BASE, max(0.0, BASE - delay - equipment))


def mos(r: float) -> float:
    """Mean opinion score of a conversation, 1 to 4.5 (G.107 Annex B)."""
    if r <= 0.0:
        return 1.0
    if r >= 100.0:
        return 4.5
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)


def burst_ratio(arrived: Sequence[bool]) -> float:
    """Mean length of the bursts of loss over the length it would have were losses random (G.107 7.5); at least 1."""
    lost = arrived.count(False)
    if lost in (0, len(arrived)):
        return 1.0
    bursts = sum(not here and (place == 0 or arrived[place - 1]) for place, here in enumerate(arrived))
    return max(1.0, lost / bursts * (1.0 - lost / len(arrived)))

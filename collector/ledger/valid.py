"""The records of a period with the configuration that was valid in it: what was said later is about later times (R1.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from collector.core.acts import Act
from collector.core.corrections import CorrectionPlan
from collector.core.roll import Versions
from collector.core.stretch import BlindSpan, Stretch
from collector.core.subject import Subject, Version
from collector.core.windows import WindowPlan
from collector.ledger.inquiry import Records


class ValidRecords:
    """`Records` for periods that end at `until_ms` or before; with `policy`, every subject is counted by that one (R12.2)."""

    def __init__(self, records: Records, until_ms: int, policy: str = "") -> None:
        self._records = records
        self._until_ms = until_ms
        self._policy = policy

    async def load_subjects(self, known_ms: int | None = None) -> Mapping[str, Versions]:
        """Versions from before the end; a first one whose scope is written down reaches back to it (R12.3)."""
        found = await self._records.load_subjects(known_ms)
        kept = {id_: [v for at, v in enumerate(said) if self._holds(v, is_first=at == 0)] for id_, said in found.items()}
        if not self._policy:
            return {id_: said for id_, said in kept.items() if said}
        return {id_: [self._by_policy(version) for version in said] for id_, said in kept.items() if said}

    def _holds(self, version: Version[Subject], *, is_first: bool) -> bool:
        scope = version.value.scope
        is_written = is_first and bool(scope) and 0 < scope[0][0] < self._until_ms
        return version.valid_from_ms < self._until_ms or is_written

    def _by_policy(self, version: Version[Subject]) -> Version[Subject]:
        objective = msgspec.structs.replace(version.value.objective, policy=self._policy)
        value = msgspec.structs.replace(version.value, objective=objective)
        return msgspec.structs.replace(version, value=value)

    async def load_settings(self, known_ms: int | None = None) -> Mapping[str, Sequence[Version[bytes]]]:
        """Versions from before the end."""
        found = await self._records.load_settings(known_ms)
        kept = {name: [v for v in said if v.valid_from_ms < self._until_ms] for name, said in found.items()}
        return {name: said for name, said in kept.items() if said}

    async def stretches_of(
        self, targets: Sequence[str], from_ms: int, until_ms: int, known_ms: int
    ) -> Mapping[str, Sequence[Stretch]]:
        """As they are."""
        return await self._records.stretches_of(targets, from_ms, until_ms, known_ms)

    async def blind_spans(self, from_ms: int, until_ms: int, known_ms: int) -> Sequence[BlindSpan]:
        """As they are."""
        return await self._records.blind_spans(from_ms, until_ms, known_ms)

    async def window_acts(self, id_: str | None = None) -> list[Act[WindowPlan]]:
        """As they are."""
        return await self._records.window_acts(id_)

    async def correction_acts(self, id_: str | None = None) -> list[Act[CorrectionPlan]]:
        """As they are."""
        return await self._records.correction_acts(id_)

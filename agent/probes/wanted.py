"""What an agent is to observe beside its own host, whoever asks for it: values, made in one thread and used in another.

Loaded only where there is something to observe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from agent.probes.probe import Job
from agent.probes.sight import Uplink

if TYPE_CHECKING:
    from agent.snmp.device import Device


class Reflecting(msgspec.Struct, frozen=True, kw_only=True):
    """That this agent answers `rtp` probes of others who know the key; see `agent.probes.reflector`."""

    host: str = "::"
    port: int = 8603
    key: bytes = b""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Reflecting(host={self.host!r}, port={self.port})"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one source wants observed. `library` (`agent.snmp.library.Library`) has the profiles of the devices;
    `uplink_of` names the way out over which a target is observed, beside what jobs say of themselves."""

    jobs: tuple[Job, ...] = ()
    devices: tuple[Device, ...] = ()
    library: Any = None
    uplinks: tuple[Uplink, ...] = ()
    uplink_of: Mapping[str, str] = {}
    reflecting: Reflecting | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.jobs or self.devices or self.reflecting)


def joined(sources: Iterable[Wanted]) -> Wanted:
    """What all sources want together. Of the same job, device or uplink that of the first source counts: a machine's own file
    comes before orders."""
    jobs: dict[str, Job] = {}
    devices: dict[str, Device] = {}
    uplinks: dict[str, Uplink] = {}
    uplink_of: dict[str, str] = {}
    library: Any = None
    reflecting: Reflecting | None = None
    for source in sources:
        for job in source.jobs:
            jobs.setdefault(job.key, job)
        for device in source.devices:
            devices.setdefault(device.target, device)
        for uplink in source.uplinks:
            uplinks.setdefault(uplink.id, uplink)
        for target, uplink_id in source.uplink_of.items():
            uplink_of.setdefault(target, uplink_id)
        library = library if library is not None else source.library
        reflecting = reflecting or source.reflecting
    for job in jobs.values():
        if job.uplink:
            uplink_of.setdefault(job.target, job.uplink)
    return Wanted(
        jobs=tuple(jobs.values()),
        devices=tuple(devices.values()),
        library=library,
        uplinks=tuple(uplinks.values()),
        uplink_of=uplink_of,
        reflecting=reflecting,
    )

"""What an agent's own file wants observed: devices by SNMP and probes, out of settings that were checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.probes.probe import Job, Module
from agent.probes.wanted import Wanted
from agent.settings import Settings
from agent.settings_probes import PRIORITIES, ProbesSettings

if TYPE_CHECKING:
    from agent.settings import SnmpSettings
    from agent.snmp.auth import Auth
    from agent.snmp.device import Device


def wanted_of(settings: Settings) -> Wanted:
    """What the settings, whose paths are absolute, want observed. Raises `SheetError` (a `ValueError`) for files that have
    become wrong since the settings were checked."""
    wanted = Wanted(jobs=tuple(_jobs(settings.probes)))
    if not settings.snmp.devices:
        return wanted
    # Loaded here only: an agent that merely probes needs none of it.
    from agent.snmp.auth_file import load_auths
    from agent.snmp.library import Library

    auths = load_auths(settings.snmp.auths_file)
    library = Library.load([settings.snmp.folder] if settings.snmp.folder else [])
    return Wanted(jobs=wanted.jobs, devices=tuple(devices_of(settings.snmp, auths)), library=library)


def _jobs(settings: ProbesSettings) -> list[Job]:
    if not settings.jobs:
        return []
    from agent.probes.module_file import load

    modules = load(settings.module_files, names={job.module for job in settings.jobs}).modules
    return jobs_of(settings, modules)


def jobs_of(settings: ProbesSettings, modules: Mapping[str, Module]) -> list[Job]:
    """The jobs as they are run. Raises `KeyError` for a module that does not exist, which loading has refused."""
    return [
        Job(
            target=each.target,
            name=each.name or each.module,
            module=modules[each.module],
            address=each.address,
            interval_s=each.interval_s,
            retry_s=each.retry_s,
            fail_after=each.fail_after,
            judged=each.judged,
            priority=PRIORITIES[each.priority],
        )
        for each in settings.jobs
    ]


def devices_of(settings: SnmpSettings, auths: Mapping[str, Auth]) -> list[Device]:
    """The devices as they are polled. Raises `KeyError` for credentials that do not exist, which loading has refused."""
    from agent.snmp.device import Device

    return [
        Device(
            target=each.target,
            host=each.address,
            auth=auths[each.auth],
            port=each.port,
            class_=each.class_,
            profile=each.profile,
            modules=each.modules,
            interval_s=each.interval_s or settings.interval_s,
            full_interval_s=each.full_interval_s,
            timeout_s=each.timeout_s or 0.0,
            retries=each.retries,
            max_repetitions=each.max_repetitions or 0,
            get_only=each.get_only,
            strict_source=each.strict_source,
            wan=each.wan,
            ping=each.ping,
        )
        for each in settings.devices
    ]

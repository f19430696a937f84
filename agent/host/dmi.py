"""Kind `dmi`: maker, model and firmware of the machine from `/sys/class/dmi/id`, as labels of `node_dmi_info`."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from agent.host.reading import Host, NoData, Reader, gauge, guarded, read_once, text
from agent.model import Readings

_FILES: Final = {
    "bios_date": "bios_date",
    "bios_release": "bios_release",
    "bios_vendor": "bios_vendor",
    "bios_version": "bios_version",
    "board_asset_tag": "board_asset_tag",
    "board_name": "board_name",
    "board_serial": "board_serial",
    "board_vendor": "board_vendor",
    "board_version": "board_version",
    "chassis_asset_tag": "chassis_asset_tag",
    "chassis_serial": "chassis_serial",
    "chassis_vendor": "chassis_vendor",
    "chassis_version": "chassis_version",
    "product_family": "product_family",
    "product_name": "product_name",
    "product_serial": "product_serial",
    "product_sku": "product_sku",
    "product_uuid": "product_uuid",
    "product_version": "product_version",
    "sys_vendor": "system_vendor",
}
"""File name -> label. Files that are missing or not for this user's eyes (serial numbers) give no label."""
_HELP: Final = (
    "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, bios_version, "
    "board_asset_tag, board_name, board_serial, board_vendor, board_version, chassis_asset_tag, chassis_serial, "
    "chassis_vendor, chassis_version, product_family, product_name, product_serial, product_sku, product_uuid, "
    "product_version, system_vendor if provided by DMI."
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's description. It cannot change while the machine runs, so it is read once."""
    folder = f"{host.sys}/class/dmi/id"
    kept: Readings = ()

    def read() -> Readings:
        nonlocal kept
        if not kept:
            kept = _readings(folder)
        return kept

    return guarded(read, folder)


def _readings(folder: str) -> Readings:
    if not os.path.isdir(folder):
        raise NoData(f"{folder}: no such folder")
    labels: dict[str, str] = {}
    for name, label in _FILES.items():
        try:
            labels[label] = text(read_once(f"{folder}/{name}", 4096)).strip()
        except OSError:
            continue
    if not labels:
        raise NoData(f"{folder}: nothing readable")
    return [(gauge("node_dmi_info", _HELP, *labels), (tuple(labels.values()),), (1.0,))]

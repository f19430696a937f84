"""Which boot of this machine it is: an id that changes with every boot and never within one."""

from __future__ import annotations

import sys
from typing import Final

from agent.clock import Clock

BOOT_ID_FILE: Final = "/proc/sys/kernel/random/boot_id"
_BOOT_KEY: Final = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"


def boot_id(clock: Clock, file: str = BOOT_ID_FILE) -> str:
    """The kernel's boot id on Linux, Windows' boot counter, else the moment of boot to ten seconds.

    The last depends on the wall clock: a step of it then looks like a reboot, which is the safe side (SPEC R8.2).
    """
    if sys.platform == "win32":
        return _windows_boot() or moment_of_boot(clock)
    try:
        with open(file, encoding="ascii") as handle:
            text = handle.read(64).strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    return text if text and all(character in "0123456789abcdef-" for character in text) else moment_of_boot(clock)


def moment_of_boot(clock: Clock) -> str:
    """`boot-` and the moment of boot in seconds since 1970, rounded to ten."""
    return f"boot-{round((clock.wall_ms() - clock.uptime_ms()) / 10_000) * 10}"


if sys.platform == "win32":

    def _windows_boot() -> str:
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _BOOT_KEY) as key:
                return f"windows-{int(winreg.QueryValueEx(key, 'BootId')[0])}"
        except (OSError, ValueError):
            return ""
else:

    def _windows_boot() -> str:
        raise OSError("the boot counter exists on Windows only")

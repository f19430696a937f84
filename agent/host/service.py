"""Kind `service`: states of the Windows services that the configuration names, as windows_exporter names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agent.host.reading import Host, NoData, Reader, ReaderError, gauge, guarded
from agent.model import Readings, Reason

UNKNOWN: Final = "unknown"
"""State of a service that is not installed, and of one in a state without a name."""
_STATES: Final = (
    "continue pending", "pause pending", "paused", "running", "start pending", "stop pending", "stopped", UNKNOWN,
)  # fmt: skip
_FAMILY: Final = gauge("windows_service_state", "The state of the service (State)", "name", "state")

Getter = Callable[[str], str | None]
"""Status of a service as psutil names it (`running`, `start_pending`); `None` if there is no such service."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which services are watched. Without any the kind has no data."""

    services: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...],
        Meta(max_length=500, description="Windows services by their short names, such as W32Time."),
    ] = ()

    def __post_init__(self) -> None:
        if len({service.lower() for service in self.services}) != len(self.services):
            raise ValueError("services: a service stands there twice (upper and lower case are the same)")


def open_reader(settings: Settings, host: Host, status_of: Getter | None = None) -> Reader:
    """A reader of the named services; `status_of` takes the place of the service manager."""
    get = status_of or _windows
    names = [service.lower() for service in settings.services]
    series = tuple((name, state) for name in names for state in _STATES)

    def read() -> Readings:
        if not names:
            raise NoData("no service is named in the configuration")
        if status_of is None and host.platform != "win32":
            raise NoData("services of this sort are on Windows only")
        values: list[float] = []
        for name in names:
            status = (get(name) or UNKNOWN).replace("_", " ")
            now = status if status in _STATES else UNKNOWN
            values += [float(state == now) for state in _STATES]
        return [(_FAMILY, series, values)]

    return guarded(read, "service manager")


def _windows(name: str) -> str | None:
    import psutil

    get = getattr(psutil, "win_service_get", None)
    if get is None:
        raise NoData("psutil has no services on this system")
    try:
        return str(get(name).status())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied as error:
        raise ReaderError(Reason.AUTH, f"service {name}: {error}") from error

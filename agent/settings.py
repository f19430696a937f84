"""What `agent.yml` may set: frozen structs with their defaults and descriptions, from which the reference is generated.

Loading and refusing live in `agent.config`, so that the running agent holds these values without a YAML parser.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from agent.settings_forms import ID_PATTERN as ID_PATTERN
from agent.settings_forms import expect as _expect
from agent.settings_orders import OrdersSettings
from agent.settings_probes import ProbesSettings

WINDOWS: Final = sys.platform == "win32"
DEFAULT_FILE: Final = r"C:\ProgramData\HaiDang\agent.yml" if WINDOWS else "/etc/haidang/agent.yml"
_STATE: Final = r"C:\ProgramData\HaiDang" if WINDOWS else "/var/lib/haidang-agent"
_SEPARATOR: Final = "\\" if WINDOWS else "/"
DEFAULT_SPOOL: Final = f"{_STATE}{_SEPARATOR}spool"

URL_PATTERN: Final = (
    r"^https?://(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z][0-9A-Za-z._-]{0,252})(:[0-9]{1,5})?(/[0-9A-Za-z._~/-]*)?\Z"
)
MIB: Final = 1024 * 1024


class Secret:
    """A value that no message, log or traceback shows: it prints as a placeholder, `reveal` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself; only what sends it may ask."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return "Secret(********)"

    __str__ = __repr__


class CollectorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where reports go, and how the agent knows that it is talking to the right collector."""

    urls: Annotated[
        tuple[Annotated[str, Meta(pattern=URL_PATTERN, extra=_expect("https://HOST[:PORT]"))], ...],
        Meta(
            min_length=1,
            max_length=8,
            description="Collectors, tried in this order; the first that answers is kept.",
            extra=_expect("a list of 1 to 8 addresses, each https://HOST[:PORT]"),
        ),
    ]
    ca_file: Annotated[
        str,
        Meta(
            min_length=1,
            description="Certificate (PEM) of the collector's own authority, the only one trusted; relative to this file.",
            extra=_expect("a path"),
        ),
    ] = "ca.pem"
    token_file: Annotated[
        str,
        Meta(
            min_length=1,
            description="File with the agent's token, readable by its owner only (mode 0600); relative to this file.",
            extra=_expect("a path"),
        ),
    ] = "token"  # noqa: S105 - a file name
    allow_plain_http: Annotated[
        bool,
        Meta(
            description="Allow http:// to other machines than this one; token and reports then travel unencrypted.",
            extra=_expect("true or false"),
        ),
    ] = False
    compress: Annotated[
        Literal["auto", "always", "never"],
        Meta(
            description="Compress what is sent: `auto` means to other machines than this one.",
            extra=_expect("one of auto, always, never"),
        ),
    ] = "auto"
    connect_timeout_s: Annotated[
        int,
        Meta(ge=1, le=60, description="Longest wait for a connection.", extra=_expect("a whole number of seconds, 1 to 60")),
    ] = 5
    answer_timeout_s: Annotated[
        int, Meta(ge=1, le=120, description="Longest wait for an answer.", extra=_expect("a whole number of seconds, 1 to 120"))
    ] = 10


class SpoolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The disk queue: reports wait here until the collector has them on disk."""

    folder: Annotated[
        str,
        Meta(
            min_length=1,
            description="Folder of the spool; one agent alone uses it; relative to this file.",
            extra=_expect("a path"),
        ),
    ] = DEFAULT_SPOOL
    max_bytes: Annotated[
        int,
        Meta(
            ge=4 * MIB,
            le=1024 * 1024 * MIB,
            description="Most bytes the spool may take; beyond it the oldest bulk reports go, stated as a loss.",
            extra=_expect("a whole number of bytes, 4194304 (4 MiB) to 1099511627776 (1 TiB)"),
        ),
    ] = 256 * MIB
    max_age_s: Annotated[
        int,
        Meta(
            ge=3_600,
            le=366 * 86_400,
            description="Oldest report kept; older ones go, stated as a loss.",
            extra=_expect("a whole number of seconds, 3600 (an hour) to 31622400 (366 days)"),
        ),
    ] = 7 * 86_400


_Kind = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z", extra=_expect("the kind of a reader, such as cpu"))]


class ReadersSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which readers of this machine run, and how. Without this section the usual ones run."""

    enable: Annotated[
        tuple[_Kind, ...],
        Meta(description="Readers to run besides the usual ones.", extra=_expect("a list of kinds of readers")),
    ] = ()
    disable: Annotated[
        tuple[_Kind, ...], Meta(description="Usual readers not to run.", extra=_expect("a list of kinds of readers"))
    ] = ()
    timeout_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            description="Longest run of one reader. One that takes longer is left alone until it returns; the others go on.",
            extra=_expect("a number of seconds, 0.1 to 60"),
        ),
    ] = 5.0
    settings: Annotated[
        dict[str, dict[str, Any]],
        Meta(description="Settings of single readers, by kind.", extra=_expect("settings by kind of reader")),
    ] = {}


class SnmpDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"class_": "class"}):
    """A device that this agent polls by SNMP. The collector's inventory must name this agent in the target's `via`."""

    target: Annotated[
        str,
        Meta(
            pattern=ID_PATTERN,
            description="Id of the target in the collector's inventory.",
            extra=_expect("1 to 128 of letters, digits and . _ : - beginning with a letter or digit"),
        ),
    ]
    address: Annotated[
        str,
        Meta(min_length=1, max_length=253, description="Address or name of the device.", extra=_expect("an address or a name")),
    ]
    auth: Annotated[
        str,
        Meta(min_length=1, description="Name of its credentials in `auths_file`.", extra=_expect("the name of credentials")),
    ]
    port: Annotated[
        int, Meta(ge=1, le=65_535, description="UDP port of its SNMP agent.", extra=_expect("a port from 1 to 65535"))
    ] = 161
    profile: Annotated[
        str,
        Meta(
            min_length=1,
            description="Profile, by name; `auto`: chosen by what the device says of itself.",
            extra=_expect("the name of a profile, or auto"),
        ),
    ] = "auto"
    class_: Annotated[
        str,
        Meta(
            description="Class of the device, by which a profile is chosen when nothing else tells.",
            extra=_expect("a class, such as ups"),
        ),
    ] = ""
    modules: Annotated[
        tuple[Annotated[str, Meta(extra=_expect("the name of a module"))], ...],
        Meta(description="Modules to poll besides those of the profile.", extra=_expect("a list of modules")),
    ] = ()
    interval_s: Annotated[
        Annotated[int, Meta(ge=5, le=3_600)] | None,
        Meta(
            description="Time between two polls; not said: that of `snmp`.",
            extra=_expect("a whole number of seconds, 5 to 3600"),
        ),
    ] = None
    full_interval_s: Annotated[
        int,
        Meta(
            ge=0,
            le=86_400,
            description="Time between two full walks, which are the costly part; 0: one with every poll.",
            extra=_expect("a whole number of seconds, 0 to 86400"),
        ),
    ] = 0
    timeout_s: Annotated[
        Annotated[float, Meta(ge=0.1, le=30)] | None,
        Meta(
            description="Wait for one answer; not said: as the profile says.",
            extra=_expect("a number of seconds, 0.1 to 30"),
        ),
    ] = None
    retries: Annotated[
        Annotated[int, Meta(ge=0, le=3)] | None,
        Meta(
            description="Further tries of a request; not said: as the profile says.",
            extra=_expect("a whole number, 0 to 3"),
        ),
    ] = None
    max_repetitions: Annotated[
        Annotated[int, Meta(ge=1, le=100)] | None,
        Meta(
            description="Rows asked for at once; not said: as the profile says.",
            extra=_expect("a whole number, 1 to 100"),
        ),
    ] = None
    get_only: Annotated[
        bool | None,
        Meta(description="Whether it answers GET only; not said: as the profile says.", extra=_expect("true or false")),
    ] = None
    strict_source: Annotated[
        bool,
        Meta(description="Take answers only from the very address that was asked.", extra=_expect("true or false")),
    ] = False
    wan: Annotated[
        bool | None,
        Meta(
            description="Whether its ports are lines whose load is judged; not said: as the profile says.",
            extra=_expect("true or false"),
        ),
    ] = None
    ping: Annotated[
        bool,
        Meta(
            description="Ask by an ICMP echo when SNMP is silent: a device that answers it is degraded, not down.",
            extra=_expect("true or false"),
        ),
    ] = True


class SnmpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Devices that this agent polls by SNMP (`pip install 'haidang[snmp]'` for the ciphers of SNMPv3)."""

    auths_file: Annotated[
        str,
        Meta(
            min_length=1,
            description="Credentials, as `auths` of `snmp.yml`, readable by the owner only (mode 0600); relative to this file.",
            extra=_expect("a path"),
        ),
    ] = "snmp-auths.yml"
    folder: Annotated[
        str,
        Meta(
            description="Folder with `modules/` and `profiles/` of your own; relative to this file.",
            extra=_expect("a path"),
        ),
    ] = ""
    interval_s: Annotated[
        int,
        Meta(
            ge=5,
            le=3_600,
            description="Time between two polls of a device.",
            extra=_expect("a whole number of seconds, 5 to 3600"),
        ),
    ] = 60
    devices: Annotated[tuple[SnmpDevice, ...], Meta(description="The devices.", extra=_expect("a list of devices"))] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything `agent.yml` says. After loading all paths are absolute."""

    id: Annotated[
        str,
        Meta(
            pattern=ID_PATTERN,
            description="This agent's id at the collector, and the id of its host as a target.",
            extra=_expect("1 to 128 of letters, digits and . _ : - beginning with a letter or digit"),
        ),
    ]
    collector: Annotated[
        CollectorSettings, Meta(description="Where reports go.", extra=_expect("settings below it, at least urls:"))
    ]
    interval_s: Annotated[
        int,
        Meta(
            ge=1, le=3_600, description="Time between two collections.", extra=_expect("a whole number of seconds, 1 to 3600")
        ),
    ] = 15
    readers: Annotated[ReadersSettings, Meta(description="Which readers run.")] = ReadersSettings()
    snmp: Annotated[SnmpSettings, Meta(description="Devices polled by SNMP.")] = SnmpSettings()
    probes: Annotated[ProbesSettings, Meta(description="Probes of other machines.")] = ProbesSettings()
    orders: Annotated[OrdersSettings, Meta(description="What the collector may order.")] = OrdersSettings()
    spool: Annotated[SpoolSettings, Meta(description="The disk queue.")] = SpoolSettings()
    status_file: Annotated[
        str,
        Meta(
            description="File that `haidang-agent status` reads, written after each collection; relative to this file. "
            "Empty: `status.json` beside the spool's folder.",
            extra=_expect("a path"),
        ),
    ] = ""
    log_level: Annotated[
        Literal["error", "warning", "info", "debug"],
        Meta(description="Least weight of a message that is written.", extra=_expect("one of error, warning, info, debug")),
    ] = "info"


_encoder: Final = msgspec.msgpack.Encoder()


def pack(settings: Settings) -> bytes:
    """Settings as bytes, to hand them from the process that checked them to the one that runs."""
    return _encoder.encode(settings)


def unpack(data: bytes) -> Settings:
    """The settings that `pack` gave."""
    return msgspec.msgpack.decode(data, type=Settings)

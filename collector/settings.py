"""What `collector.yml` may say: frozen structs with a description and bounds for every setting.

`config/REFERENCE.md` is generated from them; `collector.config` loads and checks them. `extra={"form": ...}` names a
check in `collector.config` and is the wording of what was expected.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from collector.config_forms import PERCENT, TEXT
from collector.poll.trap_settings import TrapSettings


class Web(msgspec.Struct, frozen=True):
    """Where people and Prometheus read."""

    listen: Annotated[str, Meta(description="Address of metrics, service discovery and API.", extra={"form": "host:port"})] = (
        "127.0.0.1:8600"
    )


class Agents(msgspec.Struct, frozen=True):
    """The agents' door."""

    listen: Annotated[str, Meta(description="Address where agents deliver and enrol.", extra={"form": "host:port"})] = (
        "0.0.0.0:8601"
    )
    transport: Annotated[
        Literal["tls", "plain"],
        Meta(description="`tls`, or `plain` HTTP, which is refused off loopback unless `allow_plain_http` is true."),
    ] = "tls"
    allow_plain_http: Annotated[
        bool, Meta(description="Lets `transport: plain` listen on an address that is not loopback.")
    ] = False
    names: Annotated[
        tuple[Annotated[str, Meta(extra={"form": "host name or IP address"})], ...],
        Meta(description="Names and addresses agents use for this collector; they go into the server certificate."),
    ] = ()
    public_urls: Annotated[
        tuple[Annotated[str, Meta(extra={"form": "http:// or https:// URL"})], ...],
        Meta(description="Addresses handed to an agent when it enrols; empty: the one it enrolled at."),
    ] = ()
    interval_s: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds between two collections of a newly enrolled agent.")
    ] = 15


class Database(msgspec.Struct, frozen=True):
    """Where evidence is kept."""

    url: Annotated[
        str,
        Meta(
            description="PostgreSQL by URL; empty: SQLite in the data folder. A password does not belong here.",
            extra={"form": "postgresql+asyncpg://user@host/name or sqlite:///path"},
        ),
    ] = ""
    password_file: Annotated[str, Meta(description="File whose first line is the database password.")] = ""
    password_env: Annotated[str, Meta(description="Environment variable that holds the database password.")] = ""


class Limits(msgspec.Struct, frozen=True):
    """What one agent, one address and all together may ask for."""

    connections: Annotated[int, Meta(ge=1, le=100_000, description="Open connections at the agents' door.")] = 10_000
    in_flight_bytes: Annotated[
        int, Meta(ge=1_048_576, description="Bytes of bodies held at once; beyond it agents are told to wait.")
    ] = 128 * 1024 * 1024
    requests_per_s: Annotated[float, Meta(gt=0, description="Batches a second of one agent, sustained.")] = 20.0
    requests_burst: Annotated[float, Meta(ge=1, description="Batches one agent may send at once.")] = 200.0
    bytes_per_s: Annotated[float, Meta(gt=0, description="Body bytes a second of one agent, sustained.")] = 2_097_152.0
    bytes_burst: Annotated[float, Meta(ge=4_194_304, description="Body bytes one agent may send at once.")] = 33_554_432.0
    body_timeout_s: Annotated[float, Meta(gt=0, le=600, description="Seconds a body may take to arrive.")] = 30.0
    header_timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="Seconds a new connection may take until its first request is complete.")
    ] = 10.0
    queue_batches: Annotated[int, Meta(ge=1, le=100_000, description="Batches that may wait for the store.")] = 2_000
    backlog_reports: Annotated[
        int, Meta(ge=1, le=5_000, description="Most backlog reports one batch may carry while the collector is idle.")
    ] = 2_000
    enrol_per_minute: Annotated[
        float, Meta(gt=0, description="Attempts to enrol, or with an unknown token, a minute from one address.")
    ] = 30.0


class Ledger(msgspec.Struct, frozen=True):
    """How availability is kept and printed."""

    organisation_vi: Annotated[
        str, Meta(description="Name of the organisation on Vietnamese reports.", extra={"form": TEXT})
    ] = ""
    organisation_en: Annotated[
        str, Meta(description="Name of the organisation on English reports; empty: the Vietnamese one.", extra={"form": TEXT})
    ] = ""
    objective: Annotated[
        str,
        Meta(description="Objective of what has none in the inventory, in per cent, in quotes.", extra={"form": PERCENT}),
    ] = "99.0"
    min_coverage: Annotated[
        str,
        Meta(
            description="Below this coverage, in per cent, a report says *insufficient measurement* (R12.5).",
            extra={"form": PERCENT},
        ),
    ] = "99"
    digits: Annotated[int, Meta(ge=2, le=4, description="Decimals of a printed percentage; it is rounded down (R16.2).")] = 4
    merge_gap_s: Annotated[
        int, Meta(ge=0, le=86_400, description="Up time shorter than this does not separate two incidents (R10.3), in seconds.")
    ] = 300
    flap_window_s: Annotated[
        int, Meta(ge=60, le=86_400, description="Seconds back over which changes of state are counted for flapping (R10.2).")
    ] = 3600
    flap_high: Annotated[int, Meta(ge=2, le=1000, description="Changes in the window from which a target flaps (R10.2).")] = 6
    flap_low: Annotated[
        int, Meta(ge=0, le=999, description="Changes in the window at which a target stops flapping (R10.2).")
    ] = 2
    settle_days: Annotated[
        int, Meta(ge=0, le=31, description="Days after its end until a period is sealed; spools may arrive (R17.1).")
    ] = 3
    retro_limit_days: Annotated[
        int,
        Meta(ge=0, le=60, description="Working days after the end of a period in which it may be corrected by people (R11.3)."),
    ] = 5
    maintenance_cap_hours: Annotated[
        int, Meta(ge=0, le=744, description="Most hours of maintenance a month that a contract allows (R11.6); 0: no cap.")
    ] = 0
    retention_days: Annotated[
        int, Meta(ge=400, le=36_525, description="Days that evidence is kept; sealed days and issued reports stay.")
    ] = 1096


class Snmp(msgspec.Struct, frozen=True):
    """How the collector polls devices by SNMP: the targets of the inventory with `via: collector` and an auth."""

    auths_file: Annotated[
        str,
        Meta(
            description="File of credentials by name, in the form of `auths` in `snmp.yml`; a secret may be left to an "
            "environment variable or another file. Read again at a reload."
        ),
    ] = ""
    folder: Annotated[
        str,
        Meta(description="Folder with `modules/` and `profiles/` of one's own: a shipped one of the same name is replaced."),
    ] = ""
    interval_s: Annotated[
        int, Meta(ge=1, le=86_400, description="Seconds between two polls of a target that does not say it.")
    ] = 60
    timeout_s: Annotated[
        Annotated[float, Meta(ge=0.1, le=60)] | None,
        Meta(description="Seconds until a request is tried again; not said: as the profile says, mostly 2."),
    ] = None
    retries: Annotated[
        Annotated[int, Meta(ge=0, le=5)] | None,
        Meta(description="How often a request that got no answer is tried again; not said: as the profile says, mostly 1."),
    ] = None
    max_in_flight: Annotated[int, Meta(ge=1, le=20_000, description="Devices that are polled at the same time.")] = 2_000
    ping: Annotated[
        bool,
        Meta(
            description="Whether a silent device is sent an ICMP echo, which tells a dead device from a dead agent; needs the "
            "right to send one."
        ),
    ] = True


class Probes(msgspec.Struct, frozen=True):
    """How the collector probes: the targets of the inventory with `via: collector` and `probes`."""

    module_files: Annotated[
        tuple[str, ...],
        Meta(
            description="Files of modules as `blackbox.yml` has them, beside the shipped ones: one of the same name wins over "
            "those before. Read again at a reload."
        ),
    ] = ()
    max_in_flight: Annotated[int, Meta(ge=1, le=20_000, description="Probes that run at the same time.")] = 2_000
    scripts: Annotated[
        dict[str, tuple[str, ...]],
        Meta(
            description="Programs that `script` probes of the collector may run, by name: each a whole command line. None but "
            "these are ever run."
        ),
    ] = {}


class Log(msgspec.Struct, frozen=True):
    """What is written to standard error."""

    format: Annotated[Literal["plain", "json"], Meta(description="One line of words, or one JSON object a line.")] = "plain"
    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="Least level that is written.")] = "info"


class Config(msgspec.Struct, frozen=True):
    """Everything `collector.yml` may say. Relative paths count from the folder of the file."""

    data: Annotated[str, Meta(min_length=1, description="Data folder: database, certificate authority, keys.")] = "var"
    inventory: Annotated[str, Meta(description="Folder of inventory files (`*.yml`); empty: enrolled agents only.")] = ""
    oncall: Annotated[
        str,
        Meta(description="File of receivers, rotas, escalations and routes; empty: everything is recorded, nobody is told."),
    ] = ""
    web: Annotated[Web, Meta(description="Where people and Prometheus read.")] = Web()
    agents: Annotated[Agents, Meta(description="The agents' door.")] = Agents()
    database: Annotated[Database, Meta(description="Where evidence is kept.")] = Database()
    limits: Annotated[Limits, Meta(description="What agents may ask for.")] = Limits()
    late_after_s: Annotated[
        float, Meta(gt=0, le=3600, description="A report older than this on arrival is late evidence (R9.1), in seconds.")
    ] = 30.0
    ttl_factor: Annotated[
        float,
        Meta(
            ge=1.5, le=100, description="A state holds this many intervals after its last report, at most one decimal (R5.1)."
        ),
    ] = 2.5
    snmp: Annotated[Snmp, Meta(description="How devices are polled.")] = Snmp()
    probes: Annotated[Probes, Meta(description="How targets are probed.")] = Probes()
    traps: Annotated[TrapSettings, Meta(description="What devices send by themselves.")] = TrapSettings()
    ledger: Annotated[Ledger, Meta(description="How availability is kept and printed.")] = Ledger()
    time_zone: Annotated[
        str, Meta(description="Zone of months, days and service hours (R2.5).", extra={"form": "time zone name"})
    ] = "Asia/Ho_Chi_Minh"
    log: Annotated[Log, Meta(description="What is written to standard error.")] = Log()

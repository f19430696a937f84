"""The part of `agent.yml` about probes: frozen structs from which the reference is generated, as in `agent.settings`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from agent.settings_forms import ID_PATTERN, expect

PRIORITIES: Final = {"low": 0, "normal": 1, "critical": 2}
"""What is shed last, in words and as a job has it."""
NAME_PATTERN: Final = r"^[0-9a-zA-Z][0-9a-zA-Z_.-]{0,63}\Z"


class ProbeEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A probe that this agent runs again and again. The collector's inventory must name this agent in the target's `via`."""

    target: Annotated[
        str,
        Meta(
            pattern=ID_PATTERN,
            description="Id of the target in the collector's inventory.",
            extra=expect("1 to 128 of letters, digits and . _ : - beginning with a letter or digit"),
        ),
    ]
    module: Annotated[
        str,
        Meta(min_length=1, description="Module, by name: which kind of probe and how.", extra=expect("the name of a module")),
    ]
    address: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=2048,
            description="What is probed, as the kind understands it: a host, `host:port` or a URL.",
            extra=expect("a host, host:port or a URL"),
        ),
    ]
    name: Annotated[
        Annotated[str, Meta(pattern=NAME_PATTERN)] | None,
        Meta(
            description="Name of its reports, distinct among the probes of a target; not said: that of the module.",
            extra=expect("1 to 64 of letters, digits and . _ - beginning with a letter or digit"),
        ),
    ] = None
    interval_s: Annotated[
        int,
        Meta(ge=1, le=86_400, description="Time between two runs.", extra=expect("a whole number of seconds, 1 to 86400")),
    ] = 15
    retry_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3_600,
            description="Time between the runs after a failed one until it is confirmed or over; 0: the interval.",
            extra=expect("a number of seconds, 0 to 3600"),
        ),
    ] = 0
    fail_after: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Failed runs in a row that confirm a failure, after which `retry_s` counts no more.",
            extra=expect("a whole number, 1 to 100"),
        ),
    ] = 3
    judged: Annotated[
        bool,
        Meta(
            description="Whether it says if the target is up, or only brings values.",
            extra=expect("true or false"),
        ),
    ] = True
    priority: Annotated[
        Literal["critical", "normal", "low"],
        Meta(
            description="What is left out last when there is too much to do.",
            extra=expect("one of critical, normal, low"),
        ),
    ] = "normal"


class ProbesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Probes that this agent runs, and what the collector's orders may make it run."""

    module_files: Annotated[
        tuple[Annotated[str, Meta(min_length=1, extra=expect("a path"))], ...],
        Meta(
            description="Files of modules as `blackbox.yml` has them, beside the shipped ones: one of the same name wins over "
            "those before; relative to this file.",
            extra=expect("a list of paths"),
        ),
    ] = ()
    scripts: Annotated[
        dict[str, tuple[str, ...]],
        Meta(
            description="Programs that `script` probes may run, by name: each a whole command line, nothing is added to it but "
            "what the probe's module says. None but these are ever run.",
            extra=expect("command lines by name, each a list of words"),
        ),
    ] = {}
    max_in_flight: Annotated[
        int,
        Meta(ge=1, le=20_000, description="Probes that run at the same time.", extra=expect("a whole number, 1 to 20000")),
    ] = 2_000
    jobs: Annotated[tuple[ProbeEntry, ...], Meta(description="The probes.", extra=expect("a list of probes"))] = ()

"""The part of the reference that tells of probes: settings of each kind, modules that come with the program, and series, from
the structs and families themselves."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import inspect as types

from agent.kinds import PROBES
from agent.model import Family
from agent.probes import certificates, module_file, probe, resolve, tcp
from agent.probes.tls_settings import TlsSettings

Table = Callable[[tuple[str, ...], Sequence[tuple[str, ...]]], str]
Settings = Callable[[type[msgspec.Struct]], Iterator[tuple[str, str, str, str]]]
"""Key, value, default and meaning of every setting of a struct."""

HEAD = """\
A module is a named set of settings of one kind (`prober`). Files of modules have the form of blackbox_exporter's
`blackbox.yml`; see [Probes](probes/PROBES.md). Of any setting X that is text, `X_file: PATH` reads it from a file and
`X_env: NAME` from the environment; a file with a secret must have mode 0600. The address is a host (`icmp`, `sip`, `script`),
a host or `host:port` (the others), or a URL (`http`).
"""
_LEFT_OUT = "`grpc` of blackbox_exporter is left out: such modules are passed over with a remark."


def doors() -> dict[str, Any]:
    """The module of each kind."""
    return {kind: importlib.import_module(where.partition(":")[0]) for kind, where in sorted(PROBES.items())}


def sections(table: Table, settings: Settings) -> Iterator[str]:
    """The section, in parts."""
    heads = ("Setting", "Value", "Default", "Meaning")
    yield HEAD
    yield f"{_LEFT_OUT}\n\n{table(heads, _rows(module_file.Head, settings))}"
    for kind, door in doors().items():
        about = (inspect.getdoc(door) or "").split("\n\n")[0].replace("\n", " ")
        yield f"\n### `{kind}`\n\n{about}\n\n{table(heads, _rows(door.Settings, settings))}"
    yield f"\n### Settings of TLS\n\n{table(heads, _rows(TlsSettings, settings))}"
    yield f"\n### Modules that come with the program\n\n{table(('Module', 'Kind', 'Settings'), _modules())}"
    yield (
        "\n### Series of probes\n\nOn `/metrics/targets`, with `instance`, `site`, `class`, and in front `module`: the name of "
        f"the probe.\nNames and meanings are blackbox_exporter's where it has the series.\n\n{table(_HEADS, _series())}"
    )


_HEADS = ("Name", "Type", "Labels", "Kinds", "Meaning")


def _rows(struct: type[msgspec.Struct], settings: Settings) -> list[tuple[str, ...]]:
    durations = dict(_durations(struct))
    rows: dict[str, tuple[str, ...]] = {}
    for key, value, default, about in settings(struct):
        above, is_tls, _ = key.partition("tls_config.")
        if is_tls:
            rows[above] = (f"`{above}tls_config`", "mapping", "`{}`", "As in [TLS](#settings-of-tls).")
        else:
            rows[key] = (f"`{key}`", value, durations.get(key, default), about)
    return list(rows.values())


def _durations(struct: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    """Defaults of durations as a file writes them."""
    info = types.type_info(struct)
    assert isinstance(info, types.StructType)
    for field in info.fields:
        said = getattr(field.type, "extra", None) or {}
        if said.get("form") == "duration" and isinstance(field.default, int | float):
            seconds = float(field.default)
            yield field.encode_name, f"`{seconds * 1000:g}ms`" if 0 < seconds < 1 else f"`{seconds:g}s`"


def _modules() -> list[tuple[str, ...]]:
    found = module_file.load_modules([])
    return [
        (f"`{one.name}`", one.kind, ", ".join(f"`{key}: {_plain(value)}`" for key, value in one.settings.items()))
        for one in found.values()
    ]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def families() -> dict[Family, list[str]]:
    """Every family that probes give, with the kinds that give it."""
    found: dict[Family, set[str]] = {}
    for kind, door in doors().items():
        given = [value for place in _places(kind, door) for value in vars(place).values() if isinstance(value, Family)]
        for family in given:
            found.setdefault(family, set()).add(kind)
    return {family: sorted(found[family]) for family in sorted(found, key=lambda each: each.name)}


def _places(kind: str, door: Any) -> list[Any]:
    """The modules whose families a kind gives."""
    places = [door, probe] if kind == "script" else [door, probe, resolve]
    return [*places, certificates] if "tls_config" in door.Settings.__struct_fields__ else places


def _series() -> list[tuple[str, ...]]:
    by_name: dict[str, tuple[Family, set[str]]] = {}
    for family, kinds in families().items():
        by_name.setdefault(family.name, (family, set()))[1].update(kinds)
    rows = [
        (f"`{one.name}`", one.type.value, " ".join(f"`{label}`" for label in one.labels), _kinds(kinds), one.help)
        for one, kinds in by_name.values()
    ]
    about = "What `expect` matched, in the labels that the module names"
    return sorted([*rows, (f"`{tcp.EXPECT}`", "gauge", "those of the module", "tcp", about)])


def _kinds(kinds: set[str]) -> str:
    if kinds == set(PROBES):
        return "all"
    missing = sorted(set(PROBES) - kinds)
    return f"all but {' '.join(missing)}" if len(missing) < 3 else " ".join(sorted(kinds))

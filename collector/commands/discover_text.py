"""What `discover` writes: an inventory for a person to review, each entry with the evidence that it rests on.

Pure. The same devices give the same text, whatever the order in which they answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from collector.commands.poll_words import word
from collector.poll.sweep import Seen
from collector.poll.topology import Link, Neighbour, Node, Tree, rank_of, tree_of

UNKNOWN_CLASS: Final = "device"
_MOST_TEXT: Final = 160
_MOST_NEIGHBOURS: Final = 8
_SPACES: Final = re.compile(r"\s+")
_NUMBER: Final = re.compile(r"[-+]?[0-9_]*\.?[0-9_]*([eE][-+]?[0-9]+)?\Z")
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_NOT_ID: Final = re.compile(r"[^0-9A-Za-z._-]+")


class Found(msgspec.Struct, frozen=True):
    """The devices of a sweep: `new` are proposed by id, `known` are in the inventory already, `refused` gave an error instead,
    `again` are further addresses of a device by its id."""

    new: Mapping[str, Seen]
    known: Mapping[str, Seen]
    refused: Sequence[Seen]
    again: Mapping[str, tuple[Seen, ...]]
    tree: Tree


class Wanted(msgspec.Struct, frozen=True):
    """What a person said of the sweep. `port` is 161 unless another one was asked."""

    ranges: Sequence[str]
    addresses: int
    date: str
    site: str
    via: str
    port: int
    language: str


def sorted_out(seen: Sequence[Seen], known: Mapping[str, str], taken: Iterable[str], roots: Sequence[str]) -> Found:
    """Give ids and parents. `known` are ids of the inventory by address, `taken` all of its ids, `roots` as for `tree_of`."""
    answered = [one for one in seen if not one.error]
    single, again = _by_chassis(answered, known)
    ids = _ids([one for one in single if one.address not in known], set(taken))
    named = {one.address: known.get(one.address) or ids[one.address] for one in single}
    nodes = [
        Node(
            named[one.address],
            (one.address, *[other.address for other in again.get(one.address, ())]),
            one.system.sysname,
            one.chassis,
            rank_of(one.class_),
            one.neighbours,
        )
        for one in single
    ]
    return Found(
        {named[one.address]: one for one in single if one.address not in known},
        {named[one.address]: one for one in single if one.address in known},
        [one for one in seen if one.error],
        {named[address]: others for address, others in again.items()},
        tree_of(nodes, roots),
    )


def _by_chassis(answered: Sequence[Seen], known: Mapping[str, str]) -> tuple[list[Seen], dict[str, tuple[Seen, ...]]]:
    """Each device once: addresses with the same chassis and name are one device, the one that is known or else the first."""
    groups: dict[tuple[bytes, str], list[Seen]] = {}
    for one in answered:
        key = (one.chassis, one.system.sysname) if one.chassis else (b"", one.address)
        groups.setdefault(key, []).append(one)
    single, again = [], {}
    for some in groups.values():
        first = next((one for one in some if one.address in known), some[0])
        single.append(first)
        if len(some) > 1:
            again[first.address] = tuple([one for one in some if one is not first])
    place = {one.address: index for index, one in enumerate(answered)}
    return sorted(single, key=lambda one: place[one.address]), again


def _ids(devices: Sequence[Seen], taken: set[str]) -> dict[str, str]:
    """An id for each, by address: its own name without the domain, and with the address where others have that name too."""
    wanted = {one.address: _slug(one) for one in devices}
    names = list(wanted.values())
    ids: dict[str, str] = {}
    for address, name in wanted.items():
        tail = _NOT_ID.sub("-", address.replace(".", "-").replace(":", "-")).strip("-")
        if names.count(name) > 1 or name in taken or not name:
            name = f"{name}-{tail}" if name else f"{UNKNOWN_CLASS}-{tail}"
        while name in taken:
            name += "-2"
        taken.add(name)
        ids[address] = name
    return ids


def _slug(one: Seen) -> str:
    name = _NOT_ID.sub("-", one.system.sysname.partition(".")[0].lower()).strip("-._")
    return name[:64] if name and name[0].isalnum() else ""


def inventory_text(found: Found, wanted: Wanted) -> str:
    """The file."""
    return "".join(f"{line}\n" for line in _lines(found, wanted))


def _lines(found: Found, wanted: Wanted) -> Iterator[str]:
    count = len(found.new) + len(found.known)
    what = {"ranges": ", ".join(wanted.ranges), "date": wanted.date, "count": count, "all": wanted.addresses}
    yield from _comment("", word(wanted.language, "found_head", **what))
    yield from _comment("", word(wanted.language, "found_review"))
    yield "targets:" if found.new else "targets: []"
    for id_, one in found.new.items():
        yield from _entry(id_, one, found, wanted)
    if found.known:
        yield ""
        yield from _comment("", word(wanted.language, "found_known"))
        for id_, one in found.known.items():
            yield from _comment("", f"- {one.address}: {id_} ({_about(one)})")
    if found.refused:
        yield ""
        yield from _comment("", word(wanted.language, "found_refused"))
        for one in found.refused:
            yield from _comment("", f"- {one.address}: {one.error}")


def _entry(id_: str, one: Seen, found: Found, wanted: Wanted) -> Iterator[str]:
    language, tree, system = wanted.language, found.tree, one.system
    yield ""
    yield from _comment("  ", f"{one.address}: {_about(one)}")
    yield from _comment(
        "  ", f"sysName {_quoted(system.sysname)}, sysObjectID {system.sysobjectid or '-'}, sysDescr {_quoted(system.sysdescr)}"
    )
    if one.identity is not None:
        why = one.identity.why_vi if language == "vi" else one.identity.why
        yield from _comment("  ", word(language, "found_profile", profile=one.identity.profile, title=one.title, why=why))
    for other in found.again.get(id_, ()):
        yield from _comment("  ", word(language, "found_again", address=other.address))
    parents = tree.parents.get(id_, ())
    for parent in parents:
        yield from _comment(
            "  ", word(language, "found_parent", parent=parent, root=tree.roots[id_], link=_link(tree.links[id_, parent]))
        )
    if not parents and id_ in tree.roots.values() and any(root == id_ for other, root in tree.roots.items() if other != id_):
        yield from _comment("  ", word(language, "found_root"))
    strangers = tree.strangers.get(id_, ())
    for neighbour in strangers[:_MOST_NEIGHBOURS]:
        yield from _comment("  ", word(language, "found_stranger", **_neighbour(neighbour)))
    if len(strangers) > _MOST_NEIGHBOURS:
        yield from _comment("  ", word(language, "found_more", count=len(strangers) - _MOST_NEIGHBOURS))
    yield f"  - id: {_yaml(id_)}"
    yield f"    site: {_yaml(wanted.site)}"
    yield f"    class: {_yaml(one.class_ or UNKNOWN_CLASS)}"
    yield f"    via: {_yaml(wanted.via)}"
    yield f"    address: {_yaml(one.address)}"
    if parents:
        names = ", ".join(map(_yaml, parents))
        yield f"    parents: [{names}]" if len(parents) == 1 else f"    parents: [[{names}]]"
    port = f", port: {wanted.port}" if wanted.port != 161 else ""
    yield f"    snmp: {{auth: {_yaml(one.auth)}{port}}}"


def _about(one: Seen) -> str:
    """Make, model and what else tells one device from another, in a line."""
    make = " ".join([part for part in (one.vendor, one.model) if part]) or one.title
    parts = [make, one.class_, one.firmware, f"S/N {one.serial}" if one.serial else ""]
    return _plain(", ".join([part for part in parts if part]))


def _link(link: Link) -> str:
    ports = f"{link.port or '?'} – {link.remote_port or '?'}"
    return _plain(f"{link.seer} {ports} {link.other}")


def _neighbour(one: Neighbour) -> dict[str, str]:
    name = one.name or (one.chassis.hex(":") if len(one.chassis) == 6 else "?")
    where = f" ({', '.join(one.addresses)})" if one.addresses else ""
    return {"port": _plain(one.port), "name": _plain(f"{name}{where}"), "remote": _plain(one.remote_port) or "?"}


def _plain(text: str) -> str:
    """Text of a device on one line, without what could end a comment."""
    flat = "".join([letter if letter.isprintable() else " " for letter in text])
    flat = _SPACES.sub(" ", flat).strip()
    return flat if len(flat) <= _MOST_TEXT else f"{flat[: _MOST_TEXT - 1]}…"


def _quoted(text: str) -> str:
    return f'"{_plain(text)}"' if text else "-"


def _comment(indent: str, text: str) -> Iterator[str]:
    yield f"{indent}# {_flat(text)}"


def _flat(text: str) -> str:
    return "".join([letter if letter.isprintable() else " " for letter in text])


def _yaml(text: str) -> str:
    """A word as YAML reads it as text."""
    if ":" in text or text.lower() in _WORDS or _NUMBER.match(text):
        return f'"{text}"'
    return text


def table(found: Found, language: str) -> str:
    """What was found, in columns, for whoever waited."""
    rows = [word(language, "found_columns").split("\t")]
    for id_, one in (*found.new.items(), *found.known.items()):
        profile = one.identity.profile if one.identity is not None else ""
        parents = " | ".join(found.tree.parents.get(id_, ()))
        make = _plain(" ".join([part for part in (one.vendor, one.model) if part]))
        rows.append([one.address, id_, one.class_ or UNKNOWN_CLASS, make, profile, parents or "-"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([cell.ljust(width) for cell, width in zip(row, widths, strict=True)]).rstrip() for row in rows]
    return "".join(f"{line}\n" for line in lines)

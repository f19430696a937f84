"""Which column of a spreadsheet holds what: headers in Vietnamese or English, with or without marks, in one row or in two."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

_WORDS: Final[dict[str, str]] = {
    "id": "ma, ma thiet bi, ma doi tuong, ma so, ma tai san, ma may, id, code, device id, device code, instance",
    "name": "ten, ten thiet bi, ten doi tuong, ten may, ten may chu, ten goi, name, device, device name, hostname, thiet bi",
    "site": "dia diem, ma dia diem, vi tri, noi dat, don vi, co quan, site, site id, location",
    "site_name": "ten dia diem, ten don vi, ten co quan, site name",
    "district": "huyen, quan huyen, huyen thi xa thanh pho, district",
    "class": "loai, loai thiet bi, chung loai, phan loai, class, type, kind, device type",
    "address": "dia chi ip, ip, dia chi, dia chi mang, dia chi may, ip address, address, host name or ip address, ip v4, ipv4",
    "via": "via, tac tu, quan sat, quan sat boi, agent, observer",
    "also_via": "also via, quan sat them, them tac tu",
    "group": "nhom, group, nhom thiet bi",
    "parents": "cha, phu thuoc, cha phu thuoc, thiet bi cha, phu thuoc vao, parent, parents, depends on, dependency",
    "probes": "tham do, phep tham do, kiem tra, probes, probe, checks",
    "profile": "mau, ho so, mau thiet bi, ho so thiet bi, profile, snmp profile",
    "auth": "xac thuc, xac thuc snmp, tai khoan snmp, auth, snmp auth, credentials",
    "objective": "muc tieu, muc tieu san sang, objective, sla, slo",
    "policy": "chinh sach, policy",
    "calendar": "lich, lich phuc vu, gio phuc vu, calendar, service hours",
    "owner": "phu trach, nguoi phu trach, don vi phu trach, don vi quan ly, owner",
    "priority": "uu tien, muc uu tien, do uu tien, priority",
    "uplink": "duong ra, uplink",
    "interval_s": "chu ky, chu ky giay, interval, interval s",
    "labels": "nhan, labels, tags",
    "note": "ghi chu, note, notes, comment, remark",
    "": "stt, tt, so thu tu, no, so",
}
"""Key -> headers that mean it, as `plain` makes them; those of "" hold nothing that is wanted."""
_KEYS: Final = {word: key for key, words in _WORDS.items() for word in words.split(", ")}
_UNDER: Final = {("site", "id"): "site", ("site", "name"): "site_name", ("site", "address"): "", ("name", "id"): "id"}
"""What a header means below another one, where the two rows say different things."""
_FIRST_ROWS: Final = 30
_LEAST: Final = 2


class Headers(NamedTuple):
    """Where the header is (`row`, from 1; the data begin below `last`), what each column holds and what is written over it."""

    row: int
    last: int
    keys: dict[int, str]
    texts: dict[int, str]
    unread: list[str]


def plain(text: str) -> str:
    """Without marks, case, and what is no letter or digit: `Địa chỉ  IP:` is `dia chi ip`."""
    bare = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    letters = "".join(each for each in bare if not unicodedata.combining(each))
    return " ".join(re.findall(r"[a-z0-9]+", letters))


def key_of(header: str, mapped: Mapping[str, str]) -> str | None:
    """What a column with this header holds; None if nobody knows. Of `Địa điểm/Site` either part will do."""
    whole = plain(header)
    if whole in mapped:
        return mapped[whole]
    if whole in _KEYS:
        return _KEYS[whole]
    parts = [plain(part) for part in re.split(r"[/(,;\n]| - ", header)]
    return next((_KEYS[part] for part in parts if part in _KEYS), None)


def find_headers(rows: Sequence[Sequence[str]], mapped: Mapping[str, str]) -> Headers | None:
    """The first row that is a header, by what its cells say, together with the one below it if that is the second half."""
    for index, row in enumerate(rows[:_FIRST_ROWS]):
        keys = [key_of(cell, mapped) for cell in row if cell]
        below = rows[index + 1] if index + 1 < len(rows) else ()
        is_double = _is_second(row, below, mapped)
        known = sum(key is not None for key in keys)
        if (known >= _LEAST and 2 * known >= len(keys)) or (is_double and known):
            return _headers(index, row, below if is_double else (), mapped)
    return None


def _is_second(row: Sequence[str], below: Sequence[str], mapped: Mapping[str, str]) -> bool:
    """Whether `below` goes on with the header: where cells of `row` are merged (empty) it has words, and nothing but words that
    are known."""
    cells = [cell for cell in below if cell]
    is_merged = any(cell and (index >= len(row) or not row[index]) for index, cell in enumerate(below))
    return bool(cells) and is_merged and all(key_of(cell, mapped) is not None for cell in cells)


def _headers(index: int, row: Sequence[str], below: Sequence[str], mapped: Mapping[str, str]) -> Headers:
    keys: dict[int, str] = {}
    texts: dict[int, str] = {}
    unread: list[str] = []
    above = ""
    for column in range(max(len(row), len(below))):
        top = row[column] if column < len(row) else ""
        sub = below[column] if column < len(below) else ""
        above = top or (above if sub else "")
        texts[column] = " ".join(filter(None, (above if sub else top, sub)))
        key = _key(above, sub, mapped) if sub else key_of(top, mapped)
        if key is None and texts[column]:
            unread.append(texts[column])
        elif key:
            keys[column] = key
    return Headers(index + 1, index + (2 if below else 1), keys, texts, unread)


def _key(above: str, sub: str, mapped: Mapping[str, str]) -> str | None:
    """What a column holds whose header has two halves."""
    both = key_of(f"{sub} {above}", mapped)
    if both is not None:
        return both
    upper, lower = key_of(above, mapped), key_of(sub, mapped)
    return _UNDER.get((upper or "", lower or ""), lower)

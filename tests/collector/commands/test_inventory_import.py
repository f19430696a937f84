"""`inventory import`: spreadsheets as people save them become inventory, whole or not at all, with every wrong cell named."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.__main__ import main
from collector.commands.import_file import EncodingError, read_sheet
from collector.commands.import_headers import find_headers, key_of, plain
from collector.commands.import_rows import letter, slug
from collector.inventory import Inventory, load_inventory

TABLE = (
    "Mã,Tên,Địa chỉ IP,Loại,Địa điểm,Nhóm,Cha/Phụ thuộc,Mẫu/Profile,Ghi chú\n"
    "rt-1,Bộ định tuyến Tứ Kỳ,10.20.3.1,Bộ định tuyến,Huyện Tứ Kỳ,,,,cũ\n"
    ',"Switch ""tầng 1""",10.20.3.2,Switch,Huyện Tứ Kỳ,Mạng truy nhập,rt-1,,\n'
    ',Bộ lưu điện,10.20.3.3,UPS,Huyện Tứ Kỳ,,"rt-1; Switch ""tầng 1""",auto,\n'
)


def run(folder: Path, data: bytes, *arguments: str, inventory: str = "") -> int:
    file = folder / "table.csv"
    file.write_bytes(data)
    config = folder / "collector.yml"
    config.write_text("inventory: inventory\n" if inventory else "data: var\n")
    if inventory:
        (folder / "inventory").mkdir(exist_ok=True)
        (folder / "inventory" / "a.yml").write_text(inventory, encoding="utf-8")
    return main(["inventory", "import", str(file), "--config", str(config), *arguments])


def made(folder: Path, capsys: pytest.CaptureFixture[str], table: str | bytes, *arguments: str) -> Inventory:
    """What the collector makes of the file that the command writes."""
    out = folder / "made"
    out.mkdir(exist_ok=True)
    data = table.encode() if isinstance(table, str) else table
    assert run(folder, data, "--output", str(out / "new.yml"), *arguments) == 0, capsys.readouterr().err
    return load_inventory(out, None)


def problems(folder: Path, capsys: pytest.CaptureFixture[str], table: str, *arguments: str, inventory: str = "") -> list[str]:
    """What is wrong; nothing was written."""
    out = folder / "new.yml"
    assert run(folder, table.encode(), "--output", str(out), *arguments, inventory=inventory) == 1
    assert not out.exists()
    assert list(folder.glob("*.new")) == []
    return [line.removeprefix(f"{folder}/table.csv:") for line in capsys.readouterr().err.splitlines()[:-1]]


def test_a_table_becomes_sites_targets_and_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With ids made of Vietnamese names where there are none, parents by id or by name."""
    found = made(tmp_path, capsys, TABLE.replace("UPS", "Bộ lưu điện").replace(",auto,", ",,"))
    assert {id_: (each.name, each.site, each.class_, each.address) for id_, each in found.entries.items()} == {
        "rt-1": ("Bộ định tuyến Tứ Kỳ", "huyen-tu-ky", "router", "10.20.3.1"),
        "switch-tang-1": ('Switch "tầng 1"', "huyen-tu-ky", "switch", "10.20.3.2"),
        "bo-luu-dien": ("Bộ lưu điện", "huyen-tu-ky", "ups", "10.20.3.3"),
    }
    assert found.entries["bo-luu-dien"].parents == ("rt-1", "switch-tang-1")
    assert found.sites["huyen-tu-ky"].name == "Huyện Tứ Kỳ"
    assert found.subjects(())["group:mang-truy-nhap"].group.members == ("switch-tang-1",)  # type: ignore[union-attr]


def test_every_entry_tells_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And its note; what a person has to look at stands at the beginning."""
    assert run(tmp_path, TABLE.encode(), "--lang", "vi") == 0
    text = capsys.readouterr().out
    assert text.startswith("# Từ table.csv (UTF-8), 3 đối tượng. Cần duyệt lại")
    assert "  # dòng 2: cũ\n  - {id: rt-1, " in text
    assert '  # dòng 3, mã tạo từ Switch "tầng 1"\n' in text
    assert "snmp: {profile: auto}" in text


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16 LE"),
        ("utf-16-le", "UTF-16 LE"),
        ("utf-16-be", "UTF-16 BE"),
        ("cp1258", "Windows-1258"),
    ],
)
def test_the_encoding_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str], encoding: str, told: str) -> None:
    """And said; Vietnamese of Windows-1258, which writes tones apart, comes out as everywhere else."""
    text = _apart(TABLE) if encoding == "cp1258" else TABLE
    found = made(tmp_path, capsys, text.replace(",auto,", ",,").encode(encoding))
    assert f"table.csv: {told}, columns separated by commas, header in row 1, 3 rows taken" in capsys.readouterr().err
    assert found.sites["huyen-tu-ky"].name == "Huyện Tứ Kỳ"


def _apart(text: str) -> str:
    """Letters as Windows-1258 has them: with their own mark in one, with the tone behind."""
    tones = "\u0300\u0301\u0303\u0309\u0323"
    out = []
    for each in text:
        bare = unicodedata.normalize("NFD", each)
        tone = "".join(mark for mark in bare if mark in tones)
        out.append(unicodedata.normalize("NFC", "".join(mark for mark in bare if mark not in tones)) + tone)
    return "".join(out)


def test_a_person_names_the_encoding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that does not fit, or that there is not, is said."""
    assert run(tmp_path, TABLE.encode("utf-16-le"), "--encoding", "utf-16-le") == 0
    capsys.readouterr()
    assert run(tmp_path, _apart(TABLE).encode("cp1258"), "--encoding", "utf-8") == 1
    assert "is no text in utf-8: name its encoding" in capsys.readouterr().err
    assert run(tmp_path, b"x", "--encoding", "klingon") == 1
    assert "--encoding klingon: no encoding that is known here" in capsys.readouterr().err


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str], separator: str) -> None:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator).writerows(csv.reader(io.StringIO(TABLE.replace(",auto,", ",,"))))
    assert len(made(tmp_path, capsys, stream.getvalue()).entries) == 3


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Mã", "id"),
        ("MA THIET BI", "id"),
        ("  tên   thiết bị ", "name"),
        ("Địa chỉ IP", "address"),
        ("dia_chi_ip:", "address"),
        ("IP Address", "address"),
        ("Địa điểm/Site", "site"),
        ("Loại", "class"),
        ("Cha/Phụ thuộc", "parents"),
        ("Nhóm", "group"),
        ("Mẫu (Profile)", "profile"),
        ("STT", ""),
        ("Số máy lẻ", None),
    ],
)
def test_headers_in_either_language(header: str, key: str | None) -> None:
    """With or without marks, in any case, with spaces too many, in two languages at once."""
    assert key_of(header, {}) == key
    assert key_of(unicodedata.normalize("NFD", header).upper(), {}) == key


def test_merged_headers_of_two_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty cells go on with what stands to the left, the second row says what is below; titles and blank rows are passed."""
    table = """DANH SÁCH THIẾT BỊ,,,,,
,,,,,
STT,Thiết bị,,,Địa điểm,
,Mã,Tên,IP,Mã,Tên
,,,,,
1,sw-1,Switch A,10.0.0.1,tu-ky,Huyện Tứ Kỳ
"""
    found = made(tmp_path, capsys, table, "--class", "switch")
    (entry,) = found.entries.values()
    assert (entry.id, entry.name, entry.address, entry.site) == ("sw-1", "Switch A", "10.0.0.1", "tu-ky")
    assert found.sites["tu-ky"].name == "Huyện Tứ Kỳ"
    assert "header in row 3, 1 rows taken" in capsys.readouterr().err


def test_columns_of_other_names_are_mapped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody knows is not read, and said; a wrong mapping is refused."""
    table = "Tài sản,IPv4 quản trị,Site,Loại,Năm mua\nx1,10.0.0.1,dic,Server,2021\n"
    found = made(tmp_path, capsys, table, "--map", "tài sản=id", "--map", "IPv4 quản trị=address")
    assert found.entries["x1"].address == "10.0.0.1"
    assert "columns that are not read: Năm mua" in capsys.readouterr().err
    for said, why in (
        ("Năm mua=year", "expected HEADER=KEY with a key of: id, name"),
        ("Nothing=id", "no column has this header"),
    ):
        assert run(tmp_path, table.encode(), "--map", "Tài sản=id", "--map", said) == 1
        assert why in capsys.readouterr().err


def test_every_wrong_cell_is_named_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With row and column, and nothing is written."""
    table = """Mã,Tên,Địa chỉ IP,Loại,Địa điểm,Cha,Mục tiêu,Chu kỳ
a,A,10.0.0.300,Server,dic,,"99,9 %",60
a,B,10.0.0.2,Server,dic,zz,100,0
b,C,10.0.0.3,Máy bay,nowhere,b,,
b2,D,bad name,,,,,

c,E,10.0.0.5,Server,dic,,,
c,E,10.0.0.5,Server,dic,,,
old,F,10.0.0.6,Server,dic,"a;old",,
,!!!,10.0.0.7,Server,dic,,,
"""
    inventory = "sites: [{id: dic}]\ntargets: [{id: old, site: dic, class: server}]\n"
    found = problems(tmp_path, capsys, table, inventory=inventory)
    form = "expected host name or IP address"
    assert [line.partition(", expected a class that is known")[0] for line in found] == [
        '2: C2 (Địa chỉ IP): found "10.0.0.300", ' + form,
        '3: G3 (Mục tiêu): found "100", expected per cent above 0 and below 100, at most 4 decimals',
        '3: H3 (Chu kỳ): found "0", expected a whole number >= 1 and <= 86400',
        '3: A3 (Mã): found "a", expected an id used once (first in row 2)',
        '3: F3 (Cha): found "zz", expected the id or name of a target in the table or the inventory',
        '4: E4 (Địa điểm): found "nowhere", expected a site of the inventory, by id or name (--new takes others)',
        '4: D4 (Loại): found "Máy bay"',
        '4: F4 (Cha): found "b", expected parents that do not lead back (R7.1)',
        "5: E5 (Địa điểm): found nothing, expected a site",
        "5: D5 (Loại): found nothing, expected a class",
        '5: C5 (Địa chỉ IP): found "bad name", ' + form,
        "8: found the same as row 7, expected each target once",
        f'9: A9 (Mã): found "old", expected an id that the inventory does not have yet (at {tmp_path}/inventory/a.yml:2)',
        '9: F9 (Cha): found "old", expected parents that do not lead back (R7.1)',
        '10: B10 (Tên): found "!!!", expected letters or digits, from which an id can be made',
    ]


def test_unknown_sites_and_classes_are_taken_when_a_person_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = "Tên,IP,Loại,Địa điểm\nA,10.0.0.1,Máy bay,Sân bay Gia Lâm\nA,10.0.0.2,Máy bay,dic\n"
    assert len(problems(tmp_path, capsys, table, inventory="sites: [{id: dic}]\n")) == 3
    out = tmp_path / "new.yml"
    assert run(tmp_path, table.encode(), "--new", "-o", str(out), inventory="sites: [{id: dic}]\n") == 0
    out.rename(tmp_path / "inventory" / "new.yml")
    found = load_inventory(tmp_path / "inventory", None)
    assert found.entries.keys() == {"san-bay-gia-lam-a", "dic-a"}
    assert {each.class_ for each in found.entries.values()} == {"may-bay"}


def test_doubtful_tables_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two columns for one thing, no header, a quote without end, no row: nothing is guessed."""
    assert problems(tmp_path, capsys, "Mã,IP,Địa chỉ IP,Loại,Site\na,10.0.0.1,10.0.0.2,Server,s\n") == [
        "1: C1 (Địa chỉ IP): found a second column for address, expected one column for address (first in column B)"
    ]
    assert problems(tmp_path, capsys, "a,b\nc,d\n") == [
        "1: found no headers that are known, expected a row of headers, such as Mã, Tên, Địa chỉ IP, Loại, Địa điểm"
    ]
    broken = problems(tmp_path, capsys, 'Mã,Tên,Loại,Site\na,"B,Server,s\n')
    assert broken[-1] == "2: found quotes that do not end or text behind them, expected quotes in pairs"
    many = problems(tmp_path, capsys, "Mã,Tên,Loại,Site\n" + "a,B,Server,s\n" * 100_000)
    assert "100000: found more rows than are read, expected several smaller tables" in many
    assert problems(tmp_path, capsys, "Mã,Tên,Loại,Site\n,,,\n") == ["2: found nothing, expected rows with targets"]


def test_an_old_file_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "kept.yml"
    out.write_text("mine\n")
    assert run(tmp_path, TABLE.encode(), "-o", str(out)) == 1
    assert "kept.yml exists" in capsys.readouterr().err
    assert out.read_text() == "mine\n"


def test_unknown_probes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = 'Mã,IP,Loại,Site,Thăm dò\na,10.0.0.1,Server,s,"icmp, htttp_2xx"\n'
    assert problems(tmp_path, capsys, table) == [
        '2: probes: found "htttp_2xx", expected the name of a module of probes, such as http_2xx'
    ]


def test_what_is_exported_can_be_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same ids, addresses, parents and labels."""
    first = made(tmp_path, capsys, TABLE.replace(",auto,", ",,"))
    config = tmp_path / "export.yml"
    config.write_text("inventory: made\n")
    capsys.readouterr()
    assert main(["inventory", "export", "--config", str(config)]) == 0
    second = tmp_path / "second"
    second.mkdir()
    again = made(second, capsys, capsys.readouterr().out)
    assert again.entries.keys() == first.entries.keys()
    for id_, entry in first.entries.items():
        other = again.entries[id_]
        assert (other.address, other.parents, other.class_) == (entry.address, entry.parents, entry.class_)
        assert other.labels == entry.labels


@given(
    st.binary(max_size=400)
    | st.text(max_size=200).map(str.encode)
    | st.text(max_size=99).map(lambda text: text.encode("utf-16"))
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_rows_or_refused(data: bytes) -> None:
    """Whatever the file holds."""
    try:
        sheet = read_sheet(data)
    except EncodingError:
        return
    find_headers(sheet.rows, {})
    assert all(unicodedata.is_normalized("NFC", cell) for row in sheet.rows for cell in row)


@given(st.text(max_size=60))
def test_a_slug_is_an_id_or_nothing(text: str) -> None:
    found = slug(text)
    assert found == "" or (found.isascii() and plain(found).replace(" ", "-") == found)


def test_letters_of_columns() -> None:
    """As spreadsheets count."""
    assert [letter(column) for column in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
    assert codecs.lookup("cp1258").name == "cp1258"

"""The example province is whole: everything that the estate has is there, named in both languages, observed, depended upon."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from datetime import date
from pathlib import Path

import msgspec
import pytest

from collector import config
from collector.__main__ import main
from collector.core.calendar import Calendar
from collector.inventory import COLLECTOR, Inventory, load_inventory
from collector.inventory.check import parents_of
from collector.inventory.equipment import equip
from collector.inventory.probes import jobs_of
from collector.ledgers import calendar_settings
from collector.orders import orders_of
from tests.project.source import ROOT

EXAMPLE = ROOT / "config"
NETS = [
    ipaddress.ip_network(net) for net in ("10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
DISTRICTS = {
    "tp-hai-duong", "chi-linh", "binh-giang", "cam-giang", "gia-loc", "kim-thanh", "kinh-mon", "nam-sach", "ninh-giang",
    "thanh-ha", "thanh-mien", "tu-ky",
}  # fmt: skip
ROOTS = {"sw-core-1", "sw-core-2"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped files as a person has them who made the file of credentials private."""
    copy = tmp_path_factory.mktemp("province") / "config"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (copy / "snmp-auths.example.yml").chmod(0o600)
    return copy


@pytest.fixture(scope="module")
def province(folder: Path) -> Inventory:
    """Everything with credentials, profiles and modules looked up, and agents made for all that are named."""
    settings = config.load(folder / "province.yml")
    draft = load_inventory(Path(settings.inventory), None, settings, equip)
    agents = {observer for info in draft.targets.values() for observer in info.observers} - {COLLECTOR}
    return load_inventory(Path(settings.inventory), agents, settings, equip)


def by_class(province: Inventory, class_: str) -> list[str]:
    return [id_ for id_, entry in province.entries.items() if entry.class_ == class_]


def test_the_command_finds_nothing_wrong(folder: Path) -> None:
    """`haidang-collector inventory check` says so, without a single warning."""
    ended = subprocess.run(
        [sys.executable, "-m", "collector", "inventory", "check", "--config", str(folder / "province.yml"), "--lang", "en"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert ended.stdout.startswith("ok: ")


def test_nothing_is_doubtful_once_the_agents_are_made(province: Inventory) -> None:
    """With the agents that the inventory names there is neither a problem nor a warning."""
    assert province.warnings == ()


def test_the_data_centre_is_whole(province: Inventory) -> None:
    """27 servers with an agent and 10 without; network, storage, power and climate by the piece."""
    servers = [id_ for id_ in province.entries if re.fullmatch(r"dc-srv-\d\d", id_)]
    own = [id_ for id_ in servers if province.entries[id_].via == id_]
    assert (len(servers), len(own)) == (37, 27)
    assert all(province.chosen(province.entries[id_]).snmp is not None for id_ in set(servers) - set(own))
    forms = Counter(province.entries[id_].labels["form"] for id_ in servers)
    windows = [id_ for id_ in servers if province.entries[id_].labels["os"] == "windows"]
    assert (forms, len(windows) >= 15) == ({"virtual": 19, "physical": 18}, True)
    pieces = Counter(entry.class_ for entry in province.entries.values() if entry.site == "dic")
    wanted = {"firewall": 2, "storage": 3, "fcswitch": 2, "ups": 2, "pdu": 12, "ats": 2, "env": 6, "switch": 9, "router": 4}
    assert {class_: pieces[class_] for class_ in wanted} == wanted


def test_there_are_55_wan_points_of_three_lines_each(province: Inventory) -> None:
    """12 districts and 43 departments and offices: each a line, a router, a switch, a district and a place on the map."""
    points = {id_: site for id_, site in province.sites.items() if site.kind == "wan_point"}
    assert len(points) == 55
    assert points.keys() >= DISTRICTS
    for id_, site in points.items():
        assert {f"{id_}-line", f"{id_}-router", f"{id_}-switch"} <= province.entries.keys()
        assert site.link == f"{id_}-line"
        assert site.district
        assert site.location is not None
        assert 20.5 < (site.location.latitude or 0) < 21.4
    text = (EXAMPLE / "inventory" / "wan.yml").read_text(encoding="utf-8")
    entries = re.findall(r"(?ms)^  - \{id: .*?\}\}$", text)
    assert (len(entries), {entry.count("\n") + 1 for entry in entries}) == (55, {3})


def test_there_are_28_rooms_with_everything_that_a_conference_needs(province: Inventory) -> None:
    """Codec by SIP, H.323 and SNMP, path quality from the site agent to the reflector, office hours, k of n to be there."""
    rooms = [site for site in province.sites.values() if site.kind == "video_room"]
    assert len(rooms) == 28
    for site in rooms:
        codec, path = (province.chosen(province.entries[f"{site.id}-{part}"]) for part in ("codec", "path"))
        kinds = {job.module.kind for job in jobs_of(province, site.agent or "") if job.target == codec.entry.id}
        assert kinds == {"sip", "h323", "icmp"}
        assert codec.snmp is not None
        assert [job.module.kind for job in jobs_of(province, site.agent or "") if job.target == path.entry.id] == ["rtp"]
        assert {site.calendar, codec.said("calendar", ""), path.said("calendar", "")} == {"office"}
    group = province.groups["rooms"]
    assert (group.rule, group.k, sorted(group.members)) == ("k_of_n", 26, sorted(f"site:{site.id}" for site in rooms))


def test_all_services_are_there(province: Inventory) -> None:
    """The portal and its 52 component sites, 265 communes, 37 departments, 12 one-stop shops, 42 online services, mail."""
    classes = ("portal", "component_site", "commune_site", "documents", "one_stop", "online_service")
    assert [len(by_class(province, class_)) for class_ in classes] == [1, 52, 265, 37, 12, 42]
    assert {province.entries[id_].labels["district"] for id_ in by_class(province, "one_stop")} == DISTRICTS
    jobs = [job for job in jobs_of(province, COLLECTOR) if province.entries[job.target].class_ == "mail"]
    assert {job.module.kind for job in jobs} == {"smtp", "imap", "http", "dns"}
    pages = [job.address for job in jobs_of(province, COLLECTOR) if job.module.kind == "http" and job.judged]
    assert (len(pages), len(set(pages))) == (411, 411)
    assert all(page.startswith("https://") for page in pages)


def test_everything_is_named_in_both_languages(province: Inventory) -> None:
    """Vietnamese with its marks, composed, and English."""
    entries = [
        *province.sites.values(), *province.entries.values(), *province.groups.values(), *province.uplinks.values()
    ]  # fmt: skip
    assert [entry.id for entry in entries if not (entry.name and entry.name_en)] == []
    assert [entry.id for entry in entries if entry.name.isascii() and entry.name != "Internet"] == []
    assert [entry.id for entry in entries if unicodedata.normalize("NFC", entry.name) != entry.name] == []
    assert [entry.id for entry in entries if "{" in entry.name + entry.name_en] == []


def test_only_addresses_of_documentation_are_used(province: Inventory, folder: Path) -> None:
    """Private and documentation networks, and names below example.vn, in what is asked and in what is written."""
    asked = [entry.address for entry in province.entries.values() if entry.address]
    asked += [reference for uplink in province.uplinks.values() for reference in uplink.references]
    text = "".join(file.read_text(encoding="utf-8") for file in (folder / "inventory").rglob("*.yml"))
    asked += re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", text)
    for address in asked:
        if re.fullmatch(r"[\d.]+", address):
            place = ipaddress.ip_address(address)
            assert any(place in net for net in NETS if net.version == place.version), address
        else:
            assert address.endswith(".example.vn"), address
    assert set(re.findall(r"\b[\w-]+\.(?:vn|com|net|org|info)\b", text)) == {"example.vn"}


def test_every_target_is_observed(province: Inventory) -> None:
    """A judged probe, a poll or the agent of the machine itself tells of each."""
    probed = {
        job.target
        for observer in {each for info in province.targets.values() for each in info.observers}
        for job in jobs_of(province, observer)
        if job.judged
    }
    dark = [
        id_
        for id_, entry in province.entries.items()
        if id_ not in probed and province.chosen(entry).snmp is None and entry.via != id_
    ]
    assert dark == []


def test_dependencies_lead_to_the_core_of_the_data_centre(province: Inventory) -> None:
    """Whatever fails, it is known whether the way to it was there."""
    parents = {id_: {each for group in parents_of(entry) for each in group} for id_, entry in province.entries.items()}
    lost = []
    for id_ in province.entries.keys() - ROOTS:
        seen: set[str] = set()
        todo = set(parents[id_])
        while todo:
            above = todo.pop()
            seen.add(above)
            todo |= parents[above] - seen
        if not seen >= ROOTS:
            lost.append(id_)
    assert (lost, [id_ for id_ in sorted(ROOTS) if parents[id_]]) == ([], [])
    assert parents["thanh-mien-router"] == {"thanh-mien-line"}
    assert parents["thanh-mien-line"] == {"wan-router-1", "wan-router-2"}


def test_everybody_knows_what_is_promised_and_who_answers_for_it(province: Inventory) -> None:
    """Each class has an objective and an owner, each group and each site an objective."""
    used = {entry.class_ for entry in province.entries.values()}
    assert used == province.classes.keys()
    assert [name for name, said in province.classes.items() if not (said.objective and said.owner)] == []
    assert [group.id for group in province.groups.values() if group.objective is None] == []
    assert [site.id for site in province.sites.values() if site.objective is None] == []


def test_lines_lie_behind_the_way_out_of_the_centre(province: Inventory) -> None:
    """While the data network is out, no WAN point and no room is accused; what the site agent sees is not affected."""
    uplinks = {
        job.uplink
        for job in jobs_of(province, COLLECTOR)
        if province.sites[province.entries[job.target].site].kind != "data_centre"
    }
    assert uplinks == {"wan"}
    assert {job.uplink for job in jobs_of(province, "box-thanh-mien")} == {""}


def test_site_agents_and_the_reflector_get_their_orders(province: Inventory) -> None:
    """A box reads itself, polls and probes what stands at its site; the reflector has the key of those who ask it."""
    box = orders_of(province, "box-thanh-mien")
    assert {device.target for device in box.devices} == {"thanh-mien-router", "thanh-mien-switch", "room-thanh-mien-codec"}
    assert {job.target for job in box.jobs} == {
        "portal", "thanh-mien-router", "thanh-mien-switch", "room-thanh-mien-codec", "room-thanh-mien-path"
    }  # fmt: skip
    reflector = orders_of(province, "dc-srv-27")
    assert reflector.reflector_port == 8603
    assert reflector.reflector_key.reveal()


def test_every_subject_has_a_ledger(province: Inventory) -> None:
    """Targets, groups and sites become subjects, sites with what they are worth end to end."""
    subjects = province.subjects(())
    assert len(subjects) >= len(province.entries) + len(province.groups) + len(province.sites)
    assert subjects["site:thanh-mien"].group is not None
    assert subjects["group:services"].group is not None


def test_the_page_for_people_tells_the_size(province: Inventory) -> None:
    """What stands beside the files says how much they make."""
    page = (EXAMPLE / "inventory" / "README.md").read_text(encoding="utf-8")
    assert f"{len(province.entries)} targets at {len(province.sites)} sites" in page


def test_its_export_is_the_same_inventory(
    province: Inventory, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without templates, lists and defaults: what comes out can be taken again, and says the same."""
    assert main(["inventory", "export", "--format", "yaml", "--config", str(folder / "province.yml")]) == 0
    (tmp_path / "all.yml").write_text(capsys.readouterr().out, encoding="utf-8")
    again = load_inventory(tmp_path, None, province.settings, equip)
    assert again.targets == province.targets
    assert again.subjects(()) == province.subjects(())
    assert jobs_of(again, COLLECTOR) == jobs_of(province, COLLECTOR)


def test_its_calendars_can_be_kept(province: Inventory) -> None:
    """With holidays and special days, as the configuration history keeps them: the same bytes in whatever order they stand."""
    kept = calendar_settings(province.calendars)["calendar:office"]
    office = msgspec.json.decode(kept, type=Calendar)
    assert office == province.calendars["office"]
    assert len(office.special) == 1
    days = {date(2026, 3, 14): ((450, 690),), date(2026, 1, 3): ()}
    one, other = (Calendar("UTC", special=dict(items)) for items in (days.items(), reversed(days.items())))
    assert calendar_settings({"a": one}) == calendar_settings({"a": other})

"""Orders as bytes and values, whether they can be obeyed, and their copy on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import orders_copy
from agent.orders import NOTHING, VERSION, Orders, OrdersError, decode, encode, sealed
from agent.orders_check import check_orders, host_of, judge
from agent.orders_copy import NO_ORDERS, Copy, CopyError
from agent.orders_desk import Verdict, judged
from agent.probes.probe import Job, Module
from agent.probes.sight import Uplink
from agent.settings import CollectorSettings, ReadersSettings, Secret, Settings, SnmpDevice, unpack
from agent.settings_orders import OrdersSettings
from agent.settings_probes import ProbesSettings
from agent.snmp.auth import Auth

TCP = Module(name="port", kind="tcp")
SECRET = "s3cret-of-the-switch"


def job(**fields: Any) -> Job:
    return msgspec.structs.replace(Job(target="portal", name="port", module=TCP, address="192.0.2.7:443"), **fields)


def orders(*jobs: Job, **fields: Any) -> Orders:
    return Orders(version=VERSION, jobs=jobs, **fields)


def local(**fields: Any) -> Settings:
    return Settings(id="box", collector=CollectorSettings(urls=("https://centre.example.vn",)), **fields)


FULL = orders(
    job(),
    devices=(SnmpDevice(target="sw-1", address="192.0.2.1", auth="site"),),
    auths=(Auth(name="site", community=Secret(SECRET)),),
    readers=ReadersSettings(disable=("cpu",)),
    interval_s=30,
)


def test_orders_survive_the_way_there_with_their_secrets() -> None:
    sent = sealed(FULL, b"key")
    came = decode(encode(sent))
    assert came == sent
    assert came.auths[0].community.reveal() == SECRET


def test_secrets_in_orders_never_print() -> None:
    secret = orders(job(module=Module(name="m", kind="http", settings={"bearer_token": SECRET})), auths=FULL.auths)
    copy = Copy("c1", encode(secret))
    assert SECRET not in f"{secret!r} {secret} {secret.jobs} {secret.auths} {copy!r}"


def test_the_tag_names_the_content_and_the_key() -> None:
    """Same orders, same tag; anything else, another; and whoever sees a tag cannot try out what it names."""
    tags = {sealed(one, key).tag for one in (FULL, orders(job())) for key in (b"a", b"b")}
    assert len(tags) == 4
    assert sealed(sealed(FULL, b"a"), b"a").tag == sealed(FULL, b"a").tag
    assert sealed(NOTHING, b"a").tag == NO_ORDERS


@given(st.binary(max_size=300))
def test_random_bytes_raise_their_own_error_only(data: bytes) -> None:
    try:
        decode(data)
    except OrdersError:
        return


@settings(max_examples=200)
@given(st.data())
def test_damaged_orders_raise_their_own_error_only(data: st.DataObject) -> None:
    body = bytearray(encode(FULL))
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(body[: data.draw(st.integers(0, len(body)))]))
    except OrdersError:
        return


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"version": 2}, "version 2, expected 1"),
        ({"interval_s": 9_999}, "interval_s"),
        ({"reflector_port": 70_000}, "reflector_port"),
        ({"snmp_files": {"../evil.yml": ""}}, "snmp_files"),
        ({"snmp_files": {"modules/../../evil.yml": ""}}, "snmp_files"),
        ({"tag": "A\n"}, "tag"),
        ({"tag": "0" * 65}, "tag"),
        ({"uplinks": tuple(Uplink(f"u{number}", ()) for number in range(65))}, "uplinks"),
    ],
)
def test_orders_past_a_bound_are_no_orders(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(OrdersError, match=said):
        decode(encode(Orders(**({"version": VERSION} | fields))))


def test_unknown_fields_are_left_out() -> None:
    """A newer collector may say more than an older agent knows."""
    raw = msgspec.msgpack.decode(encode(orders(job())))
    assert decode(msgspec.msgpack.encode(raw | {"tomorrow": 1})) == orders(job())


@pytest.mark.parametrize(
    ("wanted", "given", "said"),
    [
        (orders(job(module=Module(name="m", kind="gopher"))), {}, "there is no kind of probe named 'gopher'"),
        (orders(job(module=Module(name="m", kind="tcp", settings={"colour": 1}))), {}, "colour"),
        (orders(job(address="nowhere")), {}, "expected"),
        (orders(job(), job()), {}, "ordered twice"),
        (orders(job(interval_s=0)), {}, "no schedule"),
        (orders(job(name="A B")), {}, "no name that the collector takes"),
        (orders(job()), {"forbid_kinds": ("tcp",)}, "tcp is forbidden here"),
        (orders(job()), {"allow_addresses": ("10.0.0.0/8",)}, "no address in orders.allow_addresses"),
        (orders(job(address="portal.example.vn:443")), {"allow_addresses": ("0.0.0.0/0",)}, "no address in"),
        (orders(job(module=Module(name="m", kind="script", settings={"name": "raid"}))), {}, "no script 'raid'"),
        (orders(readers=ReadersSettings(enable=("tea",))), {}, "knows no reader 'tea'"),
        (orders(readers=ReadersSettings(enable=("systemd",))), {"forbid_kinds": ("systemd",)}, "systemd is forbidden"),
        (orders(readers=ReadersSettings(settings={"cpu": {"colour": 1}})), {}, "settings of cpu"),
        (FULL, {"forbid_kinds": ("snmp",)}, "snmp is forbidden"),
        (msgspec.structs.replace(FULL, auths=()), {}, "credentials 'site' are not in the orders"),
        (orders(reflector_port=8603), {}, "reflector: its key"),
        (orders(job(), uplinks=(Uplink("wan", ("gateway",)),)), {}, "uplink 'wan': 'gateway', expected an IP address"),
        (
            orders(job(), uplinks=(Uplink("wan", ("192.0.2.1", "10.0.0.1:53")),)),
            {"allow_addresses": ("192.0.2.0/24",)},
            "uplink 'wan': '10.0.0.1' is no address in",
        ),
    ],
)
def test_orders_that_cannot_be_obeyed_are_refused_with_the_reason(wanted: Orders, given: dict[str, Any], said: str) -> None:
    problems = check_orders(wanted, local(orders=OrdersSettings(**given)))
    assert any(said in problem for problem in problems), problems


PAGE = "http://192.0.2.7/"
TOKENS = {"client_id": "x", "token_url": "http://10.0.0.1/"}


@pytest.mark.parametrize(
    ("address", "settings", "said"),
    [
        (PAGE, {}, "follows redirects"),
        (PAGE, {"follow_redirects": False, "proxy_url": "http://u:p@10.0.0.1:3128"}, "proxy_url is no address"),
        (PAGE, {"follow_redirects": False, "oauth2": TOKENS}, "oauth2.token_url is no address"),
        ("averylongnameofahost://192.0.2.7/", {"follow_redirects": False}, "'averylongnameofahost' is no address"),
    ],
)
def test_an_allowed_address_leads_nowhere_else(address: str, settings: dict[str, Any], said: str) -> None:
    """Neither redirects, proxies and services of tokens, nor a URL that can be read in two ways."""
    wanted = orders(job(module=Module(name="m", kind="http", settings=settings), address=address))
    assert check_orders(wanted, local()) == []
    problems = check_orders(wanted, local(orders=OrdersSettings(allow_addresses=("192.0.2.0/24",))))
    assert any(said in problem for problem in problems), problems
    assert not any("u:p" in problem for problem in problems)


def test_orders_within_the_rules_of_the_machine_are_good() -> None:
    rules = OrdersSettings(forbid_kinds=("http",), allow_addresses=("192.0.2.0/24", "2001:db8::/32"))
    script = Module(name="raid", kind="script", settings={"name": "raid"})
    wanted = orders(job(), job(name="v6", address="[2001:db8::1]:443"), job(name="raid", module=script, address="192.0.2.9"))
    wanted = msgspec.structs.replace(wanted, uplinks=(Uplink("wan", ("192.0.2.1", "[2001:db8::1]:53")),))
    assert check_orders(wanted, local(orders=rules, probes=ProbesSettings(scripts={"raid": ("/bin/true",)}))) == []


def test_every_problem_is_told_at_once() -> None:
    """A reason a probe, and no more than a person reads."""
    wanted = orders(*[job(name=f"p{number}", address="nowhere") for number in range(30)])
    verdict = judge(encode(wanted), local())
    assert len(verdict.problems) == 21
    assert verdict.problems[-1] == "and 10 more"


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("192.0.2.1", "192.0.2.1"), ("192.0.2.1:80", "192.0.2.1"), ("[2001:db8::1]:80", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"), ("https://u@192.0.2.1:8443/x", "192.0.2.1"), ("http://[2001:db8::1]/", "2001:db8::1"),
        ("http://192.0.2.1@10.0.0.1/", "10.0.0.1"), ("http://[bad", ""),
    ],
)  # fmt: skip
def test_the_host_of_an_address_is_what_will_be_spoken_to(address: str, host: str) -> None:
    assert host_of(address) == host


def test_a_process_of_its_own_judges() -> None:
    """What it loads stays there; settings come back with what is ordered for the host."""
    verdict = judged(encode(sealed(msgspec.structs.replace(FULL, devices=(), auths=()), b"k")), local())
    assert verdict.problems == ()
    assert verdict.observes
    host = unpack(verdict.settings)
    assert (host.interval_s, host.readers.disable) == (30, ("cpu",))
    assert judged(b"rubbish", local()).problems[0].startswith("no orders that this agent understands")


def test_a_judge_that_dies_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    verdict = judged(encode(FULL), local())
    assert verdict == Verdict(problems=("checking them failed: ended with 1: no word",))


# -- the copy on disk


def test_a_copy_is_kept_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    path = str(tmp_path / "orders")
    assert orders_copy.read(path) is None
    for copy in (Copy("c1", b"first"), Copy("c2", b"\0" * 100_000)):
        orders_copy.write(path, copy)
        assert orders_copy.read(path) == copy
    assert (tmp_path / "orders").stat().st_mode & 0o777 == 0o600
    orders_copy.remove(path)
    orders_copy.remove(path)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=100)
@given(st.data())
def test_a_broken_copy_is_never_taken_for_orders(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp() / "broken"
    folder.mkdir(exist_ok=True)
    path = folder / "orders"
    orders_copy.write(str(path), Copy("c1", encode(FULL)))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    with pytest.raises(CopyError):
        orders_copy.read(str(path))

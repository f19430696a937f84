"""The connection to a collector: whom it trusts, what it refuses to do, how long it waits, and the names of its errors."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.model import Reason
from agent.transport import HttpTransport, TransportError, TransportSettings, check_url, is_loopback
from tests.agent import collector_kit as server
from tests.agent.authority import Authority

QUICK = TransportSettings(answer_timeout_s=0.2, connect_timeout_s=2.0)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path, ["127.0.0.1"])
    (tmp_path / "ca.pem").write_text(made.ca_pem)
    return made


@pytest.fixture
def tls(authority: Authority) -> Iterator[server.ScriptedCollector]:
    collector = server.ScriptedCollector()
    collector.use_tls(authority.server_file)
    collector.start()
    yield collector
    collector.stop()


def _post(settings: TransportSettings, url: str) -> server.Reply:
    transport = HttpTransport(settings)
    try:
        return transport.post(url, b"body", False)
    finally:
        transport.close()


def _reason(settings: TransportSettings, url: str) -> Reason:
    with pytest.raises(TransportError) as caught:
        _post(settings, url)
    assert caught.value.detail
    return caught.value.reason


# -- TLS ---------------------------------------------------------------------------------------------------------------


def test_the_pinned_authority_is_trusted(tmp_path: Path, tls: server.ScriptedCollector) -> None:
    settings = TransportSettings(ca_file=str(tmp_path / "ca.pem"), token="t")
    assert _post(settings, tls.url).status == 200
    assert tls.requests[0].body == b"body"


def test_another_authority_is_not(tmp_path: Path, tls: server.ScriptedCollector) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "ca.pem"
    other.write_text(Authority(tmp_path / "other", ["127.0.0.1"]).ca_pem)
    assert _reason(TransportSettings(ca_file=str(other), token="t"), tls.url) is Reason.TLS
    assert tls.requests == [], "no token leaves before the peer is known"


def test_a_certificate_for_another_name_is_not_trusted(tmp_path: Path, tls: server.ScriptedCollector) -> None:
    settings = TransportSettings(ca_file=str(tmp_path / "ca.pem"))
    assert _reason(settings, tls.url.replace("127.0.0.1", "localhost")) is Reason.TLS
    assert tls.requests == []


def test_plain_http_on_the_tls_port_and_tls_on_a_plain_port_are_named(tmp_path: Path, tls: server.ScriptedCollector) -> None:
    assert _reason(QUICK, tls.url.replace("https", "http")) in (Reason.UNREACHABLE, Reason.MISMATCH, Reason.TIMEOUT)
    with server.collector() as plain:
        settings = TransportSettings(ca_file=str(tmp_path / "ca.pem"), answer_timeout_s=0.2, connect_timeout_s=2.0)
        assert _reason(settings, plain.url.replace("http", "https")) in (Reason.TLS, Reason.TIMEOUT)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_ca_file_that_is_none_is_named(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "wrong.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=rf"ca_file '{path}': .*, expected a file with a PEM certificate"):
        HttpTransport(TransportSettings(ca_file=str(path)))


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("collector.example.vn:8601", "expected https://host:port"),
        ("ftp://collector.example.vn", "expected https://host:port"),
        ("https://", "expected https://host:port"),
        ("https://collector.example.vn:70000", "Port out of range"),
        ("https://user:pw@collector.example.vn", "without user, query and fragment"),
        ("https://collector.example.vn/?a=1", "without user, query and fragment"),
        ("http://192.0.2.1:8601", "plain HTTP only to loopback, or with allow_plain_http"),
        ("http://127.0.0.1.example.vn:8601", "plain HTTP only to loopback, or with allow_plain_http"),
        ("http://localhost.example.vn", "plain HTTP only to loopback, or with allow_plain_http"),
        ("https://192.0.2.1:8601", "without ca_file"),
    ],
)
def test_addresses_that_are_refused(url: str, message: str) -> None:
    with pytest.raises(ValueError, match="found") as caught:
        check_url(url, TransportSettings())
    assert message in str(caught.value)
    with pytest.raises(TransportError) as refused:
        HttpTransport(TransportSettings()).post(url, b"", False)
    assert refused.value.reason is Reason.MISMATCH


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8601", "http://127.9.9.9"])
def test_plain_http_to_loopback_is_allowed(url: str) -> None:
    assert is_loopback(url)
    assert not check_url(url, TransportSettings()).is_tls


def test_plain_http_elsewhere_needs_the_setting() -> None:
    address = check_url("http://192.0.2.1:80/base/", TransportSettings(allow_plain_http=True))
    assert (address.host, address.port, address.path) == ("192.0.2.1", 80, "/base/v1/batches")
    assert not is_loopback("http://192.0.2.1")


def test_the_token_is_not_printed() -> None:
    assert "hush" not in repr(TransportSettings(token="hush"))


# -- connections and time ----------------------------------------------------------------------------------------------


def test_a_connection_is_kept_and_remade_after_the_collector_restarts() -> None:
    transport = HttpTransport(TransportSettings())
    with server.collector() as first:
        for _ in range(3):
            assert transport.post(first.url, b"1", False).status == 200
        assert len({request.connection for request in first.requests}) == 1
        first.drop_connections()
        assert transport.post(first.url, b"2", False).status == 200, "an idle connection closed by the peer costs no failure"
    with pytest.raises(TransportError) as caught:
        transport.post(first.url, b"3", False)
    assert caught.value.reason is Reason.REFUSED
    with server.collector(port=first.port) as second:
        assert transport.post(second.url, b"4", False).status == 200
    transport.close()


def test_a_collector_that_closes_after_each_answer_is_fine() -> None:
    reply = server.Reply(body=b"bye", headers={"Connection": "close"})
    transport = HttpTransport(TransportSettings())
    with server.collector(lambda request: reply) as collector:
        assert [transport.post(collector.url, b"", False).body for _ in range(3)] == [b"bye"] * 3
        assert len({request.connection for request in collector.requests}) == 3


def test_a_connection_with_bytes_that_nobody_asked_for_is_not_used_again() -> None:
    """What came after the last answer must not be taken for the next one."""
    replies = [
        server.Reply(body=b"one" + b"HTTP/1.1 200 OK\r\n\r\n", headers={"Content-Length": "3"}),
        server.Reply(body=b"two"),
    ]
    transport = HttpTransport(TransportSettings())
    with server.collector(lambda request: replies.pop(0)) as collector:
        assert [transport.post(collector.url, b"", False).body for _ in range(2)] == [b"one", b"two"]
        assert len({request.connection for request in collector.requests}) == 2
    transport.close()


def test_a_collector_that_closes_without_an_answer_is_unreachable() -> None:
    with server.collector(lambda request: server.Reply(raw=b"")) as collector:
        assert _reason(TransportSettings(), collector.url) is Reason.UNREACHABLE


def test_an_answer_that_ends_early_is_no_answer() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
    with server.collector(lambda request: server.Reply(raw=raw)) as collector:
        assert _reason(TransportSettings(), collector.url) is Reason.MISMATCH


@pytest.mark.parametrize("size", [0, 70_000, 3_000_000])
def test_a_body_of_any_size_arrives_whole_behind_the_fields_that_the_collector_knows(size: int) -> None:
    body = bytes(range(250)) * (size // 250)
    transport = HttpTransport(TransportSettings(token="token"))
    with server.collector() as collector:
        assert transport.post(f"{collector.url}/base/", body, True).status == 200
        request = collector.requests[0]
    transport.close()
    assert (request.path, request.body == body) == ("/base/v1/batches", True)
    assert list(request.headers.items()) == [
        ("Host", f"127.0.0.1:{collector.port}"),
        ("Authorization", "Bearer token"),
        ("Content-Type", "application/vnd.haidang.batch.v1+msgpack"),
        ("Content-Encoding", "deflate"),
        ("Content-Length", str(len(body))),
    ]


def test_a_token_that_would_break_the_head_is_not_sent_and_not_shown() -> None:
    with server.collector() as collector:
        with pytest.raises(TransportError) as caught:
            _post(TransportSettings(token="hush\r\nX: y"), collector.url)
        assert collector.requests == []
    assert caught.value.reason is Reason.MISMATCH
    assert "hush" not in str(caught.value)


def test_the_next_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is often ::1 first, where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing = closed.getsockname()
    with server.collector() as collector:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place) for place in (refusing, ("127.0.0.1", collector.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_named: found)
        assert _post(TransportSettings(), f"http://localhost:{collector.port}").status == 200


def test_an_answer_in_chunks_is_read() -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with server.collector(lambda request: server.Reply(raw=raw)) as collector:
        assert _post(TransportSettings(), collector.url).body == b"abcde"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"fffff\r\n"
        + b"x" * 0xFFFFF
        + b"\r\nfffff\r\n"
        + b"x" * 0xFFFFF,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500,
        b"HTTP/1.1 200 " + b"x" * 100_000,
        b"garbage\r\n\r\n",
    ],
    ids=["claims much", "endless chunks", "no length", "many headers", "long line", "not http"],
)
def test_an_answer_past_its_bounds_is_cut_off(raw: bytes) -> None:
    with server.collector(lambda request: server.Reply(raw=raw)) as collector:
        assert _reason(TransportSettings(), collector.url) is Reason.MISMATCH


def test_silence_ends_at_the_deadline() -> None:
    hold = threading.Event()
    with server.collector(lambda request: server.Reply(hold=hold)) as collector:
        assert _reason(QUICK, collector.url) is Reason.TIMEOUT
        hold.set()


def test_dripping_bytes_do_not_extend_the_deadline() -> None:
    """Each byte comes well within a socket's timeout; the whole answer does not."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 100_000:
                    connection.sendall(bytes([byte]))
                    if stop.wait(0.02):
                        return
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    assert _reason(QUICK, f"http://127.0.0.1:{listener.getsockname()[1]}") is Reason.TIMEOUT
    stop.set()
    thread.join()
    listener.close()


def test_a_peer_that_reads_nothing_ends_at_the_deadline() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    transport = HttpTransport(QUICK)
    with pytest.raises(TransportError) as caught:
        transport.post(f"http://127.0.0.1:{listener.getsockname()[1]}", b"x" * 50_000_000, False)
    assert caught.value.reason is Reason.TIMEOUT
    listener.close()


def test_a_name_that_does_not_resolve_is_named() -> None:
    settings = TransportSettings(allow_plain_http=True)
    assert _reason(settings, "http://host.invalid:8601") in (Reason.UNRESOLVED, Reason.TIMEOUT)


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("999999", 3600.0), ("-1", 0.0), ("Wed, 21 Oct 2026", 0.0), ("²", 0.0)]
)
def test_retry_after(text: str, seconds: float) -> None:
    raw = f"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: {text}\r\n\r\n".encode("latin-1")
    with server.collector(lambda request: server.Reply(raw=raw)) as collector:
        answer = _post(TransportSettings(), collector.url)
    assert (answer.status, answer.retry_after_s) == (503, seconds)

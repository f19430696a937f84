"""A collector as the agent sees it: a real HTTP server in a thread, on port 0, whose answers are a script."""

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from agent import wire
from agent.wire import Answer, Batch, Refused

LIMITS = wire.Limits()


class Request(msgspec.Struct):
    """What arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def batch(self) -> Batch:
        body = self.body
        if self.headers.get("Content-Encoding") == "deflate":
            body = wire.inflate(body, LIMITS.decoded_bytes)
        return wire.decode_batch(body, LIMITS)


class Reply(msgspec.Struct):
    """What to answer; `raw` is sent instead of an HTTP answer, `hold` waits for an event before answering."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}
    raw: bytes | None = None
    hold: threading.Event | None = None


def ok(**fields: object) -> Reply:
    return Reply(body=wire.encode(Answer(now_ms=1, **fields)))


def error(status: int, code: str = "", detail: str = "", **headers: str) -> Reply:
    body = msgspec.json.encode({"error": {"code": code, "detail": detail}})
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class ScriptedCollector:
    """Answers with what `script` gives for a request; without one it stores everything."""

    def __init__(self, script: Callable[[Request], Reply] | None = None, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.script = script or (lambda request: ok(credit=100))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.connections: list[object] = []
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def use_tls(self, pem: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.port}"

    def start(self) -> "ScriptedCollector":
        self._thread.start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.drop_connections()
        self.server.server_close()

    def drop_connections(self) -> None:
        """Close every connection that is open, as a collector that goes down does."""
        for connection in self.connections:
            connection.close_now()
        self.connections.clear()

    def batches(self) -> list[Batch]:
        return [request.batch for request in self.requests]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                collector.connections.append(self)

            def close_now(self) -> None:
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                self.connection.close()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(self.path, dict(self.headers), body, self.client_address[1])
                collector.requests.append(request)
                reply = collector.script(request)
                if reply.hold is not None:
                    reply.hold.wait(30)
                if reply.raw is not None:
                    self.wfile.write(reply.raw)
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in ({"Content-Length": str(len(reply.body))} | reply.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            def handle(self) -> None:
                with suppress(OSError, ValueError):  # the test closed the connection under us, or the client left
                    super().handle()

            def finish(self) -> None:
                with suppress(OSError, ValueError):
                    super().finish()

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@contextmanager
def collector(script: Callable[[Request], Reply] | None = None, port: int = 0) -> Iterator[ScriptedCollector]:
    server = ScriptedCollector(script, port).start()
    try:
        yield server
    finally:
        server.stop()


__all__ = ["LIMITS", "Answer", "Refused", "Reply", "Request", "ScriptedCollector", "collector", "error", "ok"]

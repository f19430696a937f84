"""The ground of the tests of pages: a real collector that knocks on services of the test each second, and receivers of webhooks
that write down what they are posted and misbehave as they are told.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from tests.e2e.ground import Books, Centre
from tests.e2e.worlds import Dial
from tests.servers import free_port, wait_for

KEY = "khóa-của-phòng-trực"
MODULES = """\
modules:
  knock: {prober: tcp, timeout: 500ms}
  greet: {prober: tcp, timeout: 900ms, tcp: {query_response: [{expect: "^hello"}]}}
"""
CUT = 0
"""What a receiver answers that closes the connection without an answer."""
SOON_S = 25.0
"""Longest wait for a page on a busy machine; an outage here is confirmed within two seconds."""


class Post(NamedTuple):
    """One request to a receiver."""

    event_id: str
    event: str
    attempt: int
    payload: dict[str, Any]
    signature: str

    @property
    def ours(self) -> dict[str, Any]:
        """What stands under our key."""
        return dict(self.payload["haidang"])

    @property
    def number(self) -> int:
        """Of the incident; 0 for an event of none."""
        incident = self.ours["incident"]
        return int(incident["number"]) if incident else 0

    @property
    def subjects(self) -> set[str]:
        """Whose alerts it lists."""
        return {alert["labels"].get("instance", "") for alert in self.payload["alerts"]}

    @property
    def kinds(self) -> set[tuple[str, str]]:
        """Subject and kind of each alert that it lists."""
        return {(alert["labels"].get("instance", ""), alert["labels"].get("kind", "")) for alert in self.payload["alerts"]}


class Hook:
    """A receiver of webhooks. `answer` is called within the request and says the status, `CUT` for none at all."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self.posts: list[Post] = []
        self.beats: list[float] = []
        """When a dead man's switch beat here, by the monotonic clock."""
        self.answer: Callable[[Post], int] = lambda _: 200
        self._tls = tls
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where it is posted to."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/"

    def use(self, tls: ssl.SSLContext) -> None:
        """Present another certificate from now on."""
        self.close()
        self._tls = tls
        self.open()

    def open(self) -> None:
        """It listens."""
        server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self), bind_and_activate=False)
        server.allow_reuse_address, server.daemon_threads, server.block_on_close = True, True, False
        server.server_bind()
        server.server_activate()
        if self._tls is not None:
            server.socket = self._tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Nobody listens there any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, post: Post) -> int:
        """Write it down; the status."""
        self.posts.append(post)
        return self.answer(post)

    def of(self, event: str, subject: str = "") -> list[Post]:
        """Requests with an event, about a subject."""
        return [post for post in list(self.posts) if post.event == event and (not subject or subject in post.subjects)]

    def wait(self, event: str, subject: str = "", seconds: float = SOON_S, count: int = 1) -> Post:
        """The last of so many requests with an event, about a subject."""
        wait_for(lambda: len(self.of(event, subject)) >= count, seconds, self.told)
        return self.of(event, subject)[count - 1]

    def told(self) -> str:
        """Everything in short, for failures."""
        return repr([(post.event, post.event_id, post.attempt, sorted(post.kinds)) for post in list(self.posts)])

    def ids(self) -> list[tuple[str, str]]:
        """Each event once, in the order in which it came first."""
        return list(dict.fromkeys((post.event, post.event_id) for post in list(self.posts)))


def _handler(hook: Hook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said, status = self.headers, 200
            if (event_id := said["X-Haidang-Event-Id"]) is None:
                hook.beats.append(time.monotonic())
            else:
                attempt, signature = int(said["X-Haidang-Attempt"]), said.get("X-Haidang-Signature", "")
                status = hook.take(Post(event_id, said["X-Haidang-Event"], attempt, json.loads(body), signature))
            if status == CUT:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    return Handler


def _door(service: Service) -> type[socketserver.BaseRequestHandler]:
    class Door(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                if service.speaks.wait(10):
                    self.request.sendall(b"hello\r\n")

    return Door


class Ground(NamedTuple):
    """Where services stand: their address, and what puts a thread there."""

    address: str = "127.0.0.1"
    inside: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext


HERE: Final = Ground()


class Service:
    """Something that takes connections on a port of its own while it lives, and greets unless `speaks` is cleared."""

    def __init__(self, ground: Ground) -> None:
        self.port = free_port()
        self._ground = ground
        self.speaks = threading.Event()
        self.speaks.set()
        self._server: socketserver.ThreadingTCPServer | None = None
        self.live()

    def live(self) -> None:
        """It takes connections."""
        with self._ground.inside():
            server = socketserver.ThreadingTCPServer((self._ground.address, self.port), _door(self), bind_and_activate=False)
        server.allow_reuse_address, server.daemon_threads, server.block_on_close = True, True, False
        server.server_bind()
        server.server_activate()
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def die(self) -> None:
        """It refuses them."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class Plan(NamedTuple):
    """What stands in the on-call file of a scene beside its receivers."""

    alerts: str = "{no_data: {after: 15m}}"
    holding: str = "{merge_gap: 5m, group_window: 0s, look_timeout: 1s, hold_limit: 20s, recheck_limit: 20s}"
    notify: tuple[str, ...] = ("noc",)
    more: str = ""


USUAL: Final = Plan()


class Scene:
    """A collector in a folder, with the services that it knocks on: id -> more keys of its line in the inventory."""

    def __init__(
        self, folder: Path, services: Mapping[str, str], ground: Ground = HERE, uplinks: str = "", dial: Dial | None = None
    ) -> None:
        """`uplinks` are references of the way out, `dial` the collector's clock."""
        self.folder = folder
        self._ground = ground
        self.services = {id_: Service(ground) for id_ in services}
        self._uplinks = uplinks
        (folder / "inventory").mkdir(parents=True)
        self.set_targets(services)
        (folder / "modules.yml").write_text(MODULES)
        self.oncall = folder / "oncall.yml"
        self.key = _private(folder / "noc.key", KEY)
        self.centre = Centre(
            folder / "centre",
            f"inventory: {folder / 'inventory'}\noncall: {self.oncall}\nprobes: {{module_files: [{folder / 'modules.yml'}]}}\n",
            dial,
        )
        self.books = Books(self.centre.database)

    # --- what people write

    def set_targets(self, services: Mapping[str, str], more: str = "") -> None:
        """The inventory from now on; `more` are further sections of its file."""
        lines = [self._line(id_, said) for id_, said in services.items()]
        text = f"uplinks: [{{id: wan, references: [{self._uplinks}]}}]\n" if self._uplinks else ""
        text += f"sites: [{{id: q1, name: Quận 1, name_en: District 1{', uplink: wan' * bool(self._uplinks)}}}]\n"
        (self.folder / "inventory" / "all.yml").write_text(f"{text}targets:\n{''.join(lines)}{more}", encoding="utf-8")

    def _line(self, id_: str, said: str) -> str:
        port = self.services[id_].port
        keys = {
            "class": "server",
            "interval_s": "1",
            "fail_after": "2",
            "probes": f"[{{module: knock, port: {port}, retry_s: 1}}]",
        }
        usual = "".join(f", {key}: {value}" for key, value in keys.items() if f"{key}:" not in said)
        said = f", {said.replace('PORT', str(port))}" if said else ""
        return (
            f"  - {{id: {id_}, name: Máy chủ {id_}, name_en: Server {id_}, site: q1, via: collector"
            f", address: {self._ground.address}{usual}{said}}}\n"
        )

    def call(self, receivers: Mapping[str, str], plan: Plan = USUAL) -> None:
        """The on-call file from now on. Receivers: name -> what its line says."""
        named = ", ".join(f"receiver:{name}" for name in plan.notify)
        self.oncall.write_text(
            f"language: vi\nlink: http://127.0.0.1:{self.centre.port}\nreceivers:\n"
            + "".join(f"  {name}: {{{said}}}\n" for name, said in receivers.items())
            + f"escalations:\n  all: {{steps: [{{notify: [{named}]}}]}}\nroutes: [{{name: all, escalation: all}}]\n"
            f"alerts: {plan.alerts}\nholding: {plan.holding}\n{plan.more}",
            encoding="utf-8",
        )

    def person(self, name: str, role: str) -> None:
        """Make a principal; their token stays in the folder."""
        [token] = re.findall(r"\S{30,}", self.centre.command("user", "add", name, "--role", role))
        _private(self.folder / f"{name}.token", token)

    def act(self, name: str, *arguments: str, language: str = "en") -> str:
        """What a command that somebody gives prints; it must succeed."""
        line = [sys.executable, "-m", "collector", *arguments, "--config", str(self.centre.config), "--lang", language]
        line += ["--token-file", str(self.folder / f"{name}.token")]
        ended = subprocess.run(line, env=self.centre.env, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    @contextlib.contextmanager
    def centre_with(self, receivers: Mapping[str, str], plan: Plan = USUAL) -> Iterator[None]:
        """The collector runs with this on-call file, and everything is up."""
        self.call(receivers, plan)
        with self.centre:
            self.settle()
            yield

    def reload(self) -> None:
        """Read everything anew."""
        self.centre.signal(signal.SIGHUP)

    # --- what is seen

    def wait(self, seconds: float = SOON_S, **states: str) -> None:
        """Until the collector calls targets so (`-` is written `_`)."""
        wanted = {id_.replace("_", "-"): state for id_, state in states.items()}
        wait_for(lambda: wanted.items() <= self.states().items(), seconds, lambda: f"{self.states()}\n{self.said()}")

    def states(self) -> dict[str, str]:
        """What the collector calls each target."""
        return {id_: str(one["state"]) for id_, one in self.centre.targets().items()}

    def settle(self) -> None:
        """Until every service that lives is up."""
        self.wait(40, **{id_.replace("-", "_"): "up" for id_ in self.services})

    def holds(self) -> dict[tuple[str, str], str]:
        """Why nobody is told of what is open, by subject and kind; of what was told, `paged`."""
        return {
            (id_, alert["kind"]): alert["held"]["reason"] if alert["held"] else "paged"
            for id_, one in self.centre.targets().items()
            for alert in one.get("alerts", ())
        }

    def wait_held(self, id_: str, reason: str, kind: str = "down", seconds: float = SOON_S) -> None:
        """Until an alert of a target is held for this reason (`paged`: until it was told)."""
        wait_for(lambda: self.holds().get((id_, kind)) == reason, seconds, lambda: f"{self.holds()}\n{self.said()}")

    def wait_delivered(self, seconds: float = SOON_S) -> None:
        """Until nothing waits in the outbox."""
        query = "SELECT receiver, event, attempts, error FROM outbox WHERE state = 'pending'"
        wait_for(lambda: not self.books.rows(query), seconds, lambda: f"{[*map(tuple, self.books.rows(query))]}{self.said()}")

    def said(self) -> str:
        """What the collector said last."""
        return self.centre.said()[-3000:]

    def close(self) -> None:
        """Nothing listens any more."""
        for service in self.services.values():
            service.die()


def webhook(hook: Hook, *more: str, **said: str) -> str:
    """The line of a receiver that posts to a hook; `more` are settings of the webhook, `said` those of the receiver."""
    inner = ", ".join([f"url: '{hook.url}'", *more])
    return ", ".join([f"webhook: {{{inner}}}", "timeout_s: 5", *(f"{name}: {value}" for name, value in said.items())])


def sleep_until(dial: Dial, holds: Callable[[], object], say: Callable[[], str]) -> None:
    """Time passes in leaps, as for a machine that sleeps now and then, until something is true."""
    leapt_s = time.monotonic()

    def look() -> object:
        nonlocal leapt_s
        if time.monotonic() - leapt_s > 2:
            leapt_s = time.monotonic()
            dial.jump(12_000)
        return holds()

    wait_for(look, 60, say)


def check_order(posts: list[Post]) -> None:
    """Of each incident a firing came before anything else and nothing after its resolved but another firing; what came twice
    came with the same id and the same event, and its attempts count on."""
    events: dict[str, set[str]] = defaultdict(set)
    attempts: dict[str, list[int]] = defaultdict(list)
    seen: dict[int, list[str]] = defaultdict(list)
    for post in posts:
        events[post.event_id].add(post.event)
        if post.event_id not in attempts and post.number:
            seen[post.number].append(post.event)
        attempts[post.event_id].append(post.attempt)
    assert all(len(kinds) == 1 for kinds in events.values()), events
    assert all(tried == sorted(tried) for tried in attempts.values()), attempts
    for told in seen.values():
        assert told[0] == "firing", told
        assert all(after == "firing" for before, after in pairwise(told) if before == "resolved"), told


def _private(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    return path

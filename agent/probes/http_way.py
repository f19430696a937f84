"""The way to a server for the probe `http`: by its address, or through a proxy, whose failures are told apart.

Each name of a run is resolved once.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from agent.model import Outcome, Reason
from agent.probes.dial import Stream, connect, open_stream
from agent.probes.http_exchange import Exchange
from agent.probes.http_request import Fields, Hop, basic
from agent.probes.http_settings import Proxy, Settings, proxy_of
from agent.probes.probe import ProbeError, Run
from agent.probes.resolve import IpChoice, Place, resolve
from agent.probes.tls_settings import TlsSettings

MAX_HEAD: Final = 64 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?: ([^\r\n]{0,60}))?[^\r\n]*\r?\n")


class Places(dict[str, Place]):
    """Addresses of the names of one run."""


class Way:
    """How the requests of a module get out, made once."""

    def __init__(self, settings: Settings, host: str) -> None:
        """`host`: another name for the first server than its URL has, or empty."""
        self._choice = IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback)
        self._tls = settings.tls_config
        self._tls_elsewhere: TlsSettings = msgspec.structs.replace(settings.tls_config, server_name="")
        self._name = _host_of(host)
        self._proxy = proxy_of("proxy_url", settings.proxy_url)
        self._skips = settings.skip_resolve_phase_with_proxy
        extra = settings.proxy_connect_header.items()
        self._connect_fields = tuple((name, value) for name, values in extra for value in values)
        self._proxy_fields: Fields = ()
        if self._proxy is not None and self._proxy.username:
            self._proxy_fields = (("Proxy-Authorization", basic(self._proxy.username, self._proxy.password)),)

    async def open(self, run: Run, hop: Hop, places: Places) -> Exchange:
        """A connection for one request. Raises as `resolve`, `connect` and `Stream.start_tls` do, and `ProbeError`."""
        if self._proxy is not None:
            return await self._by_proxy(run, hop, places, self._proxy)
        place = await self._place(run, hop.url.host, places)
        stream = await open_stream(run, await connect(run, place, hop.url.port))
        return await self._ready(run, hop, stream, Exchange(stream, hop.url.target))

    async def _by_proxy(self, run: Run, hop: Hop, places: Places, proxy: Proxy) -> Exchange:
        host = hop.url.host
        if not places and not self._skips:  # the first request: blackbox_exporter sends the proxy to the address that it chose
            host = (await self._place(run, host, places)).ip
        stream = await self._to_proxy(run, places, proxy)
        if not hop.url.is_tls:
            target = f"http://{hop.url.authority(host)}{hop.url.target}"
            return Exchange(stream, target, self._proxy_fields)
        try:
            with run.during("proxy"):
                await self._tunnel(run, stream, f"[{host}]:{hop.url.port}" if ":" in host else f"{host}:{hop.url.port}")
        except BaseException:
            stream.close()
            raise
        return await self._ready(run, hop, stream, Exchange(stream, hop.url.target))

    async def _ready(self, run: Run, hop: Hop, stream: Stream, exchange: Exchange) -> Exchange:
        if hop.url.is_tls:
            try:
                if hop.is_first_host:
                    await stream.start_tls(run, self._tls, self._name or hop.url.host)
                else:
                    await stream.start_tls(run, self._tls_elsewhere, hop.url.host)
            except BaseException:
                _give_shown(run, stream)
                stream.close()
                raise
        return exchange

    async def _place(self, run: Run, host: str, places: Places) -> Place:
        place = places.get(host)
        if place is None:
            # The metrics of the address are those of the probed host: what else is looked up counts in the phase only.
            quiet = run if not places else Run(run.tools, run.left_s())
            if quiet is run:
                place = await resolve(run, host, self._choice)
            else:
                with run.during("resolve"):
                    place = await resolve(quiet, host, self._choice)
            places[host] = place
        return place

    async def _to_proxy(self, run: Run, places: Places, proxy: Proxy) -> Stream:
        name = f"the proxy {proxy.url.authority()}"
        try:
            with run.during("proxy"):
                place = places.get(f"proxy {proxy.url.host}")
                if place is None:
                    place = await resolve(Run(run.tools, run.left_s()), proxy.url.host, self._choice)
                    places[f"proxy {proxy.url.host}"] = place
            return await open_stream(run, await connect(run, place, proxy.url.port))
        except ProbeError as error:
            raise ProbeError(error.finding.reason, f"{name}: {error.finding.detail}", Outcome.ERROR) from error
        except OSError as error:
            reason = Reason.REFUSED if isinstance(error, ConnectionError) else Reason.UNREACHABLE
            raise ProbeError(reason, f"{name}: {error.strerror or error}", Outcome.ERROR) from error

    async def _tunnel(self, run: Run, stream: Stream, authority: str) -> None:
        fields = (("Host", authority), *self._proxy_fields, *self._connect_fields)
        head = f"CONNECT {authority} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
        await stream.write(head.encode())
        answer = await stream.readuntil(b"\r\n\r\n", MAX_HEAD)
        found = _STATUS.match(answer)
        if found is None:
            raise ProbeError(Reason.MISMATCH, "the proxy: no answer of HTTP/1.1 to CONNECT", Outcome.ERROR)
        if run.is_verbose:
            run.say(f"the proxy answered {found[1].decode()} to CONNECT {authority}")
        if 200 <= int(found[1]) < 300:
            return
        said = f"{found[1].decode()} {(found[2] or b'').decode('latin-1')}".rstrip()
        detail = f"the proxy answered {said} to CONNECT {authority}"
        if found[1] in (b"407", b"403", b"401"):
            raise ProbeError(Reason.AUTH, detail, Outcome.ERROR)
        raise ProbeError(Reason.BAD_STATUS, detail)


def _give_shown(run: Run, stream: Stream) -> None:
    """The samples about certificates that were shown and not trusted."""
    if stream.tls is None:
        return
    from agent.probes.certificates import chain_of, give_chain  # needs a package that plain HTTP does not

    give_chain(run, chain_of(stream.tls))


def _host_of(field: str) -> str:
    """The name in a field Host, without its port and brackets."""
    host = field.partition("]")[0].lstrip("[") if field.startswith("[") else field.partition(":")[0]
    return host.strip()

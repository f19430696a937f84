"""The options of the probe `http`: those of blackbox_exporter's prober of that name, with the same meaning, and our thresholds.

Checked once, when the probe is opened: what cannot be meant is refused, never repaired.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal
from urllib.parse import unquote, urlsplit

from msgspec import Meta, field

from agent.probes import http_url
from agent.probes.http_url import Url
from agent.probes.probe import ProbeSettings
from agent.probes.shapes import ByteSize, CertDays, Fallback, GoRegex, IpName, Secret
from agent.probes.tls_settings import TlsSettings, make_context

Status = Annotated[int, Meta(ge=100, le=599)]
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_VERSIONS: Final = ("HTTP/1.0", "HTTP/1.1")


class HeaderRule(ProbeSettings, frozen=True, kw_only=True):
    """A rule about a header field of the answer. A missing field breaks the rule unless `allow_missing`."""

    header: Annotated[str, Meta(description="Name of the field, in upper or lower case.")]
    regexp: Annotated[GoRegex, Meta(description="Searched for in each value of the field.")]
    allow_missing: Annotated[
        bool,
        Meta(
            description=(
                "Whether the field may be absent. As in blackbox_exporter an absent field fails the run "
                "otherwise, also where the rule is `fail_if_header_matches`."
            )
        ),
    ] = False


class BasicAuth(ProbeSettings, frozen=True, kw_only=True):
    """User and password (RFC 7617)."""

    username: Annotated[str, Meta(description="User (RFC 7617).")] = ""
    password: Annotated[Secret, Meta(description="Password.")] = ""


class Authorization(ProbeSettings, frozen=True, kw_only=True):
    """Any other scheme of the field Authorization."""

    type: Annotated[str, Meta(description="Scheme of the field Authorization; for Basic there is `basic_auth`.")] = "Bearer"
    credentials: Annotated[Secret, Meta(description="What stands behind it.")] = ""


class OAuth2(ProbeSettings, frozen=True, kw_only=True):
    """Where a token is fetched with client credentials (RFC 6749, 4.4)."""

    client_id: Annotated[str, Meta(description="Who we are to the server of tokens (RFC 6749 section 4.4).")]
    token_url: Annotated[str, Meta(description="Where the token is fetched.")]
    client_secret: Annotated[Secret, Meta(description="Our secret there.")] = ""
    scopes: Annotated[tuple[str, ...], Meta(description="What the token is to allow.")] = ()
    endpoint_params: Annotated[dict[str, str], Meta(description="Further fields of the request for the token.")] = field(
        default_factory=dict
    )
    tls_config: TlsSettings = TlsSettings()
    proxy_url: Annotated[Secret, Meta(description="Proxy on the way there.")] = ""


class Settings(ProbeSettings, frozen=True, kw_only=True):
    """Options of the probe `http`."""

    valid_status_codes: Annotated[
        tuple[Status, ...], Meta(description="Codes of the last answer that are a success; none named: 200 to 299.")
    ] = ()
    valid_http_versions: Annotated[
        tuple[str, ...],
        Meta(description="Versions that the server may answer with, `HTTP/1.0` or `HTTP/1.1`; none named: any."),
    ] = ()
    method: Annotated[str, Meta(description="Method of the request.")] = "GET"
    headers: Annotated[
        dict[str, str], Meta(description="Fields of the request. `Host` also is the name that TLS asks for and verifies.")
    ] = field(default_factory=dict)
    body: Annotated[str, Meta(description="Body of the request.")] = ""
    body_size_limit: Annotated[
        ByteSize,
        Meta(
            description=(
                "Most bytes of an answer's body, unpacked; more fails the run. 0: 10 MiB are read and the rest is left."
            )
        ),
    ] = 0
    compression: Annotated[
        Literal["", "identity", "gzip", "deflate", "br"],
        Meta(description="Compression that the body must have, and is unpacked by; `br` is refused."),
    ] = ""
    follow_redirects: Annotated[
        bool, Meta(description="Follow redirects, at most 10; each host gets only the credentials that are meant for it.")
    ] = True
    no_follow_redirects: Annotated[
        bool | None, Meta(description="Old name of the opposite of `follow_redirects`, which it overrides.")
    ] = None
    fail_if_ssl: Annotated[bool, Meta(description="Fail when the last answer came over TLS.")] = False
    fail_if_not_ssl: Annotated[bool, Meta(description="Fail when the last answer came without TLS.")] = False
    fail_if_body_matches_regexp: Annotated[
        tuple[GoRegex, ...], Meta(description="Fail when the first MiB of the body matches any of them.")
    ] = ()
    fail_if_body_not_matches_regexp: Annotated[
        tuple[GoRegex, ...], Meta(description="Fail when the first MiB of the body does not match every one of them.")
    ] = ()
    fail_if_header_matches: tuple[HeaderRule, ...] = ()
    fail_if_header_not_matches: tuple[HeaderRule, ...] = ()
    tls_config: TlsSettings = TlsSettings()
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    bearer_token: Annotated[Secret, Meta(description="Token sent as `Authorization: Bearer`.")] = ""
    oauth2: OAuth2 | None = None
    proxy_url: Annotated[
        Secret,
        Meta(
            description=(
                "HTTP proxy to go through, `http://host:port` or `http://user:password@host:port`; the "
                "environment's is never taken."
            )
        ),
    ] = ""
    proxy_connect_header: Annotated[
        dict[str, tuple[Secret, ...]], Meta(description="Fields of the request CONNECT to the proxy.")
    ] = field(default_factory=dict)
    skip_resolve_phase_with_proxy: Annotated[bool, Meta(description="Leave it to the proxy to look up the host.")] = False
    enable_http2: Annotated[
        bool, Meta(description="Taken for the sake of files that have it and without effect: HTTP/1.1 is spoken.")
    ] = True
    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    degraded_cert_days: CertDays = 0

    @property
    def follows(self) -> bool:
        """Whether redirects are followed."""
        return self.follow_redirects if self.no_follow_redirects is None else not self.no_follow_redirects


class Proxy(ProbeSettings, frozen=True, kw_only=True):
    """A proxy in its parts."""

    url: Url
    username: str = ""
    password: Secret = ""


def check(settings: Settings) -> None:
    """Raises `ValueError` that names the setting and says why."""
    if settings.compression == "br":
        raise ValueError("compression: br cannot be unpacked here, expected gzip, deflate or identity")
    if settings.valid_http_versions and not set(settings.valid_http_versions) & set(_VERSIONS):
        raise ValueError("valid_http_versions: HTTP/1.1 is spoken, so it must be among them")
    if not _TOKEN.fullmatch(settings.method or "GET"):
        raise ValueError(f"method: {settings.method!r} is no method of HTTP")
    if settings.fail_if_ssl and settings.fail_if_not_ssl:
        raise ValueError("fail_if_ssl, fail_if_not_ssl: both, so that no answer would do")
    for name, value in settings.headers.items():
        _check_field("headers", name, value)
    for name, values in settings.proxy_connect_header.items():
        for value in values:
            _check_field("proxy_connect_header", name, value)
    _check_compression(settings)
    _check_auth(settings)
    _check_tls("tls_config", settings.tls_config)
    if settings.oauth2 is not None:
        _check_oauth2(settings.oauth2)


def _check_field(where: str, name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{where}: {name!r} is no name of a header field")
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{where}.{name}: a header field has no line breaks or other control characters")
    if name.lower() in ("content-length", "transfer-encoding", "connection"):
        raise ValueError(f"{where}.{name}: is set by the probe itself")


def _check_compression(settings: Settings) -> None:
    """An Accept-Encoding that rules out the compression that is expected cannot be meant."""
    wanted = settings.compression
    accepted = next((value for name, value in settings.headers.items() if name.lower() == "accept-encoding"), "")
    if not wanted or not accepted:
        return
    for part in accepted.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        if coding in (wanted, "*"):
            quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
            if re.fullmatch(r"0(\.0*)?", quality) is None:
                return
            break
    raise ValueError(f"compression: {wanted}, which headers.Accept-Encoding ({accepted}) does not accept")


def _check_auth(settings: Settings) -> None:
    ways = ("basic_auth", "authorization", "bearer_token", "oauth2")
    used = [name for name in ways if getattr(settings, name)]
    if len(used) > 1:
        raise ValueError(f"{', '.join(used)}: only one of them can be used")
    if settings.authorization is not None:
        kind = settings.authorization.type.strip()
        if kind.lower() == "basic":
            raise ValueError("authorization.type: for Basic use basic_auth")
        _check_value("authorization", f"{kind} {settings.authorization.credentials}")
    _check_value("bearer_token", settings.bearer_token)
    if settings.basic_auth is not None and ":" in settings.basic_auth.username:
        raise ValueError("basic_auth.username: must not contain a colon (RFC 7617)")


def _check_value(where: str, value: str) -> None:
    if not _VALUE.fullmatch(value):
        raise ValueError(f"{where}: has line breaks or other control characters")


def _check_tls(where: str, settings: TlsSettings) -> None:
    try:
        make_context(settings)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _check_oauth2(oauth2: OAuth2) -> None:
    if not oauth2.client_id:
        raise ValueError("oauth2.client_id: is empty")
    if "://" not in oauth2.token_url:
        raise ValueError("oauth2.token_url: expected a URL")
    try:
        http_url.parse(oauth2.token_url)
    except ValueError as error:
        raise ValueError(f"oauth2.token_url: {error}") from error
    _check_tls("oauth2.tls_config", oauth2.tls_config)
    proxy_of("oauth2.proxy_url", oauth2.proxy_url)


def proxy_of(where: str, text: str) -> Proxy | None:
    """The proxy of a setting; None for an empty one. Raises `ValueError`, which never repeats the password in it."""
    if not text:
        return None
    try:
        parts = urlsplit(text)
        url = http_url.parse(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        raise ValueError(f"{where}: expected http://host:port or http://user:password@host:port") from None
    if url.is_tls:
        raise ValueError(f"{where}: a proxy that is itself reached by https is not supported, expected http://…")
    return Proxy(url=url, username=username, password=password)


__all__ = ["Authorization", "BasicAuth", "HeaderRule", "OAuth2", "Proxy", "Settings", "check", "proxy_of"]

"""The agent's side of enrolment: trust the collector's authority by its fingerprint, trade the one-time code for a token.

The only place that speaks TLS without verification, and only to fetch the certificate that the code's fingerprint proves.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import os
import re
import ssl
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from agent import __version__
from agent.credentials import is_loopback
from agent.settings import DEFAULT_FILE, DEFAULT_SPOOL, ID_PATTERN, URL_PATTERN, Secret

TIMEOUT_S: Final = 10.0
_MAX_ANSWER: Final = 64 * 1024
_CODE: Final = re.compile(r"HD1-([A-Z2-7]{16,104})-([0-9a-f]{32})\Z")
_PEM_END: Final = "-----END CERTIFICATE-----"
CONFIG_NAME: Final = "agent.yml"
CA_NAME: Final = "ca.pem"
TOKEN_NAME: Final = "token"  # noqa: S105 - a file name


class EnrolmentError(Exception):
    """Enrolment did not happen. `code` names the case (closed list, the key of its words), `detail` the particulars.

    `bad_code`, `bad_url`, `unreachable`, `wrong_fingerprint`, `tls`, `refused`, `bad_answer`, `exists`, `files`.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Code(NamedTuple):
    """A one-time code: what proves us to the collector, and what proves its authority to us."""

    secret: Secret
    fingerprint: str


class Identity(msgspec.Struct, frozen=True):
    """What the collector answers to a good code."""

    agent: str
    token: str
    interval_s: int = 15
    urls: tuple[str, ...] = ()


class _Refusal(msgspec.Struct):
    code: str = ""
    detail: str = ""


class _RefusalBody(msgspec.Struct):
    error: _Refusal


def parse_code(text: str) -> Code:
    """`HD1-SECRET-FINGERPRINT` as `haidang-collector agent add` prints it; letters of either case. Raises `EnrolmentError`."""
    parts = text.strip().split("-")
    joined = f"{parts[0].upper()}-{parts[1].upper()}-{parts[2].lower()}" if len(parts) == 3 else ""
    match = _CODE.match(joined)
    if match is None:
        raise EnrolmentError("bad_code", "expected HD1-SECRET-FINGERPRINT, as haidang-collector agent add prints it")
    try:
        base64.b32decode(match[1] + "=" * (-len(match[1]) % 8))
    except binascii.Error as error:
        raise EnrolmentError("bad_code", "the secret is not base32") from error
    return Code(Secret(match[1]), match[2])


def enrol(url: str, code: str, *, hostname: str, timeout_s: float = TIMEOUT_S) -> tuple[Identity, str]:
    """The identity that the collector gives for the code, and its authority's certificate (PEM). Raises `EnrolmentError`; a
    code that the collector took is used up."""
    base = url.rstrip("/")
    parts = re.match(URL_PATTERN, base)
    if parts is None or (not base.startswith("https://") and not is_loopback(base)):
        raise EnrolmentError("bad_url", f"{url[:200]}: expected https://HOST[:PORT]")
    if parts[2] and not 0 < int(parts[2][1:]) < 65_536:
        raise EnrolmentError("bad_url", f"{url[:200]}: expected a port from 1 to 65535")
    parsed = parse_code(code)
    pem = _fetch_ca(_Peer(base, timeout_s), parsed.fingerprint)
    request = {"secret": parsed.secret.reveal(), "agent_version": __version__, "hostname": hostname}
    status, body = _exchange(_Peer(base, timeout_s), "POST", "/v1/enrol", _trusting(pem), msgspec.json.encode(request))
    if status != 200:
        raise EnrolmentError("refused", _refusal(status, body))
    try:
        identity = msgspec.json.decode(body, type=Identity)
    except msgspec.DecodeError as error:
        raise EnrolmentError("bad_answer", str(error)) from error
    _check_identity(identity)
    return identity, pem


def _check_identity(identity: Identity) -> None:
    """The answer becomes a file of settings: nothing may get in that is not what it says."""
    if not re.match(ID_PATTERN, identity.agent):
        raise EnrolmentError("bad_answer", f"agent {identity.agent[:64]!r}: expected an id")
    if not re.fullmatch(r"[!-~]{16,4096}", identity.token):
        raise EnrolmentError("bad_answer", "token: expected 16 to 4096 printable characters")
    if not 1 <= identity.interval_s <= 3_600:
        raise EnrolmentError("bad_answer", f"interval_s {identity.interval_s}: expected 1 to 3600")
    if len(identity.urls) > 8 or not all(re.match(URL_PATTERN, url) for url in identity.urls):
        raise EnrolmentError("bad_answer", "urls: expected up to 8 addresses of collectors")


class _Peer(NamedTuple):
    """Where to ask, and how long to wait for it."""

    base: str
    timeout_s: float


def _fetch_ca(peer: _Peer, fingerprint: str) -> str:
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Verified right below, by the fingerprint that came with the code over another way.
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    status, body = _exchange(peer, "GET", "/v1/ca", unverified)
    if status != 200:
        raise EnrolmentError("bad_answer", f"GET /v1/ca: status {status}: is this the agents' address of a collector?")
    try:
        first, end, _ = body.decode("ascii").strip().partition(_PEM_END)
        der = ssl.PEM_cert_to_DER_cert(first + end)
    except (UnicodeDecodeError, ValueError) as error:
        raise EnrolmentError("bad_answer", "GET /v1/ca: expected a PEM certificate") from error
    found = hashlib.sha256(der).hexdigest()[:32]
    if not hmac.compare_digest(found, fingerprint):
        raise EnrolmentError("wrong_fingerprint", f"found {found}, the code says {fingerprint}")
    # Written anew from the bytes that were hashed, so that nothing the fingerprint does not cover is ever trusted.
    return ssl.DER_cert_to_PEM_cert(der)


def _trusting(pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=pem)
    except ssl.SSLError as error:
        raise EnrolmentError("bad_answer", f"GET /v1/ca: {error.reason or 'no usable certificate'}") from error
    return context


def _connection(peer: _Peer, context: ssl.SSLContext) -> http.client.HTTPConnection:
    parts = urlsplit(peer.base)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=peer.timeout_s, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=peer.timeout_s)


def _exchange(peer: _Peer, method: str, path: str, context: ssl.SSLContext, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of the answer; `context` is for HTTPS only."""
    base = peer.base
    connection = _connection(peer, context)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    try:
        connection.request(method, urlsplit(base).path + path, body, headers)
        # The answer owns the socket once the connection is to be closed: it must be closed too.
        with connection.getresponse() as response:
            data = response.read(_MAX_ANSWER + 1)
    except ssl.SSLCertVerificationError as error:
        raise EnrolmentError("tls", f"{base}: {error.verify_message}") from error
    except (OSError, http.client.HTTPException) as error:
        raise EnrolmentError("unreachable", f"{base}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if len(data) > _MAX_ANSWER:
        raise EnrolmentError("bad_answer", f"{method} {path}: more than {_MAX_ANSWER} bytes")
    return response.status, data


def _refusal(status: int, body: bytes) -> str:
    try:
        error = msgspec.json.decode(body, type=_RefusalBody).error
    except msgspec.DecodeError:
        return f"status {status}"
    return f"status {status}, {error.code}: {error.detail}"[:300]


def write_identity(identity: Identity, pem: str, url: str, folder: str, *, force: bool = False) -> str:
    """Write `ca.pem`, the token (mode 0600) and `agent.yml` into `folder`, in this order, each in one step; the path of the
    last. Raises `EnrolmentError` `exists` if there is an identity and `force` is not given, `files` if the disk refuses."""
    check_folder(folder, force=force)
    path = os.path.join(folder, CONFIG_NAME)
    try:
        _write(os.path.join(folder, CA_NAME), pem, 0o644)
        _write(os.path.join(folder, TOKEN_NAME), f"{identity.token}\n", 0o600)
        _write(path, _config(identity, url, folder), 0o644)
    except OSError as error:
        raise EnrolmentError("files", f"{error.filename or folder}: {error.strerror}") from error
    return path


def check_folder(folder: str, *, force: bool) -> None:
    """Make the folder if needed and see that an identity may be written there, before a one-time code is spent."""
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        probe = os.path.join(folder, f".{TOKEN_NAME}.probe")
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT, 0o600))
        os.unlink(probe)
    except OSError as error:
        raise EnrolmentError("files", f"{error.filename or folder}: {error.strerror}") from error
    if force:
        return
    for name in (TOKEN_NAME, CONFIG_NAME):
        if os.path.lexists(os.path.join(folder, name)):
            raise EnrolmentError("exists", os.path.join(folder, name))


def _write(path: str, text: str, mode: int) -> None:
    temporary = f"{path}.new"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _config(identity: Identity, url: str, folder: str) -> str:
    urls = identity.urls or (url.rstrip("/"),)
    default = os.path.abspath(folder) == os.path.dirname(os.path.abspath(DEFAULT_FILE))
    # JSON strings are YAML strings, whatever they hold.
    lines = [
        "# Written by haidang-agent enrol. Every setting is explained in config/agent.yml of the project.",
        f"id: {_quoted(identity.agent)}",
        f"interval_s: {identity.interval_s}",
        "collector:",
        "  urls:",
        *(f"    - {_quoted(one)}" for one in urls),
        f"  ca_file: {CA_NAME}",
        f"  token_file: {TOKEN_NAME}",
        "spool:",
        f"  folder: {_quoted(DEFAULT_SPOOL if default else 'spool')}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()

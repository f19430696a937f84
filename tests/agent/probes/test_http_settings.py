"""The options of the probe `http`: whole module files of blackbox_exporter are taken, and what cannot be meant is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes.http import Settings, address_problem, open_probe
from agent.probes.http_settings import Authorization, BasicAuth, HeaderRule, OAuth2, proxy_of
from agent.probes.http_url import parse
from agent.probes.module_file import load_modules
from agent.probes.running import open_module
from agent.probes.tls_settings import TlsSettings

MODULES = r"""
modules:
  everything:
    prober: http
    timeout: 5s
    http:
      valid_http_versions: ["HTTP/1.1", "HTTP/2.0"]
      valid_status_codes: [200, 404]
      method: POST
      headers: {Host: portal.example.vn, Accept-Language: vi-VN, Accept-Encoding: "br;q=0.5, gzip", Origin: example.vn}
      body: '{}'
      body_size_limit: 10MB
      compression: gzip
      no_follow_redirects: false
      follow_redirects: true
      fail_if_ssl: false
      fail_if_not_ssl: false
      fail_if_body_matches_regexp: ["Could not connect to database"]
      fail_if_body_not_matches_regexp: ["Download the latest version here"]
      fail_if_header_matches: [{header: Set-Cookie, allow_missing: true, regexp: '.*'}]
      fail_if_header_not_matches: [{header: Access-Control-Allow-Origin, regexp: '(\*|example\.vn)'}]
      tls_config: {insecure_skip_verify: true, server_name: portal.example.vn, min_version: TLS12}
      basic_auth: {username: nguoi, password: mat}
      proxy_url: "http://user:pass@192.0.2.1:3128"
      proxy_connect_header: {X-Site: [portal]}
      skip_resolve_phase_with_proxy: true
      enable_http2: true
      preferred_ip_protocol: ip4
      ip_protocol_fallback: false
      degraded_cert_days: 14
  token:
    prober: http
    http:
      oauth2:
        client_id: a
        client_secret: b
        token_url: https://tokens.example.vn/token
        scopes: [doc]
        endpoint_params: {audience: portal}
        tls_config: {insecure_skip_verify: true}
  bearer:
    prober: http
    http: {bearer_token: abc}
  authorization:
    prober: http
    http: {authorization: {type: Token, credentials: abc}}
"""


def test_a_module_file(tmp_path: Path) -> None:
    """Every option of blackbox_exporter's prober `http` is taken from its file and opens a probe."""
    path = tmp_path / "blackbox.yml"
    path.write_text(MODULES, encoding="utf-8")
    path.chmod(0o600)
    modules = load_modules([path])
    for name in ("everything", "token", "bearer", "authorization", "http_2xx"):
        open_module(modules[name])
    settings = msgspec.convert(modules["everything"].settings, Settings)
    assert settings.body_size_limit == 10 * 1024 * 1024
    assert settings.follows
    assert settings.fail_if_header_matches[0].allow_missing
    assert settings.tls_config.server_name == "portal.example.vn"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"compression": "br"}, "compression: br"),
        ({"compression": "gzip", "headers": {"accept-encoding": "br, identity"}}, "does not accept"),
        ({"compression": "gzip", "headers": {"Accept-Encoding": "gzip;q=0.0"}}, "does not accept"),
        ({"valid_http_versions": ("HTTP/2.0",)}, "valid_http_versions"),
        ({"method": "GE T"}, "method"),
        ({"fail_if_ssl": True, "fail_if_not_ssl": True}, "fail_if_ssl, fail_if_not_ssl"),
        ({"headers": {"X Y": "a"}}, "headers: 'X Y'"),
        ({"headers": {"X-Y": "a\r\nHost: b"}}, "headers.X-Y"),
        ({"headers": {"Content-Length": "5"}}, "headers.Content-Length"),
        ({"proxy_connect_header": {"X-Y": ("a\nb",)}}, "proxy_connect_header.X-Y"),
        ({"bearer_token": "a", "basic_auth": BasicAuth(username="b")}, "basic_auth, bearer_token: only one"),
        ({"bearer_token": "a\nb"}, "bearer_token"),
        ({"basic_auth": BasicAuth(username="a:b")}, "basic_auth.username"),
        ({"authorization": Authorization(type="basic", credentials="a")}, "authorization.type"),
        ({"tls_config": TlsSettings(ca="none")}, "tls_config: ca"),
        ({"oauth2": OAuth2(client_id="", token_url="http://a")}, "oauth2.client_id"),
        ({"oauth2": OAuth2(client_id="a", token_url="a")}, "oauth2.token_url"),
        ({"oauth2": OAuth2(client_id="a", token_url="http://a:x")}, "oauth2.token_url"),
        ({"proxy_url": "https://192.0.2.1:3128"}, "proxy_url: a proxy that is itself"),
        ({"proxy_url": "socks5://192.0.2.1:3128"}, "proxy_url: expected http://host:port"),
        ({"fail_if_body_matches_regexp": ("(",)}, "fail_if_body_matches_regexp: '('"),
        ({"fail_if_body_not_matches_regexp": (r"(?=a)",)}, "fail_if_body_not_matches_regexp"),
        ({"fail_if_header_matches": (HeaderRule(header="a", regexp="["),)}, "fail_if_header_matches.a"),
    ],
)
def test_refused(options: dict[str, Any], problem: str) -> None:
    """What cannot be meant is refused when the probe is opened, with the name of the setting."""
    with pytest.raises(ValueError, match=re.escape(problem)):
        open_probe(Settings(**options))


def test_no_secret_in_a_refusal() -> None:
    """A refusal does not repeat the password of a proxy."""
    with pytest.raises(ValueError, match="proxy_url") as caught:
        proxy_of("proxy_url", "http://nguoi:bimat@[::1")
    assert "bimat" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("portal.example.vn", "http://portal.example.vn/"),
        ("PORTAL.example.vn:80", "http://portal.example.vn:80/"),
        ("https://[2001:db8::1]:8443/a b?c d#e", "https://[2001:db8::1]:8443/a%20b?c%20d"),
        ("http://dịch-vụ.example.vn/tra cứu", "http://xn--dch-v-q81bsh.example.vn/tra%20c%E1%BB%A9u"),
        ("http://portal.example.vn?a=%20", "http://portal.example.vn/?a=%20"),
    ],
)
def test_urls(address: str, url: str) -> None:
    """What is asked is ASCII, whatever script it was written in, and nothing is quoted twice."""
    assert str(parse(address)) == url


@given(st.text(max_size=120))
def test_any_address(address: str) -> None:
    """Any text is an address that can be asked, or has a problem with words."""
    if address_problem(address):
        return
    url = parse(address)
    assert url.host
    assert 0 < url.port < 65536
    assert url.target.isascii()
    assert url.target.startswith("/")

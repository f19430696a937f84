"""A `blackbox.yml` with every option of the probers that both have is taken by blackbox_exporter and by us, as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.probes.module_file import load
from agent.probes.running import open_module
from tests.e2e import debian
from tests.probes.certs import certs

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

FILE = r"""
modules:
  web:                      # every option of http
    prober: http
    timeout: 5s
    http:
      valid_status_codes: [200, 301]
      valid_http_versions: ["HTTP/1.1", "HTTP/2.0"]
      method: POST
      headers:
        Host: portal.example.vn
        Accept-Language: vi-VN
        Accept-Encoding: gzip, identity
      body: '{"a": 1}'
      body_size_limit: 2MB
      compression: gzip
      follow_redirects: true
      fail_if_ssl: false
      fail_if_not_ssl: true
      fail_if_body_matches_regexp: ["Không kết nối được cơ sở dữ liệu", "(?i)error [0-9]{3}"]
      fail_if_body_not_matches_regexp: ["(?s)<title>.*</title>"]
      fail_if_header_matches:
        - {header: Set-Cookie, regexp: '[^a-z]', allow_missing: true}
      fail_if_header_not_matches:
        - {header: Access-Control-Allow-Origin, regexp: '(\*|portal\.example\.vn)'}
      tls_config: {insecure_skip_verify: false, ca_file: ca.pem, server_name: portal.example.vn}
      preferred_ip_protocol: ip4
      ip_protocol_fallback: false
  web_login:
    prober: http
    http:
      basic_auth: {username: hai, password: secret}
  web_token:
    prober: http
    http:
      authorization: {type: Bearer, credentials: secret}
  web_token_of_old:
    prober: http
    http:
      bearer_token: secret
      no_follow_redirects: true
  web_oauth:
    prober: http
    http:
      oauth2:
        client_id: probe
        client_secret: secret
        token_url: https://login.example.vn/token
        scopes: [read]
        endpoint_params: {audience: portal}
  web_by_proxy:
    prober: http
    http:
      proxy_url: http://proxy.example.vn:3128
  plain: {prober: http, http: }
  open: {prober: tcp, timeout: 1m30s}
  mail:
    prober: tcp
    tcp:
      query_response:
        - expect: "^220 ([^ ]+) ESMTP (.+)$"
        - send: "EHLO prober\r"
        - expect: "^250-STARTTLS"
        - send: "STARTTLS\r"
        - expect: "^220"
        - starttls: true
        - send: "QUIT\r"
  chat:
    prober: tcp
    tcp:
      source_ip_address: 127.0.0.1
      query_response:
        - send: "NICK prober"
        - expect: "PING :([^ ]+)"
          send: "PONG ${1}"
        - expect: "^:[^ ]+ 001"
  secret_talk:
    prober: tcp
    tcp:
      tls: true
      tls_config: {ca_file: ca.pem}
      preferred_ip_protocol: ip6
  echo:
    prober: icmp
    timeout: 2s
    icmp: {preferred_ip_protocol: ip4, source_ip_address: 127.0.0.1, payload_size: 100, dont_fragment: true, ttl: 5}
  zone:
    prober: dns
    dns:
      query_name: example.vn
      query_type: SOA
      transport_protocol: tcp
      recursion_desired: false
      valid_rcodes: [NOERROR, NXDOMAIN]
  names:
    prober: dns
    dns:
      query_name: portal.example.vn
      query_type: A
      query_class: IN
      transport_protocol: udp
      preferred_ip_protocol: ip4
      validate_answer_rrs:
        fail_if_matches_regexp: ["127\\.0\\.0\\.1"]
        fail_if_all_match_regexp: ["192\\.0\\.2\\.1$"]
        fail_if_not_matches_regexp: ["portal\\.example\\.vn\\.\t[0-9]+\tIN\tA\t.*"]
        fail_if_none_matches_regexp: ["192\\.0\\.2\\.10"]
      validate_authority_rrs: {fail_if_matches_regexp: ["ns9"]}
      validate_additional_rrs: {fail_if_matches_regexp: ["ns9"]}
  hidden_names:
    prober: dns
    dns:
      query_name: portal.example.vn
      transport_protocol: tcp
      dns_over_tls: true
      tls_config: {server_name: dns.example.vn}
"""
NAMES = (
    "web", "web_login", "web_token", "web_token_of_old", "web_oauth", "web_by_proxy", "plain", "open", "mail", "chat",
    "secret_talk", "echo", "zone", "names", "hidden_names",
)  # fmt: skip


def test_both_take_it(tmp_path: Path) -> None:
    """The exporter's own check passes, ours finds nothing to say, and every module can be run."""
    program = debian.binary("prometheus-blackbox-exporter")
    (tmp_path / "ca.pem").write_text(certs().ca_pem)
    file = tmp_path / "blackbox.yml"
    file.write_text(FILE, encoding="utf-8")
    command = [str(program), f"--config.file={file}", "--config.check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert checked.returncode == 0, checked.stderr
    found = load([file], names=())
    assert tuple(found.modules) == NAMES
    assert found.notes == ()
    for module in found.modules.values():
        assert open_module(module)

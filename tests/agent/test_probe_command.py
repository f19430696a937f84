"""`haidang-agent probe`: what it prints and its exit code, in both languages."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent import cli


@pytest.fixture
def mail_server() -> Iterator[str]:
    """A mail server with a few words, in a thread, since the command has a loop of its own."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, connection.makefile("rb") as lines:
                    connection.sendall(b"220 mail\r\n")
                    for line in lines:
                        connection.sendall(
                            {b"EHLO": b"250-mail\r\n250 AUTH PLAIN\r\n", b"AUTH": b"235 in\r\n"}.get(line[:4], b"221\r\n")
                        )

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def _samples(text: str) -> dict[str, float]:
    return {sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples}


def test_a_good_probe(mail_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The Prometheus text, without a label of ours; nothing else; code 0."""
    assert cli.main(["probe", "smtp", mail_server]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert _samples(captured.out)["probe_success"] == 1
    assert "# HELP probe_duration_seconds Returns how long the probe took to complete in seconds\n" in captured.out
    assert "module=" not in captured.out


def test_a_bad_probe(mail_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The same text, why on standard error, code 1."""
    arguments = ["probe", "smtp", mail_server, "--module", "smtp_starttls"]
    assert cli.main(arguments) == 1
    captured = capsys.readouterr()
    assert _samples(captured.out)["probe_success"] == 0
    assert captured.err == "smtp_starttls: failed (tls): starttls: the server does not offer it\n"
    assert cli.main([*arguments, "--lang", "vi"]) == 1
    assert capsys.readouterr().err == "smtp_starttls: lỗi (tls): starttls: the server does not offer it\n"


def test_step_by_step(mail_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--debug`: the steps with their seconds, the metrics, the settings of the module, and no secret."""
    file = tmp_path / "modules.yml"
    file.write_text(
        "modules: {login: {prober: smtp, timeout: 2s, smtp: {username: probe, password: geheim, allow_plain_auth: true}}}"
    )
    assert cli.main(["probe", "smtp", mail_server, "--module", "login", "--modules", str(file), "--debug"]) == 0
    out = capsys.readouterr().out
    log, metrics, settings = out.split("\n\n")
    assert log.startswith("Logs for the probe:\n")
    assert " s  C: AUTH PLAIN <secret>\n" in log
    assert _samples(metrics.partition("\n")[2])["probe_success"] == 1
    assert settings == (
        'Module configuration:\nprober: smtp\ntimeout: 2s\nsmtp:\n  username: "probe"\n  password: "<secret>"\n'
        "  allow_plain_auth: true\n"
    )
    assert "geheim" not in out


def test_values_by_hand(mail_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--set` over the module's, also below a key; `--ipv6` is for the address too."""
    arguments = ["probe", "smtp", mail_server, "--debug", "--set", "tls_config.insecure_skip_verify=true"]
    assert cli.main([*arguments, "--set", "ehlo=probe.example.vn", "--timeout", "3"]) == 0
    out = capsys.readouterr().out
    assert "C: EHLO probe.example.vn" in out
    assert "  tls_config:\n    insecure_skip_verify: true\n" in out
    assert cli.main([*arguments, "--ipv6"]) == 1
    assert "unresolved" in capsys.readouterr().out


def test_scripts_are_those_of_the_machines_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And no others."""
    config = tmp_path / "agent.yml"
    config.write_text(
        'id: a\ncollector: {urls: ["https://collector.example.vn:8601"]}\nprobes: {scripts: {hello: [/bin/echo, "OK | a=5"]}}\n'
    )
    arguments = ["probe", "script", "localhost", "--set", "name=hello", "--config"]
    assert cli.main([*arguments, str(config)]) == 0
    assert 'probe_script_value{label="a",unit=""} 5\n' in capsys.readouterr().out
    config.write_text(config.read_text().replace("hello", "other"))
    assert cli.main([*arguments, str(config)]) == 1
    assert "not among the scripts" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["smtp", "mail:0"], "expected a host or host:port"),
        (["smtp", "mail", "--module", "nonsense"], "there is no module nonsense"),
        (["smtp", "mail", "--module", "imaps"], "module imaps is of kind imap, not smtp"),
        (["smtp", "mail", "--set", "ehlo"], "expected KEY=VALUE"),
        (["smtp", "mail", "--set", "elho=x"], "elho: found an unknown key, expected ehlo?"),
        (["script", "mail", "--set", "name=x", "--ipv4"], "has no choice of IPv4 or IPv6"),
        (["smtp", "mail", "--modules", "/nonexistent.yml", "--module", "x"], "no such file or directory"),
        (["smtp", "mail", "--config", "/nonexistent.yml"], "no such file or directory"),
    ],
)
def test_what_cannot_be_run(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 2, why, and nothing on standard output."""
    assert cli.main(["probe", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err


@pytest.mark.parametrize(
    "arguments", [["nonsense", "x"], ["smtp"], ["smtp", "x", "--timeout", "0"], ["smtp", "x", "--ipv4", "--ipv6"]]
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Code 2 and a usage line."""
    with pytest.raises(SystemExit) as caught:
        cli.main(["probe", *arguments])
    assert caught.value.code == 2
    assert "usage: haidang-agent probe" in capsys.readouterr().err

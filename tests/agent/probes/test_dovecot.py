"""The probe of IMAP servers against Dovecot, unpacked and laid over /usr in a mount namespace of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.model import Outcome, Reason
from agent.probes.imap import Settings, open_probe
from tests.agent.probes.mail_kit import TRUSTED, seen
from tests.e2e.debian import LIBRARIES, binary, cache
from tests.probes.certs import certs

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can mount"),
]

CONFIG = """
base_dir = {folder}/base
state_dir = {folder}/state
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = yes
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
mail_location = maildir:{folder}/mail/%u
auth_mechanisms = plain login
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = password=geheim
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home/%u
}}
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def dovecot() -> Iterator[tuple[int, int]]:
    """Dovecot's ports without and with TLS from the first byte. Its paths are compiled in, hence the overlay."""
    parts = [binary("dovecot").parents[2], binary("imap").parents[3]]
    parts += [cache() / package for package in sorted(set(LIBRARIES.values())) if (cache() / package / "usr").is_dir()]
    folder = Path(tempfile.mkdtemp(prefix="dovecot"))  # a short path: those of Unix sockets are bounded
    folder.chmod(0o755)
    (folder / "cert.pem").write_text(certs().good().chain)
    (folder / "key.pem").write_text(certs().good().key)
    ports = (_free_port(), _free_port())
    (folder / "dovecot.conf").write_text(CONFIG.format(folder=folder, imap=ports[0], imaps=ports[1]))
    layers = ":".join([*(str(part / "usr") for part in parts if part != Path("/")), "/usr"])
    mount = f"mount --make-rprivate / && mount -t overlay overlay -o lowerdir={layers} /usr"
    script = f"{{ {mount}; }} || exit 77; exec dovecot -F -c {folder}/dovecot.conf"
    process = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        told = []
        for line in process.stderr:
            told.append(line)
            if "starting up" in line:
                break
        else:
            if process.wait() == 77:
                pytest.skip("no overlay can be mounted here")
            pytest.fail("".join(told))
        yield ports
    finally:
        process.terminate()
        process.communicate(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


async def test_starttls_and_login(dovecot: tuple[int, int]) -> None:
    """As a mail program does it; without TLS Dovecot takes no password."""
    settings = Settings(username="probe", password="geheim", tls_config=TRUSTED, starttls="required")
    found = await seen(open_probe(settings), f"127.0.0.1:{dovecot[0]}")
    assert found.outcome is Outcome.OK, f"{found.finding}\n{found.said}"
    phases = [phase for (phase,) in found.samples["probe_imap_duration_seconds"]]
    assert phases == ["resolve", "connect", "tls", "banner", "capability", "starttls", "auth", "quit"]
    assert found.samples["probe_ssl_earliest_cert_expiry"] == {(): certs().good().not_after_s[0]}
    assert "geheim" not in found.said


async def test_tls_from_the_first_byte(dovecot: tuple[int, int]) -> None:
    """Without a login, and with a wrong one."""
    address = f"127.0.0.1:{dovecot[1]}"
    assert (await seen(open_probe(Settings(tls=True, tls_config=TRUSTED)), address)).outcome is Outcome.OK
    wrong = Settings(tls=True, tls_config=TRUSTED, username="probe", password="wrong")
    found = await seen(open_probe(wrong), address)
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.AUTH)
    assert "[AUTHENTICATIONFAILED]" in found.finding.detail


async def test_a_certificate_of_nobody(dovecot: tuple[int, int]) -> None:
    """Dovecot's own is not trusted by a machine that does not know its authority."""
    found = await seen(open_probe(Settings(tls=True)), f"127.0.0.1:{dovecot[1]}")
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.TLS)

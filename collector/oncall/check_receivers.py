"""Rules of receivers and heartbeats: one kind each, addresses, secrets in files of their owner alone, fallbacks that end."""

from __future__ import annotations

import os
import stat
import sys
from typing import Final
from urllib.parse import urlsplit

import msgspec

from collector.config import Path_, shown
from collector.config_forms import is_loopback
from collector.core.graph import cycle_text, walk
from collector.notify.settings import AppriseEntry, EmailEntry, ReceiverEntry, TlsEntry, WebhookEntry
from collector.oncall.checking import Checking, field_count

_KINDS: Final = ("webhook", "alertmanager", "email", "apprise")
_SECRETS: Final = ("url_file", "secret_file", "token_file", "password_file", "key_file")
_PLAIN: Final = ("ca_file", "cert_file", "template_file")
_VARIABLES: Final = ("url_env", "secret_env", "token_env", "password_env")
_NEEDS: Final[dict[str, tuple[bool, bool]]] = {
    "telegram": (True, True),
    "pagerduty": (False, True),
    "opsgenie": (False, True),
    "sms": (True, False),
}
"""Preset -> whether it needs `to`, and a token."""


def check_receivers(checking: Checking) -> None:
    """Everything that is wrong with receivers and heartbeats."""
    receivers = checking.entry.receivers
    for name, entry in receivers.items():
        _check_receiver(checking, ("receivers", name), entry)
    edges = {name: (one.fallback,) if one.fallback in receivers else () for name, one in receivers.items()}
    for cycle in walk(edges).cycles:
        path = ("receivers", cycle[0], "fallback")
        checking.problem(path, f"a cycle {cycle_text(cycle)}", "fallbacks that do not lead back")
    for index, beat in enumerate(checking.entry.heartbeat):
        path_ = ("heartbeat", index)
        if field_count(beat, "url", "url_file", "url_env") != 1:
            checking.problem(path_, _addresses(beat), "one of url, url_file and url_env")
        _check_files(checking, path_, beat)


def _check_receiver(checking: Checking, path: Path_, entry: ReceiverEntry) -> None:
    given = [kind for kind in _KINDS if getattr(entry, kind) is not None]
    if len(given) != 1:
        found = f"several kinds: {', '.join(given)}" if given else "no kind"
        checking.problem(path, found, "one of webhook, alertmanager, email and apprise")
    if entry.fallback:
        checking.name((*path, "fallback"), "receiver", entry.fallback)
    if not entry.events:
        checking.problem((*path, "events"), "an empty list", "events that it gets")
    elif "firing" not in entry.events and "resolved" in entry.events:
        checking.remark((*path, "events"), "resolved without firing", "both: whoever was not called does not miss the end")
    for kind in given:
        below = (*path, kind)
        one = getattr(entry, kind)
        _check_files(checking, below, one)
        if isinstance(one, WebhookEntry):
            _check_webhook(checking, below, one)
        elif isinstance(one, EmailEntry):
            _check_email(checking, below, one)
        elif isinstance(one, AppriseEntry):
            if field_count(one, "url_file", "url_env") != 1:
                checking.problem(below, _addresses(one), "one of url_file and url_env")
        elif not one.urls:
            checking.problem((*below, "urls"), "an empty list", "the address of every peer")


def _addresses(entry: msgspec.Struct) -> str:
    return "several addresses" if field_count(entry, "url_file", "url_env") else "no address"


def _check_webhook(checking: Checking, path: Path_, entry: WebhookEntry) -> None:
    if field_count(entry, "url", "url_file", "url_env") != 1:
        checking.problem(path, _addresses(entry), "one of url, url_file and url_env")
    if entry.url and not is_web(entry.url):
        # It may hold a secret, which is shown to nobody.
        checking.problem((*path, "url"), "another kind of text", "http:// or https:// URL without a name or password")
    for what in ("secret", "token"):
        if field_count(entry, f"{what}_file", f"{what}_env") > 1:
            checking.problem((*path, f"{what}_env"), "two secrets", "either a file or a variable")
    needs_to, needs_token = _NEEDS.get(entry.preset, (False, False))
    if needs_to and not entry.to:
        checking.problem((*path, "to"), "nothing", "somebody to send it to: this preset needs it")
    if needs_token and not field_count(entry, "token_file", "token_env"):
        checking.problem((*path, "token_file"), "nothing", "a file or a variable with the token: this preset needs it")
    if entry.url and not entry.tls.verify and not is_loopback(urlsplit(entry.url).hostname or ""):
        checking.remark((*path, "tls", "verify"), shown(False), "true: whoever stands between can read and change messages")
    if entry.template_file and checking.template_problem is not None:
        why = checking.template_problem(checking.folder / entry.template_file)
        if why:
            checking.problem((*path, "template_file"), why, "a template that can be used")


def _check_email(checking: Checking, path: Path_, entry: EmailEntry) -> None:
    if not entry.to:
        checking.problem((*path, "to"), "an empty list", "addresses as an@example.vn")
    for index, address in enumerate(entry.to):
        if not _is_mail(address):
            checking.problem((*path, "to", index), shown(address), "an address as an@example.vn")
    if not _is_mail(entry.sender):
        checking.problem((*path, "sender"), shown(entry.sender), "an address as an@example.vn")
    passwords = field_count(entry, "password_file", "password_env")
    if passwords > 1:
        checking.problem((*path, "password_env"), "two secrets", "either a file or a variable")
    if passwords and not entry.username:
        checking.problem((*path, "username"), "nothing", "the name that the password belongs to")
    if passwords and entry.security == "none" and not is_loopback(entry.host):
        checking.problem((*path, "security"), shown(entry.security), "starttls or tls: a password must not travel in the open")


def is_web(text: str) -> bool:
    """Whether a text is the address of a web server, without a name or password in it."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None and port != 0


def _is_mail(text: str) -> bool:
    """`an@example.vn`, also `Trực ca <an@example.vn>`."""
    address = text[text.find("<") + 1 : -1] if text.endswith(">") else text
    name, _, host = address.rpartition("@")
    return bool(name and host) and not any(sign.isspace() or sign in "<>,;" for sign in address)


def _check_files(checking: Checking, path: Path_, entry: msgspec.Struct) -> None:
    """Files exist; secrets belong to their owner alone. A secret that is missing refuses nothing: the other receivers work."""
    for field in entry.__struct_fields__:
        given = getattr(entry, field)
        if isinstance(given, TlsEntry):
            _check_files(checking, (*path, field), given)
        elif not given:
            continue
        elif field in _SECRETS:
            _check_secret(checking, (*path, field), given)
        elif field in _PLAIN and not (checking.folder / given).is_file():
            checking.problem((*path, field), shown(given), "a file that exists")
        elif field in _VARIABLES and not os.environ.get(given):
            checking.remark((*path, field), shown(given), "a variable of the environment that is set")


def _check_secret(checking: Checking, path: Path_, given: str) -> None:
    try:
        status = (checking.folder / given).stat()
    except OSError as error:
        checking.remark(path, (error.strerror or "no access").strip(), "a file with the secret: without it nothing is sent")
        return
    if not stat.S_ISREG(status.st_mode):
        checking.problem(path, "no regular file", "a file with the secret")
    elif sys.platform != "win32" and status.st_mode & 0o077:
        mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
        checking.problem(path, mode, "a file that its owner alone can read (chmod 0600)")

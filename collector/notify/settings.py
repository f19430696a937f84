"""What `oncall.yml` may say of receivers: one struct a kind; light, so that reading the file loads no channel.

Secrets come from files or the environment, are read by the channel when it is opened, and never stand in the file itself.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_URL = {"form": "http:// or https:// URL"}


class TlsEntry(msgspec.Struct, frozen=True):
    """TLS of an outgoing connection. Paths count from the folder of the on-call file."""

    ca_file: Annotated[str, Meta(description="Certificates that are trusted, PEM; empty: those of the system.")] = ""
    cert_file: Annotated[str, Meta(description="Our certificate for mutual TLS, PEM.")] = ""
    key_file: Annotated[str, Meta(description="Its key, PEM; readable by its owner alone.")] = ""
    server_name: Annotated[str, Meta(description="Name the certificate must bear; empty: the host of the address.")] = ""
    verify: Annotated[bool, Meta(description="Whether the certificate is checked; only `false` against a test server.")] = True


class WebhookEntry(msgspec.Struct, frozen=True):
    """A webhook: Alertmanager's payload (version 4) unless a preset or a template says otherwise."""

    url: Annotated[str, Meta(description="Where to POST; empty where `url_file` or `url_env` has it.")] = ""
    url_file: Annotated[str, Meta(description="File whose first line is the URL, where the URL itself is a secret.")] = ""
    url_env: Annotated[str, Meta(description="Environment variable that holds the URL.")] = ""
    preset: Annotated[
        Literal["alertmanager", "slack", "teams", "telegram", "mattermost", "pagerduty", "opsgenie", "sms"],
        Meta(description="Shape of the body."),
    ] = "alertmanager"
    template_file: Annotated[
        str, Meta(description="Jinja2 template of the body, run in a sandbox; it replaces the preset's body.")
    ] = ""
    content_type: Annotated[str, Meta(description="Content type of a template's body.")] = "application/json"
    headers: Annotated[dict[str, str], Meta(description="Further headers; none of them is a secret.")] = {}
    secret_file: Annotated[
        str, Meta(description="File with the key of the HMAC-SHA-256 signature over timestamp and body.")
    ] = ""
    secret_env: Annotated[str, Meta(description="Environment variable that holds that key.")] = ""
    token_file: Annotated[str, Meta(description="File with the bearer token, or the key of the preset's service.")] = ""
    token_env: Annotated[str, Meta(description="Environment variable that holds that token.")] = ""
    to: Annotated[
        tuple[str, ...], Meta(description="Of `telegram` the chat, of `sms` the numbers, of `opsgenie` the teams.")
    ] = ()
    form: Annotated[
        dict[str, str],
        Meta(
            description="Of `sms`: names of the gateway's fields; values may say {to}, {text} (without diacritics), "
            "{text_unicode}, {token} and {event_id}."
        ),
    ] = {}
    tls: Annotated[TlsEntry, Meta(description="TLS.")] = TlsEntry()
    allow_redirects: Annotated[bool, Meta(description="Whether up to three redirects to the same host are followed.")] = False


class AlertmanagerEntry(msgspec.Struct, frozen=True):
    """Alertmanager (API v2): alerts are sent to every peer and kept alive while they last."""

    urls: Annotated[
        tuple[Annotated[str, Meta(extra=_URL)], ...], Meta(description="Every peer of the cluster; not a load balancer.")
    ]
    resend_s: Annotated[
        int, Meta(ge=5, le=3600, description="Seconds between two tellings of an alert that lasts; it ends after four unsaid.")
    ] = 60
    username: Annotated[str, Meta(description="Name for basic authentication.")] = ""
    password_file: Annotated[str, Meta(description="File with its password.")] = ""
    token_file: Annotated[str, Meta(description="File with a bearer token.")] = ""
    labels: Annotated[dict[str, str], Meta(description="Labels that every alert bears beside its own.")] = {}
    tls: Annotated[TlsEntry, Meta(description="TLS.")] = TlsEntry()


class EmailEntry(msgspec.Struct, frozen=True):
    """E-mail by SMTP."""

    host: Annotated[str, Meta(description="Mail server.", extra={"form": "host name or IP address"})]
    sender: Annotated[str, Meta(description="Address in `From`.")]
    to: Annotated[tuple[str, ...], Meta(description="Addresses in `To`.")]
    port: Annotated[int, Meta(ge=1, le=65_535, description="Port of the mail server.")] = 587
    security: Annotated[
        Literal["starttls", "tls", "none"], Meta(description="`none` is refused off loopback when there is a password.")
    ] = "starttls"
    username: Annotated[str, Meta(description="Name to log in; empty: without.")] = ""
    password_file: Annotated[str, Meta(description="File with its password.")] = ""
    password_env: Annotated[str, Meta(description="Environment variable that holds it.")] = ""
    hello: Annotated[str, Meta(description="Name in EHLO; empty: this machine's.")] = ""
    tls: Annotated[TlsEntry, Meta(description="TLS.")] = TlsEntry()


class AppriseEntry(msgspec.Struct, frozen=True):
    """Anything that the optional package Apprise knows."""

    url_file: Annotated[str, Meta(description="File with one Apprise URL a line.")] = ""
    url_env: Annotated[str, Meta(description="Environment variable that holds them, separated by blanks.")] = ""


class ReceiverEntry(msgspec.Struct, frozen=True):
    """A receiver: one way to reach somebody. Exactly one of the kinds is given."""

    webhook: WebhookEntry | None = None
    alertmanager: AlertmanagerEntry | None = None
    email: EmailEntry | None = None
    apprise: AppriseEntry | None = None
    language: Annotated[Literal["vi", "en"] | None, Meta(description="Language; not said: that of the file.")] = None
    timeout_s: Annotated[float, Meta(gt=0, le=120, description="Seconds one attempt may take.")] = 10.0
    give_up_after: Annotated[
        str, Meta(description="How long delivery is tried.", extra={"form": "a length as 90m, 2h or 1d"})
    ] = "3d"
    fallback: Annotated[str, Meta(description="Receiver that is asked when this one does not confirm in time.")] = ""
    confirm_within: Annotated[
        str,
        Meta(
            description="That time; a permanent failure asks the fallback at once.", extra={"form": "a length as 90m, 2h or 1d"}
        ),
    ] = "2m"
    events: Annotated[
        tuple[Literal["firing", "update", "reminder", "acknowledged", "resolved", "notice", "digest"], ...],
        Meta(description="Which events it gets; a test always comes."),
    ] = ("firing", "update", "reminder", "acknowledged", "resolved", "notice", "digest")

    @property
    def kind(self) -> str:
        """Its kind: a key of `channel.CHANNELS`; empty where none or several are given."""
        given = [name for name in ("webhook", "alertmanager", "email", "apprise") if getattr(self, name) is not None]
        return given[0] if len(given) == 1 else ""

"""Bodies of every preset: shape, limits, what is escaped, where the token stands, and what answers mean."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.alert import Severity
from collector.core.incident import IncidentState
from collector.core.notice import EventKind, Notice
from collector.notify.answers import check_answer
from collector.notify.bodies import Body, entry_problem, joined, make_bodies, make_body
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.notify.cutting import septets, utf16_length
from collector.notify.presets_chat import MOST_TEAMS_BYTES
from collector.notify.settings import WebhookEntry
from tests.collector.notify.said import BEGUN_MS, CASES, CAUSE, PORTAL, ROUTER, alert, delivery, incident, of_incident

TOKEN = "123:S3CRET"
PRESETS = ("alertmanager", "slack", "teams", "telegram", "mattermost", "pagerduty", "opsgenie", "sms")
HOSTILE = '@channel <!here> </b> &amp; *x* [l](http://evil.example.vn) `c` "q" <https://evil.example.vn|hi> \\'
V4 = {
    "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels", "commonAnnotations",
    "externalURL", "alerts",
}  # fmt: skip
ALERT = {"status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"}
GO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
FAR = settings(max_examples=40, deadline=None)


def entry(preset: str, **more: Any) -> WebhookEntry:
    """Settings with what the preset needs."""
    to = {"telegram": ("-100123",), "sms": ("0900000000", "0900000001"), "opsgenie": ("mạng",)}.get(preset, ())
    return WebhookEntry(url="https://hooks.example.vn/x", preset=preset, **({"to": to} | more))  # type: ignore[arg-type]


def made(preset: str, case: str | Notice = "firing", **more: Any) -> Any:
    """The body of a case, decoded."""
    return json.loads(body_of(preset, case, **more).data)


def body_of(preset: str, case: str | Notice = "firing", **more: Any) -> Body:
    """The body of a case."""
    notice = CASES[case]() if isinstance(case, str) else case
    return make_body(entry(preset), delivery(notice, **more), TOKEN)


def crowded(name: str, count: int = 50) -> Notice:
    """As much as a notice can hold, with long names."""
    subject = msgspec.structs.replace(ROUTER, name_vi=name, name_en=name, site_vi=name, site_en=name)
    alerts = tuple(alert(subject, detail=name[:300], reason="timeout") for _ in range(count))
    affected = CASES["firing_storm"]().affected * 5
    return of_incident(
        EventKind.FIRING, alerts=alerts, affected=affected[:count], affected_count=900, alerts_count=count + 20,
        incident=incident(site_vi=name, site_en=name, assignee=name),
    )  # fmt: skip


# Alertmanager's payload.


@pytest.mark.parametrize("name", CASES)
def test_the_payload_is_alertmanagers_version_4(name: str) -> None:
    """Its keys, ours under one more, times as Go writes them, labels of the group on each alert, nothing empty."""
    payload = made("alertmanager", name)
    assert set(payload) == V4 | {"haidang"}
    assert payload["version"] == "4"
    assert payload["status"] in ("firing", "resolved")
    assert payload["alerts"]
    for one in payload["alerts"]:
        assert set(one) == ALERT
        assert GO_TIME.fullmatch(one["startsAt"])
        assert GO_TIME.fullmatch(one["endsAt"])
        assert re.fullmatch("[0-9a-f]{16}", one["fingerprint"])
        assert (one["status"] == "firing") is (one["endsAt"] == "0001-01-01T00:00:00Z")
        assert payload["groupLabels"].items() <= one["labels"].items()
        assert payload["commonLabels"].items() <= one["labels"].items()
        assert payload["commonAnnotations"].items() <= one["annotations"].items()
        assert all(isinstance(value, str) and value for value in one["labels"].values())
        assert "alertname" in one["labels"]


def test_firing_and_resolved_of_an_alert_have_one_fingerprint_and_one_group() -> None:
    """So that a receiver closes what it opened."""
    firing, resolved = made("alertmanager", "firing"), made("alertmanager", "resolved")
    assert firing["alerts"][0]["fingerprint"] == resolved["alerts"][0]["fingerprint"] == CAUSE.uid
    assert firing["groupKey"] == resolved["groupKey"]
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert firing["alerts"][0]["labels"] == resolved["alerts"][0]["labels"]


def test_resolved_resolves_also_what_was_closed_by_hand() -> None:
    """An alert whose condition is still true when a person closes the incident."""
    notice = of_incident(
        EventKind.RESOLVED, 9, by="an", incident=incident(state=IncidentState.RESOLVED, resolved_ms=BEGUN_MS + 500_000)
    )
    payload = made("alertmanager", notice)
    assert [one["status"] for one in payload["alerts"]] == ["resolved"]
    assert payload["alerts"][0]["endsAt"] == "2026-11-24T06:11:40.000Z"


def test_an_alert_that_is_over_within_a_firing_incident_is_resolved() -> None:
    """As Alertmanager does within a group."""
    notice = of_incident(EventKind.UPDATE, 3, (CAUSE, alert(PORTAL, ended_ms=BEGUN_MS + 60_000)))
    payload = made("alertmanager", notice)
    assert payload["status"] == "firing"
    assert [one["status"] for one in payload["alerts"]] == ["firing", "resolved"]


def test_what_is_ours_stands_under_one_key() -> None:
    """Event, its id, attempt, incident, what is affected, links and words."""
    ours = made("alertmanager", "firing_storm", attempt=3)["haidang"]
    assert (ours["event"], ours["event_id"], ours["attempt"]) == ("firing", "00112233aabbccdd-3", 3)
    assert ours["incident"]["number"] == 12
    assert (ours["affected_count"], len(ours["affected"])) == (23, 10)
    assert ours["affected"][0]["reason"] == "parent_down"
    assert ours["acknowledge_url"].endswith("/acknowledge/token")
    assert ours["subject"].startswith("SỰ CỐ #12")
    assert made("alertmanager", crowded("x"))["truncatedAlerts"] == 20


def test_one_time_events_are_nobody_elses_alerts() -> None:
    """A notice, a digest or a test never opens or closes the alert of a target at a receiver."""
    for name in ("notice_hides", "digest", "test"):
        [one] = made("alertmanager", name)["alerts"]
        assert one["labels"]["alertname"] in ("HaidangNotice", "HaidangDigest", "HaidangTest")
        assert "instance" not in one["labels"]
        assert one["fingerprint"] != CAUSE.uid


# Chats.


def test_slack_mentions_nobody_and_makes_no_link_of_a_name() -> None:
    """Its three characters are escaped; the only links are ours."""
    text = made("slack", crowded(HOSTILE, 1))["text"]
    assert "<!" not in text
    assert not re.search(r"@\w", text)
    assert set(re.findall(r"<([^|>]+)\|", text)) == {
        "https://giamsat.example.vn/incidents/token", "https://giamsat.example.vn/acknowledge/token",
    }  # fmt: skip
    assert "&lt;!here&gt; &lt;/b&gt; &amp;amp;" in text


def test_mattermost_escapes_markdown() -> None:
    """No mention, no link but ours."""
    text = made("mattermost", crowded(HOSTILE, 1))["text"]
    assert not re.search(r"@\w", text)
    assert re.findall(r"(?<!\\)\]\(<?([^)>]+)", text) == [
        "https://giamsat.example.vn/incidents/token", "https://giamsat.example.vn/acknowledge/token",
    ]  # fmt: skip


class Telegram(HTMLParser):
    """What Telegram would make of its HTML: tags that are open, addresses, text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("b", "a")
        self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@FAR
@given(st.text(max_size=200), st.integers(0, 50))
def test_telegram_takes_every_message(name: str, count: int) -> None:
    """At most 4096 code units, tags closed, no tag of others', whatever names are."""
    page = Telegram()
    page.feed(made("telegram", crowded(name, count))["text"])
    assert page.open == []
    assert 0 < utf16_length(page.text) <= 4096
    assert all(link.startswith("https://giamsat.example.vn/") for link in page.links)


def test_telegram_is_asked_once_for_each_chat_with_the_token_in_the_path_alone() -> None:
    """And updates do not ring."""
    asked = make_bodies(entry("telegram", to=("-100123", "@trucca")), delivery(CASES["firing"]()), TOKEN)
    assert [json.loads(body.data)["chat_id"] for body in asked] == [-100123, "@trucca"]
    assert {body.url_suffix for body in asked} == {f"/bot{TOKEN}/sendMessage"}
    assert all(TOKEN.encode() not in body.data and body.takes_token for body in asked)
    assert [made("telegram", name)["disable_notification"] for name in ("firing", "update", "reminder", "resolved")] == [
        False, True, False, False,
    ]  # fmt: skip


@FAR
@given(st.text(max_size=400), st.integers(0, 50))
def test_a_card_of_teams_stays_within_what_teams_takes(name: str, count: int) -> None:
    """One Adaptive Card of bounded size whose head still says which incident it is."""
    body = make_body(entry("teams"), delivery(crowded(name, count)), "")
    assert len(body.data) <= MOST_TEAMS_BYTES
    told = json.loads(body.data)
    [attachment] = told["attachments"]
    assert (told["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert "12" in card["body"][0]["text"]
    assert {action["type"] for action in card["actions"]} == {"Action.OpenUrl"}


@FAR
@given(st.text(max_size=400), st.integers(0, 50))
def test_chats_keep_their_limits(name: str, count: int) -> None:
    """Slack and Mattermost."""
    assert 0 < len(made("slack", crowded(name, count))["text"]) <= 4_000
    assert 0 < len(made("mattermost", crowded(name, count))["text"]) <= 16_000


# Paging services.


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("firing", "trigger"), ("firing_reopened", "trigger"), ("update", "trigger"), ("reminder", "trigger"),
        ("acknowledged", "acknowledge"), ("resolved", "resolve"), ("resolved_partly", "resolve"), ("closed", "resolve"),
    ],
)  # fmt: skip
def test_pagerduty_is_told_what_to_do_with_the_one_alert_of_an_incident(name: str, action: str) -> None:
    """All events of an incident have its uid as key; the routing key stands in the body alone."""
    body = body_of("pagerduty", name)
    event = json.loads(body.data)
    assert (event["event_action"], event["dedup_key"], event["routing_key"]) == (action, "00112233aabbccdd", TOKEN)
    assert ("payload" in event) is (action == "trigger")
    assert body.takes_token
    assert not body.headers


def test_pagerduty_gets_a_whole_payload() -> None:
    """Summary, source and severity are required; the rest is told where it is known."""
    payload = made("pagerduty", crowded("x" * 400))["payload"]
    assert len(payload["summary"]) <= 1_024
    assert payload["source"] == "q1-router"
    assert payload["severity"] == "critical"
    assert GO_TIME.fullmatch(payload["timestamp"])
    assert made("pagerduty", "firing_certificate")["payload"]["severity"] == "warning"
    tested = made("pagerduty", "test")
    assert (tested["payload"]["severity"], tested["dedup_key"]) == ("info", "S3-1")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("firing", ""),
        ("reminder", ""),
        ("update", "/00112233aabbccdd/notes?identifierType=alias"),
        ("acknowledged", "/00112233aabbccdd/acknowledge?identifierType=alias"),
        ("resolved", "/00112233aabbccdd/close?identifierType=alias"),
        ("test", ""),
    ],
)
def test_opsgenie_knows_the_alert_by_its_alias(name: str, suffix: str) -> None:
    """Created with it, closed and acknowledged by it; the key stands in a header alone."""
    body = body_of("opsgenie", name)
    told = json.loads(body.data)
    assert body.url_suffix == suffix
    assert body.headers == {"Authorization": f"GenieKey {TOKEN}"}
    assert TOKEN.encode() not in body.data
    if not suffix:
        assert told["alias"] == ("S3-1" if name == "test" else "00112233aabbccdd")
        assert told["responders"] == [{"name": "mạng", "type": "team"}]
        assert told["priority"] == ("P5" if name == "test" else "P1")


@FAR
@given(st.text(max_size=400))
def test_opsgenie_fields_keep_their_limits(name: str) -> None:
    """Message 130, description 15,000 characters."""
    told = made("opsgenie", crowded(name))
    assert 0 < len(told["message"]) <= 130
    assert len(told["description"]) <= 15_000


def test_urgency_is_the_incidents() -> None:
    """And without one that of the gravest alert."""
    bare = Notice(EventKind.FIRING, BEGUN_MS, alerts=(alert(severity=Severity.WARNING),))
    assert made("pagerduty", bare)["payload"]["severity"] == "warning"
    assert made("pagerduty", Notice(EventKind.FIRING, BEGUN_MS))["payload"]["severity"] == "critical"


# Short messages.


def test_a_gateway_is_asked_once_for_each_number_in_the_fields_it_names() -> None:
    """Places are filled once: a text that looks like a place stays as it is."""
    form = {
        "msisdn": "{to}",
        "content": "{text}",
        "unicode": "{text_unicode}",
        "key": "{token}",
        "ref": "{event_id}",
        "type": "0",
    }
    subject = msgspec.structs.replace(ROUTER, name_vi="{token}")
    noticed = of_incident(EventKind.FIRING, alerts=(alert(subject),))
    asked = make_bodies(entry("sms", form=form), delivery(noticed), TOKEN)
    assert [body.to for body in asked] == ["0900000000", "0900000001"]
    fields = {name: values[0] for name, values in parse_qs(asked[1].data.decode(), strict_parsing=True).items()}
    assert (fields["msisdn"], fields["key"], fields["ref"], fields["type"]) == ("0900000001", TOKEN, "00112233aabbccdd-3", "0")
    assert fields["content"].startswith("SU CO #12: {token} NGUNG HOAT DONG")
    assert fields["unicode"].startswith("SỰ CỐ #12: {token} NGỪNG HOẠT ĐỘNG")
    assert septets(fields["content"]) <= 160
    assert asked[0].content_type == "application/x-www-form-urlencoded"
    assert asked[0].takes_token


def test_a_gateway_that_does_not_name_the_token_gets_it_as_a_bearer() -> None:
    """Which is the webhook's to send."""
    assert not body_of("sms").takes_token
    assert parse_qs(body_of("sms").data.decode())["to"] == ["0900000000"]


# All of them.


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", CASES)
def test_each_preset_says_each_event(preset: str, name: str) -> None:
    """In both languages; the token stands nowhere but where the preset says."""
    for language in ("vi", "en"):
        for body in make_bodies(entry(preset), delivery(CASES[name](), language), TOKEN):
            assert body.data
            assert (TOKEN.encode() in body.data) is (preset == "pagerduty")
            assert TOKEN not in body.remark


@pytest.mark.parametrize(
    ("preset", "more", "has_token", "said"),
    [
        ("telegram", {}, False, "token"),
        ("pagerduty", {}, False, "token"),
        ("opsgenie", {}, False, "token"),
        ("telegram", {"to": ()}, True, "`to`"),
        ("sms", {"to": ()}, False, "`to`"),
        ("sms", {"form": {"to": "{to}", "text": "{texts}"}}, False, "{texts}"),
        ("sms", {"form": {"to": "{to}"}}, False, "{text}"),
    ],
)
def test_what_a_preset_needs_is_told_by_name(preset: str, more: dict[str, Any], has_token: bool, said: str) -> None:
    """When the file is checked, and as a failure of settings when something is to be sent all the same."""
    assert said in entry_problem(entry(preset, **more), has_token=has_token)
    with pytest.raises(ChannelError) as caught:
        make_bodies(entry(preset, **more), delivery(CASES["firing"]()), TOKEN if has_token else "")
    assert caught.value.failure is Failure.SETTINGS


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_is_missing_in_whole_settings(preset: str) -> None:
    """The kit's settings are whole."""
    assert entry_problem(entry(preset), has_token=True) == ""


def test_suffixes_go_behind_the_path_and_before_nothing_of_the_query() -> None:
    """Also of an address with a query or a slash at its end."""
    assert joined("https://h/v2/alerts", "/a/close?identifierType=alias") == "https://h/v2/alerts/a/close?identifierType=alias"
    assert joined("https://h/x/?a=1", "/y?b=2") == "https://h/x/y?a=1&b=2"
    assert joined("https://h/x/?a=1", "") == "https://h/x/?a=1"


# Answers.


@pytest.mark.parametrize(
    ("preset", "status", "body", "failure", "permanent", "pause"),
    [
        ("slack", 404, b"no_service", Failure.REJECTED, True, None),
        ("slack", 200, b"invalid_payload", Failure.REJECTED, True, None),
        ("slack", 500, b"rollup_error", Failure.SERVER, False, None),
        ("slack", 200, b'{"success": false, "error": "S3CRET"}', Failure.REJECTED, False, None),
        ("telegram", 200, b'{"ok":false,"error_code":400,"description":"chat not found"}', Failure.REJECTED, True, None),
        ("telegram", 429, b'{"ok":false,"parameters":{"retry_after":1%s}}' % (b"0" * 400), Failure.RATE_LIMIT, False, 3_600.0),
        ("telegram", 429, b'{"ok":false,"parameters":{"retry_after":-1e9}}', Failure.RATE_LIMIT, False, 0.0),
        (
            "telegram", 429, b'{"ok":false,"error_code":429,"parameters":{"retry_after":7}}', Failure.RATE_LIMIT, False, 7.0,
        ),
        ("telegram", 429, b'{"ok":false,"error_code":429,"parameters":{"retry_after":1e9}}', Failure.RATE_LIMIT, False, 3600.0),
        ("telegram", 401, b'{"ok":false,"error_code":401}', Failure.AUTH, False, None),
        ("telegram", 404, b'{"ok":false,"error_code":404}', Failure.AUTH, False, None),
        ("telegram", 403, b'{"ok":false,"error_code":403}', Failure.REJECTED, True, None),
        ("telegram", 502, b'{"ok":false,"error_code":502}', Failure.SERVER, False, None),
        (
            "teams", 200, b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429",
            Failure.RATE_LIMIT, False, None,
        ),
        ("teams", 200, b"Webhook message delivery failed with error: ... HTTP error 413", Failure.REJECTED, True, None),
        ("teams", 200, b"Webhook message delivery failed: contacting Teams endpoint", Failure.SERVER, False, None),
        ("opsgenie", 422, b"{}", Failure.REJECTED, True, None),
    ],
)  # fmt: skip
def test_errors_told_in_a_body_are_errors(
    preset: str, status: int, body: bytes, failure: Failure, permanent: bool, pause: float | None
) -> None:
    """Also with status 200; what the answer says is not repeated."""
    error = check_answer(preset, status, body)
    assert error is not None
    assert (error.failure, error.permanent, error.retry_after_s) == (failure, permanent, pause)
    assert "S3CRET" not in str(error)


@pytest.mark.parametrize(
    ("preset", "status", "body"),
    [
        ("slack", 200, b"ok"), ("slack", 200, b""), ("mattermost", 200, b"ok"), ("teams", 202, b""), ("teams", 200, b"1"),
        ("telegram", 200, b'{"ok":true,"result":{}}'), ("telegram", 502, b"<html>"), ("pagerduty", 202, b"{}"),
        ("opsgenie", 202, b'{"result":"x"}'), ("alertmanager", 200, b'{"ok":false}'), ("sms", 200, b"anything"),
        ("slack", 503, b"busy"),
    ],
)  # fmt: skip
def test_other_answers_are_left_to_their_status(preset: str, status: int, body: bytes) -> None:
    """A proxy's page, a plain ok."""
    assert check_answer(preset, status, body) is None


@FAR
@given(st.sampled_from(PRESETS), st.integers(100, 599), st.binary(max_size=200) | st.just(b"[" * 100_000))
def test_no_answer_breaks_the_reading(preset: str, status: int, body: bytes) -> None:
    """Whatever a receiver answers."""
    assert check_answer(preset, status, body) is None or status


def test_html_entities_of_names_survive_telegram_once() -> None:
    """`&amp;` of a name is shown as it was written."""
    page = Telegram()
    page.feed(made("telegram", crowded(HOSTILE, 1))["text"])
    assert "&amp;" in page.text
    assert html.unescape("&amp;") in page.text


def test_the_same_event_has_the_same_body_but_for_its_attempt() -> None:
    """So that repetitions can be told by what is sent, too."""

    def at(attempt: int) -> Delivery:
        return delivery(CASES["firing"](), attempt=attempt)

    first, second = (make_body(entry("alertmanager"), at(attempt), "").data.decode() for attempt in (1, 2))
    assert first.replace('"attempt":1', "").replace("lần gửi 1", "") == second.replace('"attempt":2', "").replace(
        "lần gửi 2", ""
    )

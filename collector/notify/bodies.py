"""Bodies of webhooks by preset, and what their answers mean. What a preset does with updates, reminders and recoveries is said
in its file.
"""

from __future__ import annotations

from collector.notify import presets_alertmanager, presets_chat, presets_paging, presets_sms
from collector.notify.answers import check_answer
from collector.notify.body import Body, joined
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.notify.settings import WebhookEntry

__all__ = ["Body", "check_answer", "entry_problem", "joined", "make_bodies", "make_body"]


def make_bodies(entry: WebhookEntry, delivery: Delivery, token: str) -> list[Body]:
    """One body a request: `sms` and `telegram` ask once for each of `to`. Raises `ChannelError` (settings) where what the
    preset needs is missing."""
    if problem := entry_problem(entry, has_token=bool(token)):
        raise ChannelError(Failure.SETTINGS, problem)
    if entry.preset == "telegram":
        return [presets_chat.telegram(delivery, chat, token) for chat in entry.to]
    if entry.preset == "sms":
        return [presets_sms.sms(delivery, entry.form, number, token) for number in entry.to]
    return [_one(entry, delivery, token)]


def make_body(entry: WebhookEntry, delivery: Delivery, token: str) -> Body:
    """The first of `make_bodies`."""
    return make_bodies(entry, delivery, token)[0]


def _one(entry: WebhookEntry, delivery: Delivery, token: str) -> Body:
    if entry.preset == "slack":
        return presets_chat.slack(delivery)
    if entry.preset == "mattermost":
        return presets_chat.mattermost(delivery)
    if entry.preset == "teams":
        return presets_chat.teams(delivery)
    if entry.preset == "pagerduty":
        return presets_paging.pagerduty(delivery, token)
    if entry.preset == "opsgenie":
        return presets_paging.opsgenie(delivery, entry.to, token)
    return presets_alertmanager.make_body(delivery)


def entry_problem(entry: WebhookEntry, *, has_token: bool) -> str:
    """What a preset needs and its settings do not give; empty: nothing."""
    if entry.preset in ("telegram", "pagerduty", "opsgenie") and not has_token:
        return f"preset {entry.preset} needs token_file or token_env"
    if entry.preset in ("telegram", "sms") and not entry.to:
        return f"preset {entry.preset} needs `to`"
    return presets_sms.form_problem(entry.form) if entry.preset == "sms" else ""

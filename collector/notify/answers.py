"""What the bodies of answers say that their status does not: some services tell errors with 200, or ask for a pause in JSON.

Slack and Mattermost answer `ok`, errors with 4xx and a word; compatible servers say `{"success": false}` with 200. Teams' older
webhooks answer 200 with a sentence that begins `Webhook message delivery failed`. Telegram says `{"ok": false, "error_code":
429, "parameters": {"retry_after": 5}}`. No text of an answer is repeated beyond a word of a closed list: it may hold a secret.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from collector.notify.channel import ChannelError, Failure

MOST_PAUSE_S: Final = 3_600.0
_SLACK_ERRORS: Final = frozenset(
    {
        "action_prohibited", "channel_is_archived", "channel_not_found", "invalid_payload", "invalid_token", "no_active_hooks",
        "no_service", "no_service_id", "no_team", "no_text", "posting_to_general_channel_denied", "rollup_error",
        "team_disabled", "too_many_attachments", "user_not_found",
    }
)  # fmt: skip
_TEMPORARY: Final = frozenset({"rollup_error"})
_TEAMS_FAILED: Final = b"webhook message delivery failed"
_TEAMS_STATUS: Final = re.compile(rb"http error (\d{3})")


def check_answer(preset: str, status: int, body: bytes) -> ChannelError | None:
    """What an answer means beyond its status: an error told with 2xx, an error told more exactly, a pause asked for. None: the
    status decides."""
    if preset in ("slack", "mattermost"):
        return _slack(status, body)
    if preset == "teams":
        return _teams(status, body)
    if preset == "telegram":
        return _telegram(status, body)
    if preset == "opsgenie":
        return _opsgenie(status, body)
    return None


def _slack(status: int, body: bytes) -> ChannelError | None:
    said = body[:200].strip().decode("utf-8", "replace")
    if said in _SLACK_ERRORS:
        if said in _TEMPORARY:
            return ChannelError(Failure.SERVER, said)
        return ChannelError(Failure.REJECTED, said, permanent=True)
    told = _object(body)
    if 200 <= status < 300 and (told.get("ok") is False or told.get("success") is False):
        return ChannelError(Failure.REJECTED, f"status {status}, yet the answer says that it failed")
    return None


def _teams(status: int, body: bytes) -> ChannelError | None:
    text = body[:4096].lower()
    if not 200 <= status < 300 or _TEAMS_FAILED not in text:
        return None
    found = _TEAMS_STATUS.search(text)
    inner = int(found[1]) if found else 500
    said = f"status {status}, yet Teams answered {inner}" if found else f"status {status}, yet Teams was not reached"
    if inner == 429:
        return ChannelError(Failure.RATE_LIMIT, said)
    if inner in (401, 403):
        return ChannelError(Failure.AUTH, said)
    return ChannelError(Failure.REJECTED if inner < 500 else Failure.SERVER, said, permanent=400 <= inner < 500)


def _telegram(status: int, body: bytes) -> ChannelError | None:
    told = _object(body)
    if told.get("ok") is not False:
        return None
    code = told.get("error_code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else status
    parameters = told.get("parameters")
    pause = parameters.get("retry_after") if isinstance(parameters, dict) else None
    # Limited before it is a float: a number of the answer may be longer than any.
    pause_s = float(min(max(pause, 0), MOST_PAUSE_S)) if isinstance(pause, int | float) else None
    said = f"Telegram answered {number}"
    if number == 429:
        return ChannelError(Failure.RATE_LIMIT, said, retry_after_s=pause_s)
    if number in (401, 404):
        return ChannelError(Failure.AUTH, f"{said}: the token is not known")
    if number == 403:
        return ChannelError(Failure.REJECTED, f"{said}: the bot may not write to this chat", permanent=True)
    if isinstance(parameters, dict) and isinstance(moved := parameters.get("migrate_to_chat_id"), int):
        return ChannelError(Failure.REJECTED, f"{said}: the chat is now {moved}", permanent=True)
    if 400 <= number < 500:
        return ChannelError(Failure.REJECTED, f"{said}: chat or text is not taken", permanent=True)
    return ChannelError(Failure.SERVER, said, retry_after_s=pause_s)


def _opsgenie(status: int, body: bytes) -> ChannelError | None:
    """422 is what it says of a key that may not do this."""
    return ChannelError(Failure.REJECTED, "status 422", permanent=True) if status == 422 else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}

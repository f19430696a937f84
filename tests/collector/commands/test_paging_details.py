"""No refusal of an act and no failure of a receiver reaches a person in another language than theirs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.commands.paging_details import DETAILS, FAILURES, detail_in, failure_in
from collector.commands.paging_timeline import entry_parts
from collector.notify.channel import Failure

COLLECTOR = Path(__file__).parents[3] / "collector"
REFUSING = (
    "core/incident_acts.py",
    "core/silence_acts.py",
    "alerting/front.py",
    "expose/paging_gate.py",
    "expose/outbox_api.py",
)
CALLS = {"RefusedError": 2, "_bad": 1, "unknown": 1}
"""Function -> which argument is the detail."""
FORBIDDEN = "{} is {}, which may not act"
"""Said by code, without the detail."""


def details() -> Iterator[str]:
    """Every detail that a refusal has, with {} where something is put in."""
    for name in REFUSING:
        for node in ast.walk(ast.parse((COLLECTOR / name).read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > CALLS.get(node.func.id, 99):
                given = node.args[CALLS[node.func.id]]
                if isinstance(given, ast.Constant):
                    yield str(given.value)
                elif isinstance(given, ast.JoinedStr):
                    yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in given.values)


def test_every_detail_of_a_refusal_is_said_in_vietnamese() -> None:
    found = set(details()) - {FORBIDDEN}
    assert len(found) > 15
    untold = {text for text in found if detail_in("vi", text) == text}
    assert untold - {"no receiver has this name{}", "the incident is over", "the silence is over"} == set()


def test_what_is_put_in_stays_and_what_is_unknown_is_shown_as_it_came() -> None:
    assert detail_in("vi", "no receiver has this name; there are an, chat") == "không có nơi nhận nào tên này; có: an, chat"
    assert detail_in("en", "expected at most 30 days") == "expected at most 30 days"
    assert detail_in("vi", "something new") == "something new"
    for known, text in DETAILS.items():
        assert known.count("{}") == text.count("{}"), known


def test_every_class_of_failure_has_a_word() -> None:
    assert set(FAILURES) == {one.value for one in Failure}
    assert failure_in("vi", "refused: connection refused") == "bị từ chối: máy từ chối kết nối"
    assert failure_in("vi", "rejected: status 404") == "nơi nhận không chấp nhận tin: mã trả lời 404"
    assert failure_in("en", "refused: connection refused") == "refused: connection refused"
    assert failure_in("vi", "") == ""


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("delivered", "firing", "đã gửi tới chat báo sự cố"),
        ("delivered", "firing, attempt 3; default text", "đã gửi tới chat báo sự cố, lần gửi thứ 3: default text"),
        ("undeliverable", "firing: rejected: status 404",
         "không gửi được chat báo sự cố: nơi nhận không chấp nhận tin: mã trả lời 404"),
        ("fallback", "firing, in place of sms: timeout: no connection within 5 s",
         "chuyển sang kênh dự phòng chat báo sự cố, thay cho sms: quá thời gian: không kết nối được trong 5 giây"),
        ("escalated", "1: sms, mail", "báo thêm bước 2: sms, mail"),
        ("severity", "warning -> critical", "đổi mức độ cảnh báo → nghiêm trọng"),
        ("held", "parent_down gw", "giữ lại gw đang ngừng, đó là nguyên nhân"),
        ("commented", "parent_down gw", "ghi chú parent_down gw [chat]"),
    ],
)  # fmt: skip
def test_the_timeline_says_in_words_what_the_pager_noted(kind: str, text: str, said: str) -> None:
    one = {"kind": kind, "text": text, "by": "chat" if kind != "held" else "", "subject": "", "alert": ""}
    actor = "chat" if kind == "commented" else ""
    assert " ".join(filter(None, entry_parts(one, "vi", actor))) == said

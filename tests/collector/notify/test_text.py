"""What messages say: golden texts of every kind of event in both languages, limits of subjects and short messages, and texts
of others that cannot change how a message reads. `HAIDANG_GOLDEN=write` refreshes the golden files; review them by reading.
"""

from __future__ import annotations

import os
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Reason
from collector.core.alert import AlertKind, Trouble
from collector.core.findings import FindingReason
from collector.core.notice import EventKind
from collector.core.own_trouble import OwnReason
from collector.core.state import State, Why
from collector.notify.cutting import cut, cut_septets, cut_utf16, septets, unaccented, utf16_length
from collector.notify.moments import say_iso, say_length, say_moment
from collector.notify.terms import CLOSED_LISTS, TERMS, condition_key, term
from collector.notify.text import html_text, plain_text, short_text, subject_line
from collector.notify.words import WORDS, word
from tests.collector.notify.said import BEGUN_MS, CASES, ROUTER, alert, delivery, incident, late, named, of_incident

FOLDER = Path(__file__).parents[2] / "data/notify"
WRITES = os.environ.get("HAIDANG_GOLDEN") == "write"
LANGUAGES = ("vi", "en")
MARKS = re.compile("[àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ]", re.IGNORECASE)
SAME = {"short_after", "times", "quoted", "affected_group", "one_alert", "one_over", "clock"}
"""Texts without a word of their own, or the same in both languages."""
HOSTILE = "</p><script>x</script>\r\nBcc: an@example.vn\u202e\x1b[31m\u2028 @channel <!here> [a](http://b) *x* `y`"
FAR = settings(max_examples=60, deadline=None)


def golden(name: str, language: str, said: str) -> str:
    """The golden text of a case; written first if the flag says so."""
    file = FOLDER / f"{name}.{language}.txt"
    if WRITES:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(said, encoding="utf-8")
    return file.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CASES)
def test_each_event_is_said_as_its_golden_text(name: str, language: str) -> None:
    """Subject, both short messages and the whole text."""
    made = delivery(CASES[name](), language)
    said = "\n".join(
        (
            f"Subject: {subject_line(made)}",
            f"SMS: {short_text(made)}",
            f"SMS-70: {short_text(made, 70, accents=True)}",
            "",
            plain_text(made),
        )
    )
    assert said == golden(name, language, said)


def test_golden_texts_belong_to_cases() -> None:
    """No text is left of a case that is no more."""
    assert {file.name for file in FOLDER.glob("*.txt")} == {
        f"{name}.{language}.txt" for name in CASES for language in LANGUAGES
    }


def test_every_event_kind_has_a_golden_text() -> None:
    """Also those that people see seldom."""
    assert {make().event for make in CASES.values()} == set(EventKind)


def test_words_are_there_in_both_languages() -> None:
    """Vietnamese with its diacritics, English without any, and both with the same places to fill."""
    for key, (english, vietnamese) in WORDS.items():
        places = [sorted(re.findall(r"\{(\w+)\}", text)) for text in (english, vietnamese)]
        assert places[0] == places[1], key
        assert not MARKS.search(english.replace("Hải Đăng", "")), key
        assert key in SAME or MARKS.search(vietnamese), key


def test_closed_lists_are_said_whole() -> None:
    """Every value of the closed lists has words, and words have no value that is no more."""
    for table, listed in CLOSED_LISTS.items():
        assert set(TERMS[table]) == {value.value for value in listed}, table
    conditions = {condition_key(kind, state, name, value) for kind in AlertKind for state in State for name in ("", *Trouble)
                  for value in (None, -1.0, 1.0)}  # fmt: skip
    assert set(TERMS["condition"]) == conditions
    assert set(TERMS["reason"]) == {one.value for one in (*Reason, *Why, *FindingReason, *OwnReason) if one.value}
    assert not [pair for table in TERMS.values() for pair in table.values() if MARKS.search(pair[0])]


def test_a_word_that_is_not_known_is_shown_as_it_is() -> None:
    """A newer part's reason never keeps a page back."""
    assert term("vi", "reason", "melted") == "melted"
    assert "melted" in plain_text(delivery(of_incident(EventKind.FIRING, alerts=(alert(reason="melted"),))))


def test_what_leaves_late_says_so() -> None:
    """With the time at which it was written and how long ago that was."""
    said = plain_text(late())
    assert "Gửi trễ: tin lập lúc 13:03:32 ngày 24/11/2026 (UTC+7), gửi đi sau 3 giờ 4 phút" in said
    assert "lần gửi 41" in said


def test_names_fall_back_to_the_other_language_and_then_to_the_id() -> None:
    """A subject always has a name."""
    for subject, expected in (
        (named("q1-nas"), "q1-nas"),
        (named("x", "Tủ đĩa"), "Tủ đĩa"),
        (named("x", "", "Disks"), "Disks"),
    ):
        assert subject_line(delivery(of_incident(EventKind.FIRING, alerts=(alert(subject),)), "en")).startswith(
            f"INCIDENT #12: {expected} DOWN"
        )


def test_resolved_says_when_it_was_over_not_when_that_was_noticed() -> None:
    """65 minutes after the onset, told one minute later."""
    said = plain_text(delivery(CASES["resolved"](), "en"))
    assert "Lasted: 1 h 5 min" in said
    assert "Ended: 2026-11-24 14:08:20 (UTC+7)" in said


def hostile() -> list[str]:
    """Every kind of event whose names, details, comments and people are hostile."""
    subject = msgspec.structs.replace(ROUTER, name_vi=HOSTILE, site_vi=HOSTILE)
    found = []
    for make in CASES.values():
        notice = make()
        alerts = tuple(
            msgspec.structs.replace(one, subject=subject, detail=HOSTILE, reason=HOSTILE, state=one.state)
            for one in notice.alerts
        )
        facts = notice.incident and msgspec.structs.replace(notice.incident, site_vi=HOSTILE, assignee=HOSTILE)
        shown = msgspec.structs.replace(notice, alerts=alerts, incident=facts, by=HOSTILE, matchers=HOSTILE)
        made = delivery(shown, receiver=HOSTILE)
        found += [subject_line(made), short_text(made), plain_text(made), html_text(made)]
    return found


def test_texts_of_others_add_no_line_and_no_invisible_character() -> None:
    """Neither a header of an e-mail, nor a terminal's escape, nor text that runs backwards."""
    for said in hostile():
        assert not [line for line in said.splitlines() if line.startswith("Bcc:")]
        assert all(char.isprintable() or char == "\n" for char in said)


class Elements(HTMLParser):
    """Names of the elements of a page, and its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def test_html_holds_nothing_of_others_as_markup() -> None:
    """No script, nothing that is loaded, no handler; only the links that are ours."""
    for page in (said for said in hostile() if said.startswith("<!DOCTYPE")):
        elements = Elements()
        elements.feed(page)
        assert not {"script", "img", "link", "iframe", "style", "object"} & set(elements.names)
        assert not [name for name, _ in elements.attributes if name.startswith("on") or name == "src"]
        assert all(value.startswith("https://giamsat.example.vn/") for name, value in elements.attributes if name == "href")


@pytest.mark.parametrize("name", CASES)
def test_html_says_what_the_text_says(name: str) -> None:
    """Every fact of the text stands in the page."""
    made = delivery(CASES[name]())
    shown = re.sub(r"<[^>]+>", " ", html_text(made)).replace("&quot;", '"').replace("&#x27;", "'")
    for line in plain_text(made).splitlines():
        value = line.removeprefix("- ").partition(": ")[2] or line.removeprefix("- ").rstrip(":")
        assert value in html_text(made) or value in " ".join(shown.split()) or "https://" in line


NAMES = st.text(max_size=400)


@FAR
@given(NAMES, NAMES, st.sampled_from(sorted(CASES)), st.sampled_from(LANGUAGES))
def test_subjects_and_short_messages_keep_their_limits(name: str, site: str, case: str, language: str) -> None:
    """Whatever names are; short messages are of the GSM alphabet or fit into one of UCS-2, and say which incident it is."""
    subject = msgspec.structs.replace(ROUTER, name_vi=name, name_en=name, site_vi=site, site_en=site)
    notice = CASES[case]()
    facts = notice.incident and incident(site_vi=site, site_en=site, reopened=notice.incident.reopened)
    alerts = tuple(msgspec.structs.replace(one, subject=subject) for one in notice.alerts)
    made = delivery(msgspec.structs.replace(notice, alerts=alerts, incident=facts, by=notice.by and name), language)
    assert len(subject_line(made)) <= 120
    short = short_text(made)
    assert septets(short) <= 160
    assert short == unaccented(short)
    assert utf16_length(short_text(made, 70, accents=True)) <= 70
    if case.startswith("firing") and notice.incident is not None:
        assert "#12" in subject_line(made)
        assert "#12" in short
    plain_text(made)


@FAR
@given(st.text(max_size=60), st.integers(0, 60))
def test_cutting_never_splits_a_character(text: str, limit: int) -> None:
    """Neither a pair of UTF-16 nor a letter from its marks; the limit holds."""
    composed = unicodedata.normalize("NFD", text)
    found = cut(composed, limit)
    assert len(found) <= limit
    if len(composed) > limit > 0:
        kept = found[:-1]
        rest = composed[len(kept) :].lstrip()
        assert not rest or not unicodedata.combining(rest[0]) or not kept.strip()
    assert utf16_length(cut_utf16(composed, limit)) <= limit
    assert septets(cut_septets(unaccented(composed), limit)) <= limit


def test_cutting_keeps_marks_and_pairs() -> None:
    """As people see characters."""
    assert cut("ế" * 3, 2) == "ế…"
    decomposed = unicodedata.normalize("NFD", "ế" * 3)
    assert cut(decomposed, 5) == decomposed[:3] + "…"
    assert cut_utf16("😀😀😀", 4) == "😀…"
    assert cut_septets("[[[[", 7) == "[[.."


def test_vietnamese_without_diacritics_is_what_people_type() -> None:
    """Every letter of the alphabet has its plain one."""
    assert unaccented("Đường truyền Quận 1 – MẤT KẾT NỐI “ổn định”") == 'Duong truyen Quan 1 - MAT KET NOI "on dinh"'
    letters = "aăâeêioôơuưy"
    marks = ["", "\u0300", "\u0301", "\u0309", "\u0303", "\u0323"]
    every = unicodedata.normalize("NFC", "".join(letter + mark for letter in letters for mark in marks))
    assert len(every) == len(letters) * len(marks)
    assert re.fullmatch("[aeiouy]+", unaccented(every))


@pytest.mark.parametrize(
    ("length_ms", "vietnamese", "english"),
    [
        (0, "0 giây", "0 s"),
        (-5, "0 giây", "0 s"),
        (59_999, "59 giây", "59 s"),
        (60_000, "1 phút", "1 min"),
        (3_900_000, "1 giờ 5 phút", "1 h 5 min"),
        (3_605_000, "1 giờ", "1 h"),
        (90_000_000, "1 ngày 1 giờ", "1 d 1 h"),
    ],
)
def test_lengths_have_their_two_largest_units(length_ms: int, vietnamese: str, english: str) -> None:
    """Rounded down."""
    assert (say_length(length_ms, "vi"), say_length(length_ms, "en")) == (vietnamese, english)


def test_times_name_their_offset_and_unknown_zones_are_utc() -> None:
    """Nobody has to guess a zone, and none keeps a page back."""
    assert say_moment(BEGUN_MS, "Asia/Ho_Chi_Minh", "vi") == "13:03:20 ngày 24/11/2026 (UTC+7)"
    assert say_moment(BEGUN_MS, "Asia/Kathmandu", "en") == "2026-11-24 11:48:20 (UTC+5:45)"
    assert say_moment(BEGUN_MS, "Asia/Nowhere", "en") == "2026-11-24 06:03:20 (UTC+0)"
    assert say_moment(BEGUN_MS, "../../etc/passwd", "en").endswith("(UTC+0)")
    assert say_iso(BEGUN_MS + 7) == "2026-11-24T06:03:20.007Z"


@FAR
@given(st.integers(-(10**18), 10**18))
def test_no_instant_breaks_a_message(at_ms: int) -> None:
    """However wrong a clock was."""
    assert say_moment(at_ms, "Asia/Ho_Chi_Minh", "vi")
    assert word("vi", "day", count=1) == "1 ngày"

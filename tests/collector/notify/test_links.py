"""Links of messages: acknowledge tokens that nobody can make, change, keep or use for something else, and the file of keys."""

from __future__ import annotations

import base64
import os
import string
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.acklink import ACKNOWLEDGE, MOST_TOKEN, Claim, LinkError, LinkProblem, sign, verify
from collector.core.alert import Severity
from collector.core.incident import IncidentState
from collector.core.notice import EventKind, Notice, Outgoing
from collector.core.paging_answers import LinkClaim
from collector.notify.channel import ChannelError, Failure
from collector.notify.links import KEY_FILE, Links, load_keys
from tests.collector.notify.said import CASES, incident, of_incident

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
NOW_MS = 1_795_500_000_000
WEEK_MS = 7 * 86_400_000
BASE = "https://giamsat.example.vn"
CLAIM = Claim(ACKNOWLEDGE, "00112233aabbccdd", "truc-ca", NOW_MS + 1_000)
ALPHABET = string.ascii_letters + string.digits + "-_"
FAR = settings(max_examples=150, deadline=None)


def problem(token: str, keys: tuple[bytes, ...] = (KEY,), now_ms: int = NOW_MS) -> LinkProblem:
    """Why a token is refused."""
    with pytest.raises(LinkError) as caught:
        verify(token, keys, now_ms)
    return caught.value.problem


def outgoing(event: EventKind = EventKind.FIRING, notice: Notice | None = None) -> Outgoing:
    """An event of incident 12 for somebody on duty."""
    return Outgoing("x-1", "truc-ca", "x", 1, event, notice or of_incident(event), Severity.CRITICAL, NOW_MS)


def test_a_genuine_token_says_what_was_signed() -> None:
    """Until the moment it expires."""
    token = sign(CLAIM, KEY)
    assert verify(token, [KEY], NOW_MS + 999) == CLAIM
    assert problem(token, now_ms=NOW_MS + 1_000) is LinkProblem.EXPIRED
    assert set(token) <= {*ALPHABET, "."}


@FAR
@given(st.data())
def test_any_changed_character_is_refused(data: st.DataObject) -> None:
    """Also one that decodes to the same bytes."""
    token = sign(CLAIM, KEY)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(ALPHABET + ".=+/ %é").filter(lambda char: char != token[place]))
    assert problem(token[:place] + other + token[place + 1 :]) in (LinkProblem.FORGED, LinkProblem.MALFORMED)


@FAR
@given(st.data())
def test_any_flipped_bit_is_refused(data: st.DataObject) -> None:
    """Of what is signed and of the signature."""
    parts = [bytearray(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in sign(CLAIM, KEY).split(".")]
    part = data.draw(st.sampled_from(parts))
    part[data.draw(st.integers(0, len(part) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = ".".join(base64.urlsafe_b64encode(bytes(one)).rstrip(b"=").decode() for one in parts)
    assert problem(changed) is LinkProblem.FORGED


@FAR
@given(st.text(max_size=300) | st.text(alphabet=ALPHABET + ".", max_size=300))
def test_no_text_is_believed(token: str) -> None:
    """Whatever somebody types."""
    assert problem(token) in (LinkProblem.FORGED, LinkProblem.MALFORMED)


@FAR
@given(st.text(max_size=40), st.text(max_size=40), st.integers(-(2**63), 2**63 - 1))
def test_what_is_signed_comes_back(uid: str, receiver: str, expires_ms: int) -> None:
    """Any names, any time."""
    claim = Claim(ACKNOWLEDGE, uid, receiver, expires_ms)
    if expires_ms > NOW_MS:
        assert verify(sign(claim, KEY), [KEY], NOW_MS) == claim
    else:
        assert problem(sign(claim, KEY)) is LinkProblem.EXPIRED


def test_another_key_another_purpose_and_another_shape_are_refused() -> None:
    """Each for its reason, and a signature of the same key for something else does not count."""
    assert problem(sign(CLAIM, OTHER)) is LinkProblem.FORGED
    assert problem(sign(msgspec.structs.replace(CLAIM, purpose="resolve"), KEY)) is LinkProblem.WRONG_PURPOSE
    assert problem("a" * MOST_TOKEN + ".b") is LinkProblem.MALFORMED
    assert problem(sign(CLAIM, KEY), keys=()) is LinkProblem.FORGED
    assert problem(sign(CLAIM, KEY), keys=(b"",)) is LinkProblem.FORGED
    with pytest.raises(ValueError, match="32 bytes"):
        sign(CLAIM, KEY[:31])


def test_keys_are_changed_without_losing_links() -> None:
    """The newest signs, the older ones still verify until they are taken away."""
    old = Links([KEY], BASE).of(outgoing())[1].rpartition("/")[2]
    both = Links([OTHER, KEY], BASE)
    assert both.read(old, NOW_MS) == LinkClaim("00112233aabbccdd", "truc-ca", NOW_MS + WEEK_MS)
    new = both.of(outgoing())[1].rpartition("/")[2]
    assert new != old
    assert Links([OTHER], BASE).read(new, NOW_MS) == LinkClaim("00112233aabbccdd", "truc-ca", NOW_MS + WEEK_MS)
    assert Links([OTHER], BASE).read(old, NOW_MS) is None


def test_links_are_the_same_at_every_attempt_and_work_for_seven_days() -> None:
    """Of one event and receiver; another receiver has its own."""
    links = Links([KEY], f"{BASE}/")
    url, acknowledge = links.of(outgoing())
    assert (url, acknowledge) == links.of(outgoing())
    assert url.startswith(f"{BASE}/incidents/")
    assert links.read_view(url.rpartition("/")[2], NOW_MS + WEEK_MS - 1) == LinkClaim(
        "00112233aabbccdd", "truc-ca", NOW_MS + WEEK_MS
    )
    assert links.read_view(url.rpartition("/")[2], NOW_MS + WEEK_MS) is None
    assert acknowledge.startswith(f"{BASE}/acknowledge/")
    token = acknowledge.rpartition("/")[2]
    assert links.read(token, NOW_MS + WEEK_MS - 1) is not None
    assert links.read(token, NOW_MS + WEEK_MS) is None
    with pytest.raises(LinkError, match="expired"):
        links.verify(token, NOW_MS + WEEK_MS)
    assert links.of(msgspec.structs.replace(outgoing(), receiver="chi"))[1] != acknowledge


def test_only_what_waits_for_somebody_can_be_acknowledged() -> None:
    """Nothing that is acknowledged or over, no notice, no digest, no test; and no links at all without an address."""
    links = Links([KEY], BASE)
    asking = {event for event in EventKind if links.of(outgoing(event))[1]}
    assert asking == {EventKind.FIRING, EventKind.UPDATE, EventKind.REMINDER}
    known = of_incident(EventKind.UPDATE, incident=incident(state=IncidentState.ACKNOWLEDGED))
    url, acknowledge = links.of(outgoing(EventKind.UPDATE, known))
    assert (url.startswith(f"{BASE}/incidents/"), acknowledge) == (True, "")
    for event, case in ((EventKind.NOTICE, "notice_hides"), (EventKind.DIGEST, "digest")):
        assert links.of(outgoing(event, CASES[case]())) == ("", ""), "a link would ask for the token of a person"
    assert links.of(outgoing(EventKind.TEST, CASES["test"]())) == (f"{BASE}/", "")
    assert Links([KEY], "").of(outgoing()) == ("", "")


def test_a_link_works_for_its_one_purpose() -> None:
    """Whoever may look may not acknowledge; who may acknowledge is given a look for as long as that."""
    links = Links([KEY], BASE)
    view, acknowledge = (url.rpartition("/")[2] for url in links.of(outgoing()))
    assert (links.read(view, NOW_MS), links.read_view(acknowledge, NOW_MS)) == (None, None)
    claim = links.read(acknowledge, NOW_MS)
    assert claim is not None
    assert links.read_view(links.view_of(claim), NOW_MS) == claim


def test_a_claim_without_names_is_none() -> None:
    """Even if it is signed."""
    links = Links([KEY], BASE)
    for claim in (Claim(ACKNOWLEDGE, "", "x", NOW_MS + 1), Claim(ACKNOWLEDGE, "x", "", NOW_MS + 1)):
        assert links.read(sign(claim, KEY), NOW_MS) is None


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """A second start reads the same one; nothing else is left in the folder."""
    [key] = load_keys(tmp_path)
    assert len(key) == 32
    assert load_keys(tmp_path) == (key,)
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_file_of_several_keys_is_read_in_its_order(tmp_path: Path) -> None:
    """Newest first, blank lines left out."""
    file = tmp_path / KEY_FILE
    file.write_text(f"{OTHER.hex()}\n\n{KEY.hex()}\n")
    file.chmod(0o600)
    assert load_keys(tmp_path) == (OTHER, KEY)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (KEY.hex(), 0o640, "mode 0640"),
        (KEY.hex(), 0o604, "mode 0604"),
        ("", 0o600, "0 keys"),
        ("S3CRET", 0o600, "not hexadecimal"),
        ("ế", 0o600, "not hexadecimal"),
        (KEY.hex()[:40], 0o600, "20 bytes"),
        ("\n".join([KEY.hex()] * 9), 0o600, "9 keys"),
    ],
)
def test_a_file_that_is_no_key_is_refused_without_showing_it(tmp_path: Path, content: str, mode: int, said: str) -> None:
    """Each trouble is named; it is never replaced, for links that were sent would die."""
    file = tmp_path / KEY_FILE
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(ChannelError, match=said) as caught:
        load_keys(tmp_path)
    assert caught.value.failure is Failure.SETTINGS
    assert "S3CRET" not in str(caught.value)
    assert KEY.hex()[:16] not in str(caught.value)
    assert file.read_text() == content


def test_a_key_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A folder that is not there; nothing is left behind, and a folder in the key's place is refused."""
    with pytest.raises(ChannelError, match=KEY_FILE):
        load_keys(tmp_path / "absent")
    os.mkdir(tmp_path / KEY_FILE)
    with pytest.raises(ChannelError, match=KEY_FILE):
        load_keys(tmp_path)


def test_links_need_a_key() -> None:
    """A collector without one does not start to sign with nothing."""
    for keys in ([], [b"short"]):
        with pytest.raises(ValueError, match="32 bytes"):
            Links(keys, BASE)

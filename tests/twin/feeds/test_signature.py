"""Signed messages: only the sender's own, only now, only once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.database.connection import Role, create_pool
from layers.errors import Conflict, Unavailable
from twin.envelope.refused import Reason, Refused
from twin.feeds.secret import read_secret
from twin.feeds.signature import NONCE, SIGNATURE, TIMESTAMP, WINDOW, sign, verify
from twin.store.nonces import StoredNonces

NOW = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)
KNOWN = "sha256=26e60e480697b600c5670ebd182a18e05f1dd74e515c751f9fba155bdd6b4148"
KNOWN_BINARY = "binary=d9a890c1a91fe3e5f02f4295607464edbb728e61ede4fb331e24db01c9f26dca"
SECRET, FEED, BODY, NONCE_1 = b"a secret of sixteen bytes", "hotline", b'{"ticket_no":"1"}', "0123456789abcdef"


def signed(**changed: str) -> dict[str, str]:
    return sign(SECRET, FEED, BODY, now=NOW, nonce=NONCE_1) | changed


def reason_of(headers: dict[str, str], *, body: bytes = BODY, feed: str = FEED, now: datetime = NOW) -> Reason:
    with pytest.raises(Refused) as refused:
        verify(SECRET, feed, headers, body, now=now)
    return refused.value.reason


def test_a_known_signature():
    # printf "hotline\n1780884000\n0123456789abcdef\n$BODY" | openssl dgst -sha256 -hmac "$SECRET"
    assert signed()[TIMESTAMP] == "1780884000"
    assert signed()[SIGNATURE] == KNOWN


def test_a_good_signature():
    good = verify(SECRET, FEED, {k.title(): v for k, v in signed().items()}, BODY, now=NOW)
    assert (good.feed, good.nonce) == (FEED, NONCE_1)
    assert good.expires_at > NOW + WINDOW


@given(at=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_of_the_body(at, bit):
    body = bytearray(BODY)
    body[at] ^= 1 << bit
    assert reason_of(signed(), body=bytes(body)) == Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "headers",
    [
        signed(**{SIGNATURE: "sha256=" + "0" * 64}),
        signed(**{SIGNATURE: signed()[SIGNATURE].removeprefix("sha256=")}),
        signed(**{SIGNATURE: "签名"}),
        signed(**{NONCE: "0123456789abcdeg"}),
        signed(**{NONCE: "short"}),
        signed(**{TIMESTAMP: "1780884001"}),
        signed(**{TIMESTAMP: "soon"}),
        signed(**{TIMESTAMP: "-1"}),
        signed(**{TIMESTAMP: "9" * 12}),
    ],
)
def test_another_header_is_another_message(headers):
    assert reason_of(headers) == Reason.BAD_SIGNATURE


def test_a_signature_for_another_feed():
    assert reason_of(signed(), feed="grid_cases") == Reason.BAD_SIGNATURE


ATTRIBUTES = {"Content-Type": "application/json", "ce-id": "1", "ce-subject": "events/e1", "ce-specversion": "1.0"}


def binary(**changed):
    made = sign(SECRET, FEED, BODY, now=NOW, nonce=NONCE_1, headers=ATTRIBUTES)
    return ATTRIBUTES | made | changed


def test_a_known_signature_of_binary_mode():
    # { printf "binary\nhotline\n1780884000\n0123456789abcdef\n"; printf "ce-id:1\nce-specversion:1.0\n"
    #   printf "ce-subject:events/e1\ncontent-type:application/json\n\n$BODY"; } | openssl dgst -sha256 -hmac "$SECRET"
    assert binary()[SIGNATURE] == KNOWN_BINARY
    assert verify(SECRET, FEED, {k.upper(): v for k, v in binary().items()}, BODY, now=NOW)


@given(name=st.sampled_from(sorted(ATTRIBUTES)), value=st.text(max_size=20))
def test_an_attribute_somebody_changed_between_is_noticed(name, value):
    if value != ATTRIBUTES[name]:
        assert reason_of(binary(**{name: value})) == Reason.BAD_SIGNATURE
    without = {k: v for k, v in binary().items() if k != name}
    assert reason_of(without) == Reason.BAD_SIGNATURE


@given(name=st.text("abcxyz-", min_size=1, max_size=8), value=st.text(max_size=8))
def test_an_attribute_somebody_added_is_noticed(name, value):
    added = {f"Ce-{name}": value}
    assert reason_of(binary() | added) == Reason.BAD_SIGNATURE
    assert reason_of(signed() | added) == Reason.BAD_SIGNATURE


def test_a_sender_of_binary_mode_that_signs_the_body_only_is_told_what_to_do():
    with pytest.raises(Refused, match=r"binary=.*Binary mode"):
        verify(SECRET, FEED, ATTRIBUTES | signed(), BODY, now=NOW)


def test_headers_moved_into_the_body_are_another_message():
    names = sorted(name for name in ATTRIBUTES if name != "Content-Type")
    lines = "".join(f"{name}:{ATTRIBUTES[name]}\n" for name in names) + "content-type:application/json\n\n"
    stamp = {name: binary()[name] for name in (TIMESTAMP, NONCE)}
    hexed = binary()[SIGNATURE].removeprefix("binary=")
    for given_ in ("binary=", "sha256="):
        assert reason_of({**stamp, SIGNATURE: given_ + hexed}, body=lines.encode() + BODY) == Reason.BAD_SIGNATURE


@pytest.mark.parametrize("missing", [TIMESTAMP, NONCE, SIGNATURE])
def test_a_missing_header(missing):
    assert reason_of({k: v for k, v in signed().items() if k != missing}) == Reason.NO_SIGNATURE


@pytest.mark.parametrize("sign_of_time", [1, -1])
def test_the_window(sign_of_time):
    assert verify(SECRET, FEED, signed(), BODY, now=NOW + sign_of_time * WINDOW)
    late = NOW + sign_of_time * (WINDOW + timedelta(seconds=1))
    assert reason_of(signed(), now=late) == Reason.SIGNATURE_TIME


def test_a_time_beyond_the_calendar_is_refused():
    headers = sign(SECRET, FEED, BODY, now=datetime(9999, 1, 1, tzinfo=UTC), nonce=NONCE_1)
    assert reason_of(headers) == Reason.SIGNATURE_TIME


@pytest.fixture
async def nonces(database_url):
    pool = await create_pool(database_url, Role.INGEST)
    yield StoredNonces(pool)
    await pool.close()


@pytest.mark.anyio
async def test_a_nonce_is_good_once_for_as_long_as_its_time_is(nonces):
    good = verify(SECRET, FEED, signed(), BODY, now=NOW)
    assert await nonces.claim(good, NOW)
    assert not await nonces.claim(good, NOW)
    assert not await nonces.claim(good, NOW + WINDOW)


@pytest.mark.anyio
async def test_claims_forget_expired_nonces(nonces):
    first = verify(SECRET, FEED, signed(), BODY, now=NOW)
    later = first.expires_at + timedelta(seconds=1)
    others = [sign(SECRET, FEED, BODY, now=later, nonce="f" * 16 + digit) for digit in "0123456789abcdef"]
    assert await nonces.claim(first, NOW)
    for other in others:
        assert await nonces.claim(verify(SECRET, FEED, other, BODY, now=later), later)
    assert await nonces.claim(first, later)


def write(home, text: bytes = b"0123456789abcdef\n", mode: int = 0o600):
    (home / "secrets").mkdir(exist_ok=True)
    file = home / "secrets" / "hotline"
    file.write_bytes(text)
    file.chmod(mode)


def test_a_secret_of_the_home(tmp_path):
    write(tmp_path)
    assert read_secret("hotline", tmp_path, {}) == b"0123456789abcdef"


def test_a_secret_of_the_environment_is_stronger(tmp_path):
    write(tmp_path)
    assert read_secret("hotline", tmp_path, {"ONEMAP_SECRET_HOTLINE": "f" * 16}) == b"f" * 16


def test_a_secret_others_can_read_is_none(tmp_path):
    write(tmp_path, mode=0o644)
    with pytest.raises(Conflict, match="chmod"):
        read_secret("hotline", tmp_path, {})


@pytest.mark.parametrize("name", ["hotline", "../hotline", ""])
def test_a_missing_secret(tmp_path, name):
    with pytest.raises(Unavailable):
        read_secret(name, tmp_path, {})


def test_a_short_secret(tmp_path):
    write(tmp_path, b"short")
    with pytest.raises(Unavailable, match="16"):
        read_secret("hotline", tmp_path, {})

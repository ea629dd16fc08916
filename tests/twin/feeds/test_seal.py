"""Signed streams of lines: what was sealed comes through, whatever pieces it arrives in, and nothing else does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.feeds.feeds import NOW
from twin.envelope.refused import Reason, Refused
from twin.feeds import seal
from twin.feeds.seal import PlainLines, SealedLines, Sealer, is_opening, verify_opening
from twin.feeds.signature import sign

SECRET, FEED, NONCE = b"a secret of sixteen bytes and more", "demo", "n" * 20
lines = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b" ") + b"\n"), min_size=1, max_size=5)
batches = st.lists(lines.map(b"".join), max_size=5)


def sealer(feed=FEED, nonce=NONCE, secret=SECRET):
    return Sealer(secret, feed, now=NOW, nonce=nonce)


def cut(body, pieces=1, sender=None):
    """Send a body in pieces; returns the batches that came through, and what was refused at last."""
    cutter = SealedLines(SECRET, FEED, (sender or sealer()).headers())
    size = max(1, len(body) // pieces)
    taken = []
    try:
        for at in range(0, len(body), size):
            for batch in cutter.cut(body[at : at + size]):
                taken.append(batch)  # noqa: PERF402  # what came before a fault counts
        taken += [rest] if (rest := cutter.end()) else []
    except Refused as error:
        return taken, error.reason
    return taken, None


@given(sent=batches, pieces=st.integers(1, 40), bare=st.booleans())
def test_what_was_sealed_comes_through(sent, pieces, bare):
    sender = sealer()
    body = b"".join(sender.seal(batch) for batch in sent)
    assert cut(body.removesuffix(b"\n") if bare else body, pieces) == (sent, None)


@given(sent=batches.filter(bool), data=st.data())
def test_one_changed_byte_ends_it_there(sent, data):
    sender = sealer()
    sealed = [sender.seal(batch) for batch in sent]
    body = bytearray(b"".join(sealed))
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    taken, _ = cut(bytes(body), 7)
    assert taken == sent[: len(taken)]
    assert sum(len(one) for one in sealed[: len(taken)]) <= at + 1  # the last line feed alone does not count


@given(sent=st.lists(lines.map(b"".join), min_size=2, max_size=4, unique=True), data=st.data())
def test_batches_cannot_be_left_out_or_put_in_another_order(sent, data):
    sender = sealer()
    sealed = [sender.seal(batch) for batch in sent]
    other = data.draw(st.permutations(sealed)) if data.draw(st.booleans()) else sealed[1:]
    taken, reason = cut(b"".join(other))
    assert taken == [batch for batch, a, b in zip(sent, sealed, other, strict=False) if a == b][: len(taken)]
    assert (reason is None) == (other == sealed)


@pytest.mark.parametrize(
    "other", [sealer(feed="hotline"), sealer(nonce="m" * 20), sealer(secret=b"another secret here")]
)
def test_a_batch_of_another_stream_is_not_taken(other):
    assert cut(other.seal(b"{}\n")) == ([], Reason.BAD_SIGNATURE)


def test_what_was_cut_off_is_not_taken():
    sender = sealer()
    body = sender.seal(b"1\n") + b"2\n"
    assert cut(body) == ([b"1\n"], Reason.NO_SIGNATURE)
    assert cut(body[:-1]) == ([b"1\n"], Reason.NO_SIGNATURE)


@given(body=st.binary(max_size=300))
def test_noise_is_refused(body):
    taken, reason = cut(body, 3)
    assert taken == []
    assert reason is not None or not body.strip()


def test_what_is_held_is_bounded(monkeypatch):
    monkeypatch.setattr(seal, "BATCH_BYTES_MAX", 100)
    for cutter in (SealedLines(SECRET, FEED, sealer().headers()), PlainLines()):
        with pytest.raises(Refused) as refused:
            list(cutter.cut(b"x" * 101))
        assert refused.value.reason == Reason.TOO_LARGE


@given(body=st.binary(max_size=100), size=st.integers(1, 20))
def test_plain_lines_come_through_whole(body, size):
    cutter = PlainLines()
    taken = [batch for at in range(0, len(body), size) for batch in cutter.cut(body[at : at + size])]
    assert all(batch.endswith(b"\n") for batch in taken)
    assert b"".join(taken) + cutter.end() == body


def test_the_opening():
    headers = sealer().headers()
    assert is_opening(headers)
    assert verify_opening(SECRET, FEED, headers, now=NOW).nonce == NONCE
    message = sign(SECRET, FEED, b"", now=NOW, nonce=NONCE)
    assert not is_opening(message)
    for wrong, now in (
        (message, NOW),
        (headers, NOW + timedelta(hours=1)),
        (sealer(feed="hotline").headers(), NOW),
        (headers | {"x-onemap-nonce": "m" * 20}, NOW),
        ({}, NOW),
    ):
        with pytest.raises(Refused):
            verify_opening(SECRET, FEED, wrong, now=now)

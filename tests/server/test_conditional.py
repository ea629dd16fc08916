from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.http.base_url import base_url
from server.http.conditional import Validators, not_modified

NOW = datetime(2026, 6, 8, 10, 0, 0, 500_000, tzinfo=UTC)
VALIDATORS = Validators('W/"abc"', NOW)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({b"if-none-match": b'W/"abc"'}, True),
        ({b"if-none-match": b'"abc"'}, True),
        ({b"if-none-match": b'"x", W/"abc"'}, True),
        ({b"if-none-match": b"*"}, True),
        ({b"if-none-match": b'W/"other"'}, False),
        ({b"if-modified-since": b"Mon, 08 Jun 2026 10:00:00 GMT"}, True),
        ({b"if-modified-since": b"Mon, 08 Jun 2026 09:59:59 GMT"}, False),
        ({b"if-modified-since": b"yesterday"}, False),
        ({b"if-none-match": b'W/"other"', b"if-modified-since": b"Mon, 08 Jun 2026 10:00:00 GMT"}, False),
    ],
)
def test_what_the_client_has_decides(headers, expected):
    assert not_modified(headers, VALIDATORS) is expected


def test_headers_round_trip():
    headers = VALIDATORS.headers()
    assert not_modified({b"if-modified-since": headers["Last-Modified"].encode()}, VALIDATORS)


@given(st.binary(max_size=100))
def test_a_host_header_never_breaks_out_of_a_link(host):
    scope = {"headers": [(b"host", host)], "scheme": "http", "server": ("127.0.0.1", 8000)}
    link = base_url(scope, None)
    assert not set(link.removeprefix("http://")) & set("<>\"' /?#@\\\r\n")


def test_a_public_address_wins():
    assert base_url({"headers": [(b"host", b"inner:1")]}, "https://map.example/x/") == "https://map.example/x"

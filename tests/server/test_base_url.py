"""The Host header is any client's text, and it ends up in every link."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from server.http.base_url import base_url

LINK = re.compile(r"https?://[A-Za-z0-9.\-_\[\]:]+\Z")


@example(b"-\n")
@example(b"a.example\r\nSet-Cookie: x")
@given(st.binary(max_size=300) | st.text("ab.-_[]:0\n\r", max_size=300).map(str.encode))
def test_no_host_header_breaks_out_of_a_link(host):
    scope = {"type": "http", "scheme": "http", "server": ("127.0.0.1", 8000), "headers": [(b"host", host)]}
    assert LINK.fullmatch(base_url(scope, None))

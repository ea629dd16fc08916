"""No page of another origin ever uses a cookie, whatever `server.origins` says; and CORS never offers credentials."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.http.origins import Origins
from server.http.session_cookie import PLAIN_NAME, SECURE_NAME, read_session_cookie

ORIGINS = ["https://map.example", "https://other.example", "http://map.example", "null", "https://map.example.evil"]
ALLOWED = st.lists(st.sampled_from(["*", *(one for one in ORIGINS if one != "null")]), max_size=4).map(tuple)
COOKIE = (b"cookie", f"{PLAIN_NAME}=a; {SECURE_NAME}=b".encode())


def _scope(origin: str | None, site: str | None = None, kind: str = "http"):
    headers = [(b"host", b"map.example"), COOKIE]
    headers += [(b"origin", origin.encode())] if origin else []
    headers += [(b"sec-fetch-site", site.encode())] if site else []
    return {"type": kind, "method": "GET", "path": "/", "scheme": "https", "headers": headers}


@given(ALLOWED, st.sampled_from(ORIGINS[1:]), st.sampled_from(["http", "websocket"]))
def test_a_foreign_page_has_no_session(allowed, origin, kind):
    if origin != "http://map.example":  # the same host over http is told apart by the cookie's own prefix
        assert read_session_cookie(_scope(origin, "cross-site", kind), Origins(allowed, None), None) is None


@given(ALLOWED, st.sampled_from([None, ORIGINS[0]]))
def test_our_own_page_has_one(allowed, origin):
    assert read_session_cookie(_scope(origin, "same-origin"), Origins(allowed, None), None) == "b"


@given(ALLOWED, st.sampled_from(ORIGINS))
def test_credentials_are_never_offered(allowed, origin):
    origins = Origins(allowed, None)
    preflight = _scope(origin) | {"method": "OPTIONS"}
    preflight["headers"] = [*preflight["headers"], (b"access-control-request-method", b"GET")]
    answer = origins.answer(preflight)
    assert answer is not None
    sent = {name.lower() for name in [*origins.headers(preflight), *answer.headers]}
    assert "access-control-allow-credentials" not in sent

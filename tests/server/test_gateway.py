"""Forwarded headers are believed from trusted proxies alone, whatever a client writes into them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.http.base_url import base_url
from server.http.gateway import Gateways, client_address, is_from_this_machine

PROXIES = Gateways([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
RFC7239 = Gateways([ip_network("10.0.0.0/8"), ip_network("fd00::/8")], "forwarded")
ADDRESSES = st.ip_addresses().map(str)
STRANGERS = st.ip_addresses().filter(lambda a: a not in ip_network("10.0.0.0/8") and a not in ip_network("fd00::/8"))
TRUSTED = st.ip_addresses(network="10.0.0.0/8").map(str) | st.ip_addresses(network="fd00::/8").map(str)


def _scope(peer: str, headers: dict[str, str], kind: str = "http"):
    raw = [(name.lower().encode(), value.encode()) for name, value in {"Host": "inner:8000", **headers}.items()]
    return {"type": kind, "scheme": "http", "client": (peer, 1), "server": ("127.0.0.1", 8000), "headers": raw}


def _plain(address: str) -> str:
    parsed = ip_address(address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


@given(STRANGERS.map(str), ADDRESSES, st.sampled_from(["x-forwarded-for", "forwarded"]))
@example("203.0.113.7", "127.0.0.1", "x-forwarded-for")
def test_a_stranger_is_never_somebody_else(peer, claimed, header):
    headers = {"X-Forwarded-For": claimed, "Forwarded": f"for={claimed};proto=https;host=evil", "X-Real-IP": claimed}
    headers |= {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    seen = Gateways([ip_network("10.0.0.0/8"), ip_network("fd00::/8")], header).resolve(_scope(peer, headers))
    assert client_address(seen) == _plain(peer)
    assert base_url(seen, None) == "http://inner:8000"


@given(
    st.lists(ADDRESSES | st.text("abc, :[]", max_size=9), max_size=5),
    STRANGERS.map(str),
    st.lists(TRUSTED, max_size=3),
    TRUSTED,
)
def test_the_client_is_the_last_that_is_no_proxy(written_by_client, client, proxies, peer):
    """Whatever the client wrote before its own address changes nothing."""
    chain = ", ".join([*written_by_client, client, *proxies])
    assert client_address(PROXIES.resolve(_scope(peer, {"X-Forwarded-For": chain}))) == _plain(client)


@given(STRANGERS, TRUSTED, st.sampled_from(["{}", "{}:4711", "[{}]:4711"]))
def test_rfc_7239_names_the_client(client, peer, spelling):
    written = f"[{client}]" if client.version == 6 and "[" not in spelling else str(client)
    node = spelling.format(written if spelling != "[{}]:4711" else client)
    headers = {
        "Forwarded": f'for=6.6.6.6, for="{node}";proto=https;host="map.example:8443"',
        "X-Forwarded-For": "9.9.9.9",
    }
    seen = RFC7239.resolve(_scope(peer, headers))
    assert client_address(seen) == _plain(str(client))
    assert base_url(seen, None) == "https://map.example:8443"


@pytest.mark.parametrize(
    ("headers", "address", "base"),
    [
        ({}, "10.0.0.1", "http://inner:8000"),
        ({"X-Forwarded-For": "unknown"}, "10.0.0.1", "http://inner:8000"),
        ({"X-Forwarded-For": "1.2.3.4, _hidden, 10.0.0.9"}, "10.0.0.9", "http://inner:8000"),
        ({"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}, "1.2.3.4", "https://inner:8000"),
        ({"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "gopher"}, "1.2.3.4", "http://inner:8000"),
        ({"X-Forwarded-For": "6.6.6.6, 1.2.3.4", "X-Forwarded-Proto": "https, http"}, "1.2.3.4", "http://inner:8000"),
        ({"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "map.example"}, "1.2.3.4", "http://map.example"),
        ({"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "a b\r\nx"}, "1.2.3.4", "http://inner:8000"),
        ({"Forwarded": "for=1.2.3.4;proto=https"}, "10.0.0.1", "http://inner:8000"),
    ],
)
def test_what_a_trusted_proxy_says(headers, address, base):
    seen = PROXIES.resolve(_scope("10.0.0.1", headers))
    assert (client_address(seen), base_url(seen, None)) == (address, base)


def test_a_websocket_stays_a_websocket():
    headers = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"}
    assert PROXIES.resolve(_scope("10.0.0.1", headers, "websocket"))["scheme"] == "wss"


def test_an_ipv4_client_of_an_ipv6_socket_has_its_ipv4_address():
    assert client_address(Gateways([]).resolve(_scope("::ffff:192.0.2.1", {}))) == "192.0.2.1"
    headers = {"X-Forwarded-For": "::ffff:1.2.3.4"}
    assert client_address(PROXIES.resolve(_scope("::ffff:10.0.0.1", headers))) == "1.2.3.4"


def test_a_proxy_that_nobody_named_makes_no_stranger_local():
    here = {"Host": "127.0.0.1:8000"}
    assert is_from_this_machine(_scope("127.0.0.1", here))
    assert is_from_this_machine(_scope("::1", here))
    assert not is_from_this_machine(_scope("127.0.0.1", here | {"X-Forwarded-For": "127.0.0.1"}))
    assert not is_from_this_machine(_scope("192.0.2.1", here))
    assert not is_from_this_machine(_scope("127.0.0.1", {}))

"""Listening on IPv4 and IPv6: real sockets on addresses of this machine."""

from __future__ import annotations

import socket

import pytest
from pydantic import ValidationError

from layers.errors import Conflict, Unavailable
from server.settings import ServerSettings
from server.wire.listen import Listening, is_reached_from_here_alone, listen


def _settings(**given) -> ServerSettings:
    return ServerSettings(**{"port": 0, **given})


def _reaches(listening: Listening, host: str) -> bool:
    port = listening.public[0].getsockname()[1]
    try:
        with socket.create_connection((host, port), timeout=60):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("host", "ipv4", "ipv6"),
    [
        ("127.0.0.1", True, False),
        ("::1", False, True),
        ("::", True, True),
        ("0.0.0.0", True, False),  # noqa: S104
        ("localhost", True, True),
        ("127.0.0.1, ::1", True, True),
        ("0.0.0.0, ::", True, True),
        ("127.0.0.1,127.0.0.1", True, False),
    ],
)
def test_who_is_reached_at(host: str, ipv4: bool, ipv6: bool):
    with listen(_settings(host=host)) as listening:
        assert (_reaches(listening, "127.0.0.1"), _reaches(listening, "::1")) == (ipv4, ipv6)
        assert len({one.getsockname()[1] for one in listening.public}) == 1, "one port for all addresses"


@pytest.mark.parametrize(
    ("host", "address"), [("::", "http://127.0.0.1:"), ("::1", "http://[::1]:"), ("localhost", "http://127.0.0.1:")]
)
def test_the_address_is_one_to_type_into_a_browser(host: str, address: str):
    with listen(_settings(host=host)) as listening:
        assert listening.address.startswith(address)
        assert listening.operators_address is None


def test_operators_have_sockets_of_their_own():
    with listen(_settings(host="::", admin_host="127.0.0.1", admin_port=0)) as listening:
        assert listening.operators_address.startswith("http://127.0.0.1:")
        assert listening.operators_address != listening.address
        inherited = Listening.inherited(*listening.arguments())
        assert [one.getsockname() for one in inherited.public] == [one.getsockname() for one in listening.public]
        assert [one.getsockname() for one in inherited.operators] == [one.getsockname() for one in listening.operators]
        for one in (*inherited.public, *inherited.operators):
            one.detach()  # the same descriptors as the listening ones


def test_a_port_that_is_taken_closes_what_was_opened():
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=f"cannot listen on 127.0.0.2:{port}"):
            listen(_settings(host="127.0.0.1,127.0.0.2", port=port))
        with socket.create_server(("127.0.0.1", port)):
            pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "2001:db8::1"])
def test_an_address_of_another_machine_is_refused(host: str):
    with pytest.raises(Unavailable, match="is not an address of this machine"):
        listen(_settings(host=host))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tls_certificate": "a.crt"}, "together"),
        ({"tls_key": "a.key"}, "together"),
        ({"port": 8001, "admin_port": 8001}, "is the public port too"),
        ({"admin_host": "127.0.0.1"}, "needs admin_port"),
        ({"host": "127.0.0.1,,::1"}, "pattern"),
        ({"host": ""}, "pattern"),
        ({"proxies": ["10.0.0.1/8"]}, "host bits"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given, message: str):
    with pytest.raises(ValidationError, match=message):
        _settings(**given)


def test_a_gateway_brings_strangers_to_a_local_port():
    assert is_reached_from_here_alone(_settings(host="localhost, ::1"))
    assert not is_reached_from_here_alone(_settings(host="127.0.0.1, 10.0.0.1"))
    assert not is_reached_from_here_alone(_settings(host="127.0.0.1", proxies=["127.0.0.1"]))

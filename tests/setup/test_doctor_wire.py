"""What the doctor says of the wire: TLS, the certificate and its key, gateways, the operators' port."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.doctor.machine import FindingState
from server.doctor.wire import examine_wire
from server.settings import ServerSettings
from tests.certificates import make_certificate

NOW = datetime.now(UTC)
EVERYBODY = "::"


@pytest.mark.parametrize(
    ("given", "states", "words"),
    [
        ({}, "✓", "this machine alone"),
        ({"host": EVERYBODY}, "✗!", "in clear"),
        ({"host": EVERYBODY, "admin_port": 8001}, "✗", "in clear"),
        ({"proxies": ["127.0.0.1"], "admin_port": 8001}, "✓", "ended by the gateways in 127.0.0.1/32"),
    ],
)
def test_what_is_sent_in_clear_is_told(given, states: str, words: str):
    found = list(examine_wire(ServerSettings(**given), NOW))
    assert "".join(one.state for one in found) == states
    assert words in found[0].detail


@pytest.mark.parametrize(
    ("days", "state"), [(0, FindingState.WARNING), (3, FindingState.WRONG), (-40, FindingState.WELL)]
)
def test_the_end_of_a_certificate_is_told(tmp_path: Path, days: int, state: FindingState):
    certificate, key = make_certificate(tmp_path)  # for two days
    server = ServerSettings(tls_certificate=certificate, tls_key=key)
    (found,) = examine_wire(server, NOW + timedelta(days=days))
    assert found.state is state
    assert "valid until" in found.detail


def test_a_key_that_others_can_read_is_told(tmp_path: Path):
    certificate, key = make_certificate(tmp_path)
    key.chmod(0o644)
    *_, found = examine_wire(ServerSettings(tls_certificate=certificate, tls_key=key), NOW)
    assert (found.state, found.remedy) == (FindingState.WRONG, f"chmod 600 {key}")


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path):
    _, key = make_certificate(tmp_path)
    (found,) = examine_wire(ServerSettings(tls_certificate=tmp_path / "none.crt", tls_key=key), NOW)
    assert found.state is FindingState.WRONG
    assert "none.crt" in found.detail

"""Secrets of one-time codes are sealed with a key that is not in the database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.errors import Conflict, Unavailable
from server.identity.totp_seal import TotpSeal

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)


@given(NAMES, NAMES, st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=32))
def test_a_secret_opens_with_its_key_for_its_account_alone(name, other, secret):
    seal = TotpSeal(b"k" * 32)
    sealed = seal.seal(name, secret)
    assert secret not in sealed
    assert seal.is_sealed(sealed)
    assert not seal.is_sealed(secret)
    assert seal.open(name, sealed) == secret
    with pytest.raises(Unavailable, match="user totp"):
        TotpSeal(b"x" * 32).open(name, sealed)
    if other != name:
        with pytest.raises(Unavailable):
            seal.open(other, sealed)


def test_the_key_is_made_once_and_is_its_owners(tmp_path):
    sealed = TotpSeal.of_home(tmp_path, {}).seal("li", SECRET)
    assert TotpSeal.of_home(tmp_path, {}).open("li", sealed) == SECRET
    key = tmp_path / "secrets" / "totp"
    assert key.stat().st_mode & 0o777 == 0o600
    elsewhere = {"ONEMAP_SECRET_TOTP": key.read_text().strip()}
    assert TotpSeal.of_home(tmp_path / "other", elsewhere).open("li", sealed) == SECRET
    assert not (tmp_path / "other").exists()
    key.chmod(0o644)
    with pytest.raises(Conflict):
        TotpSeal.of_home(tmp_path, {})


def test_rows_of_earlier_versions_are_read_as_they_are():
    assert TotpSeal(b"k" * 32).open("li", SECRET) == SECRET

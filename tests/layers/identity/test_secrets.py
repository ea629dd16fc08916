"""Passwords, one-time codes, labels: what is accepted and what is not."""

from __future__ import annotations

from pathlib import Path

import pyotp
import pytest
from argon2 import extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from layers.errors import BadInput
from layers.identity.labels import IdentityLabels, check_labels, check_name
from layers.identity.passwords import (
    BYTES_MAX,
    NOBODYS,
    check_length,
    check_new,
    hash_password,
    is_password,
    random_password,
)
from layers.identity.secret import is_token, new_token
from layers.identity.totp import STEP_SECONDS, new_totp_secret, step_of_code, totp_uri, uri_as_picture, uri_as_text
from layers.policy.read import read_policy

ROLES = read_policy(Path(__file__).parents[3] / "config" / "policy").roles
POWERS = ("sysadmin", "security_admin", "auditor")


def test_unknown_accounts_cost_as_much_as_known_ones():
    stored = hash_password("correct horse battery")
    assert extract_parameters(stored) == extract_parameters(NOBODYS)
    assert is_password(stored, "correct horse battery")
    assert not is_password(stored, "correct horse batterz")
    assert not is_password(None, "")
    assert not is_password("no hash", "anything")


@given(st.text(max_size=3000))
def test_long_passwords_are_refused_by_their_bytes(text):
    if len(text.encode("utf-8", "surrogatepass")) <= BYTES_MAX:
        check_length(text)
    else:
        with pytest.raises(BadInput, match="1024"):
            check_length(text)


@pytest.mark.parametrize("bad", ["Short1!", "alllowercaseonly", "Chen.Yi-2026-abc", "aA1aA1aA1aA1aA1", "x" * 2000])
def test_simple_passwords_are_not_set(bad):
    with pytest.raises(BadInput):
        check_new(bad, "chen.yi")


def test_good_passwords_are_set():
    for good in ("Tianhe-Map-2026", "四个字的口令 and 1 More", "correct horse battery staple", random_password()):
        check_new(good, "chen.yi")


@given(st.integers(10**9, 2**33), st.integers(-3, 3))
def test_a_code_counts_around_its_own_half_minute(now, steps):
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    step = now // STEP_SECONDS + steps
    found = step_of_code(secret, pyotp.TOTP(secret).at(step * STEP_SECONDS), now)
    assert found == step if abs(steps) <= 1 else found in {None, *(now // STEP_SECONDS + off for off in (-1, 0, 1))}


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "12345x", "\x00" * 6])
def test_what_is_no_code_is_refused(code):
    assert step_of_code(new_totp_secret(), code, 1.8e9) is None


def test_nobody_holds_two_of_the_three_powers():
    for held in POWERS:
        check_labels(IdentityLabels((held, "data_steward")), ROLES)
        for other in (*POWERS, "operator"):
            if other != held and {held, other} != {"sysadmin", "operator"}:
                with pytest.raises(BadInput, match="三权分立"):
                    check_labels(IdentityLabels((held, other)), ROLES)


@pytest.mark.parametrize(
    "labels",
    [
        IdentityLabels(("emperor",)),
        IdentityLabels(("leader",), areas=("44'; DROP",)),
        IdentityLabels(("leader",), departments=("Water!",)),
        IdentityLabels(("leader",), clearance=5),
        IdentityLabels(("grid_worker",)),
        IdentityLabels(("leader",), attributes={"Worker Id": "1"}),
    ],
)
def test_labels_that_no_policy_can_know_are_refused(labels):
    with pytest.raises(BadInput):
        check_labels(labels, ROLES)


@pytest.mark.parametrize("name", ["", "-x", "a b", "x" * 64, "陈一", "a/b"])
def test_names_have_few_characters(name):
    with pytest.raises(BadInput):
        check_name(name)
    assert check_name(" Chen.Yi ") == "chen.yi"


def test_tokens_have_a_form_that_scanners_find():
    assert is_token(new_token())
    assert not any(is_token(text) for text in ("", "om_", "om_short", f"om_{'!' * 43}", f"xx_{'a' * 43}"))


def test_the_picture_of_a_secret_is_its_address():
    uri = totp_uri(new_totp_secret(), "li.ming")
    picture, text = uri_as_picture(uri), uri_as_text(uri)
    assert picture.startswith("data:image/svg+xml")
    assert "\n" in text
    assert picture != uri_as_picture(totp_uri(new_totp_secret(), "li.ming"))

"""Laws of the waiting times after failed logins, with made-up clocks."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from layers.identity.lockout import (
    ACCOUNT_MAX,
    ADDRESS_MAX,
    PAIR_MAX,
    SLOW_SECONDS,
    WINDOW_SECONDS,
    FailedAttempt,
    wait_s,
)

ACCOUNTS, ADDRESSES = ["chen", "li"], ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
attempts = st.lists(
    st.builds(
        FailedAttempt,
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ADDRESSES),
        st.integers(0, 3 * WINDOW_SECONDS).map(float),
    ),
    max_size=80,
).map(lambda found: sorted(found, key=lambda one: one.at))
accounts, addresses = st.sampled_from(ACCOUNTS), st.sampled_from(ADDRESSES)
moments = st.integers(0, 4 * WINDOW_SECONDS).map(float)


def before(failures, now):
    return [one for one in failures if one.at <= now]


@given(attempts, accounts, addresses, moments, st.booleans())
def test_whoever_waits_as_long_as_told_may_try(failures, account, address, now, known):
    past = before(failures, now)
    wait = wait_s(past, account, address, now, known_address=known)
    assert 0 <= wait <= WINDOW_SECONDS
    assert wait_s(past, account, address, now + wait, known_address=known) == 0


@given(attempts, accounts, addresses, moments)
def test_no_window_ever_holds_more_failures_than_allowed(failures, account, address, now):
    """A guesser who tries whenever he may gets five tries in any ten minutes, whatever failed before."""
    made, clock = before(failures, now), now
    own = []
    for _ in range(12):
        clock += wait_s(made, account, address, clock)
        made.append(FailedAttempt(account, address, clock))
        own.append(clock)
    for at in own:
        assert sum(at - WINDOW_SECONDS < one <= at for one in own) <= PAIR_MAX


@given(attempts, accounts, addresses, moments)
def test_strangers_never_keep_an_account_from_its_usual_address(failures, account, address, now):
    others = [one for one in before(failures, now) if one.address != address]
    assert wait_s(others, account, address, now, known_address=True) == 0


@given(attempts, accounts, addresses, moments)
def test_other_accounts_at_other_addresses_do_not_count(failures, account, address, now):
    unrelated = [one for one in before(failures, now) if one.account != account and one.address != address]
    assert wait_s(unrelated, account, address, now) == 0


def test_a_crowd_of_addresses_is_slowed():
    """Each address tries once: after twenty, the account takes one guess in half a minute."""
    made, clock = [], 0.0
    for number in range(60):
        address = f"10.1.0.{number}"
        clock += wait_s(made, "chen", address, clock)
        made.append(FailedAttempt("chen", address, clock))
    slowed = [later.at - earlier.at for earlier, later in itertools.pairwise(made)]
    assert set(slowed[: ACCOUNT_MAX - 1]) == {0.0}
    assert min(slowed[ACCOUNT_MAX:]) == SLOW_SECONDS


def test_one_address_that_tries_many_accounts_is_stopped():
    made = [FailedAttempt(f"account{number}", "10.0.0.1", 0.0) for number in range(ADDRESS_MAX)]
    assert wait_s(made, "another", "10.0.0.1", 1.0) == WINDOW_SECONDS - 1
    assert wait_s(made, "another", "10.0.0.2", 1.0) == 0

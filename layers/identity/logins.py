"""What a login asks of the database, in the identity role: attempts, the account of a name, codes, passwords."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from layers.identity.lockout import WINDOW_SECONDS, FailedAttempt


@dataclass(frozen=True, slots=True)
class LoginAccount:
    """What a login needs of an account; never leaves the process."""

    id: int
    name: str
    title: str
    password_hash: str | None
    totp_secret: str | None
    roles: tuple[str, ...]
    disabled: bool
    must_change: bool
    demo: bool


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """An attempt that has begun, with those that failed before it."""

    id: int
    failures: tuple[FailedAttempt, ...]
    known_address: bool


async def begin_attempt(connection: asyncpg.Connection, account: str, address: str, now: float) -> LoginAttempt:
    """Begin an attempt; it counts as failed until it is forgotten."""
    row = await connection.fetchrow(
        "SELECT * FROM identity.begin_attempt($1, $2, $3, $4)",
        account,
        address,
        datetime.fromtimestamp(now, UTC),
        WINDOW_SECONDS,
    )
    parts = zip(row["accounts"], row["addresses"], row["times"], strict=True)
    failures = tuple(FailedAttempt(one, where, at.timestamp()) for one, where, at in parts)
    return LoginAttempt(row["attempt"], failures, row["known_address"])


async def forget_attempt(connection: asyncpg.Connection, attempt: int) -> None:
    """Forget an attempt that passed, or was refused without a look at the password."""
    await connection.execute("SELECT identity.forget_attempt($1)", attempt)


async def find_account(connection: asyncpg.Connection, name: str) -> LoginAccount | None:
    """Return the account of a name; None when there is none."""
    row = await connection.fetchrow("SELECT * FROM identity.find_account($1)", name)
    if row is None:
        return None
    return LoginAccount(
        row["id"],
        row["name"],
        row["title"],
        row["password_hash"],
        row["totp_secret"],
        tuple(row["roles"]),
        row["disabled"],
        row["must_change"],
        row["demo"],
    )


async def demo_account(connection: asyncpg.Connection, role: str) -> tuple[int, str] | None:
    """Return id and name of the demo's account of a role; None when there is none."""
    rows = await connection.fetch("SELECT id, name, role FROM identity.demo_accounts()")
    return next(((row["id"], row["name"]) for row in rows if row["role"] == role), None)


async def demo_roles(connection: asyncpg.Connection) -> list[str]:
    """Return the roles that the demo's accounts have; empty without a demo."""
    return [row["role"] for row in await connection.fetch("SELECT role FROM identity.demo_accounts()")]


async def use_code(connection: asyncpg.Connection, account_id: int, step: int) -> bool:
    """Use a one-time code up; False when it, or a later one, was used before."""
    used: bool = await connection.fetchval("SELECT identity.use_code($1, $2)", account_id, step)
    return used


async def seal_totp(connection: asyncpg.Connection, account_id: int, present: str, sealed: str) -> None:
    """Put a sealed secret of one-time codes in the place of the plain one."""
    await connection.execute("SELECT identity.seal_totp($1, $2, $3)", account_id, present, sealed)


async def change_password(connection: asyncpg.Connection, account_id: int, present: str, wanted: str) -> bool:
    """Replace a hash by another and end all sessions of the account; False when `present` is not the stored one."""
    changed: bool = await connection.fetchval(
        "SELECT identity.change_password($1, $2, $3)", account_id, present, wanted
    )
    return changed

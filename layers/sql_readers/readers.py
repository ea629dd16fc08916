"""People who read in SQL: their roles of PostgreSQL, which can log in, read their own schema, and nothing else."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from layers.clause import quote_identifier, quote_literal
from layers.database.connection import Role
from layers.errors import BadInput, Conflict, NotFound, Unavailable
from layers.identity.labels import IdentityLabels, labels_of
from layers.sql_readers.views import PREFIX, schema_of

NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
DAYS_MAX = 366
GRADE_MAX = 2
"""What SQL shows is at most of this grade: above it nothing leaves without a record, and SQL leaves none."""
CONNECTIONS_MAX = 4
_SETTINGS: Mapping[str, str] = {
    "default_transaction_read_only": "on",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "5s",
    "TimeZone": "Asia/Shanghai",
}
_OF_SUPERUSERS: Mapping[str, str] = {"temp_file_limit": "1GB", "log_statement": "all"}
_CLOSE_LOCKS = f"""
DO $close$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN
        SELECT oid::regprocedure FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^pg_(try_)?advisory_'
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM public', one);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO {", ".join(role.value for role in Role)}', one);
    END LOOP;
END
$close$
"""
"""Advisory locks are for our roles alone: who knows the number of one could let every writer wait for him."""
_ADD = """
INSERT INTO identity.sql_reader (name, roles, areas, departments, clearance, attributes, expires_at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, now() + $7)
"""
_LIST = """
SELECT r.name, r.roles, r.areas, r.departments, r.clearance, r.attributes, r.created_at, r.expires_at, r.shape,
    g.rolname IS NOT NULL AS can_log_in
FROM identity.sql_reader AS r LEFT JOIN pg_roles AS g ON g.rolname = $1 || r.name ORDER BY r.name
"""
_KEEP_SHAPE = "UPDATE identity.sql_reader SET shape = $2 WHERE name = $1"


@dataclass(frozen=True, slots=True)
class SqlReader:
    """Somebody who reads in SQL.

    Attributes
    ----------
    shape
        Of the views that stand; empty before they are made.
    can_log_in
        Whether the role is there; another server's backup has none.
    """

    name: str
    labels: IdentityLabels
    created_at: datetime
    expires_at: datetime
    shape: str
    can_log_in: bool


async def add_reader(connection: asyncpg.Connection, name: str, labels: IdentityLabels, days: int) -> str:
    """Make a role and its empty schema, and return its password, which cannot be read again.

    Parameters
    ----------
    connection
        As the user of the database's address, who may make roles.

    Raises
    ------
    BadInput
        For a bad name, a grade above `GRADE_MAX`, or days that are not 1 to `DAYS_MAX`.
    Conflict
        When there is a role of this name.
    Unavailable
        When the user may not make roles.
    """
    if not NAME.fullmatch(name):
        raise BadInput(f"a name has 1 to 41 of a-z, 0-9 and _, a letter first; got {name[:60]!r}", parameter="name")
    if not 1 <= days <= DAYS_MAX:
        raise BadInput(f"a role lives 1 to {DAYS_MAX} days; got {days}", parameter="days")
    if labels.clearance > GRADE_MAX:
        raise BadInput(
            f"SQL shows grade {GRADE_MAX} at most, for it leaves no record; got {labels.clearance}",
            parameter="clearance",
        )
    password = secrets.token_urlsafe(24)
    try:
        async with connection.transaction():
            await _make_role(connection, name, password, days)
            await connection.execute(_ADD, name, *labels.columns, timedelta(days=days))
    except (asyncpg.DuplicateObjectError, asyncpg.DuplicateSchemaError, asyncpg.UniqueViolationError):
        raise Conflict(f"there is a role '{PREFIX}{name}' already", parameter="name") from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise Unavailable(f"the user of the database's address may not make roles: {error}") from error
    return password


async def _make_role(connection: asyncpg.Connection, name: str, password: str, days: int) -> None:
    role = schema_of(name)
    until = await connection.fetchval("SELECT (now() + $1::interval)::text", timedelta(days=days))
    await connection.execute("SET LOCAL password_encryption = 'scram-sha-256'")
    await connection.execute(
        f"CREATE ROLE {role} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS "
        f"CONNECTION LIMIT {CONNECTIONS_MAX} PASSWORD {quote_literal(password)} VALID UNTIL {quote_literal(until)}"
    )
    settings = dict(_SETTINGS)
    if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        settings |= _OF_SUPERUSERS
        await connection.execute(_CLOSE_LOCKS)
    for setting, value in settings.items():
        await connection.execute(f"ALTER ROLE {role} SET {quote_identifier(setting)} = {quote_literal(value)}")
    await connection.execute(f"ALTER ROLE {role} SET search_path = {role}, public")
    await connection.execute(f"CREATE SCHEMA {role} AUTHORIZATION {Role.OWNER.value}")
    await connection.execute(f"GRANT USAGE ON SCHEMA {role} TO {role}")


async def remove_reader(connection: asyncpg.Connection, name: str) -> None:
    """Remove a role with its schema; what it runs is ended.

    Raises
    ------
    NotFound
        When there is none of this name.
    """
    async with connection.transaction():
        if await connection.fetchval("DELETE FROM identity.sql_reader WHERE name = $1 RETURNING name", name) is None:
            raise NotFound(f"there is no SQL role '{name[:60]}'", parameter="name")
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", PREFIX + name
        )
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema_of(name)} CASCADE")
        if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", PREFIX + name):
            await connection.execute(f"DROP OWNED BY {schema_of(name)}")
            await connection.execute(f"DROP ROLE {schema_of(name)}")


async def list_readers(connection: asyncpg.Connection) -> list[SqlReader]:
    """Return everybody who reads in SQL, by name."""
    return [
        SqlReader(row["name"], labels_of(row), row["created_at"], row["expires_at"], row["shape"], row["can_log_in"])
        for row in await connection.fetch(_LIST, PREFIX)
    ]


async def keep_shape(connection: asyncpg.Connection, name: str, shape: str) -> None:
    """Note which views stand, in the transaction that makes them."""
    await connection.execute(_KEEP_SHAPE, name, shape)

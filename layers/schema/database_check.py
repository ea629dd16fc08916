"""A check of what a database server lacks for OneMap, with remedies for its administrator."""

from __future__ import annotations

import asyncpg

from layers.database.connection import Role, connected
from layers.errors import Unavailable

POSTGRESQL_MIN = 14
POSTGIS_MIN = (3, 1)

_QUESTIONS = """
SELECT
    current_setting('server_version_num')::int / 10000 AS postgresql,
    (SELECT extversion FROM pg_extension WHERE extname = 'postgis') AS postgis,
    (SELECT default_version FROM pg_available_extensions WHERE name = 'postgis') AS postgis_available,
    pg_encoding_to_char(encoding) AS encoding,
    datname AS database,
    current_user AS login,
    has_database_privilege(current_user, pg_database.oid, 'CREATE') AS may_create,
    rolsuper AS superuser,
    rolcreaterole AS may_create_roles,
    (SELECT array_agg(rolname::text) FROM pg_roles AS known
     WHERE pg_has_role(current_user, known.oid, 'MEMBER')) AS roles
FROM pg_database, pg_roles
WHERE datname = current_database() AND rolname = current_user
"""


async def find_missing(url: str) -> list[str]:
    """Return what the server, the database or the user of `url` lacks, each with its remedy; empty when all is there.

    Raises
    ------
    Unavailable
        When the server does not respond or refuses the login.
    """
    async with connected(url, role=None) as connection:
        return _judge(await connection.fetchrow(_QUESTIONS))


async def require_usable(url: str) -> None:
    """Raise when the database lacks something.

    Raises
    ------
    Unavailable
        Names everything that is missing.
    """
    missing = await find_missing(url)
    if missing:
        raise Unavailable("the database cannot be used yet: " + "; ".join(missing))


def _judge(found: asyncpg.Record) -> list[str]:
    missing: list[str] = []
    login, database = found["login"], found["database"]
    if found["postgresql"] < POSTGRESQL_MIN:
        missing.append(f"PostgreSQL is {found['postgresql']}, {POSTGRESQL_MIN} or later is needed")
    if found["encoding"] != "UTF8":
        missing.append(f"its encoding is {found['encoding']}; make it with CREATE DATABASE … ENCODING 'UTF8'")
    missing += _judge_postgis(found)
    if not found["may_create"]:
        missing.append(f"user {login} may not create schemas; GRANT CREATE ON DATABASE {database} TO {login}")
    roles = {role.value for role in Role}
    if not (found["may_create_roles"] or found["superuser"] or roles <= set(found["roles"] or ())):
        names = ", ".join(sorted(roles))
        missing.append(
            f"user {login} may not create roles; ALTER ROLE {login} CREATEROLE, or make {names} and grant them"
        )
    return missing


def _judge_postgis(found: asyncpg.Record) -> list[str]:
    needed = ".".join(map(str, POSTGIS_MIN))
    version = found["postgis"] or found["postgis_available"]
    if version is None:
        return [f"PostGIS is not installed on the server; install {needed} or later (postgresql-NN-postgis-3)"]
    if tuple(int(part) for part in version.split(".")[:2]) < POSTGIS_MIN:
        return [f"PostGIS is {version}, {needed} or later is needed"]
    if found["postgis"] is None and not found["superuser"]:
        return [f"its database has no PostGIS; a superuser has to CREATE EXTENSION postgis in {found['database']}"]
    return []

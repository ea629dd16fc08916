"""The identity of a database: a cache of one database is never used for another."""

from __future__ import annotations

import asyncpg


async def database_identity(connection: asyncpg.Connection) -> str:
    """Return a text that differs between databases, and after a restore, when versions start again.

    It consists of the cluster and its timeline (a physical restore begins a new one), of the numbers of the database
    and of the catalogue's table (a logical restore makes them anew), and of the mark that our own restore leaves: two
    restores of the same backup begin the same timeline.
    """
    own = await connection.fetchval(
        """SELECT concat_ws('.', (SELECT oid FROM pg_database WHERE datname = current_database()),
            'onemap.layer'::regclass::oid, (SELECT value ->> 'id' FROM onemap.setting WHERE name = 'restored'))"""
    )
    try:
        cluster = await connection.fetchval(
            """SELECT concat_ws('.', (SELECT system_identifier FROM pg_control_system()),
                (SELECT timeline_id FROM pg_control_checkpoint()))"""
        )
    except asyncpg.InsufficientPrivilegeError:  # some providers close these functions
        cluster = ""
    return f"{cluster}.{own}"


async def read_version(connection: asyncpg.Connection) -> str:
    """Return the versions of PostGIS and PostgreSQL as one text: ``3.3.2 / PostgreSQL 15.6``."""
    text: str = await connection.fetchval(
        "SELECT postgis_lib_version() || ' / PostgreSQL ' || current_setting('server_version')"
    )
    return text

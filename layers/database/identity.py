"""What tells one database from another: what is kept of one is never taken for another's."""

from __future__ import annotations

import asyncpg


async def database_identity(connection: asyncpg.Connection) -> str:
    """Return what tells one database from another, and from itself after a restore: versions start again then.

    It is made of the cluster and its timeline (a physical restore begins a new one), and of the numbers of the database
    and of the catalogue's table (a logical restore makes them anew).
    """
    own = await connection.fetchval(
        """SELECT concat_ws('.', (SELECT oid FROM pg_database WHERE datname = current_database()),
            'onemap.layer'::regclass::oid)"""
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

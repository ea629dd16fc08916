"""The login of the web workers in a private database.

The socket trusts every account that can reach it, so a session of the superuser could take any role back. Processes
that serve strangers therefore log in as `onemap_web`, which can take the roles of reader and ingester and no other
(migration 0145).
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from layers.database.connection import connected

WEB_LOGIN = "onemap_web"


async def open_web_login(url: str) -> str:
    """Allow the web workers to log in, and return their URL.

    Parameters
    ----------
    url
        The superuser's URL of a migrated database.

    Raises
    ------
    Unavailable
        When the database cannot be reached.
    """
    async with connected(url, role=None) as connection:
        await connection.execute(f"ALTER ROLE {WEB_LOGIN} LOGIN")
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{WEB_LOGIN}@{parts.netloc.rpartition('@')[2]}"))

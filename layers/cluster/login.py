"""The login of the web workers in a private database.

Its socket trusts whoever may reach it, so a session of the superuser could take any role back. What answers strangers
therefore logs in as `onemap_web`, which can become reader and ingester and nobody else (migration 0145).
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from layers.database.connection import connect

WEB_LOGIN = "onemap_web"


async def open_web_login(url: str) -> str:
    """Let the web workers log in, and return their URL.

    Parameters
    ----------
    url
        The superuser's, of a migrated database.
    """
    connection = await connect(url, role=None)
    try:
        await connection.execute(f"ALTER ROLE {WEB_LOGIN} LOGIN")
    finally:
        await connection.close()
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{WEB_LOGIN}@{parts.netloc.rpartition('@')[2]}"))

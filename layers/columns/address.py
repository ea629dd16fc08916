"""The address of a database for libpq, with the settings of a session in it.

The address is one of asyncpg's, which takes unknown parameters for settings; libpq refuses them, and takes settings in
the parameter `options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

_RENAMED = {"database": "dbname"}
_CONNECT_SECONDS_MAX = "10"
_KEYWORDS = frozenset({
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "connect_timeout", "options",
    "application_name", "sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "sslsni",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding", "gssencmode", "krbsrvname", "gsslib",
    "target_session_attrs", "client_encoding", "fallback_application_name", "keepalives", "keepalives_idle",
    "keepalives_interval", "keepalives_count", "tcp_user_timeout", "requirepeer", "service",
})  # fmt: skip


def libpq_address(url: str, settings: Mapping[str, str]) -> str:
    """Return an address for libpq, whose sessions begin with some settings; it gives up connecting after a while.

    Parameters
    ----------
    url
        An address as `layers.database.connection.connect` takes it, with a host or a socket folder.
    settings
        Settings of the session by name, stronger than those in the address.
    """
    parts = urlsplit(url)
    given = {_RENAMED.get(name, name): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
    own = {name: value for name, value in given.items() if name in _KEYWORDS}
    wanted = {name: value for name, value in given.items() if name not in _KEYWORDS} | dict(settings)
    own.setdefault("connect_timeout", _CONNECT_SECONDS_MAX)
    words = [own.pop("options", ""), *(f"-c {name}={_escaped(value)}" for name, value in wanted.items())]
    query = urlencode({**own, "options": " ".join(filter(None, words))}, quote_via=quote)
    return urlunsplit(parts._replace(query=query))


def _escaped(value: str) -> str:
    """Return a value as the parameter `options` wants it: spaces and backslashes after a backslash."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")

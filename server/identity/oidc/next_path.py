"""Where a browser goes after a login: a path of ours, never another site."""

from __future__ import annotations

from urllib.parse import urlsplit

_LENGTH_MAX = 1000
HOME = "/"


def safe_next(given: str | None) -> str:
    r"""Return a path of ours with its query; `/` for anything else, so that a link cannot lead elsewhere after a login.

    Browsers read ``\`` as ``/`` and drop tabs and line breaks: ``//host``, ``/\host`` and ``/\t/host`` are addresses of
    other sites, and a space or control character is never part of a path that we wrote.

    Examples
    --------
    >>> safe_next("/ogc/collections?f=html")
    '/ogc/collections?f=html'
    >>> safe_next("//evil.example")
    '/'
    """
    if not given or len(given) > _LENGTH_MAX or not given.startswith("/"):
        return HOME
    if any(letter <= " " or letter in "\\\x7f" for letter in given) or not given.isascii():
        return HOME
    try:
        parts = urlsplit(given)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or given.startswith("//"):
        return HOME
    return HOME if parts.path.startswith(("/login", "/logout")) else given

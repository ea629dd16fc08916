"""The client behind a gateway: its address, scheme and host, from the forwarded headers of trusted proxies alone.

::

    client 203.0.113.7 ──► proxy 10.0.0.2 ──► proxy 10.0.0.1 ──► OneMap
                           X-Forwarded-For:   X-Forwarded-For:
                           203.0.113.7        203.0.113.7, 10.0.0.2

A proxy appends the address that it saw, and a client may send the header too. So the header is read from its end, as
far as the addresses are trusted: the first that is not trusted is the client.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal
from urllib.parse import urlsplit

from starlette.types import Scope

from server.http.base_url import HOST
from server.http.scope import header

type ProxyNetwork = IPv4Network | IPv6Network
type ProxyHeader = Literal["x-forwarded-for", "forwarded"]

_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})
_HOPS_MAX = 32
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_PAIR = re.compile(r'\s*(for|proto|host)\s*=\s*(?:"([^"]*)"|([^;\s"]*))\s*', re.IGNORECASE)


def client_address(scope: Scope) -> str:
    """Return the address of the client, after `Gateways.resolve`; empty for a socket without addresses.

    Audit, limits and lockouts tell clients apart by this address and no other.
    """
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_from_this_machine(scope: Scope) -> bool:
    """Whether the client is a program of this machine, and asks this machine by a name of its own.

    A request with a forwarded header is not: a proxy of this machine that the settings do not name would make every
    stranger a local client. Nor is one for another host: the name of a foreign page may lead here (DNS rebinding), and
    the browser then takes us for the page's own server.
    """
    if any(name in _FORWARDED for name, _ in scope["headers"]):
        return False
    try:
        return ip_address(client_address(scope)).is_loopback and _is_own_name(header(scope, b"host"))
    except ValueError:
        return False


def _is_own_name(host: str) -> bool:
    """Whether a Host header names the loopback of every machine: an address of it, ``localhost`` or below that."""
    if not HOST.fullmatch(host):
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or name.endswith(".localhost") or ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Hop:
    address: str | None  # None: the header names no address
    scheme: str | None = None
    host: str | None = None


class Gateways:
    """The proxies whose forwarded headers are believed.

    Parameters
    ----------
    trusted
        Networks of the proxies; empty believes no header.
    header
        The header that the proxies write. The other one is ignored: a proxy that does not know it passes on what the
        client wrote.
    """

    def __init__(self, trusted: Iterable[ProxyNetwork], header: ProxyHeader = "x-forwarded-for") -> None:
        self._trusted = tuple(trusted)
        self._header = header
        self._trusts = lru_cache(maxsize=4096)(self._is_trusted)

    def resolve(self, scope: Scope) -> Scope:
        """Return the scope with client, scheme and Host header as the client's own connection had them."""
        client = scope.get("client")
        peer = plain_address(str(client[0])) if client else ""
        if client and peer != client[0]:
            scope = {**scope, "client": (peer, client[1])}
        if not self._trusted or not self._trusts(peer):
            return scope
        hop = self._client_of(peer, self._hops(scope))
        seen = {**scope, "client": (hop.address or peer, 0)}
        if hop.scheme:
            seen["scheme"] = _secure(scope["type"], hop.scheme)
        if hop.host:
            others = [header for header in scope["headers"] if header[0] != b"host"]
            seen["headers"] = [(b"host", hop.host.encode("ascii")), *others]
        return seen

    def _client_of(self, peer: str, hops: list[_Hop]) -> _Hop:
        """Return the hop of the client: the last one that is not a trusted proxy."""
        found = _Hop(peer)
        for hop in reversed(hops[-_HOPS_MAX:]):
            address = hop.address or found.address  # a client that a proxy hides counts as that proxy
            found = _Hop(address, hop.scheme or found.scheme, hop.host or found.host)
            if hop.address is None or not self._trusts(hop.address):
                break
        return found

    def _hops(self, scope: Scope) -> list[_Hop]:
        return _forwarded(scope) if self._header == "forwarded" else _x_forwarded(scope)

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)


@lru_cache(maxsize=4096)
def plain_address(text: str) -> str:
    """Return an address in its one usual spelling; an IPv4 client of an IPv6 socket is an IPv4 client."""
    try:
        address = ip_address(text)
    except ValueError:
        return text
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _x_forwarded(scope: Scope) -> list[_Hop]:
    """Return the hops of the X-Forwarded headers; a proxy that sets a single scheme or host means the client's."""
    addresses = [_address(part) for part in _parts(scope, b"x-forwarded-for")] or [None]
    schemes, hosts = _parts(scope, b"x-forwarded-proto"), _parts(scope, b"x-forwarded-host")
    return [
        _Hop(address, _scheme(_aligned(schemes, index)), _host(_aligned(hosts, index)))
        for address, index in zip(addresses, range(-len(addresses), 0), strict=True)
    ]


def _aligned(values: list[str], index: int) -> str | None:
    return values[max(index, -len(values))] if values else None


def _forwarded(scope: Scope) -> list[_Hop]:
    """Return the hops of the Forwarded header (RFC 7239)."""
    found = []
    for part in _parts(scope, b"forwarded"):
        pairs: dict[str, str] = {}
        for pair in part.split(";"):
            if matched := _PAIR.fullmatch(pair):
                pairs[matched[1].lower()] = matched[2] if matched[2] is not None else matched[3]
        found.append(_Hop(_address(pairs.get("for", "")), _scheme(pairs.get("proto")), _host(pairs.get("host"))))
    return found


def _parts(scope: Scope, name: bytes) -> list[str]:
    lines = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return [part.strip() for part in ",".join(lines).split(",") if part.strip()] if lines else []


def _address(text: str) -> str | None:
    """Return the address of ``1.2.3.4``, ``1.2.3.4:5``, ``2001:db8::1`` or ``[2001:db8::1]:5``, else None."""
    bare = text.strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        ip_address(bare)
    except ValueError:
        return None
    return plain_address(bare)


def _scheme(text: str | None) -> str | None:
    return _SCHEMES.get((text or "").lower())


def _host(text: str | None) -> str | None:
    return text if text and HOST.fullmatch(text) else None


def _secure(kind: str, scheme: str) -> str:
    if kind == "websocket":
        return "wss" if scheme == "https" else "ws"
    return scheme

"""The listening sockets: addresses of IPv4 and IPv6, for everybody and, where it is set, for operators alone."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from layers.errors import Conflict, Unavailable
from server.settings import ServerSettings
from twin.feeds.exposure import is_local

_BACKLOG = 2048
_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104  # recognised, not bound


@dataclass(frozen=True, slots=True)
class Listening:
    """Open sockets; a context manager that closes them.

    Attributes
    ----------
    public
        At least one, all on one port.
    operators
        Empty where operators use the public port.
    is_secure
        Whether the connections speak TLS.
    """

    public: tuple[socket.socket, ...]
    operators: tuple[socket.socket, ...] = ()
    is_secure: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (*self.public, *self.operators):
            one.close()

    @property
    def address(self) -> str:
        """The address that a person on this machine types into a browser."""
        return _address(self.public[0], is_secure=self.is_secure)

    @property
    def operators_address(self) -> str | None:
        """The same for operators; None where they use the public port."""
        return _address(self.operators[0], is_secure=self.is_secure) if self.operators else None

    def descriptors(self) -> tuple[int, ...]:
        """Return the numbers of the sockets, for a process that inherits them."""
        return tuple(one.fileno() for one in (*self.public, *self.operators))

    def arguments(self) -> tuple[str, str]:
        """Return two arguments of a command line from which `inherited` makes the sockets."""
        return _numbers(self.public), _numbers(self.operators)

    @classmethod
    def inherited(cls, public: str, operators: str = "-", *, is_secure: bool = False) -> Listening:
        """Return the sockets that a parent left open."""
        return cls(_sockets(public), _sockets(operators), is_secure)


def listen(server: ServerSettings) -> Listening:
    """Open the listening sockets; call it before anything else is started.

    Raises
    ------
    Conflict
        When a port is taken or not allowed.
    Unavailable
        When a host is not an address of this machine.
    """
    with ExitStack() as opened:
        public = _open(server.hosts, server.port, opened)
        own = server.admin_port
        operators = () if own is None else _open(server.admin_hosts, own, opened)
        opened.pop_all()
    return Listening(public, operators, server.tls_certificate is not None)


def is_reached_from_here_alone(server: ServerSettings) -> bool:
    """Whether programs of this machine alone reach the service; a gateway, if there is one, brings others."""
    return not server.proxies and all(is_local(host) for host in server.hosts)


def _open(hosts: Sequence[str], port: int, opened: ExitStack) -> tuple[socket.socket, ...]:
    """Open a socket for each address; port 0 takes a free one, the same for all."""
    found: list[socket.socket] = []
    for host in hosts:
        for family, address in _addresses(host, port):
            try:
                one = _bind(family, address, port, alone="0.0.0.0" in hosts)  # noqa: S104  # recognised, not bound
            except OSError as error:
                if host == "localhost" and error.errno in _NO_SUCH_ADDRESS and family == socket.AF_INET6:
                    continue  # the machine has no IPv6
                raise _fault(f"{host}:{port}", error) from error
            found.append(opened.enter_context(one))
            port = one.getsockname()[1]
    if not found:
        raise Unavailable(f"{', '.join(hosts)} is not an address of this machine; give another --host")
    return tuple(found)


def _addresses(host: str, port: int) -> Iterable[tuple[socket.AddressFamily, str]]:
    """Return the addresses of a host, IPv4 first; each once."""
    if host == "localhost":  # many a hosts file knows one of the two
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _fault(f"{host}:{port}", error) from error
    return sorted({(family, str(address[0])): None for family, *_, address in answers})


def _bind(family: socket.AddressFamily, address: str, port: int, *, alone: bool) -> socket.socket:
    """Bind a socket; ``::`` takes IPv4 too, unless that has a socket of its own."""
    both = address == "::" and not alone
    return socket.create_server((address, port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)


def _fault(where: str, error: OSError) -> Conflict | Unavailable:
    if isinstance(error, socket.gaierror) or error.errno in _NO_SUCH_ADDRESS:
        return Unavailable(f"{where} is not an address of this machine; give another --host")
    return Conflict(f"cannot listen on {where}: {error.strerror}; give another --port")


def _address(listening: socket.socket, *, is_secure: bool) -> str:
    host, port = listening.getsockname()[:2]
    host = _EVERYWHERE.get(host, host)
    return f"{'https' if is_secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _numbers(sockets: Iterable[socket.socket]) -> str:
    return ",".join(str(one.fileno()) for one in sockets) or "-"


def _sockets(numbers: str) -> tuple[socket.socket, ...]:
    return () if numbers == "-" else tuple(socket.socket(fileno=int(number)) for number in numbers.split(","))

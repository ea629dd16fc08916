"""A private PostgreSQL with PostGIS, kept in a home folder: reached by a socket only, started and stopped by us.

Authentication is `trust`, which is safe here and only here: there is no TCP port, and the folder of the socket is 0700,
so that the only accounts that can reach it are its owner and root, who could read the data files anyway.

The server runs apart from us (`pg_ctl` gives it a session of its own): Ctrl-C in the terminal does not reach it before
we have closed our connections, and when we are killed it goes on until the next start adopts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from layers.cluster.home import make_home
from layers.cluster.keeper import keep_running
from layers.cluster.lock import hold, holder
from layers.cluster.place import ClusterLocation, find_place, make_place, remove_short_socket_dir
from layers.cluster.server import DATABASE, postmaster, start_server, stop_server
from layers.errors import Conflict


class PrivateCluster:
    """The cluster of one home, alone.

    Parameters
    ----------
    home
        Its folder, made when missing.
    durable
        Whether committed means on disk. False is for throw-away tests.

    Examples
    --------
    >>> with PrivateCluster(Path(".onemap")) as url:  # doctest: +SKIP
    ...     print(url)
    postgresql://postgres@/onemap?host=/srv/onemap/.onemap/postgres/run
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.home = home.absolute()
        self.durable = durable
        self._lock: AbstractContextManager[None] | None = None

    def start(self) -> str:
        """Start the server, or adopt one that a killed process left running, and return its URL.

        Raises
        ------
        Conflict
            When another process has this home, or another account made it.
        Unavailable
            When PostgreSQL or PostGIS is missing, of another version than the data, or does not start.
        """
        make_home(self.home)
        lock = hold(_lock_file(self.home))
        lock.__enter__()
        self._lock = lock
        try:
            return _ensure_running(self.home, durable=self.durable)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and give the home back; nothing when this object has not started it."""
        lock, self._lock = self._lock, None
        if lock is not None:
            try:
                _stop(self.home)
            finally:
                lock.__exit__(None, None, None)

    async def keep(self, said: Callable[[str], None]) -> None:
        """Start the server again whenever it ends, until cancelled; to be run between `start` and `stop`.

        Parameters
        ----------
        said
            Is told when that happens.
        """

        def find() -> int | None:
            place = find_place(self.home)
            return None if place is None else postmaster(place)

        await keep_running(find, lambda: _ensure_running(self.home, durable=self.durable), said)

    def is_running(self) -> bool:
        """Whether the server of this home runs, whoever started it."""
        return running_url(self.home) is not None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def borrowed_cluster(home: Path) -> Iterator[str]:
    """Yield the URL of this home's server for a command: the one that runs, else one started for the block.

    Several commands may borrow at once and beside `onemap up`; whoever leaves last, and finds no `up`, stops it.
    """
    home = home.absolute()
    make_home(home)
    users = home / "users"
    try:
        with hold(users, shared=True, wait=True):
            yield _ensure_running(home)
    finally:
        with suppress(Conflict):  # somebody still needs it
            stop_cluster(home)


def stop_cluster(home: Path) -> None:
    """Stop a server that nobody uses, for example one that a killed `onemap up` left running.

    Raises
    ------
    Conflict
        When an `onemap up` or another command uses it.
    """
    home = home.absolute()
    with hold(_lock_file(home)), hold(home / "users"):
        _stop(home)


@contextmanager
def home_lock(home: Path) -> Iterator[None]:
    """Hold the home alone for the block, without a server in it.

    Raises
    ------
    Conflict
        When another process has it.
    """
    make_home(home.absolute())
    with hold(_lock_file(home.absolute())):
        yield


def wait_until_free(home: Path) -> None:
    """Wait until no `onemap up` has this home."""
    with hold(_lock_file(home.absolute()), wait=True):
        pass


def running_url(home: Path) -> str | None:
    """Tell the URL of this home's server when it runs, else None."""
    place = find_place(home.absolute())
    return _url(place) if place and postmaster(place) else None


def supervisor_of(home: Path) -> int | None:
    """Tell the process id of the `onemap up` that has this home, or None."""
    return holder(_lock_file(home.absolute()))


def _lock_file(home: Path) -> Path:
    return home / "lock"


def _url(place: ClusterLocation) -> str:
    return f"postgresql://postgres@/{DATABASE}?host={quote(str(place.socket_dir), safe='/')}"


def _ensure_running(home: Path, *, durable: bool = True) -> str:
    with hold(home / "starting", wait=True):
        place = find_place(home)
        if place is None or postmaster(place) is None:
            place = make_place(home)
            start_server(place, durable=durable)
        return _url(place)


def _stop(home: Path) -> None:
    place = find_place(home)
    if place is not None:
        stop_server(place)
        remove_short_socket_dir(place)

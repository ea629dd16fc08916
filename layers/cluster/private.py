"""A private PostgreSQL with PostGIS in a home folder, reached by a socket only.

Authentication is `trust`, which is safe only here: there is no TCP port, and the folder of the socket is 0700, so that
only its owner and root can reach it, and they could read the data files anyway.

The server has a session of its own (by `pg_ctl`): Ctrl-C in the terminal does not reach it before OneMap has closed its
connections, and when OneMap is killed the server runs on until the next start adopts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from layers.cluster.archive import LogArchive
from layers.cluster.conf import write_archive_conf
from layers.cluster.home import make_home
from layers.cluster.keeper import keep_running
from layers.cluster.lock import hold, holder
from layers.cluster.place import (
    ClusterLocation,
    find_place,
    make_place,
    note_archive,
    remove_short_socket_dir,
)
from layers.cluster.server import DATABASE, postmaster, reload_server, start_server, stop_server
from layers.errors import Conflict


class PrivateCluster:
    """The cluster of one home, which it holds alone.

    Parameters
    ----------
    home
        Its folder, made when missing.
    durable
        Whether a commit is on disk. False is for throw-away tests.

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
        """Stop the server and release the home; do nothing when this object has not started it."""
        lock, self._lock = self._lock, None
        if lock is not None:
            try:
                _stop(self.home)
            finally:
                lock.__exit__(None, None, None)

    async def keep(self, notify: Callable[[str], None]) -> None:
        """Start the server again whenever it ends, until cancelled; to be run between `start` and `stop`.

        Parameters
        ----------
        notify
            Receives a message at each restart.
        """

        def find() -> int | None:
            place = find_place(self.home)
            return None if place is None else postmaster(place)

        await keep_running(find, lambda: _ensure_running(self.home, durable=self.durable), notify)

    def is_running(self) -> bool:
        """Whether the server of this home runs, also when another process started it."""
        return running_url(self.home) is not None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def borrowed_cluster(home: Path) -> Iterator[str]:
    """Yield the URL of this home's server for a command; start it for the block when it does not run.

    Several commands may borrow it at once and beside `onemap up`; the last to leave stops it, unless an `up` runs.

    Raises
    ------
    Conflict, Unavailable
        As `PrivateCluster.start`.
    """
    home = home.absolute()
    make_home(home)
    users = home / "users"
    try:
        with hold(users, shared=True, wait=True):
            yield _ensure_running(home)
    finally:
        with suppress(Conflict):  # another process still needs it
            stop_cluster(home)


def stop_cluster(home: Path) -> None:
    """Stop an unused server, for example one that a killed `onemap up` left running.

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
    """Hold the home alone for the block, without starting a server.

    Raises
    ------
    Conflict
        When another process holds it.
    """
    make_home(home.absolute())
    with hold(_lock_file(home.absolute())):
        yield


def archive_into(home: Path, archive: LogArchive | None) -> None:
    """Archive the log of the home's server from now on, also after restarts; None ends it.

    A running server takes it over without a restart. Nothing happens in a home without a cluster.
    """
    home = home.absolute()
    note_archive(home, archive)
    place = find_place(home)
    if place is not None and place.data.exists():
        write_archive_conf(place)
        reload_server(place)


def wait_until_free(home: Path) -> None:
    """Wait until no `onemap up` holds this home."""
    with hold(_lock_file(home.absolute()), wait=True):
        pass


def running_url(home: Path) -> str | None:
    """Return the URL of this home's server when it runs, else None."""
    place = find_place(home.absolute())
    return url_of(place) if place and postmaster(place) else None


def supervisor_of(home: Path) -> int | None:
    """Return the process id of the `onemap up` that holds this home, or None."""
    return holder(_lock_file(home.absolute()))


def _lock_file(home: Path) -> Path:
    return home / "lock"


def url_of(place: ClusterLocation) -> str:
    """Return the URL of a cluster's database, as its superuser."""
    return f"postgresql://postgres@/{DATABASE}?host={quote(str(place.socket_dir), safe='/')}"


def _ensure_running(home: Path, *, durable: bool = True) -> str:
    with hold(home / "starting", wait=True):
        place = find_place(home)
        if place is None or postmaster(place) is None:
            place = make_place(home)
            start_server(place, durable=durable)
        return url_of(place)


def _stop(home: Path) -> None:
    place = find_place(home)
    if place is not None:
        stop_server(place)
        remove_short_socket_dir(place)

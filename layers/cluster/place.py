"""The place of a private cluster: its folder, its data, its log, its socket.

Usually all of them are in the home::

    .onemap/                 0711 when root made it (the postgres account passes through), else 0700
      cluster.json           the paths of folder and socket
      postgres/              0700, the account's own
        data/  run/  log

There are two exceptions. Root's cluster runs as `postgres`, which may be unable to pass through a parent of the home
(for example ``/root``): the folder is then in ``/var/lib/onemap``. And a socket's path has at most 107 bytes: for a
deep home the socket is in a short folder of its own. ``cluster.json`` records both, and the archive of the log.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from layers.cluster.archive import LogArchive
from layers.cluster.programs import Account, account_for
from layers.errors import Conflict, Unavailable

SOCKET_PATH_BYTES_MAX = 107
_SOCKET_NAME = ".s.PGSQL.5432"
_RECORD = "cluster.json"
FALLBACK = Path("/var/lib/onemap")


@dataclass(frozen=True, slots=True)
class ClusterLocation:
    """The folders of one cluster, the account that owns it, and the archive of its log, if there is one."""

    folder: Path
    socket_dir: Path
    account: Account
    archive: LogArchive | None = None

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.folder / "log"

    @property
    def data_version(self) -> int | None:
        """Major version of PostgreSQL that wrote the data; None before the first start."""
        file = self.data / "PG_VERSION"
        return int(file.read_text(encoding="ascii")) if file.exists() else None

    def can_write(self, folder: Path) -> bool:
        """Whether the cluster's account can make files in a folder."""
        return os.access(folder, os.W_OK | os.X_OK) if self.account.is_us else _may(self.account, "-w", folder)


def find_place(home: Path) -> ClusterLocation | None:
    """Read the place of the cluster of `home`; None when it never had one, or the folder is gone.

    Raises
    ------
    Conflict
        When its record cannot be read.
    """
    try:
        record = json.loads((home / _RECORD).read_text(encoding="utf-8"))
        folder = home / record["folder"]  # an absolute path stays what it is
        if not folder.exists():
            return None
        archive = LogArchive.of_record(record.get("archive"))
        return ClusterLocation(folder, Path(record["socket_dir"]), account_for(folder), archive)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Conflict(f"cannot read {home / _RECORD}: {error}; delete it to start with an empty database") from error


def make_place(home: Path) -> ClusterLocation:
    """Find the cluster's folders, or make them, closed to other accounts.

    Raises
    ------
    Conflict
        When they belong to another account, or their record cannot be read.
    Unavailable
        When no folder is short enough for a socket, or root has no account to run PostgreSQL under.
    """
    before = find_place(home)
    if before is None:
        folder = _make_folder(home)
        account = account_for(folder)
    else:
        folder, account = before.folder, before.account
        if os.geteuid() != 0 and folder.stat().st_uid != os.geteuid():
            raise Conflict(
                f"the database in {home} was made by another account; start OneMap with that one (or sudo), "
                "or give another --home"
            )
    socket_dir = _make_socket_dir(folder, account, before.socket_dir if before else None)
    place = ClusterLocation(folder, socket_dir, account, before.archive if before else None)
    _record(home, place)
    return place


def note_archive(home: Path, archive: LogArchive | None) -> None:
    """Record the archive of the cluster of a home, for this start of the server and for all later ones."""
    place = find_place(home)
    if place is not None and place.archive != archive:
        _record(home, replace(place, archive=archive))


def _record(home: Path, place: ClusterLocation) -> None:
    inside = place.folder.relative_to(home) if place.folder.is_relative_to(home) else place.folder
    record: dict[str, object] = {"folder": str(inside), "socket_dir": str(place.socket_dir)}
    if place.archive is not None:
        record["archive"] = place.archive.record()
    _write_record(home / _RECORD, record)


def _make_folder(home: Path) -> Path:
    folder = home / "postgres"
    account = account_for(folder)
    if not account.is_us and not _can_enter(account, home):
        FALLBACK.mkdir(parents=True, exist_ok=True)
        FALLBACK.chmod(0o755)  # whatever the umask
        folder = FALLBACK / f"{home.parent.name or 'home'}-{secrets.token_hex(4)}"
    _make_private(folder, account)
    if folder.parent == FALLBACK:
        (folder / "home").write_text(f"{home}\n", encoding="utf-8")  # for people who look into the folder
    return folder


def _can_enter(account: Account, folder: Path) -> bool:
    return _may(account, "-x", folder)


def _may(account: Account, right: str, folder: Path) -> bool:
    command = ["/usr/bin/test", right, str(folder)]
    answer = subprocess.run(  # noqa: S603
        command, cwd="/", check=False, user=account.uid, group=account.gid, extra_groups=[]
    )
    return answer.returncode == 0


def _make_private(folder: Path, account: Account) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    if not account.is_us:
        os.chown(folder, account.uid, account.gid)


def _make_socket_dir(folder: Path, account: Account, before: Path | None) -> Path:
    """Make the folder of the socket, for its owner alone: every account that can enter it is superuser."""
    usual = folder / "run"
    if len(os.fsencode(usual / _SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX:
        _make_private(usual, account)
        return usual
    if before is not None and before != usual and _is_private(before, account):
        return before
    root = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    parent = root if root.is_absolute() and os.access(root, os.W_OK) else Path("/tmp")  # noqa: S108  # mkdtemp is safe
    short = Path(tempfile.mkdtemp(prefix="onemap-", dir=parent))
    _make_private(short, account)
    if len(os.fsencode(short / _SOCKET_NAME)) > SOCKET_PATH_BYTES_MAX:
        raise Unavailable(f"no folder for a socket: {short} is longer than {SOCKET_PATH_BYTES_MAX} bytes allow")
    return short


def _is_private(folder: Path, account: Account) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid and stat.S_IMODE(found.st_mode) == 0o700


def remove_short_socket_dir(place: ClusterLocation) -> None:
    """Remove the socket's folder when it is outside the cluster's own folder."""
    if not place.socket_dir.is_relative_to(place.folder):
        shutil.rmtree(place.socket_dir, ignore_errors=True)


def _write_record(file: Path, record: dict[str, object]) -> None:
    text = json.dumps(record, indent=2) + "\n"
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        half = file.with_suffix(".new")
        half.write_text(text, encoding="utf-8")
        half.replace(file)

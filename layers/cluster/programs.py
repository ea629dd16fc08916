"""PostgreSQL's programs: their folder, the account that runs them, and their calls."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from layers.errors import Unavailable

_INSTALL = (
    "Debian: apt-get install postgresql-15 postgresql-15-postgis-3, or set ONEMAP_DATABASE_URL to a running PostGIS"
)
_DEBIAN = Path("/usr/lib/postgresql")
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(16 * 1024 * 1024), "MALLOC_TRIM_THRESHOLD_": str(16 * 1024 * 1024)}
"""Environment of processes that build large responses: glibc keeps up to 16 MiB between two responses.

Otherwise the kernel maps every page of a large response anew: a sixth of the time of 10,000 features.
"""


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's account that owns a cluster."""

    name: str
    uid: int
    gid: int

    @property
    def is_us(self) -> bool:
        """Whether this process already runs under it."""
        return self.uid == os.geteuid()


@dataclass(frozen=True, slots=True)
class Programs:
    """One installed PostgreSQL, for example ``Programs(15, Path("/usr/lib/postgresql/15/bin"))``."""

    version: int
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the programs."""
        return {"PATH": f"{self.folder}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGTZ": "UTC", **KEEP_MEMORY}

    def run(self, account: Account, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one of the programs under `account`, and return its output and exit code; no exit code raises.

        The environment is fixed: a stray ``PGDATA`` or ``PGHOST`` must not lead to another cluster.
        """
        return subprocess.run(  # noqa: S603  # our own arguments, no shell
            [self.folder / program, *arguments],
            cwd="/",  # the account may be unable to enter the current folder
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=None if account.is_us else account.uid,
            group=None if account.is_us else account.gid,
            extra_groups=None if account.is_us else [],
        )


def find_programs(version: int | None = None) -> Programs:
    """Find an installed PostgreSQL with PostGIS.

    Parameters
    ----------
    version
        The required major version, because data of that version exist; None takes the newest with PostGIS.

    Raises
    ------
    Unavailable
        When there is none; the message says what is installed and what to install.
    """
    installed = installed_programs()
    if version is not None:
        for programs in installed:
            if programs.version == version:
                return programs
        found = ", ".join(str(programs.version) for programs in installed) or "none"
        raise Unavailable(
            f"the data were written by PostgreSQL {version}, installed is {found}; install postgresql-{version} and "
            f"postgresql-{version}-postgis-3, or start anew with another --home and load your files again"
        )
    for programs in installed:
        if has_postgis(programs):
            return programs
    if installed:
        raise Unavailable(f"PostgreSQL {installed[0].version} has no PostGIS. {_INSTALL}")
    raise Unavailable(f"PostgreSQL is not installed. {_INSTALL}")


def installed_programs() -> list[Programs]:
    """Return every PostgreSQL of this machine, newest first: from Debian's folders, then from the `PATH`."""
    folders = [*_DEBIAN.glob("*/bin"), *(Path(part) for part in os.environ.get("PATH", "").split(":") if part)]
    found: dict[int, Programs] = {}
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            version = _major_version(folder)
            if version:
                found.setdefault(version, Programs(version, folder.resolve()))
    return sorted(found.values(), key=lambda programs: -programs.version)


def _major_version(folder: Path) -> int:
    if folder.parent.parent == _DEBIAN and folder.parent.name.isdecimal():
        return int(folder.parent.name)
    process = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    match = re.search(r"\) (\d+)", process.stdout)
    return int(match.group(1)) if match else 0


def has_postgis(programs: Programs) -> bool:
    """Whether PostGIS is installed for this version."""
    debian = Path(f"/usr/share/postgresql/{programs.version}")
    share = debian if programs.folder.is_relative_to(_DEBIAN) else programs.folder.parent / "share"
    return any((place / "extension" / "postgis.control").exists() for place in (share, share / "postgresql"))


def account_for(folder: Path) -> Account:
    """Return the account that runs the cluster in `folder`: its owner, else this process's, else (for root) `postgres`.

    Raises
    ------
    Unavailable
        For root on a machine without a `postgres` account: PostgreSQL refuses to run as root.
    """
    if os.geteuid() != 0:
        return _account(os.geteuid())
    if folder.exists() and folder.stat().st_uid != 0:
        return _account(folder.stat().st_uid)
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError as error:
        message = "PostgreSQL refuses to run as root and there is no account `postgres`; start OneMap as another user"
        raise Unavailable(message) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:  # a container's bare number
        return Account(str(uid), uid, os.getegid() if uid == os.geteuid() else uid)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)

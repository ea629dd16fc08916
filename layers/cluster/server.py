"""The server of one cluster: its making, start, process and stop. `private.py` holds the locks."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

from layers.cluster.conf import write_conf
from layers.cluster.place import ClusterLocation
from layers.cluster.programs import Programs, find_programs
from layers.errors import Conflict, Unavailable

DATABASE = "onemap"
_START_SECONDS_MAX = 600  # crash recovery replays the log first
_LOOK_SECONDS = 0.1
_STOP_SECONDS_MAX = 60
_ORPHAN_SECONDS_MAX = 10
_LOG_BYTES_MAX = 10 * 1024 * 1024


def start_server(place: ClusterLocation, *, durable: bool, recovery: Mapping[str, object] | None = None) -> None:
    """Start the server; make its data and the database with PostGIS when they are missing.

    Parameters
    ----------
    recovery
        Settings of a recovery with a hot standby, whose end or pause is waited for; None for a start as usual.

    Raises
    ------
    Conflict
        When processes of a killed server do not end.
    Unavailable
        When PostgreSQL or PostGIS is missing, of another version than the data, or does not start; the message says
        why.
    """
    programs = find_programs(place.data_version)
    if place.data_version is None:
        _initialise(place, programs, durable=durable)
    _clear_stale(place)
    write_conf(place, durable=durable, recovery=recovery)
    _launch(place, programs)
    if recovery is not None:
        _wait_for_recovery(place, programs)
    _ensure_database(place, programs)


def stop_server(place: ClusterLocation) -> None:
    """Stop the server if it runs: connections end, and committed transactions are on disk.

    Raises
    ------
    Unavailable
        When PostgreSQL's programs of the data's version are gone.
    """
    if postmaster(place) is None:
        return
    programs = find_programs(place.data_version)
    for mode in ("fast", "immediate"):
        wait = ["-m", mode, "-w", "-t", str(_STOP_SECONDS_MAX), "-s"]
        if not programs.run(place.account, "pg_ctl", "-D", place.data, *wait, "stop").returncode:
            return


def reload_server(place: ClusterLocation) -> None:
    """Let a running server read its settings again; do nothing when none runs."""
    if postmaster(place) is not None:
        find_programs(place.data_version).run(place.account, "pg_ctl", "-D", place.data, "-s", "reload")


def _initialise(place: ClusterLocation, programs: Programs, *, durable: bool) -> None:
    """Make the data folder under another name first, so that a half-made one never passes for a cluster."""
    half = place.folder / "data.new"
    shutil.rmtree(half, ignore_errors=True)
    options = ["--data-checksums"] if durable else ["--no-sync"]
    made = programs.run(
        place.account, "initdb", "-D", half, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", *options
    )
    if made.returncode:
        raise Unavailable(f"initdb could not make a cluster in {half}: {made.stderr.strip()}")
    half.rename(place.data)


def _launch(place: ClusterLocation, programs: Programs) -> None:
    if place.log.exists() and place.log.stat().st_size > _LOG_BYTES_MAX:
        place.log.replace(place.log.with_suffix(".1"))
    wait = ["-w", "-t", str(_START_SECONDS_MAX), "-s"]
    started = programs.run(place.account, "pg_ctl", "-D", place.data, "-l", place.log, *wait, "start")
    if started.returncode:
        raise Unavailable(f"PostgreSQL did not start: {_last_errors(place) or started.stderr.strip()}; see {place.log}")


def _last_errors(place: ClusterLocation) -> str:
    """Return the last errors in the server's log, at most three lines; empty without a log."""
    if not place.log.exists():
        return ""
    lines = place.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
    return " | ".join(
        [line for line in lines if re.search("FATAL|PANIC|ERROR|HINT|invalid|could not", line)][-3:] or lines[-3:]
    )


def _wait_for_recovery(place: ClusterLocation, programs: Programs) -> None:
    """Wait until a recovery has ended or stays at its target, however long its log is.

    Raises
    ------
    Unavailable
        When the server ends instead; the message has its last errors.
    """
    question = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() ELSE 'ended' END"
    while _psql(place, programs, "postgres", question).stdout.strip() not in {"ended", "paused"}:
        if postmaster(place) is None:
            raise Unavailable(f"the recovery ended before its target: {_last_errors(place)}; see {place.log}")
        time.sleep(_LOOK_SECONDS)


def _psql(place: ClusterLocation, programs: Programs, database: str, sql: str) -> CompletedProcess[str]:
    options = ["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-h", str(place.socket_dir), "-U", "postgres"]
    return programs.run(place.account, "psql", *options, "-d", database, "-c", sql)


def _ensure_database(place: ClusterLocation, programs: Programs) -> None:
    def run_sql(database: str, sql: str) -> str:
        process = _psql(place, programs, database, sql)
        if process.returncode:
            raise Unavailable(f"the private database could not be made: {process.stderr.strip()}")
        return process.stdout.strip()

    if run_sql("postgres", f"SELECT count(*) FROM pg_database WHERE datname = '{DATABASE}'") == "0":
        run_sql("postgres", f"CREATE DATABASE {DATABASE}")
    if run_sql(DATABASE, "SELECT count(*) FROM pg_extension WHERE extname = 'postgis'") == "0":
        run_sql(DATABASE, "CREATE EXTENSION postgis")


def postmaster(place: ClusterLocation) -> int | None:
    """Return the id of the process that serves this data folder; None when none does.

    The number in `postmaster.pid` alone is no proof: after a crash, or in a new container, it may be that of another
    program.
    """
    try:
        first = (place.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
    except FileNotFoundError:
        return None
    return int(first) if first.isdecimal() and int(first) in _processes_in(place.data) else None


def _processes_in(data: Path) -> set[int]:
    """Return the processes that work in this data folder: only the postmaster and its children do."""
    target, found = data.resolve(), set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if (entry / "cwd").readlink() == target:
                    found.add(int(entry.name))
            except OSError:  # ended meanwhile, or another account's
                continue
    return found


def _clear_stale(place: ClusterLocation) -> None:
    """Remove the files of a killed server, once its processes have ended.

    PostgreSQL clears its own pid file unless another program has the number; then it refuses to start. Children of a
    killed postmaster end by themselves, and the file may be removed only after that.
    """
    deadline = time.monotonic() + _ORPHAN_SECONDS_MAX
    while orphans := _processes_in(place.data):
        if time.monotonic() > deadline:
            raise Conflict(f"processes {sorted(orphans)} of a killed PostgreSQL still work in {place.data}; end them")
        time.sleep(0.05)
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    for leftover in place.socket_dir.glob(".s.PGSQL.*"):
        leftover.unlink(missing_ok=True)

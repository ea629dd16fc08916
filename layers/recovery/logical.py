"""Backup and restore of a database on somebody's server, by a role that is no superuser: ``pg_dump``, ``pg_restore``.

A dump names roles and owners of the server it comes from. A restore therefore makes OneMap's roles first, by its
migrations; then the schemas with their rows, all of the restoring user; then the grants of the dump, with the old user
replaced by the new one, and what the manifest says of other owners.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from layers.clause import quote_identifier
from layers.cluster.base_backup import DamagedBackup
from layers.cluster.programs import installed_programs
from layers.database.connection import connected
from layers.errors import Conflict, Unavailable
from layers.recovery.folder import BackupFolder
from layers.recovery.manifest import DatabaseBackup, LogicalBackup, Manifest, part_of
from layers.recovery.measure import measure, owned_schemas
from layers.schema.database_check import require_usable
from layers.schema.migrate import migrate

DUMP = "database/onemap.dump"
_GRANTS = (" ACL ", " DEFAULT ACL ")
_KINDS = {"r": "TABLE", "p": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW", "S": "SEQUENCE"}
_OWNERS = """
SELECT 'SCHEMA' AS kind, format('%I', nspname) AS name, pg_get_userbyid(nspowner) AS owner
FROM pg_namespace WHERE nspname = ANY ($1) AND pg_get_userbyid(nspowner) <> current_user
UNION ALL
SELECT c.relkind::text, format('%I.%I', n.nspname, c.relname), pg_get_userbyid(c.relowner)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_get_userbyid(c.relowner) <> current_user
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND c.relkind = 'S' AND d.deptype IN ('a', 'i'))
UNION ALL
SELECT 'ROUTINE', p.oid::regprocedure::text, pg_get_userbyid(p.proowner)
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = ANY ($1) AND pg_get_userbyid(p.proowner) <> current_user
"""


async def server_of(url: str) -> str:
    """Return server and database of a URL in words, without user and password."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2] or 'socket'}{parts.path}"


async def dump_database(url: str, half: Path) -> DatabaseBackup:
    """Dump OneMap's schemas into the folder of a new backup, and measure them in the same snapshot.

    Raises
    ------
    Unavailable
        When the database cannot be reached, ``pg_dump`` is missing or too old, or it fails.
    """
    async with connected(url, role=None) as connection:
        version = int(await connection.fetchval("SHOW server_version_num")) // 10_000
        (half / DUMP).parent.mkdir(mode=0o700)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
            schemas = [f"--schema={name}" for name in owned_schemas()]
            options = ["--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--file={half / DUMP}", *schemas]
            _run("pg_dump", version, url, options)
            rows = await connection.fetch(_OWNERS, owned_schemas())
            measured = await measure(connection)
        size = await connection.fetchval("SELECT pg_database_size(current_database())")
        login = await connection.fetchval("SELECT current_user")
    owners = tuple((_KINDS.get(row["kind"], row["kind"]), row["name"], row["owner"]) for row in rows)
    database = LogicalBackup(system=await server_of(url), version=version, login=login, owners=owners)
    return DatabaseBackup(database, size, measured, (part_of(half, DUMP),))


async def restore_dump(folder: BackupFolder, manifest: Manifest, url: str, *, replace: bool = False) -> None:
    """Restore a dump into a database that has no OneMap in it, or whose OneMap is replaced.

    Raises
    ------
    Conflict
        When there is one and it is not to be replaced, or the backup is no dump.
    DamagedBackup
        When the dump cannot be restored; the database has no OneMap then.
    Unavailable
        When the database cannot be used, or ``pg_restore`` is missing or too old.
    """
    if not isinstance(manifest.database, LogicalBackup):
        raise Conflict(f"{manifest.id} is a base backup of a private cluster; restore it into a --home")
    await require_usable(url)
    async with connected(url, role=None) as connection:
        if await connection.fetchval("SELECT to_regclass('onemap.migration') IS NOT NULL") and not replace:
            raise Conflict(f"{await server_of(url)} holds a OneMap already; --replace replaces it")
        version = int(await connection.fetchval("SHOW server_version_num")) // 10_000
        find_client("pg_restore", max(version, manifest.database.version))
        await _drop(connection)
        await migrate(url)  # makes the roles, which belong to the server and are in no dump
        await _drop(connection)
        dump = folder.of(manifest.id) / DUMP
        options = ["--no-owner", "--no-privileges", "--single-transaction", f"--dbname={_without_password(url)}"]
        _run("pg_restore", manifest.database.version, url, [*options, str(dump)])
        async with connection.transaction():
            await connection.execute(_grants(dump, manifest.database, await connection.fetchval("SELECT current_user")))
            await _set_owners(connection, manifest.database.owners)  # who needs CREATE on the schema
        await connection.execute("ANALYZE")


async def _drop(connection: asyncpg.Connection) -> None:
    for schema in owned_schemas():
        await connection.execute(f"DROP SCHEMA IF EXISTS {quote_identifier(schema)} CASCADE")


async def _set_owners(connection: asyncpg.Connection, owners: Sequence[tuple[str, str, str]]) -> None:
    for kind, name, owner in owners:
        await connection.execute(f"ALTER {kind} {name} OWNER TO {quote_identifier(owner)}")


def _grants(dump: Path, database: LogicalBackup, login: str) -> str:
    """Return the grants of a dump as SQL, with the restoring user in place of the one that dumped."""
    listed = _run("pg_restore", database.version, None, ["--list", str(dump)])
    chosen = "\n".join(line for line in listed.splitlines() if any(kind in line for kind in _GRANTS))
    list_file = dump.with_name(f".grants.{os.getpid()}.part")
    list_file.write_text(chosen, encoding="utf-8")
    try:
        text = _run("pg_restore", database.version, None, [f"--use-list={list_file}", "--file=-", str(dump)])
    finally:
        list_file.unlink()
    old = rf'(?:"{re.escape(database.login)}"|{re.escape(database.login)})'
    statements = (line for line in text.splitlines() if line.startswith(("GRANT ", "REVOKE ", "ALTER DEFAULT ")))
    new = quote_identifier(login)
    return "\n".join(re.sub(rf"\b(FOR ROLE|FROM|TO) {old}(?=[ ;])", rf"\1 {new}", line) for line in statements)


def find_client(program: str, version: int) -> Path:
    """Return the path of a client program that is not older than the server.

    Raises
    ------
    Unavailable
        When there is none; the message says what to install.
    """
    for programs in reversed(installed_programs()):  # the oldest that is new enough
        if programs.version >= version and (programs.folder / program).exists():
            return programs.folder / program
    folders = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: int(path.parts[-3]))
    for found in [*(one for one in folders if int(one.parts[-3]) >= version), *_on_path(program, version)]:
        return found
    raise Unavailable(f"{program} of PostgreSQL {version} or later is not installed; apt-get install postgresql-client")


def _on_path(program: str, version: int) -> list[Path]:
    found = shutil.which(program)
    if found is None:
        return []
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = re.search(r"\) (\d+)", said)
    return [Path(found)] if match and int(match[1]) >= version else []


def _run(program: str, version: int, url: str | None, options: Sequence[str]) -> str:
    """Run a client program and return its output; the password goes by the environment, never by the command line."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGTZ": "UTC"}
    if url is not None and (password := urlsplit(url).password):
        environment["PGPASSWORD"] = unquote(password)
    database = [f"--dbname={_without_password(url)}"] if url is not None and program == "pg_dump" else []
    ran = subprocess.run(  # noqa: S603  # our own arguments, no shell
        [find_client(program, version), "--no-password", *database, *options],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode and program == "pg_restore":
        raise DamagedBackup(f"the dump cannot be restored: {_first_error(ran.stderr)}")
    if ran.returncode:
        raise Unavailable(f"{program} failed: {_first_error(ran.stderr)}")
    return ran.stdout


def _first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if "error" in line.lower()] or text.splitlines()[-1:]
    return " | ".join(lines[:2])


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}"))

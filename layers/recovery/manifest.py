"""The manifest of a backup: what is in it, how it can be checked, and what is left out on purpose."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from layers.cluster.base_backup import DamagedBackup

FORMAT = 1
MANIFEST_FILE = "manifest.json"
_CHUNK_BYTES = 1024 * 1024


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredPart(_Model):
    """A file of the backup: its path in the backup's folder, its size in bytes and its SHA-256."""

    path: str
    bytes: int
    sha256: str


class TableDigest(_Model):
    """The number of rows of a table, and a sum over the hashes of its rows that no order changes."""

    rows: int
    digest: str


class Measured(_Model):
    """What was in the database at the moment of the backup.

    Attributes
    ----------
    exact
        Whether the backup's restore point is exactly this moment; else rows that were written meanwhile may differ.
    tables
        By ``schema.table``.
    layers
        The version of each layer.
    log_seq
        The newest number of the change log; 0 while it is empty.
    """

    at: datetime
    exact: bool
    tables: dict[str, TableDigest]
    layers: dict[str, int]
    log_seq: int


class PhysicalBackup(_Model):
    """A base backup of the private cluster.

    Attributes
    ----------
    system
        PostgreSQL's identifier of the cluster.
    version
        Major version of PostgreSQL.
    restore_point
        Name of the point in the log at which the database is as `Manifest.measured` says.
    """

    kind: Literal["physical"] = "physical"
    system: str
    version: int
    first_segment: str
    last_segment: str
    restore_point: str


class LogicalBackup(_Model):
    """A dump of OneMap's schemas in a database of somebody's server.

    Attributes
    ----------
    system
        Server and database, without a password.
    login
        The user that dumped: what it owned belongs to the restoring user.
    owners
        Tables, views, sequences, functions and schemas that another role owns, with that role.
    """

    kind: Literal["logical"] = "logical"
    system: str
    version: int
    login: str
    owners: tuple[tuple[str, str, str], ...]


class Manifest(_Model):
    """A backup.

    Attributes
    ----------
    reason
        Why it was made, in words.
    build, migration
        The version of the code, and the last migration of the database.
    database_bytes
        Size of the database on its disk.
    files
        Name of the list of files beside the database (`layers.recovery.files`).
    left_out
        What is not in the backup on purpose.
    """

    format: int = FORMAT
    id: str
    reason: str
    began_at: datetime
    ended_at: datetime
    build: str
    migration: str
    database: PhysicalBackup | LogicalBackup
    database_bytes: int
    measured: Measured
    parts: tuple[StoredPart, ...]
    files: str
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DatabaseBackup:
    """The database's part of a backup that is being made."""

    database: PhysicalBackup | LogicalBackup
    database_bytes: int
    measured: Measured
    parts: tuple[StoredPart, ...]


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises
    ------
    DamagedBackup
        When it is missing or cannot be read.
    """
    try:
        return Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise DamagedBackup(f"{folder} has no readable manifest: {str(error).splitlines()[0]}") from error


def write_durably(file: Path, content: bytes) -> None:
    """Write a file so that it is whole on disk, or absent, whatever happens."""
    half = file.with_name(f".{file.name}.part")
    with half.open("wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    half.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Write a folder's entries to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def part_of(folder: Path, path: str) -> StoredPart:
    """Measure a file of a backup and write it to disk."""
    with (folder / path).open("rb") as opened:
        digest, size = digest_of(folder / path)
        os.fsync(opened.fileno())
    return StoredPart(path=path, bytes=size, sha256=digest)


def digest_of(file: Path) -> tuple[str, int]:
    """Return the SHA-256 of a file and its size in bytes."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size

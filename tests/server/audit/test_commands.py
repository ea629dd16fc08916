"""``onemap audit`` on a real database: verify, anchor, export; and the jobs that do the same."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from layers.audit.anchor import read_anchors
from layers.audit.note import note
from layers.audit.record import AuditAction
from layers.audit.verify import verify
from layers.database.connection import Role, connect
from server.audit.anchoring import anchors_file
from server.audit.keys import audit_key
from server.processes.audit_jobs import AuditForwarding, AuditUpkeep, audit_jobs
from server.settings import AuditSettings
from tests.command import run_command
from tests.databases import execute, run_async

type Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def onemap(database_url: str, tmp_path: Path) -> Command:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        given = {"ONEMAP_DATABASE_URL": database_url, "COLUMNS": "200"}
        return run_command("audit", *words, "--home", str(tmp_path), environment=given)

    return run


def test_what_was_tampered_with_is_reported(database_url: str, onemap: Command, tmp_path: Path):
    for n in range(3):
        run_async(note(database_url, AuditAction.USER_CHANGE, f"user/{n}"))
    done = onemap("anchor")
    assert done.returncode == 0, done.stderr
    file, out = anchors_file(tmp_path), tmp_path / "audit.ndjson"
    assert file.stat().st_mode & 0o777 == 0o600
    exported = onemap("export", "--out", str(out))
    assert exported.returncode == 0, exported.stderr
    assert len(out.read_bytes().splitlines()) == 5, "three, the anchor and the export itself"
    whole = onemap("verify")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "5 条记录" in whole.stdout

    cut = "SET session_replication_role = replica; DELETE FROM audit.record WHERE seq > 1;"
    forged = "UPDATE audit.head SET seq = r.seq, hash = r.hash FROM audit.record AS r WHERE head.chain = r.chain"
    run_async(execute(database_url, cut + forged))
    broken = onemap("verify")
    assert broken.returncode == 1
    assert "the end was cut off" in broken.stdout
    assert "Traceback" not in broken.stderr
    assert onemap("verify", "--file", str(out)).returncode == 0, "the export still holds all of it"
    out.write_bytes(out.read_bytes().replace(b"user/1", b"user/9"))
    assert "it was changed" in onemap("verify", "--file", str(out)).stdout


def test_bad_input_is_one_sentence(onemap: Command, tmp_path: Path):
    for words in (
        ("verify", "--anchors", str(tmp_path / "none")),
        ("verify", "--key", str(tmp_path / "none")),
        ("export", "--from", "yesterday"),
    ):
        done = onemap(*words)
        assert done.returncode == 1
        assert done.stderr.startswith("✗ ")
        assert "Traceback" not in done.stderr


@pytest.mark.anyio
async def test_the_ingest_process_writes_anchors(database_url: str, tmp_path: Path):
    job = AuditUpkeep(database_url, tmp_path, AuditSettings())
    await job.once()
    await job.once()
    (anchor,) = read_anchors(anchors_file(tmp_path), audit_key(tmp_path, "anchors"))
    assert set(anchor.chains) == {"general", "sensitive"}
    connection = await connect(database_url, Role.AUDITOR)
    assert [walk.fault for walk in await verify(connection, [anchor])] == [None, None]
    await connection.close()


@pytest.mark.anyio
async def test_the_ingest_process_forwards_to_a_log_server(database_url: str, tmp_path: Path):
    received = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'"object":"user/li"')
        received.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        syslog = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        jobs = audit_jobs(database_url, tmp_path, AuditSettings(syslog=syslog))
        (job,) = (one for one in jobs if isinstance(one, AuditForwarding))
        working = asyncio.create_task(job.run())
        await note(database_url, AuditAction.USER_CHANGE, "user/li")
        async with asyncio.timeout(60):
            await received.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def test_keys_are_made_once_and_kept_from_others(tmp_path: Path):
    first = audit_key(tmp_path, "queries")
    assert audit_key(tmp_path, "queries") == first != audit_key(tmp_path, "anchors")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "audit").iterdir()} == {0o600}
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700

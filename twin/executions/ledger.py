"""The ledger of jobs: every change of a job is one statement, so that two workers never disagree."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from uuid import UUID

import asyncpg
import orjson

from layers.errors import TooOften
from twin.executions.job import JobResult, NoSuchJob, ProcessJob
from twin.executions.progress import JobProgress

_COLUMNS = ", ".join(field.name for field in fields(ProcessJob))
_OPEN = "status IN ('accepted', 'running')"
_ADD = f"""INSERT INTO onemap.process_job (id, owner, audience, process, response, status, runner)
VALUES ($1, $2, $3, $4, $5, 'accepted', $6) RETURNING {_COLUMNS}"""
_END = "finished_at = clock_timestamp(), updated_at = clock_timestamp(), expires_at = clock_timestamp() + {}"
_BEAT = f"""UPDATE onemap.process_job AS j SET beat_at = clock_timestamp(),
    percent = coalesce(CASE WHEN t.message IS NOT NULL THEN t.percent END, j.percent),
    message = coalesce(t.message, j.message),
    updated_at = CASE WHEN t.message IS NULL OR (t.message, t.percent) IS NOT DISTINCT FROM (j.message, j.percent)
        THEN j.updated_at ELSE clock_timestamp() END
FROM unnest($1::uuid[], $2::smallint[], $3::text[]) AS t (id, percent, message) WHERE j.id = t.id AND j.{_OPEN}"""
_RETRY_AFTER_S = 5


class JobLedger:
    """Jobs in the database.

    Parameters
    ----------
    pool
        Connections of the ingesting role.
    open_max, owner_max
        Jobs that may wait or run at once: of all, and of one owner.
    kept_s
        Seconds for which a job that has ended is kept.
    """

    def __init__(self, pool: asyncpg.Pool, *, open_max: int, owner_max: int, kept_s: float) -> None:
        self._pool, self._open_max, self._owner_max, self._kept_s = pool, open_max, owner_max, kept_s

    async def add(
        self, job_id: UUID, owner: str, audience: str, process: str, response: str, runner: UUID
    ) -> ProcessJob:
        """Accept a job.

        Raises
        ------
        TooOften
            When too many wait or run, of all or of this owner.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('onemap process job'))")
            open_now = await connection.fetchrow(
                f"SELECT count(*) AS every, count(*) FILTER (WHERE owner = $1) AS own "
                f"FROM onemap.process_job WHERE {_OPEN}",
                owner,
            )
            for number, most, whose in (
                (open_now["own"], self._owner_max, "of yours "),
                (open_now["every"], self._open_max, ""),
            ):
                if number >= most:
                    raise TooOften(
                        f"{number} jobs {whose}wait or run already; at most {most} may; come again when one has ended",
                        retry_after_s=_RETRY_AFTER_S,
                    )
            return _job(await connection.fetchrow(_ADD, job_id, owner, audience, process, response, runner))

    async def begin(self, job_id: UUID) -> bool:
        """Note that a job runs; False when it was dismissed meanwhile."""
        return await self._changes(
            "UPDATE onemap.process_job SET status = 'running', started_at = clock_timestamp(), "
            "updated_at = clock_timestamp() WHERE id = $1 AND status = 'accepted'",
            job_id,
        )

    async def succeed(self, job_id: UUID, result: JobResult) -> bool:
        """Keep the result of a job; False when it was dismissed meanwhile."""
        return await self._changes(
            "UPDATE onemap.process_job SET status = 'successful', message = NULL, media_type = $2, result = $3, "
            f"taken = $4::jsonb, "
            f"{_END.format('make_interval(secs => $5)')} WHERE id = $1 AND status = 'running'",
            job_id,
            result.media_type,
            result.body,
            orjson.dumps(result.taken).decode(),
            self._kept_s,
        )

    async def fail(self, job_id: UUID, fault_status: int, message: str) -> bool:
        """Note why a job failed; False when it has ended already."""
        return await self._changes(
            f"UPDATE onemap.process_job SET status = 'failed', fault_status = $2, message = $3, "
            f"{_END.format('make_interval(secs => $4)')} WHERE id = $1 AND {_OPEN}",
            job_id,
            fault_status,
            message.replace("\0", "\ufffd"),  # it may repeat an input, and PostgreSQL stores no NUL
            self._kept_s,
        )

    async def dismiss(self, job_id: UUID, owner: str) -> ProcessJob:
        """Dismiss a job of an owner: it is given up, and its result is removed.

        Raises
        ------
        NoSuchJob
            When the owner has none of this id.
        """
        row = await self._pool.fetchrow(
            f"UPDATE onemap.process_job SET status = 'dismissed', result = NULL, taken = NULL, media_type = NULL, "
            f"message = NULL, {_END.format('make_interval(secs => $3)')} "
            f"WHERE id = $1 AND owner = $2 AND status <> 'dismissed' RETURNING {_COLUMNS}",
            job_id,
            owner,
            self._kept_s,
        )
        return await self.find(job_id, owner) if row is None else _job(row)

    async def find(self, job_id: UUID, owner: str) -> ProcessJob:
        """Return a job of an owner.

        Raises
        ------
        NoSuchJob
            When the owner has none of this id.
        """
        row = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM onemap.process_job WHERE id = $1 AND owner = $2", job_id, owner
        )
        if row is None:
            raise NoSuchJob(f"there is no job '{job_id}' of yours, or its results have expired", parameter="jobId")
        return _job(row)

    async def result(self, job_id: UUID, owner: str) -> JobResult | None:
        """Return the result of a successful job of an owner; None when there is none."""
        row = await self._pool.fetchrow(
            "SELECT media_type, result, taken FROM onemap.process_job "
            "WHERE id = $1 AND owner = $2 AND status = 'successful'",
            job_id,
            owner,
        )
        if row is None:
            return None
        taken = tuple((str(name), int(number)) for name, number in orjson.loads(row["taken"]))
        return JobResult(row["media_type"], row["result"], taken)

    async def of_owner(
        self, owner: str, processes: Sequence[str], statuses: Sequence[str], limit: int
    ) -> list[ProcessJob]:
        """Return the jobs of an owner, the newest first; an empty list of processes or statuses means all."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM onemap.process_job WHERE owner = $1 "
            "AND (cardinality($2::text[]) = 0 OR process = ANY ($2)) "
            "AND (cardinality($3::text[]) = 0 OR status = ANY ($3)) ORDER BY created_at DESC, id LIMIT $4",
            owner,
            list(processes),
            list(statuses),
            limit,
        )
        return [_job(row) for row in rows]

    async def beat(self, jobs: Mapping[UUID, JobProgress]) -> None:
        """Give a sign of life for jobs that have a task, and tell how far each is; nothing told changes nothing."""
        told = list(jobs.values())
        await self._pool.execute(
            _BEAT, list(jobs), [one.percent for one in told], [one.message or None for one in told]
        )

    async def ended(self, job_ids: Collection[UUID]) -> list[UUID]:
        """Return those of some jobs that have ended, or are no more."""
        rows = await self._pool.fetch(
            f"SELECT own.id FROM unnest($1::uuid[]) AS own (id) "
            f"WHERE NOT EXISTS (SELECT FROM onemap.process_job AS j WHERE j.id = own.id AND j.{_OPEN})",
            list(job_ids),
        )
        return [row["id"] for row in rows]

    async def fail_of(self, runner: UUID) -> int:
        """Let the open jobs of a runner that stops fail; return how many."""
        return await self._fail_where("runner = $1", runner)

    async def fail_abandoned(self, silent_s: float) -> int:
        """Let jobs fail whose worker gave no sign of life for a while; return how many."""
        return await self._fail_where("beat_at < clock_timestamp() - make_interval(secs => $1)", silent_s)

    async def _fail_where(self, condition: str, value: object) -> int:
        text = await self._pool.execute(
            f"UPDATE onemap.process_job SET status = 'failed', fault_status = 503, "
            f"message = 'the worker that ran it was stopped; start the job again', "
            f"{_END.format('make_interval(secs => $2)')} WHERE {_OPEN} AND {condition}",
            value,
            self._kept_s,
        )
        return _count(text)

    async def expire(self) -> int:
        """Remove jobs whose time is over; return how many."""
        return _count(await self._pool.execute("DELETE FROM onemap.process_job WHERE expires_at < clock_timestamp()"))

    async def _changes(self, statement: str, *values: object) -> bool:
        return _count(await self._pool.execute(statement, *values)) > 0


def _count(command: str) -> int:
    return int(command.rpartition(" ")[2])


def _job(row: asyncpg.Record) -> ProcessJob:
    return ProcessJob(**{field.name: row[field.name] for field in fields(ProcessJob)})

"""Feeds whose sender drops files: each is taken once, in parts of bounded size, and put away.

A file is claimed, read, checked as a whole, taken part by part, recorded in PostGIS and then put away. A connector that
was killed in between starts with the file again: messages are known by their identity and count once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import batched
from typing import ClassVar, Literal, override

from layers.errors import BadInput
from twin.connectors.connector import FetchedFeed, Status
from twin.connectors.drop_folder import DropConnection, DropFolder, DroppedFile
from twin.connectors.drop_ledger import FileLedger
from twin.connectors.drop_report import ERROR, REPORT, error_text, rows_report
from twin.connectors.drop_whole import gone
from twin.envelope.message import Reading
from twin.envelope.read import BATCH, BODY_BYTES_MAX, LINES, STRUCTURED, decode_json
from twin.envelope.refused import Reason, Refusal, Refused
from twin.feeds.decode import Delivery, decode, decode_rows
from twin.feeds.definition import FeedFormat
from twin.feeds.table import each_row
from twin.intake.settling import Settle, patient, settled
from twin.jobs.jobs import Parts
from twin.store.outcome import Outcome

FOLDER = "drops"
PART_ROWS = 2_000
_LOOK_SECONDS = 1.0

type Take = Callable[[Delivery], Awaitable[Outcome]]


class DropFeed(FetchedFeed):
    """A feed whose sender drops files into ``<home>/drops/{name}``."""

    usual_format: ClassVar[FeedFormat] = "table"

    protocol: Literal["drop"]
    connection: DropConnection

    @override
    def how_to_send(self) -> Iterator[str]:
        yield f"文件名 files named: {self.connection.pattern}"

    @override
    async def run(self, parts: Parts, status: Status) -> None:
        """Look into the feed's folder, and take whole files, until cancelled."""
        path = parts.home / FOLDER / self.name
        folder = DropFolder(path, self.connection.pattern, counted=self.connection.count_file)
        settle, take = partial(parts.intake.take_read, self.name), partial(parts.intake.take, self.name)
        drop = Drop(self, folder, FileLedger(parts.pool, self.name), settle, take)
        await status.working(f"looks into {path}")
        while True:
            for sentence in await drop.look():
                await status.working(f"looks into {path}; last {sentence}")
            await asyncio.sleep(_LOOK_SECONDS)


class Drop:
    """Takes the files of one feed.

    Parameters
    ----------
    settle, take
        Write messages, and a delivery that is read as one (a warning); both return when it is durable.
    """

    def __init__(
        self, definition: DropFeed, folder: DropFolder, ledger: FileLedger, settle: Settle, take: Take
    ) -> None:
        if definition.connection.whole and len(definition.supplies) != 1:
            raise BadInput(f"'{definition.name}' has whole files, so it can supply one collection only")
        self._definition, self._folder, self._ledger = definition, folder, ledger
        self._settle, self._take = settle, take

    async def look(self) -> list[str]:
        """Take every whole file, and files an earlier process left claimed; return a sentence for each."""
        for name in self._folder.look():
            self._folder.claim(name)
        sentences = [await self._take_file(name) for name in self._folder.claimed()]
        return [sentence for sentence in sentences if sentence]

    async def _take_file(self, name: str) -> str:
        digest = b""
        try:
            file = await asyncio.to_thread(self._folder.read, name)
            digest = file.digest
            if await self._ledger.knows(digest, whole=self._definition.connection.whole):
                return self._put_away(name, "done", digest, f"{name} was taken before")
            with self._folder.first_reading(name):
                await asyncio.to_thread(_check, self._definition, file)
            outcome, notes = await self._take_parts(file)
        except BlockingIOError:
            return ""
        except Refused as error:
            await self._keep_refusal(error, name)
            notes = {ERROR: error_text(name, error, datetime.now(UTC))}
            return self._put_away(name, "failed", digest, f"{name} could not be read: {error.message}", notes)
        counts = (
            f"{outcome.received} rows, {outcome.duplicate} known, {outcome.rejected} refused, {outcome.waiting} held"
        )
        return self._put_away(name, "done", digest, f"{name} was taken: {counts}", notes)

    def _put_away(
        self,
        name: str,
        where: Literal["done", "failed"],
        digest: bytes,
        sentence: str,
        notes: dict[str, bytes] | None = None,
    ) -> str:
        self._folder.put_away(name, where, digest, notes)
        return sentence

    async def _keep_refusal(self, error: Refused, name: str) -> None:
        """Keep a refusal for a file that could not be read; the file itself stays in its folder."""
        refusal = Refusal(0, error.reason, f"{name}: {error.message}", name.encode())
        await settled(self._settle, Reading([], [refusal]))

    async def _take_parts(self, file: DroppedFile) -> tuple[Outcome, dict[str, bytes]]:
        outcome, held = Outcome(), set[str]()
        parts = _parts(self._definition, file)
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            if isinstance(part, Delivery):
                outcome += await patient(partial(self._take, part))
            else:
                held.update(message.feature_id for message in part.messages)
                outcome += await settled(self._settle, part)
        refusals = [*outcome.refused, *outcome.held]
        notes = {REPORT: rows_report(refusals)} if refusals else {}
        if not self._definition.connection.whole or outcome.refused:  # a refused row may be of any feature
            await self._ledger.finished(file, outcome, 0, None)
        else:
            notes |= await self._delete_missing(file, outcome, held)
        return outcome, notes

    async def _delete_missing(self, file: DroppedFile, outcome: Outcome, held: set[str]) -> dict[str, bytes]:
        """Delete the features that a whole file no longer has; if these are more than half, keep all and report it."""
        known = await self._ledger.features()
        missing = len(set(known) - held)
        deletions = gone(self._definition, held, known, now=min(file.written_at, datetime.now(UTC)))
        for some in batched(deletions, PART_ROWS):
            await settled(self._settle, Reading(list(some)))
        await self._ledger.finished(
            file, outcome, len(deletions), held if len(deletions) == missing else {*held, *known}
        )
        if len(deletions) == missing:
            return {}
        detail = f"{missing} of {len(known)} features would go, more than half: none was removed 未删除"
        return {REPORT: rows_report([Refusal(0, Reason.TOO_MANY, detail, b"")])}


def _parts(definition: DropFeed, file: DroppedFile) -> Iterator[Reading | Delivery]:
    """Cut a file into decoded parts, or one delivery that is decoded as a whole."""
    lines = file.name.lower().endswith((".ndjson", ".jsonl"))
    if definition.format == "table":
        for some in batched(each_row(file.body, file.name, definition.connection.encoding), PART_ROWS):
            now = datetime.now(UTC)
            yield decode_rows(definition, some, now=now, file_name=file.name, written_at=min(file.written_at, now))
    elif definition.format in {"cloudevents", "records"} and lines:
        for first, body in _some_lines(file.body):
            reading = decode(definition, Delivery(body, {"content-type": LINES}), now=datetime.now(UTC))
            reading.refused = [replace(one, index=first + one.index) for one in reading.refused]
            yield reading
    else:
        media = BATCH if file.body.lstrip()[:1] == b"[" else STRUCTURED
        headers = {"content-type": media} if definition.format == "cloudevents" else {}
        yield Delivery(file.body, headers, file_name=file.name)


def _some_lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut lines into parts, each with the number of its first line, from 1; one line alone may be of any length."""
    first, at, body = 1, 0, body.removeprefix(b"\xef\xbb\xbf")
    while at < len(body):
        end, count = at, 0
        while end < len(body) and count < PART_ROWS and (count == 0 or end - at < BODY_BYTES_MAX // 8):
            found = body.find(b"\n", end)
            end, count = (len(body) if found < 0 else found + 1), count + 1
        yield first, body[at:end]
        first, at = first + count, end


def _check(definition: DropFeed, file: DroppedFile) -> None:
    """Check that a file can be read to its end, before any of it is taken.

    Raises
    ------
    Refused
        When it cannot be read to its end, or its number of rows is not that of its count file.
    """
    if definition.format == "table":
        rows = sum(1 for _ in each_row(file.body, file.name, definition.connection.encoding))
    elif file.name.lower().endswith((".ndjson", ".jsonl")):
        rows = sum(1 for line in file.body.split(b"\n") if line.strip())
    elif file.rows is not None and file.name.lower().endswith(".json"):
        found = decode_json(file.body)
        rows = len(found) if type(found) is list else 1
    else:
        rows = 1
    if file.rows is not None and rows != file.rows:
        raise Refused(Reason.WRONG_TYPE, f"the count file says {file.rows} rows, the file has {rows}")

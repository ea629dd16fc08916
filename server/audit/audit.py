"""The audit of a web worker: which requests are recorded, how, and when.

::

    touched data        tiles of a map            other answers
    grade 1             counted by the minute     counted by the minute
    grade 2             counted for each subject  a record each, soon after the answer
    grade 3 and above   a record each, stored before the first byte leaves; else 503; so are exports of grade 2

Refusals (401, 403) of known subjects are records, those of strangers are counted by address; messages of feeds are
counted. What people do other than to read is noted by `Audit.note`, before it takes effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.types import Scope

from layers.audit.record import SENSITIVE_GRADE, AuditAction, AuditChain, AuditDecision, AuditRecord, AuditSubject
from layers.audit.writer import AuditWriter
from server.audit.addresses import holds_no_data
from server.audit.request_record import (
    asked_by,
    audit_subject,
    identity_in,
    keyed_hash,
    moment_of,
    origin_of,
    read_text,
    request_record,
    rule_ids,
)
from server.audit.touched import Touched, current_note
from server.identity.subject import Subject

_FEEDS = "/feeds/"
_REFUSED = (401, 403)
_LATER_GRADE = 2


class Audit:
    """Records what a web worker does; without a writer it records nothing.

    Parameters
    ----------
    writer
        None when the settings turn the audit off.
    query_key
        The key of the hashes of queries.
    """

    def __init__(self, writer: AuditWriter | None, query_key: bytes = bytes(32)) -> None:
        self.writer, self._query_key = writer, query_key

    def keyed(self, text: str) -> str:
        """Return a text that must not be recorded, as a hash by which the same text is known again."""
        return keyed_hash(text, self._query_key)

    async def before_answer(self, scope: Scope, note: Touched, status: int) -> None:
        """Record a request whose answer is about to begin.

        Raises
        ------
        AuditUnavailable
            When the answer must not leave, because it cannot be recorded.
        """
        if self.writer is None or note.is_settled:
            return
        note.is_settled = True
        if scope["path"].startswith(_FEEDS) and scope["method"] == "POST":
            self._count_feed(self.writer, scope, status)
        elif status in _REFUSED:
            self._refusal(self.writer, scope, note, status)
        elif status < 400 and _is_made_later(note):
            made = partial(read_text, scope, note, status, self._query_key, moment_of(note))
            self.writer.add_later(AuditChain.GENERAL, made)
        elif status < 400:
            await self._answer(self.writer, scope, note, status)

    async def begin(self, scope: Scope, note: Touched) -> AuditRecord | None:
        """Record a request before its answer begins, where the answer has no end of its own; `add` records the end.

        Returns
        -------
        AuditRecord or None
            The record; None when the request is only counted.

        Raises
        ------
        AuditUnavailable
            When the answer must not begin.
        """
        if self.writer is None:
            return None
        note.is_settled = True
        return await self._answer(self.writer, scope, note, 200)

    def add(self, record: AuditRecord) -> None:
        """Add a record that is stored soon.

        Raises
        ------
        AuditUnavailable
            When too many wait.
        """
        if self.writer is not None:
            self.writer.add(record)

    async def _answer(self, writer: AuditWriter, scope: Scope, note: Touched, status: int) -> AuditRecord | None:
        if not note.max_grade and not _assume(scope, note):
            return None
        is_by_row = note.max_grade >= 2 and not (note.is_tile and note.max_grade < SENSITIVE_GRADE)
        if not is_by_row and note.action is not AuditAction.EXPORT:
            actor = note.actor
            key = note.object, note.action, note.max_grade, actor.subject if actor else "", note.is_tile
            writer.count(key, lambda: _counted(scope, note))
            return None
        record = request_record(scope, note, status, self._query_key)
        is_sensitive = note.max_grade >= SENSITIVE_GRADE or note.watermark is not None
        if is_sensitive and status != 304:
            await writer.write(record)
        else:
            writer.add(record)
        return record

    def _refusal(self, writer: AuditWriter, scope: Scope, note: Touched, status: int) -> None:
        record = request_record(scope, note, status, self._query_key)
        if record.subject.method in {"none", "refused"}:
            writer.count((record.origin.client_ip, status, record.subject.id), lambda: record)
        else:
            writer.add(record)

    def _count_feed(self, writer: AuditWriter, scope: Scope, status: int) -> None:
        feed = scope["path"].removeprefix(_FEEDS)[:80]
        decision = AuditDecision.DENY if status in _REFUSED else AuditDecision.ALLOW

        def first() -> AuditRecord:
            return AuditRecord(
                action=AuditAction.WRITE,
                object=f"feed/{feed}",
                subject=AuditSubject(f"feed:{feed}", method="signature"),
                origin=origin_of(scope),
                decision=decision,
                result_code=status,
            )

        client = scope.get("client")
        writer.count(("feed", feed if status < 400 else "", status, client and client[0]), first)

    async def note(
        self,
        action: AuditAction,
        thing: str,
        *,
        scope: Scope,
        subject: Subject | None = None,
        decision: AuditDecision = AuditDecision.ALLOW,
        purpose: str = "",
        detail: Mapping[str, str | int] | None = None,
    ) -> None:
        """Record an action that is not a read, in place of the request; call it before the action takes effect.

        Parameters
        ----------
        thing
            What it is done to: ``user/li``, ``layer/events``.
        subject
            Who does it; None is the subject of the request, or nobody known.
        detail
            Facts without personal values: numbers, codes, ids.

        Raises
        ------
        AuditUnavailable
            When it cannot be recorded; the action must not be done then.
        """
        current_note().is_settled = True  # the note stands for the request
        if self.writer is None:
            return
        who = asked_by(scope, None) if subject is None else audit_subject(subject)
        record = AuditRecord(
            action=action,
            object=thing,
            subject=who,
            origin=origin_of(scope),
            decision=decision,
            purpose=purpose,
            detail=detail or {},
        )
        await self.writer.write(record)


def _is_made_later(note: Touched) -> bool:
    """Whether the record of a request is one of the many that nobody waits for: a read of grade 2."""
    return note.max_grade == _LATER_GRADE and not note.is_tile and note.action is None


def _assume(scope: Scope, note: Touched) -> bool:
    """Note the most that an answer can hold which does not say what it touched; False when that is nothing."""
    identity = identity_in(scope)
    if identity is None or identity.actor.clearance < SENSITIVE_GRADE or holds_no_data(scope["path"]):
        return False
    note.max_grade = identity.actor.clearance
    return True


def _counted(scope: Scope, note: Touched) -> AuditRecord:
    """Return the record that many requests share: no filter, no time, no address."""
    return AuditRecord(
        action=note.action or AuditAction.READ,
        object=f"tiles/{note.object}" if note.is_tile else note.object,
        subject=asked_by(scope, note.actor),
        decision=AuditDecision.MASK if note.masked else AuditDecision.ALLOW,
        rule_id=rule_ids(note.rules),
        max_grade=note.max_grade,
    )

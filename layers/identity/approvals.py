"""Approvals of exports: who may take more than the allowance, and who allowed it; for web workers and the owner."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from layers.errors import BadInput, Forbidden, NotFound
from layers.policy.definition import EVERY

NUMBER = re.compile(r"[0-9]{4}-[0-9]{4,6}")
DAYS_MAX = 366
PURPOSE_CHARS = (4, 2000)
_LAYERS_MAX = 100


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval.

    Attributes
    ----------
    subject
        The id of who asked for it, and alone may use it.
    layers
        Ids of layers; ``*`` is every layer.
    """

    number: str
    subject: str
    approved_by: str
    layers: tuple[str, ...]
    max_grade: int
    purpose: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    def fault(self, subject: str, grades: dict[str, int], now: datetime) -> str | None:
        """Return why it is not enough for a subject to take layers, each up to a grade; None when it is."""
        if self.subject != subject:
            return "is for somebody else"
        if self.revoked_at is not None:
            return "was revoked"
        if self.expires_at <= now:
            return f"ended at {self.expires_at:%Y-%m-%d %H:%M} UTC"
        for layer, grade in grades.items():
            if EVERY not in self.layers and layer not in self.layers:
                return f"is not for '{layer}'"
            if grade > self.max_grade:
                return f"is up to grade {self.max_grade}; '{layer}' holds grade {grade}"
        return None


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What is to be approved, before it is.

    Raises
    ------
    BadInput
        For no layer or too many, a grade that needs no approval, a purpose that says nothing, and an end that is not
        within a year.
    """

    subject: str
    layers: tuple[str, ...]
    max_grade: int
    purpose: str
    expires_at: datetime

    def __post_init__(self) -> None:
        least, most = PURPOSE_CHARS
        if not 1 <= len(self.layers) <= _LAYERS_MAX:
            raise BadInput(f"1 to {_LAYERS_MAX} layers are named, or '*'; got {len(self.layers)}", parameter="layers")
        if not 2 <= self.max_grade <= 4:
            raise BadInput(f"a grade to approve is 2 to 4; got {self.max_grade}", parameter="max_grade")
        if not least <= len(self.purpose.strip()) <= most:
            raise BadInput(f"须写明用途 a purpose of {least} to {most} characters is needed", parameter="purpose")
        if self.expires_at.tzinfo is None:
            raise BadInput("until needs a time zone: 2026-12-31T18:00:00+08:00", parameter="until")
        if not timedelta(0) < self.expires_at - datetime.now(UTC) <= timedelta(days=DAYS_MAX):
            raise BadInput(f"until lies within the next {DAYS_MAX} days; got {self.expires_at}", parameter="until")

    def check(self, known: Collection[str], by: str) -> None:
        """Check a request before it is recorded and approved.

        Raises
        ------
        BadInput
            When a layer does not exist.
        Forbidden
            When somebody approves what is his own.
        """
        if self.subject == by:
            raise Forbidden("不得自批 nobody approves an export of his own")
        unknown = [layer for layer in self.layers if layer != EVERY and layer not in known]
        if unknown:
            raise BadInput(f"there is no layer {', '.join(unknown)[:200]}", parameter="layers")


async def approve(connection: asyncpg.Connection | asyncpg.Pool, request: ApprovalRequest, by: str) -> str:
    """Approve an export that was checked, and return its number; the table takes none of one's own."""
    number: str = await connection.fetchval(
        "SELECT identity.approve($1, $2, $3, $4::smallint, $5, $6)",
        request.subject,
        by,
        list(request.layers),
        request.max_grade,
        request.purpose.strip(),
        request.expires_at,
    )
    return number


async def find_approval(connection: asyncpg.Connection | asyncpg.Pool, number: str) -> Approval | None:
    """Return the approval of a number, also one that counts no more; None when there is none."""
    if not NUMBER.fullmatch(number):
        return None
    row = await connection.fetchrow("SELECT * FROM identity.find_approval($1)", number)
    return _approval(row) if row else None


async def list_approvals(connection: asyncpg.Connection | asyncpg.Pool) -> list[Approval]:
    """Return the last 500, the newest first; empty when there are none."""
    return [_approval(row) for row in await connection.fetch("SELECT * FROM identity.approvals()")]


async def revoke_approval(connection: asyncpg.Connection | asyncpg.Pool, number: str) -> None:
    """End an approval; the next answer needs another.

    Raises
    ------
    NotFound
        When none of this number counts.
    """
    if not NUMBER.fullmatch(number) or not await connection.fetchval("SELECT identity.revoke_approval($1)", number):
        raise NotFound(f"no approval '{number[:20]}' counts; ./onemap approval list shows them", parameter="number")


def _approval(row: asyncpg.Record) -> Approval:
    return Approval(**{**dict(row), "layers": tuple(row["layers"])})

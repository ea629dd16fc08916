"""One record of the audit, and the chain that it belongs to.

A record names people by their ids and data by layer, field and feature; it holds no values of fields.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from secrets import token_hex

SENSITIVE_GRADE = 3
"""Data of this grade and above is recorded before it leaves."""


class AuditChain(StrEnum):
    """The chains of records. Each has its own period of retention, so that records only ever leave at its beginning.

    Attributes
    ----------
    GENERAL
        Reads of grades 1 and 2, and counters.
    SENSITIVE
        Data of grade 3 and above, and everything that people did other than to read.
    """

    GENERAL = "general"
    SENSITIVE = "sensitive"


class AuditAction(StrEnum):
    """What was done (`domain.md` 7.6)."""

    READ = "read"
    SEARCH = "search"
    EXPORT = "export"
    STREAM = "stream"
    REPLAY = "replay"
    WRITE = "write"
    DISPATCH = "dispatch"
    SIMULATE = "simulate"
    LOGIN = "login"
    LOGOUT = "logout"
    USER_CHANGE = "user_change"
    TOKEN_CHANGE = "token_change"  # noqa: S105  # the name of an action
    POLICY_CHANGE = "policy_change"
    BREAK_GLASS = "break_glass"
    APPROVAL = "approval"
    REFERENCE = "reference"
    PURGE = "purge"
    ERASE = "erase"
    BACKUP = "backup"
    ADMIN = "admin"
    RETENTION = "retention"
    ANCHOR = "anchor"


_BY_GRADE = {
    AuditAction.READ: SENSITIVE_GRADE,
    AuditAction.SEARCH: SENSITIVE_GRADE,
    AuditAction.STREAM: SENSITIVE_GRADE,
    AuditAction.REPLAY: SENSITIVE_GRADE,
    AuditAction.WRITE: SENSITIVE_GRADE,  # of feeds, by the thousand
    AuditAction.EXPORT: 2,  # many rows of grade 2 can make a set of grade 3
}
"""The lowest grade that makes an action sensitive; an action that is not here always is."""


class AuditDecision(StrEnum):
    """What the rules decided: the whole, nothing, or a part with masked or missing fields."""

    ALLOW = "allow"
    DENY = "deny"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class AuditSubject:
    """Who did it.

    Attributes
    ----------
    id
        The subject's id, never a secret.
    name
        The name; the record holds its first character alone.
    areas
        Prefixes of area codes; empty means everywhere.
    session_id
        The session or token, by an id that opens nothing.
    method
        How it was proven who this is: ``anonymous``, ``token``, ``session``, ``oidc``, ``command line``.
    """

    id: str
    name: str = ""
    roles: tuple[str, ...] = ()
    org: str = ""
    areas: tuple[str, ...] = ()
    session_id: str = ""
    method: str = ""

    @property
    def name_masked(self) -> str:
        """The first character of the name; empty without a name."""
        return f"{self.name[0]}**" if self.name else ""


def local_subject() -> AuditSubject:
    """Return the person at the command line, by the account of the operating system."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, in a container
        account = "unknown"
    return AuditSubject(f"local:{account}", roles=("sysadmin",), method="command line")


@dataclass(frozen=True, slots=True)
class AuditOrigin:
    """Where a request came from.

    Attributes
    ----------
    device
        The user agent.
    request_id
        The id that the client received with its answer.
    """

    client_ip: str = ""
    device: str = ""
    request_id: str = ""


@dataclass(slots=True, kw_only=True)  # not frozen, which takes three times as long to make: each read makes one
class AuditRecord:
    """What is recorded of one action; nobody changes it.

    Attributes
    ----------
    object
        The data or thing: ``collection/id``, ``feed/name``, ``user/id``.
    filters
        Summary of the request's filters: ``bbox``, ``time``, ``query`` (a keyed hash).
    max_grade
        The highest data grade that was touched; None when no data was.
    sensitive_fields
        Names (``layer.field``) of the touched fields of grade 3 and above.
    rows
        Number of features; None when it is not known.
    count
        Number of requests that a counter stands for; 1 for a record of one request.
    detail
        Further facts without personal values: numbers, codes, ids.
    """

    action: AuditAction
    object: str
    subject: AuditSubject
    origin: AuditOrigin = AuditOrigin()
    decision: AuditDecision = AuditDecision.ALLOW
    rule_id: str = ""
    purpose: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    max_grade: int | None = None
    sensitive_fields: tuple[str, ...] = ()
    rows: int | None = None
    count: int = 1
    result_code: int | None = None
    duration_ms: int | None = None
    detail: Mapping[str, str | int] = field(default_factory=dict)
    audit_id: str = field(default_factory=lambda: token_hex(16))
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def chain(self) -> AuditChain:
        """The chain, by data and action."""
        sensitive = (self.max_grade or 0) >= _BY_GRADE.get(self.action, 0)
        return AuditChain.SENSITIVE if sensitive else AuditChain.GENERAL

"""The record of a request: who asked from where, what was touched, what was filtered, what was decided."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from functools import lru_cache
from time import time_ns
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.types import Scope

from layers.actor import Actor
from layers.audit.frame import RecordFrame
from layers.audit.record import AuditAction, AuditDecision, AuditOrigin, AuditRecord, AuditSubject
from layers.errors import Unauthenticated
from server.audit.touched import Touched
from server.identity.identity import Identity, identity_of
from server.identity.subject import AuthMethod, Subject
from server.request_id import request_id

UNKNOWN = AuditSubject("unknown", method="refused")
_BBOX = re.compile(r"[0-9eE.,+\- ]{1,120}")
_TIME = re.compile(r"[0-9TZ:.+\-/ ]{1,80}")
_TIMES = ("datetime", "at", "from", "to")
_PLAIN = frozenset({"f", "limit", "crs", "lang", "next", "cursor", "v", "offset"})
_PARAMETERS_MAX = 50
_DEVICE_MAX = 1000  # more than is recorded


@lru_cache(maxsize=1024)
def audit_subject(subject: Subject) -> AuditSubject:
    """Return a subject as the audit names it."""
    return AuditSubject(
        subject.id,
        "" if subject.id == subject.name else subject.name,
        roles=subject.roles,
        org=",".join(subject.departments),
        areas=subject.areas,
        session_id=subject.session_id or "",
        method=subject.method.value,
    )


@lru_cache(maxsize=1024)
def rule_ids(rules: tuple[str, ...]) -> str:
    """Return the ids of rules, each once, by comma."""
    return ",".join(dict.fromkeys(rules))


def identity_in(scope: Scope) -> Identity | None:
    """Return who a request has proven to be; None when its credentials are wrong."""
    try:
        return identity_of(scope)
    except (KeyError, Unauthenticated):
        return None


def asked_by(scope: Scope, actor: Actor | None) -> AuditSubject:
    """Return who asks: the identity of the request, or the actor that a later message of a socket has named."""
    who = _asker(scope, actor)
    return audit_subject(who) if isinstance(who, Subject) else who


def _asker(scope: Scope, actor: Actor | None) -> Subject | AuditSubject:
    identity = identity_in(scope)
    if identity is not None and (actor is None or actor.subject == identity.actor.subject):
        return identity.subject
    if actor is None:
        return UNKNOWN
    return AuditSubject(actor.subject, roles=actor.roles, method=AuthMethod.TOKEN.value)


def origin_of(scope: Scope) -> AuditOrigin:
    """Return where the request of this task came from."""
    return AuditOrigin(*_sender(scope), request_id())


def _sender(scope: Scope) -> tuple[str, str]:
    """Return the address and the user agent of a request."""
    client = scope.get("client")
    address = str(client[0]) if client else ""
    for name, value in scope["headers"]:
        if name == b"user-agent":
            return address, value[:_DEVICE_MAX].decode("latin-1")
    return address, ""


def keyed_hash(text: str, key: bytes) -> str:
    """Return half of an HMAC in hexadecimal digits: without the key nobody can try values."""
    return hmac.digest(key, text.encode("utf-8", "replace"), "sha256").hex()[:32]


class AnswerMoment(NamedTuple):
    """When an answer began, in milliseconds since 1970, and in which request."""

    at_ms: int
    duration_ms: int
    request_id: str


def moment_of(note: Touched) -> AnswerMoment:
    """Return the present as the moment at which the answer to this task's request begins."""
    return AnswerMoment(time_ns() // 1_000_000, note.duration_ms, request_id())


def request_record(scope: Scope, note: Touched, status: int, query_key: bytes) -> AuditRecord:
    """Return the record of a request whose answer begins with a status.

    Parameters
    ----------
    query_key
        The key of the hash of its query.
    """
    denied = status in {401, 403}
    text, given = _query(scope)
    decision = AuditDecision.MASK if note.masked else AuditDecision.ALLOW
    return AuditRecord(
        action=note.action or _action(scope, given),
        object=note.object or scope["path"],
        subject=asked_by(scope, note.actor),
        origin=origin_of(scope),
        decision=AuditDecision.DENY if denied else decision,
        rule_id=rule_ids(note.rules),
        purpose=(note.actor.purpose or "") if note.actor else "",
        filters=_filters(given, text, query_key),
        max_grade=note.max_grade or None,
        sensitive_fields=note.fields,
        rows=note.rows,
        result_code=status,
        duration_ms=note.duration_ms,
        detail={"approval": note.approval} if note.watermark is not None and note.approval else {},
    )


def read_text(scope: Scope, note: Touched, status: int, query_key: bytes, moment: AnswerMoment) -> str:
    """Return the canonical text of the record of a read without a watermark, one of many that are alike.

    Parameters
    ----------
    query_key
        The key of the hash of its query.
    moment
        When its answer began.
    """
    text, given = _query(scope)
    frame = _frame(
        _asker(scope, note.actor),
        _sender(scope),
        _action(scope, given),
        (note.masked, note.max_grade, note.rules, note.fields),
        (note.actor.purpose or "") if note.actor else "",
        status,
    )
    return frame.text(
        moment.at_ms,
        note.object or scope["path"],
        request_id=moment.request_id,
        rows=note.rows,
        duration_ms=moment.duration_ms,
        filters=_filters(given, text, query_key),
    )


@lru_cache(maxsize=1024)
def _frame(
    who: Subject | AuditSubject,
    sender: tuple[str, str],
    action: AuditAction,
    shown: tuple[bool, int, tuple[str, ...], tuple[str, ...]],
    purpose: str,
    status: int,
) -> RecordFrame:
    """Return the frame of reads that differ in no more than when, what and how many."""
    masked, max_grade, rules, fields = shown
    return RecordFrame(
        AuditRecord(
            action=action,
            object="",
            subject=audit_subject(who) if isinstance(who, Subject) else who,
            origin=AuditOrigin(*sender),
            decision=AuditDecision.MASK if masked else AuditDecision.ALLOW,
            rule_id=rule_ids(rules),
            purpose=purpose,
            max_grade=max_grade or None,
            sensitive_fields=fields,
            result_code=status,
        )
    )


def _query(scope: Scope) -> tuple[str, dict[str, str]]:
    """Return the query of a request, and its parameters."""
    text = scope["query_string"].decode("latin-1")
    return text, dict(parse_qsl(text[:4096], max_num_fields=_PARAMETERS_MAX * 100)) if text else {}


def _action(scope: Scope, given: Mapping[str, str]) -> AuditAction:
    is_filter = scope["method"] == "POST" and "/items" in scope["path"]
    if scope["method"] not in {"GET", "HEAD", "POST"} or (scope["method"] == "POST" and not is_filter):
        return AuditAction.WRITE
    return AuditAction.SEARCH if is_filter or given.keys() - _PLAIN else AuditAction.READ


def _filters(given: Mapping[str, str], text: str, query_key: bytes) -> dict[str, str]:
    """Return the summary of a query: box and times as they are, all of it as a keyed hash."""
    if not text:
        return {}
    found = {"query": keyed_hash(text, query_key)}
    if "bbox" in given and _BBOX.fullmatch(given["bbox"]):
        found["bbox"] = given["bbox"]
    times = [f"{name}={given[name]}" for name in _TIMES if name in given and _TIME.fullmatch(given[name])]
    if times:
        found["time"] = " ".join(times)
    return found

"""`/audit`: the records of the audit, for auditors."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from layers.audit.canonical import timestamp
from layers.audit.chain import StoredRecord
from layers.audit.record import AuditAction, AuditChain, AuditDecision
from layers.audit.store import RecordSearch, find_records
from layers.database.connection import Role, connected, in_our_words
from layers.moment import read_time
from server.dependencies import StateHere, require_duty

router = APIRouter(tags=["audit"])
RECORDS_MAX = 1000


class AuditParams(BaseModel):
    """The query parameters of `/audit`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    chain: AuditChain = Field(AuditChain.SENSITIVE, description="sensitive 三级以上与各项操作; general 其余")
    before: int | None = Field(
        None, ge=1, le=2**62, description="此编号之前 records before this number, for the next page"
    )
    begin: str | None = Field(None, alias="from", max_length=60, description="起（含） stored at or after this time")
    end: str | None = Field(None, alias="to", max_length=60, description="止（不含） stored before this time")
    subject: str | None = Field(None, max_length=200, description="主体 id of who did it")
    action: AuditAction | None = None
    decision: AuditDecision | None = None
    object: str | None = Field(None, max_length=200, description="对象的开头 beginning of the object: a layer, feed/…")
    limit: int = Field(100, ge=1, le=RECORDS_MAX)

    def search(self) -> RecordSearch:
        """Return the parameters as a search.

        Raises
        ------
        BadInput
            When a time is none, or has no offset.
        """
        begin, end = (
            None if text is None else read_time(text, name) for text, name in ((self.begin, "from"), (self.end, "to"))
        )
        return RecordSearch(self.chain, self.before, begin, end, self.subject, self.action, self.decision, self.object)


class AuditPage(BaseModel):
    """Records of one chain, newest first."""

    records: list[dict[str, Any]] = Field(description="number, time and hash of each, and the `record`")
    next: int | None = Field(description="`before` of the next page; null on the last")


@router.get("/audit", response_model=AuditPage, dependencies=[Depends(require_duty("audit"))])
async def read_audit(request: Request, state: StateHere, params: Annotated[AuditParams, Query()]) -> Response:
    """Return who did what with which data. Reading the audit is recorded too."""
    search = params.search()
    detail = {name: str(value) for name, value in params.model_dump(exclude_none=True, by_alias=True).items()}
    await state.audit.note(AuditAction.ADMIN, f"audit/{search.chain}", scope=request.scope, detail=detail)
    url, timeout_ms = str(state.settings.database.url), state.settings.database.statement_timeout_ms
    async with connected(url, Role.AUDITOR, statement_timeout_ms=timeout_ms) as connection:
        with in_our_words():
            rows = await find_records(connection, search, params.limit)
    page = {"records": list(map(_shown, rows)), "next": rows[-1].seq if len(rows) == params.limit else None}
    return Response(orjson.dumps(page), media_type="application/json", headers={"Cache-Control": "no-store"})


def _shown(row: StoredRecord) -> dict[str, Any]:
    shown = {"chain": row.chain, "seq": row.seq, "stored_at": timestamp(row.stored_at), "hash": row.hash.hex()}
    return {**shown, "record": orjson.Fragment(row.body)}

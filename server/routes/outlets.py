"""`/twin/outlets`: the outlets and their health, and the resumption of a parked one; for operators."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from layers.database.connection import Role, connected
from server.dependencies import StateHere, require_duty
from twin.folder import Folder
from twin.outlets.definition import Outlet, read_outlet
from twin.outlets.ledger import OutletLedger, read_ledgers, resume

router = APIRouter(prefix="/twin/outlets", tags=["outlets"])
_GUARDED = Depends(require_duty("outlets"))


class OutletHealth(BaseModel):
    """An outlet and how it does."""

    name: str
    kind: str
    title_zh: str
    title_en: str
    url: str
    enabled: bool
    state: str = Field(description="new, working, failing, parked or off")
    seq: int | None = Field(description="everything up to this number was taken, or was not for it")
    delivered: int = 0
    attempts: int = Field(default=0, description="in vain, since it last took something")
    fault: str | None = None
    failing_since: datetime | None = None
    parked_at: datetime | None = None
    last_delivered_at: datetime | None = None


class OutletList(BaseModel):
    """All outlets, and the files that have a fault."""

    outlets: list[OutletHealth]
    faults: dict[str, str]


class Resumed(BaseModel):
    """Where a resumed outlet goes on."""

    name: str
    seq: int


@router.get("", dependencies=[_GUARDED])
async def outlets(state: StateHere) -> OutletList:
    """Say of every outlet how far it has got and what went wrong."""
    known = Folder(state.settings.outlets.folder, read_outlet).renewed()
    async with state.pool.acquire() as connection:
        ledgers = await read_ledgers(connection)
    return OutletList(
        outlets=[_health(o, ledgers.get(name)) for name, o in known.by_name.items()], faults=dict(known.faults)
    )


@router.post("/{name}/resume", dependencies=[_GUARDED])
async def resume_outlet(name: str, state: StateHere) -> Resumed:
    """Let a parked outlet try again from where it was."""
    async with connected(str(state.settings.database.url), Role.INGEST) as connection:
        return Resumed(name=name, seq=await resume(connection, name))


def _health(outlet: Outlet, ledger: OutletLedger | None) -> OutletHealth:
    facts = {name: getattr(outlet, name) for name in ("name", "kind", "title_zh", "title_en", "url", "enabled")}
    if ledger is None:
        return OutletHealth(**facts, state="new" if outlet.enabled else "off", seq=None)
    state = "parked" if ledger.parked_at else "failing" if ledger.fault else "working"
    kept = ("seq", "delivered", "attempts", "fault", "failing_since", "parked_at", "last_delivered_at")
    progress = {name: getattr(ledger, name) for name in kept}
    return OutletHealth(**facts, **progress, state=state if outlet.enabled else "off")

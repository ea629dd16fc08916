"""`/twin/feeds/{name}/…`: feeds are switched on and off, and their secrets replaced, by those who tend them.

The feed's file is changed as the command changes it, and every process notices by itself. Where the folder of feeds
belongs to somebody else, the answer says so, and nothing is changed.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from layers.audit.record import AuditAction
from layers.errors import Conflict
from server.dependencies import StateHere, require_duty
from server.feeds.file import feed_of, switch
from server.feeds.secrets import rotate_secret
from server.identity.identity import Identity
from server.routes.identity.session import require_own_page
from server.state import State
from twin.feeds.definition import FeedDefinition
from twin.feeds.secret import FOLDER

router = APIRouter(prefix="/twin/feeds", tags=["feeds"])
_Tending = Annotated[Identity, Depends(require_duty("feeds"))]
FeedName = Annotated[str, Path(max_length=63, description="数据源名 name of the feed")]
KEEP_DAYS_MAX = 366


class WantedSecret(BaseModel):
    """How a secret is replaced."""

    model_config = ConfigDict(extra="forbid")

    keep_days: float = Field(
        default=7, ge=0, le=KEEP_DAYS_MAX, description="旧密钥继续有效的天数 days the old one still counts; 0 ends it"
    )


class RotatedSecret(BaseModel):
    """A new secret, which is told this once."""

    name: str
    secret: str = Field(description="仅此一次，交给发送方 told this once, for the sender to sign with")
    old_until: datetime = Field(description="旧密钥有效至 until when the old one counts")


@router.post("/{name}/enable", summary="启用数据源 Switch a feed on", status_code=204)
async def enable(name: FeedName, request: Request, state: StateHere, _: _Tending) -> None:
    """Switch a feed on in its file."""
    await _switch(name, request, state, enabled=True)


@router.post("/{name}/disable", summary="停用数据源 Switch a feed off", status_code=204)
async def disable(name: FeedName, request: Request, state: StateHere, _: _Tending) -> None:
    """Switch a feed off in its file: what is sent to it is refused, and what it fetched is fetched no more."""
    await _switch(name, request, state, enabled=False)


@router.post("/{name}/secret", summary="Replace the secret of a feed")
async def rotate(
    name: FeedName, wanted: WantedSecret, request: Request, response: Response, state: StateHere, _: _Tending
) -> RotatedSecret:
    """Make a new secret, which this answer tells once; the old one counts for a while longer."""
    require_own_page(request.scope, state)
    response.headers["Cache-Control"] = "no-store"
    feed = feed_of(state.settings.feeds.folder, name)
    if not has_own_secret(feed) or feed.secret is None:
        what = "没有由本系统生成的密钥 has no secret of ours: its file names none, or it is the password of a broker"
        raise Conflict(f"'{name}' {what}", parameter="name")
    detail: dict[str, str | int] = {"operation": "rotate secret", "keep_hours": int(wanted.keep_days * 24)}
    await state.audit.note(AuditAction.ADMIN, f"feed/{name}", scope=request.scope, detail=detail)
    home, keep = state.settings.home, timedelta(days=wanted.keep_days)
    until = await asyncio.to_thread(rotate_secret, home, feed.secret, keep)
    told = (home / FOLDER / feed.secret).read_text(encoding="utf-8").strip()
    return RotatedSecret(name=name, secret=told, old_until=until)


def has_own_secret(feed: FeedDefinition) -> bool:
    """Whether what is sent to a feed is signed with a secret that we made: what is fetched opens doors of others."""
    return feed.secret is not None and feed.is_pushed


async def _switch(name: str, request: Request, state: State, *, enabled: bool) -> None:
    folder = state.settings.feeds.folder
    feed_of(folder, name)
    detail = {"operation": "enable" if enabled else "disable"}
    await state.audit.note(AuditAction.ADMIN, f"feed/{name}", scope=request.scope, detail=detail)
    try:
        await asyncio.to_thread(switch, folder, name, enabled=enabled)
    except OSError as error:
        raise Conflict(
            f"不能写 {folder.name}/{name}.yaml cannot be written by the service: {error.strerror}; "
            f"as its owner: ./onemap feed {detail['operation']} {name}"
        ) from error

"""`/twin/notes`: notes of leaders 批示 on events and areas."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from layers.audit.record import AuditAction
from layers.database.connection import in_our_words
from layers.errors import BadInput, Forbidden
from layers.policy.definition import Duty
from server.audit.touched import touch
from server.dependencies import ActorHere, IdentityHere, StateHere
from server.http.caching import PRIVATE_HEADERS
from server.identity.identity import Identity
from twin.notes import NoteAuthor, check_about, find_subject, list_notes
from twin.overview.place import check_tiers

router = APIRouter(prefix="/twin", tags=["twin"])
LIMIT_MAX = 200


class WantedNote(BaseModel):
    """A note to be kept."""

    model_config = ConfigDict(extra="forbid")

    layer: str = Field(max_length=63, description="events, districts, streets, communities or grids")
    id: str = Field(min_length=1, max_length=200, description="of the event or area")
    words: str = Field(max_length=4000, description="批示内容 up to 1,000 characters")


class KeptNote(BaseModel):
    """A note as it was written."""

    id: int
    layer: str
    feature_id: str
    words: str
    author: str
    author_roles: list[str]
    noted_at: datetime
    title: str | None = Field(description="of the event or area, as far as the reader sees one")


class KeptNotes(BaseModel):
    """Notes, the newest first."""

    notes: list[KeptNote]


@router.post("/notes", summary="写批示 Write a note on an event or area", status_code=201)
async def write_note(
    wanted: WantedNote, request: Request, response: Response, state: StateHere, actor: ActorHere, identity: IdentityHere
) -> KeptNote:
    """Keep a note of a leader; it is recorded in the audit first, and can be neither changed nor taken back."""
    _need(identity, "write_notes")
    response.headers.update(PRIVATE_HEADERS)
    check_about(wanted.layer)
    with in_our_words():
        title = await find_subject(state.pool, state.catalog.current, actor, wanted.layer, wanted.id)
        thing = f"note/{wanted.layer}/{wanted.id}"
        await state.audit.note(
            AuditAction.DISPATCH, thing, scope=request.scope, detail={"characters": len(wanted.words)}
        )
        subject = identity.subject
        author = NoteAuthor(subject.id, subject.name, tuple(subject.roles))
        kept = await state.notes.add(wanted.layer, wanted.id, wanted.words, author)
    return KeptNote.model_validate({**asdict(kept), "title": title})


@router.get("/notes", summary="批示 Notes of leaders")
async def read_notes(
    state: StateHere,
    response: Response,
    actor: ActorHere,
    identity: IdentityHere,
    layer: Annotated[str | None, Query(max_length=63, description="with id: of one event or area")] = None,
    id: Annotated[str | None, Query(max_length=200)] = None,  # noqa: A002  # as the body of POST names it
    area: Annotated[str | None, Query(max_length=15, description="an area, those below, the events in it")] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 50,
) -> KeptNotes:
    """List notes, the newest first, on events and areas that the reader may see; `area` looks at the newest 400."""
    _need(identity, "read_notes")
    response.headers.update(PRIVATE_HEADERS)
    if (layer is None) != (id is None):
        raise BadInput("layer and id belong together: they name one event or area", parameter="id")
    if layer is not None:
        check_about(layer)
    _, code = check_tiers(area, None)
    catalog, about = state.catalog.current, (layer, id) if layer is not None and id is not None else None
    with in_our_words():
        found = await list_notes(state.pool, catalog, actor, about=about, area=code, limit=limit)
    for note in found:
        touch(catalog[note.layer], actor, rows=1, properties=("name", "title"))
    return KeptNotes(notes=[KeptNote.model_validate(asdict(note)) for note in found])


def _need(identity: Identity, duty: Duty) -> None:
    """Check that the roles of a caller have a duty that is no operator's."""
    if duty not in identity.duties:
        raise Forbidden(f"无权 this needs the duty '{duty}', which none of your roles has")

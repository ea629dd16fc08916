"""`POST /twin/reports`: an event that somebody saw, sent from a phone, counted once however often it is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from layers.actor import Actor
from layers.audit.record import AuditAction
from layers.database.admission import Caller
from layers.database.connection import in_our_words
from layers.errors import BadInput, Conflict, Forbidden, Unauthenticated, Unavailable
from layers.live_source import EVENTS
from server.dependencies import ActorHere, IdentityHere, StateHere
from server.http.caching import VARIES, Keep, cache_control
from server.identity.identity import Identity
from server.routes.answers.parameters import moment_of
from server.state import State
from twin.envelope.message import Message, Reading
from twin.intake.phones import FEED, FieldReport, report_classes, report_message
from twin.services.reporting import WORKER, may_report
from twin.store.events.reports import ReportedEvent, reported_event
from twin.surroundings.locate import Area, Located, locate
from twin.surroundings.spot import Spot, read_spot

router = APIRouter(prefix="/twin", tags=["twin"])
_AHEAD_MAX = timedelta(minutes=5)  # of a phone's clock
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

Words = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Photo = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
CrsOfPlace = Annotated[str, Field(max_length=60, description="手机坐标 of lon and lat: OGC:CRS84, gcj02 or bd09")]


class SentReport(BaseModel):
    """What somebody saw, and where. Area, community and grid follow from the place."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: str = Field(pattern=_UUID, description="手机生成的 UUID of the phone; sent again with the same one")
    lon: float = Field(description="longitude in `crs`", examples=[113.3316634])
    lat: float = Field(description="latitude in `crs`", examples=[23.1395597])
    crs: CrsOfPlace = "OGC:CRS84"
    event_class: str = Field(alias="class", max_length=10, description="事件类别 of the code list event_class")
    severity: Literal["1", "2", "3"] = Field(default="3", description="特急、紧急、一般 most urgent, urgent, ordinary")
    words: Words = Field(default="", description="描述，入库时脱敏 redacted when it is stored")
    photos: list[Photo] = Field(default=[], max_length=9, description="图片引用 references; pictures are not sent")
    seen_at: str | None = Field(default=None, max_length=40, description="发现时间，缺省为现在 now by default")
    accuracy_m: float | None = Field(default=None, ge=0, le=1e6)


class ReportReceipt(BaseModel):
    """The event of a report, as it is now."""

    id: str = Field(description="of the event, in the collection `events`")
    stage: str | None
    duplicate: bool = Field(description="此前已收到 this report had come before; it counts once")
    title: str | None
    reported_at: datetime | None
    due_at: datetime | None
    grid_code: str | None
    area_code: str | None
    street: Area | None
    community: Area | None
    grid: Area | None


class ReportClass(BaseModel):
    """A class of events that may be reported."""

    code: str
    label_zh: str
    label_en: str


class ReportForm(BaseModel):
    """What a form of a report offers."""

    classes: list[ReportClass]


@router.get("/reports", summary="可上报的类别 What may be reported")
async def report_form(state: StateHere, response: Response, actor: ActorHere) -> ReportForm:
    """Return the classes of events that a report may name."""
    kept = cache_control(Keep.STEADY, actor, state.settings, linked=False)
    response.headers.update({"Cache-Control": kept, "Vary": VARIES})
    codes = report_classes(state.catalog.current)
    return ReportForm(
        classes=[ReportClass(code=one.code, label_zh=one.label_zh, label_en=one.label_en) for one in codes]
    )


@router.post("/reports", summary="网格员上报 Report an event")
async def report(given: SentReport, request: Request, state: StateHere, identity: IdentityHere) -> ReportReceipt:
    """Take a report as a message of the feed `grid_phones`, in the name of who is logged in.

    The answer comes when the event is durable. Sent again with the same `id`, the same event is answered.
    """
    _check_pace(state, identity)
    reporter = identity.actor.attribute(WORKER) or identity.subject.id
    spot, now = read_spot(given.lon, given.lat, given.crs), datetime.now(UTC)
    with in_our_words():
        async with state.pool.acquire() as connection:
            catalog = state.catalog.current
            located = await locate(connection, catalog, identity.actor, spot)
            check_rights(state, identity.actor, located)
            made = _report_of(given, spot, reporter, located, now)
            known = await reported_event(connection, made.event_id)
            message = report_message(made, catalog, now)
    if known is None:
        await state.audit.note(
            AuditAction.WRITE, f"events/{made.event_id}", scope=request.scope, detail={"class": given.event_class}
        )
        await _take(state, message)
    found = await _found(state, made) if known is None else known
    if found.reporter != reporter:
        raise Conflict("上报编号已被他人使用 the id is that of another report; make a new one", parameter="id")
    return _receipt(found, located, duplicate=known is not None)


def check_rights(state: State, actor: Actor, located: Located) -> None:
    """Check that an actor may report an event where it is.

    Raises
    ------
    Forbidden
        When no rule lets it report there.
    """
    area = located.grid or located.community or located.street or located.district
    events = state.catalog.current.get(EVENTS)
    if events is None or not may_report(events, actor, area.code if area else None):
        raise Forbidden("本账户不能在此处上报 no rule of the policy lets you report events here (operation 'report')")


def _check_pace(state: State, identity: Identity) -> None:
    if identity.is_anonymous:
        raise Unauthenticated("请先登录 log in to report")
    state.reports.take(Caller(identity.subject.id, known=True))


def _report_of(given: SentReport, spot: Spot, reporter: str, located: Located, now: datetime) -> FieldReport:
    seen_at = min(now, moment_of(given.seen_at, "seen_at")) if given.seen_at else now
    if given.seen_at and moment_of(given.seen_at, "seen_at") - now > _AHEAD_MAX:
        raise BadInput(f"seen_at is {given.seen_at}, which is yet to come; set the phone's clock", parameter="seen_at")
    named = located.grid or located.community or located.street
    return FieldReport(
        id=given.id,
        lonlat=(spot.lon, spot.lat),
        event_class=given.event_class,
        words=given.words.strip(),
        photos=tuple(given.photos),
        severity=given.severity,
        seen_at=seen_at,
        reporter=reporter,
        accuracy_m=given.accuracy_m,
        place_name=named.name if named else None,
    )


async def _take(state: State, message: Message) -> None:
    outcome = await state.intake.take_read(FEED, Reading([message]))
    if outcome.refused:
        raise BadInput(f"上报未收下 the report was not taken: {outcome.refused[0].detail}")


async def _found(state: State, made: FieldReport) -> ReportedEvent:
    async with state.pool.acquire() as connection:
        found = await reported_event(connection, made.event_id)
    if found is None:  # its receipt is known and its event is gone: it was erased
        raise Unavailable("the report was taken, and its event cannot be read now; send it again")
    return found


def _receipt(found: ReportedEvent, located: Located, *, duplicate: bool) -> ReportReceipt:
    return ReportReceipt(
        id=found.id,
        stage=found.stage,
        duplicate=duplicate,
        title=found.title,
        reported_at=found.reported_at,
        due_at=found.due_at,
        grid_code=found.grid_code,
        area_code=found.area_code,
        street=located.street,
        community=located.community,
        grid=located.grid,
    )

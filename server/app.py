"""The application of a web worker. Its parts are wired when it is created; importing this module starts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import asyncpg
import structlog
from fastapi import Depends, FastAPI

from layers.audit.writer import AuditWriter
from layers.catalog_holder import CatalogHolder
from layers.coordinates.district_crs import read_measuring_srid, use_district_crs
from layers.database.connection import Role, create_pool
from layers.definition import read_code_lists
from layers.errors import Unavailable
from layers.policy.holder import PolicyHolder
from layers.read.counts import CountCache
from layers.review.held import hold_policy
from server import errors, ogc
from server.audit.audit import Audit
from server.audit.keys import audit_key
from server.audit.policy_changes import record_policies
from server.build import build_id
from server.bulk.desk import BulkDesk
from server.descriptions import openapi
from server.executions.runner import JobRunner
from server.exports.allowance import Allowance
from server.exports.exports import Exports
from server.front import Front, shown
from server.http.crowd import Crowd
from server.http.gateway import Gateways
from server.http.origins import Origins
from server.http.rates import Rates
from server.identity.parts import start_identity
from server.identity.references import References
from server.items.fast import FastItems
from server.live.notes import NoteNews
from server.live.tiles import TileChanges
from server.page.map_theme import CurrentThemes
from server.rasters import Rasters
from server.retention import retention_periods
from server.routes import (
    aggregate,
    asyncapi,
    audit,
    download,
    exercises,
    feeds,
    health,
    incomplete,
    join,
    live,
    live_ws,
    metrics,
    outlets,
    page,
    policy,
    raster,
    refused,
    rules,
    sensorthings,
    tiles,
    twin,
    warnings,
)
from server.routes.administration import ADMINISTRATION
from server.routes.answers import ANSWERS
from server.routes.appearance import basemaps, styles, themes
from server.routes.history import HISTORY
from server.routes.identity import approvals, elevations, login, references, session
from server.routes.pages import PAGES
from server.routes.situation import SITUATION
from server.routes.surroundings import SURROUNDINGS
from server.routes.workers import WORKERS
from server.settings import Settings
from server.state import CurrentRules, State, state_of
from server.surroundings.honoured_crs import refuse_idle_crs
from server.surroundings.read_parameters import refuse_repeated
from server.tianditu import Tianditu
from server.tiles.cache_settings import tile_cache
from server.tiles.fast import FastTiles
from server.wire.listen import is_reached_from_here_alone
from tiles.basemaps import Basemaps
from tiles.maker import TileMaker
from twin.connectors.protocols import read_registry
from twin.intake.intake import Intake
from twin.live.tail import LogTail
from twin.notes import NoteLedger
from twin.routing.holder import RoadNetworks
from twin.surroundings.place_indexes import PlaceIndexes

_ROUTES = (
    health, metrics, audit, tiles, basemaps, styles, themes, raster, live, live_ws, asyncapi, outlets, feeds, twin,
    rules, policy, aggregate, join, download, warnings, exercises, refused, incomplete, session, elevations,
    approvals, references, *ADMINISTRATION, sensorthings, page, login, *ANSWERS, *HISTORY, *SURROUNDINGS,
    *SITUATION, *WORKERS, *PAGES,
)  # fmt: skip
"""In the order in which they are tried and described."""
TITLE = "OneMap 全区一张图"
_log = structlog.get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """Make the application of one web worker.

    Parameters
    ----------
    settings
        `settings.database.url` must name a migrated database.

    Raises
    ------
    Unavailable
        Immediately without a database URL; at start-up when the database does not answer.
    """
    if settings.database.url is None:
        raise Unavailable("no database URL is set; './onemap up' starts a private database and sets it")
    app = FastAPI(
        dependencies=[Depends(refuse_idle_crs), Depends(refuse_repeated)],
        title=TITLE,
        version=build_id(),
        lifespan=_lifespan(settings),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # exporters are looked up at every request
    )
    app.add_middleware(FastItems, state=partial(state_of, app))
    app.add_middleware(FastTiles, state=partial(state_of, app))
    app.add_middleware(Front, state=partial(state_of, app))  # the outermost layer
    errors.install(app, lambda request, response: shown(request.scope, response, state_of(request.app)))
    for module in _ROUTES:
        app.include_router(module.router)
    ogc.install(app, settings)
    openapi.install(app, settings.server.admin_port)
    return app


def _lifespan(settings: Settings):  # type: ignore[no-untyped-def]  # noqa: ANN202  # FastAPI names this type privately
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as running:
            await _start(app, settings, running)
            yield

    return lifespan


async def _tail(url: str, catalog: CatalogHolder, held: PolicyHolder, running: AsyncExitStack) -> LogTail:
    """Follow the log; streams are judged again when the policy or a definition changes."""
    tail = LogTail(url, lambda: catalog.current)
    running.push_async_callback(tail.stop)
    await tail.start()
    held.on_change.append(tail.doubt)
    catalog.on_change.append(tail.doubt_changed)
    return tail


async def _start(app: FastAPI, settings: Settings, running: AsyncExitStack) -> None:
    """Start the parts of a worker; parts are stopped in reverse order, also when a later part fails to start."""
    url = str(settings.database.url)
    pool, lookups = await _pools(settings, running)
    use_district_crs(await read_measuring_srid(pool), settings.layers.crs)
    catalog = CatalogHolder(url, read_code_lists())
    running.push_async_callback(catalog.stop)
    await catalog.start()
    held = hold_policy(settings.policy.folder, settings.layers.folder, lambda: catalog.current)
    running.push_async_callback(held.stop)
    held.start()
    tail = await _tail(url, catalog, held, running)
    counts = CountCache(settings.limits.count_cap)
    cache = tile_cache(settings, lookups)
    running.push_async_callback(cache.close)
    catalog.on_restore += [counts.clear, cache.areas.clear]
    rasters = Rasters(lookups, settings.home / "rasters", catalog)
    running.push_async_callback(rasters.close)
    tianditu = Tianditu(settings.basemap)
    running.push_async_callback(tianditu.close)
    identity = await start_identity(settings, running, held, takes_demo=is_reached_from_here_alone(settings.server))
    app.state.shared = State(
        settings=settings,
        build=build_id(),
        pool=pool,
        lookups=lookups,
        catalog=catalog,
        counts=counts,
        authenticator=identity.authenticator,
        sessions=identity.sessions,
        oidc=identity.oidc,
        login=identity.login,
        break_glass=identity.break_glass,
        accounts=identity.accounts,
        references=References(identity.pool, lookups),
        bulk=BulkDesk(settings),
        jobs=await _jobs(settings, running),
        exports=Exports(settings.export, identity.approvals, Allowance(identity.pool), lambda: held.policy),
        origins=Origins(settings.server.origins, settings.server.public_url),
        gateways=Gateways(settings.server.proxies, settings.server.proxy_header),
        rates=Rates.of(settings.limits),
        reports=Rates.of_reports(settings.limits),
        crowd=Crowd(settings.limits.anonymous_at_once),
        tiles=TileMaker(cache, pool, lookups, settings.limits.tile_features, build_id(), lambda: catalog.identity),
        basemaps=Basemaps(settings.home / "basemaps"),
        tianditu=tianditu,
        rasters=rasters,
        tail=tail,
        tile_changes=_tile_changes(lookups, catalog, running),
        intake=await _intake(settings, catalog, running),
        rules=CurrentRules(settings.rules.folder),
        themes=CurrentThemes(settings.themes.folder),
        audit=_audit(settings, running, held),
        policy=held,
        roads=_roads(pool, catalog, running),
        places=_places(lookups, catalog, running),
        notes=await _notes(url, running),
        note_news=_note_news(lookups, catalog, tail),
    )


async def _notes(url: str, running: AsyncExitStack) -> NoteLedger:
    ledger = NoteLedger(url)
    running.push_async_callback(ledger.stop)
    await ledger.start()
    return ledger


def _note_news(lookups: asyncpg.Pool, catalog: CatalogHolder, tail: LogTail) -> NoteNews:
    news = NoteNews(lookups, lambda: catalog.current)
    tail.on_note.append(news.tell)
    return news


def _roads(pool: asyncpg.Pool, catalog: CatalogHolder, running: AsyncExitStack) -> RoadNetworks:
    """Return the road network, which is made when it is first asked for."""
    roads = RoadNetworks(pool, catalog)
    running.push_async_callback(roads.stop)
    return roads


def _places(lookups: asyncpg.Pool, catalog: CatalogHolder, running: AsyncExitStack) -> PlaceIndexes:
    """Return what places lie in, in memory; an index is made when its audience first asks."""
    places = PlaceIndexes(lookups, catalog)
    running.push_async_callback(places.stop)
    return places


def _tile_changes(lookups: asyncpg.Pool, catalog: CatalogHolder, running: AsyncExitStack) -> TileChanges:
    changes = TileChanges(lookups, catalog)
    running.push_async_callback(changes.stop)
    changes.start()
    return changes


async def _jobs(settings: Settings, running: AsyncExitStack) -> JobRunner:
    jobs = JobRunner(str(settings.database.url), settings.processes)
    running.push_async_callback(jobs.stop)
    await jobs.start()
    return jobs


async def _pools(settings: Settings, running: AsyncExitStack) -> tuple[asyncpg.Pool, asyncpg.Pool]:
    """Return connections of the reading role: for queries, and for look-ups by key, whose plans are kept."""
    url, size = str(settings.database.url), settings.database.pool_size
    timeout_ms = settings.database.statement_timeout_ms
    pool = await create_pool(url, Role.READ, size=size, statement_timeout_ms=timeout_ms)
    running.push_async_callback(pool.close)
    lookups = await create_pool(url, Role.READ, size=size, statement_timeout_ms=timeout_ms, plans="generic")
    running.push_async_callback(lookups.close)
    return pool, lookups


def _audit(settings: Settings, running: AsyncExitStack, held: PolicyHolder) -> Audit:
    """Return the audit; when it stops, no request is left, and everything that it holds is stored."""
    if not settings.audit.enabled:
        _log.warning("审计已关闭 the audit is off: nobody can tell who read what")
        return Audit(None)
    writer = AuditWriter(str(settings.database.url))
    running.push_async_callback(writer.stop)
    writer.start()
    audit = Audit(writer, audit_key(settings.home, "queries"))
    record_policies(audit, held)
    return audit


async def _intake(settings: Settings, catalog: CatalogHolder, running: AsyncExitStack) -> Intake:
    intake = Intake(
        str(settings.database.url),
        read_registry(settings.feeds.folder),
        settings.home,
        lambda: catalog.current,
        retention_periods(settings),
        is_local=is_reached_from_here_alone(settings.server),
    )
    running.push_async_callback(intake.stop)
    await intake.start()
    return intake

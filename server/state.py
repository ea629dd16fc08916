"""The shared parts of one running web worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from starlette.applications import Starlette

from layers.catalog_holder import CatalogHolder
from layers.policy.holder import PolicyHolder
from layers.read.counts import CountCache
from layers.read.learned.shown_since import ShownSince
from server.audit.audit import Audit
from server.bulk.desk import BulkDesk
from server.caches.minute_cache import MinuteCache
from server.caches.request_plans import RequestPlans
from server.executions.runner import JobRunner
from server.exports.exports import Exports
from server.heavy_work import HeavyWork
from server.http.crowd import Crowd
from server.http.gateway import Gateways
from server.http.origins import Origins
from server.http.rates import Rates
from server.http.troubles import Troubles
from server.identity.account_book import AccountBook
from server.identity.auth import Authenticator
from server.identity.break_glass import BreakGlass
from server.identity.login import Login
from server.identity.oidc.oidc import Oidc
from server.identity.references import References
from server.identity.sessions import Sessions
from server.live.notes import NoteNews
from server.live.playbacks import Playbacks
from server.live.tiles import TileChanges
from server.page.assets import Assets, find_assets
from server.page.map_theme import CurrentThemes
from server.page.outline import Outlines
from server.rasters import Rasters
from server.settings import Settings
from server.tianditu import Tianditu
from tiles.basemaps import Basemaps
from tiles.maker import TileMaker
from twin.intake.intake import Intake
from twin.live.tail import LogTail
from twin.notes import NoteLedger
from twin.routing.holder import RoadNetworks
from twin.rules.registry import Rules, read_rules
from twin.surroundings.place_indexes import PlaceIndexes


class CurrentRules:
    """The rules of a folder; `read` reads changed files again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rules: Rules | None = None

    def read(self) -> Rules:
        """Return the rules as they are now; a file with a fault leaves the rule before it in force."""
        self._rules = read_rules(self._folder, self._rules)
        return self._rules


@dataclass(frozen=True, slots=True)
class State:
    """Everything that routes and ASGI layers share; made at start-up, closed at shutdown.

    Attributes
    ----------
    pool, lookups
        Connections of the reading role: one pool for queries, one for look-ups by key, whose plans are kept.
    build
        The identity of the code that answers; part of every entity tag.
    """

    settings: Settings
    build: str
    pool: asyncpg.Pool
    lookups: asyncpg.Pool
    catalog: CatalogHolder
    counts: CountCache
    authenticator: Authenticator
    sessions: Sessions
    oidc: Oidc
    login: Login
    break_glass: BreakGlass
    accounts: AccountBook
    exports: Exports
    bulk: BulkDesk
    jobs: JobRunner
    references: References
    origins: Origins
    gateways: Gateways
    rates: Rates
    reports: Rates
    crowd: Crowd
    tiles: TileMaker
    basemaps: Basemaps
    tianditu: Tianditu
    rasters: Rasters
    tail: LogTail
    tile_changes: TileChanges
    intake: Intake
    rules: CurrentRules
    themes: CurrentThemes
    audit: Audit
    policy: PolicyHolder
    roads: RoadNetworks
    places: PlaceIndexes
    notes: NoteLedger
    note_news: NoteNews
    assets: Assets = field(default_factory=find_assets)
    plans: RequestPlans = field(default_factory=RequestPlans)
    minutes: MinuteCache = field(default_factory=MinuteCache)
    outlines: Outlines = field(default_factory=Outlines)
    troubles: Troubles = field(default_factory=Troubles)
    playbacks: Playbacks = field(default_factory=Playbacks)
    map_turns: HeavyWork = field(default_factory=HeavyWork)
    shown_since: ShownSince = field(default_factory=ShownSince)


def state_of(app: Starlette) -> State:
    """Return the state of an application that has started."""
    state: State = app.state.shared
    return state

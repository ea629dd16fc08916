"""The live value of a field as SQL, over `t` (the stored row), `p` (its position) and joined observations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from layers.actor import Actor
from layers.air_index import CLEAN, LEVELS, SERIES, sub_index_sql
from layers.clause import Clause, compose, quote_identifier, quote_literal
from layers.definition import FieldDefinition, LayerDefinition
from layers.live_source import INTERVAL_S, SILENT_INTERVALS, Live, ValueClass
from layers.read.area_events import KINDS, area_key, count_events, events_by_area
from layers.read.present import Present
from layers.schema.tables import COLUMN_TYPES

_POSITION = {"speed_kmh": "p.speed_kmh::float8", "heading_deg": "p.heading_deg::float8"}
_PARTS = {"time": "phenomenon_time", "quality": "quality_flag"}
_SAME_HOUR = "1 hour"  # values older than this beside the newest belong to another hour
_WHOLE = """(SELECT CASE WHEN abs(number.of) < 9.2e18 THEN round(number.of) END FROM (SELECT {} AS of) AS number)"""
_BEFORE_INTERVALS = 4  # a change is null unless there is a value at most so many intervals old


@dataclass(slots=True)
class LiveValues:
    """Writes the values of a layer's live fields and collects the joins they need.

    Attributes
    ----------
    moving
        Whether a position `p` is joined; without one the stored value counts.
    """

    definition: LayerDefinition
    actor: Actor
    source: Present
    moving: bool
    joins: dict[str, Clause] = field(default_factory=dict)

    def of(self, one: FieldDefinition) -> Clause:
        """Return the value of a field, live or stored, in the type of its column.

        Values that may be NULL are cast: an untyped NULL is text in a UNION and in a comparison. PostgreSQL drops a
        cast to the type a value already has.
        """
        if one.live is None:
            return Clause(_stored(one.name))
        return compose(f"({{}})::{COLUMN_TYPES[one.type]}", self._of(one, one.live))

    def _of(self, one: FieldDefinition, source: Live) -> Clause:
        live = self._live(one, source)
        if not source.stored or source.position or source.status or source.overdue:
            return live
        newer = "greatest" if one.type == "datetime" else "coalesce"
        return compose(f"{newer}({{}}, {_stored(one.name)})", live)

    def _live(self, one: FieldDefinition, live: Live) -> Clause:
        writers: Mapping[str, Callable[[FieldDefinition, Live], Clause]] = {
            "position": self._position,
            "observation": self._observation,
            "any_observation": self._any_observation,
            "status": self._status,
            "air": self._air,
            "events": self._events,
            "overdue": self._overdue,
            "needs": self._needs,
        }
        return next(write for name, write in writers.items() if getattr(live, name))(one, live)

    def _position(self, one: FieldDefinition, live: Live) -> Clause:
        kept = _kept(one)
        if not self.moving:
            return Clause(kept)
        if live.position == "stale":
            return compose(f"{{}} - p.phenomenon_time > interval '{live.stale_after_s} seconds'", self.source.now)
        own = _POSITION.get(str(live.position), "p.phenomenon_time")
        return Clause(f"CASE WHEN p.id IS NULL THEN {kept} ELSE {own} END")

    def _observation(self, one: FieldDefinition, live: Live) -> Clause:
        code = str(live.observation)
        if live.take != "value":
            return Clause(f"{self._joined(code)}.{_PARTS[live.take]}")
        if live.steps:
            return self._classed(live, self._number(live, code))
        if one.type == "string":
            alias = self._joined(code)
            return Clause(f"coalesce({alias}.value_text, {alias}.value::text)")
        number = self._number(live, code)
        return compose(_WHOLE, number) if one.type == "integer" else number

    def _number(self, live: Live, code: str) -> Clause:
        if live.sum_s:
            since = compose(
                f"h.phenomenon_time > {{}} - interval '{live.sum_s} seconds' AND h.phenomenon_time <= {{}}",
                self.source.now,
                self.source.now,
            )
            return compose("(SELECT sum(h.value) FROM {} AND {})", self.source.series(code), since)
        alias = self._joined(code)
        return self._change(code, alias, live.over_s) if live.over_s else Clause(f"{alias}.value")

    def _joined(self, code: str) -> str:
        alias = f"o_{code}"
        self.joins.setdefault(alias, self.source.observed(code, alias))
        return alias

    def _change(self, code: str, alias: str, over_s: int) -> Clause:
        at = f"{alias}.phenomenon_time"
        return compose(
            f"""({alias}.value - (
            SELECT h.value FROM {{}} AND h.value IS NOT NULL AND h.phenomenon_time <= {at} - interval '{over_s} seconds'
                AND h.phenomenon_time > {at} - interval '{_BEFORE_INTERVALS * over_s} seconds'
            ORDER BY h.phenomenon_time DESC LIMIT 1))""",
            self.source.series(code),
        )

    def _classed(self, live: Live, value: Clause) -> Clause:
        bounds = [bound for step in live.steps if isinstance(bound := _bound(step), str)]
        unknown = f" OR coalesce({', '.join(map(_stored, bounds))}) IS NULL" if bounds else ""
        cases = " ".join(map(_case, live.steps))
        otherwise = quote_literal(live.otherwise) if live.otherwise is not None else "NULL"
        return compose(
            f"""(SELECT CASE WHEN number.of IS NULL{unknown} THEN NULL {cases} ELSE {otherwise} END
            FROM (SELECT {{}} AS of) AS number)""",
            value,
        )

    def _any_observation(self, _: FieldDefinition, live: Live) -> Clause:
        if live.any_observation == "time":
            self.joins.setdefault("seen", self.source.seen("seen"))
            return Clause("seen.phenomenon_time")
        return self._silent(str(live.interval))

    def _last_seen(self) -> str:
        """Return the time of a device's last message: by a feed, or as its row says; null when there is none."""
        self.joins.setdefault("seen", self.source.seen("seen"))
        kept = [
            _stored(one.name)
            for one in self.definition.fields
            if one.live is not None and one.live.any_observation == "time" and one.live.stored
        ]
        return f"greatest({', '.join(('seen.phenomenon_time', *kept))})"

    def _silent(self, interval: str) -> Clause:
        """Return the condition that a device has been silent for too long; without any message it has."""
        since = f"coalesce({self._last_seen()}, '-infinity')"
        seconds = f"coalesce({_stored(interval)}, {INTERVAL_S})"
        return compose(f"{{}} - {SILENT_INTERVALS} * make_interval(secs => {seconds}) > {since}", self.source.now)

    def _status(self, one: FieldDefinition, live: Live) -> Clause:
        alias, kept = self._joined(str(live.status)), _kept(one)
        if live.interval is None:
            changed = self.definition.by_name.get("status_since")
            is_kept = changed is not None and changed.has_column and changed.type == "datetime"
            since = "t.status_since" if is_kept else "NULL::timestamptz"
            newer = f"{alias}.phenomenon_time >= coalesce({since}, '-infinity')"
            return Clause(f"CASE WHEN {newer} THEN coalesce({alias}.value_text, {kept}) ELSE {kept} END")
        never = f"{self._last_seen()} IS NULL"
        reported = f"CASE WHEN seen.phenomenon_time IS NULL THEN {kept} ELSE {alias}.value_text END"
        return compose(
            f"""CASE WHEN {never} THEN coalesce(nullif({kept}, 'online'), 'unknown') WHEN {{}} THEN 'offline'
            ELSE coalesce({reported}, 'online') END""",
            self._silent(live.interval),
        )

    def _air(self, _: FieldDefinition, live: Live) -> Clause:
        sent, pollutant = self._joined("aqi"), self._joined("primary_pollutant")
        self._air_joined()
        is_newer = f"air.at > coalesce({sent}.phenomenon_time, '-infinity')"
        index = f"CASE WHEN {is_newer} THEN air.index ELSE round({sent}.value)::integer END"
        cases = " ".join(f"WHEN ({index}) > {above} THEN '{level}'" for level, above in LEVELS.items())
        return Clause(
            {
                "index": f"({index})::bigint",
                "level": f"CASE WHEN ({index}) IS NULL THEN NULL {cases} ELSE '1' END",
                "primary": f"CASE WHEN {is_newer} THEN air.worst ELSE {pollutant}.value_text END",
                "time": f"CASE WHEN {is_newer} THEN air.at ELSE {sent}.phenomenon_time END",
            }[str(live.air)]
        )

    def _air_joined(self) -> None:
        """Join the index as `air (index, worst, at)`, computed from the values within an hour of the newest."""
        if "air" in self.joins:
            return
        aliases = {one.property_code: self._joined(one.property_code) for one in SERIES}
        newest = f"greatest({', '.join(f'{alias}.phenomenon_time' for alias in aliases.values())})"
        rows = []
        for one in SERIES:
            alias = aliases[one.property_code]
            better = [aliases[other.property_code] for other in SERIES if other.instead_of == one.property_code]
            fresh = [f"{alias}.phenomenon_time > {newest} - interval '{_SAME_HOUR}'"]
            fresh += [f"{each}.value IS NULL" for each in better]
            value = f"CASE WHEN {' AND '.join(fresh)} THEN {alias}.value END"
            part = sub_index_sql(one.pollutant, one.period_h, "v.value")
            rows.append(
                f"SELECT '{one.pollutant}' AS pollutant, {part} AS index, {alias}.phenomenon_time AS at "
                f"FROM (SELECT {value} AS value) AS v"
            )
        ranked = " UNION ALL ".join(rows)
        official = "t.station_level IS DISTINCT FROM 'micro'" if "station_level" in self.definition.by_name else "true"
        self.joins["air"] = Clause(
            f"""LEFT JOIN LATERAL (
            SELECT max(i.index) AS index, max(i.at) FILTER (WHERE i.index IS NOT NULL) AS at,
                CASE WHEN max(i.index) > {CLEAN}
                    THEN (array_agg(i.pollutant ORDER BY i.index DESC NULLS LAST, i.pollutant))[1]
                    WHEN max(i.index) IS NOT NULL THEN 'none' END AS worst
            FROM ({ranked}) AS i WHERE {official}) AS air ON true"""
        )

    def _events(self, _: FieldDefinition, live: Live) -> Clause:
        if not self.source.is_past:
            return count_events(self.definition.id, str(live.events), self.actor, self.source)
        self.joins.setdefault("happened", events_by_area(self.definition.id, self.actor, self.source))
        number = f"happened.by_area -> {area_key(self.definition.id)} -> {KINDS.index(live.events or '')}"
        return Clause(f"coalesce(({number})::bigint, 0)")

    def _overdue(self, one: FieldDefinition, _: Live) -> Clause:
        ended = "CASE WHEN onemap.event_is_open(t.stage, t.closed_at) THEN {} ELSE t.closed_at END"
        return compose(f"coalesce({ended} > t.due_at, {_stored(one.name)})", self.source.now)

    def _needs(self, _: FieldDefinition, __: Live) -> Clause:
        lacks = "CASE WHEN t.geom IS NULL THEN 'place' END, CASE WHEN t.event_class IS NULL THEN 'class' END"
        handled = "onemap.event_is_open(t.stage, t.closed_at) AND t.source IS DISTINCT FROM 'weather_warning'"
        return Clause(f"CASE WHEN {handled} THEN nullif(array_remove(ARRAY[{lacks}]::text[], NULL), '{{}}') END")


def _stored(name: str) -> str:
    return f"t.{quote_identifier(name)}"


def _kept(one: FieldDefinition) -> str:
    """Return the value while there is no live one: the table's, or NULL."""
    return _stored(one.name) if one.has_column else f"NULL::{COLUMN_TYPES[one.type]}"


def _bound(step: ValueClass) -> float | str | None:
    return step.least if step.above is None else step.above


def _case(step: ValueClass) -> str:
    bound = _bound(step)
    written = _stored(bound) if isinstance(bound, str) else f"{float(bound or 0)!r}"
    return f"WHEN number.of {'>' if step.least is None else '>='} {written} THEN {quote_literal(step.code)}"

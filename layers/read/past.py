"""The state of the twin as of a moment: the same pieces of SQL as for the present.

The last observation or position before the moment is looked up in history, feature by feature, through the index of
its series. Rows of layers are those valid at the moment; rows that were replaced since are in the schema `past`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from layers.catalog import Layer
from layers.clause import EMPTY, Clause, all_of, bind, compose, quote_identifier, quote_literal
from layers.definition import LayerDefinition, read_definitions
from layers.live_source import EVENTS
from layers.moment import Moment
from layers.read.past_events import events_at
from layers.read.present import Present
from layers.schema.tables import past_of

_MEASURED = "h.value, h.value_text, h.quality_flag, h.phenomenon_time"
NEWEST_VERSION = """coalesce(h.source_version, 1) DESC, coalesce(h.sent_time, h.phenomenon_time) DESC,
    coalesce(h.value, '-inf') DESC, coalesce(h.value_text, '') COLLATE "C" DESC"""
"""The order of observations (alias `h`) of one property and time, of which the first counts."""
LAST_MEASURED = f"h.phenomenon_time DESC, {NEWEST_VERSION}"
_MOVED = "h.id, h.lon, h.lat, h.phenomenon_time, h.speed_kmh, h.heading_deg, h.grid_code, h.area_code"
LAST_MOVED = "h.phenomenon_time DESC, h.lon DESC, h.lat DESC"
VALID = ("valid_from", "valid_to")


class Past(Present):
    """Pieces of SQL over the alias `t` of a layer's rows, as of a moment."""

    is_past = True

    def __init__(self, moment: Moment, at: Clause = EMPTY) -> None:
        self._moment = moment
        self.at = at or bind(moment.at, "timestamptz")  # as SQL: of facts that are read one by one, the time of each
        self.now = self.at

    @property
    def known(self) -> bool:
        """Whether only data that had arrived by the moment counts."""
        return self._moment.basis == "known"

    def rows(self, layer: Layer, *, in_order: bool = False) -> tuple[Clause, ...]:
        """Return the layer's rows at the moment: rows that are still current, and rows that were replaced since."""
        if layer.id == EVENTS:
            return tuple(compose("({}) AS t", part) for part in events_at(layer.definition, self.at, known=self.known))
        order = (
            " ORDER BY r.id OFFSET 0" if in_order and layer.definition.motion else ""
        )  # OFFSET keeps the planner to it
        return tuple(compose("{} AS t", part) for part in self._rows(layer, EMPTY, order))

    def versions(self, layer: Layer, same: Clause) -> tuple[Clause, ...]:
        """Return the layer's rows at the moment for which a condition over alias `r` holds, as items with alias `r`."""
        return tuple(compose("{} AS r", part) for part in self._rows(layer, same))

    def spans(self, layer: Layer, same: Clause) -> tuple[tuple[Clause, Clause], ...]:
        """Return the layer's rows of all moments, as items with alias `r`, each with the condition of the moment.

        Of what was true. The time of a row is looked up once, whatever the number of moments that it is joined with.
        """
        (table, current), (past, replaced) = _sources(layer)
        begun = f"CROSS JOIN LATERAL (SELECT max(l._known_to) AS at FROM {past} AS l WHERE l.id = r.id) AS begun"
        first = f"EXISTS (SELECT FROM {past} AS e WHERE e.id = r.id AND e._known_from < r._known_from)"
        valid = self._valid(layer)
        return (
            (
                Clause(f"(SELECT {current}, begun.at AS _from FROM {table} AS r {begun}) AS r"),
                all_of((same, compose("coalesce(r._from <= {}, TRUE)", self.at), *valid)),
            ),
            (
                Clause(
                    f"""(SELECT {replaced}, r._known_to, began.at AS _from FROM {past} AS r
                    CROSS JOIN LATERAL (
                        SELECT CASE WHEN {first} THEN r._known_from END AS at OFFSET 0) AS began) AS r"""
                ),
                all_of((same, compose("r._known_to > {} AND coalesce(r._from <= {}, TRUE)", self.at, self.at), *valid)),
            ),
        )

    def _rows(self, layer: Layer, same: Clause, order: str = "") -> tuple[Clause, ...]:
        valid = self._valid(layer)
        conditions = self._current(layer), self._replaced(layer)
        return tuple(
            compose(f"(SELECT {columns} FROM {table} AS r WHERE {{}}{order})", all_of((same, there, *valid)))
            for (table, columns), there in zip(_sources(layer), conditions, strict=True)
        )

    def _current(self, layer: Layer) -> Clause:
        later = compose(
            f"NOT EXISTS (SELECT FROM {past_of(layer.id)} AS l WHERE l.id = r.id AND l._known_to > {{}})", self.at
        )
        return all_of((compose("r._known_since <= {}", self.at), later)) if self.known else later

    def _replaced(self, layer: Layer) -> Clause:
        """Select rows that were replaced later; the first version of a row counts also before it arrived."""
        if self.known:
            return compose("r._known_from <= {} AND r._known_to > {}", self.at, self.at)
        first = f"NOT EXISTS (SELECT FROM {past_of(layer.id)} AS e WHERE e.id = r.id AND e._known_from < r._known_from)"
        return compose(f"r._known_to > {{}} AND (r._known_from <= {{}} OR {first})", self.at, self.at)

    def _valid(self, layer: Layer) -> Sequence[Clause]:
        if not set(VALID) <= layer.definition.by_name.keys():
            return ()
        return (
            compose("r.valid_from IS NULL OR r.valid_from <= {}", self.at),
            compose("r.valid_to IS NULL OR r.valid_to > {}", self.at),
        )

    def _until(self) -> Clause:
        arrived = compose(" AND h.ingested_at <= {}", self.at) if self.known else EMPTY
        return compose("h.phenomenon_time <= {}{}", self.at, arrived)

    def observed(self, code: str, alias: str) -> Clause:
        """Join the last observation of a property at the moment, if there is one."""
        last = self._last("twin.observation", _MEASURED, f"h.id = t.id AND h.property = {quote_literal(code)}")
        return _joined(compose(f"{{}} ORDER BY {LAST_MEASURED} LIMIT 1", last), _MEASURED, alias)

    def seen(self, alias: str) -> Clause:
        """Join the time of the last observation of any property at the moment."""
        last = self._last("twin.observation", _MEASURED, "h.id = n.id AND h.property = n.property")
        return compose(
            f"""LEFT JOIN LATERAL (
            SELECT max(o.phenomenon_time) AS phenomenon_time FROM twin.observation_now AS n
            CROSS JOIN LATERAL ({{}} ORDER BY {LAST_MEASURED} LIMIT 1) AS o WHERE n.id = t.id
            ) AS {alias} ON true""",
            last,
        )

    def series(self, code: str) -> Clause:
        """Return the observations of a property up to the moment."""
        same = f"h.id = t.id AND h.property = {quote_literal(code)}"
        return compose(f"twin.observation AS h WHERE {same} AND {{}}", self._until())

    def position(self, layer: Layer) -> Clause:
        """Join the last position at the moment, if there is one."""
        last = self._last("twin.position", _MOVED, f"h.layer = {quote_literal(layer.id)} AND h.id = t.id")
        return _joined(compose(f"{{}} ORDER BY {LAST_MOVED} LIMIT 1", last), _MOVED, "p")

    def events(self) -> Clause:
        """Return the events as they were at the moment."""
        parts = events_at(_events(), self.at, known=self.known)
        return compose(f"({' UNION ALL '.join('{}' for _ in parts)}) AS f", *parts)

    def _last(self, table: str, columns: str, same: str) -> Clause:
        return compose(f"SELECT {columns} FROM {table} AS h WHERE {same} AND {{}}", self._until())


def _sources(layer: Layer) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the tables of current and of replaced rows, each with its columns over alias `r`."""
    definition = layer.definition
    names = ["id", *(["geom"] if definition.geometry_type != "None" else [])]
    names += [field.name for field in definition.stored_fields if not field.name.startswith("fact_")]
    current = [f"r.{quote_identifier(name)}" for name in names]
    replaced = [strictest(layer) if name == "data_grade" else f"r.{quote_identifier(name)}" for name in names]
    return (layer.table, ", ".join(current)), (past_of(layer.id), ", ".join(replaced))


def strictest(layer: Layer) -> str:
    """Return the grade of a replaced row: its own, or the feature's present or last grade where that is stricter.

    Raising a grade also covers the past of the feature.
    """
    now = f"(SELECT n.data_grade FROM {layer.table} AS n WHERE n.id = r.id)"
    last = f"(SELECT l.data_grade FROM {past_of(layer.id)} AS l WHERE l.id = r.id ORDER BY l._known_to DESC LIMIT 1)"
    return f"greatest(r.data_grade, coalesce({now}, {last})) AS data_grade"


def _joined(last: Clause, columns: str, alias: str) -> Clause:
    """Join the one row of a statement, if there is one.

    It is written as an aggregate of that row: then PostgreSQL knows that there is never more than one, and leaves the
    join out of statements that select none of its columns.
    """
    names = [column.removeprefix("h.") for column in columns.split(", ")]
    kept = ", ".join(f"max(l.{name}) AS {name}" for name in names)
    return compose(f"LEFT JOIN LATERAL (SELECT {kept} FROM ({{}}) AS l) AS {alias} ON true", last)


@cache
def _events() -> LayerDefinition:
    return read_definitions()[EVENTS]

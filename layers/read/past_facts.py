"""The facts of a span: positions, observations or versions of events, each beside its feature as it was then.

The row of a feature at the time of a fact is found as of any other moment (`layers/read/past.py`), with the time of the
fact in the place of the moment. Of several facts of one time the same one counts as everywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from layers.catalog import Layer
from layers.clause import EMPTY, Clause, bind, compose, quote_identifier, quote_literal
from layers.moment import Facts, Throughout
from layers.read.facts import PROPERTY, QUALITY, TEXT, TIME, UNIT, VALUE, position_fields
from layers.read.past import LAST_MOVED, NEWEST_VERSION, Past
from layers.read.past_events import versions_of_events

_TABLES: Mapping[Facts, str] = {"position": "twin.position", "observation": "twin.observation"}
_SAME: Mapping[Facts, str] = {
    "position": "h.id, h.phenomenon_time",
    "observation": "h.id, h.property, h.phenomenon_time",
}
_NEWEST: Mapping[Facts, str] = {
    "position": LAST_MOVED.removeprefix("h.phenomenon_time DESC, "),
    "observation": NEWEST_VERSION,
}
_MEASURED = {
    PROPERTY: "property", TIME: "phenomenon_time", VALUE: "value", TEXT: "value_text", UNIT: "unit",
    QUALITY: "quality_flag",
}  # fmt: skip
_MOVED = ("lon", "lat", "phenomenon_time", "speed_kmh", "heading_deg", "grid_code", "area_code")


class PastFacts(Past):
    """Pieces of SQL over the alias `t` of facts, with the columns of their features."""

    def __init__(self, span: Throughout) -> None:
        super().__init__(span)
        self._span = span
        self.at = Clause("t._at")
        self.now = self.at

    def rows(self, layer: Layer, *, in_order: bool = False) -> tuple[Clause, ...]:  # noqa: ARG002  # one order serves
        """Return the facts with alias `t`: those of rows that are still current, and of rows that were replaced."""
        if self._span.facts == "version":
            between = bind(self._span.start, "timestamptz"), bind(self._span.at, "timestamptz")
            known = bind(self._span.known_at, "timestamptz") if self._span.known_at else EMPTY
            return (compose("({}) AS t", versions_of_events(layer.definition, *between, known)),)
        then = Past(Throughout(self._span.at, "phenomenon"), Clause("p.phenomenon_time"))
        same = Clause("r.id = p.id")
        joined = (
            (compose("INNER JOIN {} ON {}", *part) for part in then.spans(layer, same))
            if self._span.of_few
            else (compose("CROSS JOIN LATERAL {}", part) for part in then.versions(layer, same))
        )
        facts = self._facts(layer)
        return tuple(
            compose(f"(SELECT {self._columns(layer)} FROM ({{}}) AS p {{}}) AS t", facts, one) for one in joined
        )

    def position(self, layer: Layer) -> Clause:
        """Join the position that the fact is, or the last one before it."""
        if self._span.facts != "position":
            return super().position(layer)
        moved = ", ".join(f"t._{name} AS {name}" for name in _MOVED)
        return Clause(f"CROSS JOIN LATERAL (SELECT t.id AS id, {moved}) AS p")

    def _columns(self, layer: Layer) -> str:
        """Return the columns of the feature, of its fact, and of the position that it is."""
        definition, kind = layer.definition, self._span.facts
        added = {code: f"p.{column}" for code, column in _MEASURED.items()} if kind == "observation" else {}
        if kind == "position":
            added = {
                name: f"p.{what}" for what, name in position_fields(definition).items() if name.startswith("fact_")
            }
        names = [name for field in definition.stored_fields if (name := field.name) not in added]
        columns = ["p.id", "p.phenomenon_time AS _at"]
        columns += ["r.geom"] if definition.geometry_type != "None" else []
        columns += [f"r.{quote_identifier(name)}" for name in names]
        columns += [f"{value} AS {name}" for name, value in added.items()]
        return ", ".join([*columns, *(f"p.{name} AS _{name}" for name in _MOVED if kind == "position")])

    def _facts(self, layer: Layer) -> Clause:
        """Return the facts that count: one of each time."""
        kind = self._span.facts
        of_layer = f"h.layer = {quote_literal(layer.id)} AND " if kind == "position" else ""
        arrived = (
            compose(" AND h.ingested_at <= {}", bind(self._span.known_at, "timestamptz"))
            if self._span.known_at
            else EMPTY
        )
        return compose(
            f"""SELECT DISTINCT ON ({_SAME[kind]}) h.* FROM {_TABLES[kind]} AS h
            WHERE {of_layer}h.phenomenon_time >= {{}} AND h.phenomenon_time < {{}}{{}}
            ORDER BY {_SAME[kind]}, {_NEWEST[kind]}""",
            bind(self._span.start, "timestamptz"),
            bind(self._span.at, "timestamptz"),
            arrived,
        )

"""The state of the twin as of now, as pieces of SQL."""

from __future__ import annotations

from layers.catalog import Layer
from layers.clause import Clause, quote_literal
from layers.live_source import EVENTS
from layers.schema.tables import table_of


class Present:
    """Pieces of SQL over the alias `t` of a layer's rows; `layers.read.past.Past` has the same for another moment."""

    now = Clause("now()")
    is_past = False

    def rows(self, layer: Layer, *, in_order: bool = False) -> tuple[Clause, ...]:  # noqa: ARG002  # of the past
        """Return the FROM items of the layer's rows, with alias `t`; each of several has rows of its own.

        `in_order` says that the condition on rows uses no index and is costly to test: rows of moving features then
        come in the order of their ids, so that the search can stop when a page is full.
        """
        return (Clause(f"{layer.table} AS t"),)

    def observed(self, code: str, alias: str) -> Clause:
        """Join the newest observation of a property, if there is one: `value, value_text, quality_flag, …`."""
        same = f"{alias}.id = t.id AND {alias}.property = {quote_literal(code)}"
        return Clause(f"LEFT JOIN twin.observation_now AS {alias} ON {same}")

    def seen(self, alias: str) -> Clause:
        """Join the time of the newest observation of any property, as `phenomenon_time`; null when there is none."""
        return Clause(
            f"""LEFT JOIN LATERAL (
            SELECT max(n.phenomenon_time) AS phenomenon_time FROM twin.observation_now AS n WHERE n.id = t.id
            ) AS {alias} ON true"""
        )

    def series(self, code: str) -> Clause:
        """Return the observations of a property, as a FROM item with alias `h` and the start of its condition."""
        return Clause(f"twin.observation AS h WHERE h.id = t.id AND h.property = {quote_literal(code)}")

    def positions(self, layer: Layer) -> Clause:
        """Return the newest positions of a layer's features as a FROM item with alias `p`, one row a feature."""
        return Clause(f"(SELECT * FROM twin.position_now AS n WHERE n.layer = {quote_literal(layer.id)}) AS p")

    def absent(self, layer: Layer) -> Clause:
        """Return the condition that the row `t` has no position."""
        known = f"SELECT FROM twin.position_now AS n WHERE n.layer = {quote_literal(layer.id)} AND n.id = t.id"
        return Clause(f"NOT EXISTS ({known})")

    def position(self, layer: Layer) -> Clause:
        """Join the newest position, if there is one, with alias `p`."""
        return Clause(f"LEFT JOIN twin.position_now AS p ON p.layer = {quote_literal(layer.id)} AND p.id = t.id")

    def events(self) -> Clause:
        """Return the events as a FROM item with alias `f`."""
        return Clause(f"{table_of(EVENTS)} AS f")

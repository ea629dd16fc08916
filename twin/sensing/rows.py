"""The rows behind entities: features that measure, what each of them measures, and every observation.

Features come from the one relation of their layer, so rows, masks and places are those that the actor sees. The newest
observation of a property makes its datastream. Observations are those of history that count: of one time the newest
version (`twin/store/observations.py`). Who may not look back sees the newest one alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, all_of, bind, columns_in, compose, join, quote_identifier, quote_literal
from layers.definition import FieldType
from layers.layer_rights import rights_of
from layers.read.relation import relation
from layers.read.rights import VisibleField, scoped, visible_fields
from layers.schema.tables import COLUMN_TYPES
from twin.sensing.entity_types import SensorEntity
from twin.sensing.shown import shown_properties, shown_since
from twin.sensing.things import PropertyTitles, without_live

PROPERTIES = "properties/"
_PAIRS_MAX = 49  # a function of PostgreSQL takes 100 arguments
_RANK = """coalesce({0}.source_version, 1), coalesce({0}.sent_time, {0}.phenomenon_time), coalesce({0}.value, '-inf'),
    coalesce({0}.value_text, '') COLLATE "C", {0}.tableoid, {0}.ctid"""
_COUNTS = f"""NOT EXISTS (SELECT FROM twin.observation AS b WHERE b.id = n.id AND b.property = n.property
    AND b.phenomenon_time = n.phenomenon_time AND ({_RANK.format("b")}) > ({_RANK.format("n")}))"""
_OF_SERIES = {
    "property": "n.property",
    "unit": "coalesce(n.unit, ({units})::jsonb ->> n.property)",
    "is_number": "n.value IS NOT NULL",
    "property_name": "coalesce(({names})::jsonb ->> n.property, n.property)",
    "property_about": "coalesce(({abouts})::jsonb ->> n.property, n.property)",
    "series_name": "concat_ws(' ', {name}, coalesce(({names})::jsonb ->> n.property, n.property))",
    "series_about": "coalesce(({abouts})::jsonb ->> n.property, n.property)",
    "series_key": "{layer} || ':' || f.id || ':' || n.property",
    "time": "n.phenomenon_time",
    "value": "n.value",
    "text": "n.value_text",
    "quality": "n.quality_flag",
    "observation_key": "{layer} || ':' || f.id || ':' || n.property || ':'"
    " || (extract(epoch FROM n.phenomenon_time) * 1000000)::bigint",
}
_BOUND = {"id": "f.id", "property": "n.property", "time": "n.phenomenon_time"}


@dataclass(frozen=True, slots=True)
class SensingRows:
    """The rows that an actor may see of some layers.

    Attributes
    ----------
    layers
        The layers of things, with `titles` of what they measure.
    kinds
        Types of the properties of things that filters may name; of fields of one name the first counts.
    """

    actor: Actor
    layers: tuple[Layer, ...]
    titles: PropertyTitles
    kinds: Mapping[str, FieldType]

    @classmethod
    def of(cls, actor: Actor, layers: Iterable[Layer]) -> SensingRows:
        """Return the rows of layers."""
        found = tuple(layers)
        kinds: dict[str, FieldType] = {}
        for one in (one for layer in found for one in visible_fields(layer, actor)):
            if one.definition.live is None and not one.masked and one.type != "json":
                kinds.setdefault(one.definition.name, one.type)
        return cls(actor, found, PropertyTitles.of(found), kinds)

    def within(self, layer_id: str) -> SensingRows:
        """Return the rows of one of the layers; none when it is not among them."""
        return replace(self, layers=tuple(layer for layer in self.layers if layer.id == layer_id))

    def parts(self, entity: SensorEntity, bound: Mapping[str, Clause], wanted: Iterable[str]) -> list[Clause]:
        """Return FROM items with alias `f` that together have the rows of a type of entity.

        Parameters
        ----------
        bound
            Values of columns of the key, as SQL; only rows with these.
        wanted
            The columns that are read.
        """
        columns = sorted({*wanted, *entity.key})
        if entity.source == "none" or not self.layers:
            return []
        if entity.source == "property":
            every = [self._part("series", layer, bound, columns) for layer in self.layers]
            union = compose(" UNION ALL ".join("SELECT * FROM {}" for _ in every), *every)
            return [compose("(SELECT DISTINCT ON (u.property) u.* FROM ({}) AS u ORDER BY u.property) AS f", union)]
        return [self._part(entity.source, layer, bound, columns) for layer in self.layers]

    def _part(self, source: str, layer: Layer, bound: Mapping[str, Clause], columns: Iterable[str]) -> Clause:
        actor, table, counts = self._history(layer) if source == "observation" else (self.actor, _NEWEST, Clause(""))
        still = without_live(layer, actor)
        writer = _Columns(still, actor, self)
        select = join(", ", (compose(f"{{}} AS {quote_identifier(name)}", writer.of(name)) for name in columns))
        tests = [compose(f"{_BOUND[name]} = {{}}", value) for name, value in bound.items() if name in _BOUND]
        if "layer" in bound:
            tests.append(compose(f"{quote_literal(layer.id)} = {{}}", bound["layer"]))
        joined = ""
        if source != "thing":
            joined = f" JOIN {table} AS n ON n.id = f.id"
            tests += [shown_properties(layer, actor), counts]
        where = scoped(still, actor, *(test for test in tests if test))
        reads = columns_in(select.text, where.text)
        return compose(
            f"(SELECT {{}} FROM {{}}{joined} WHERE {{}}) AS f", select, relation(still, actor, reads=reads), where
        )

    def _history(self, layer: Layer) -> tuple[Actor, str, Clause]:
        historian = self.actor.as_historian()
        if not rights_of(layer.definition, historian).reads(layer.lowest_grade):
            return self.actor, _NEWEST, Clause("")
        return historian, _EVERY, all_of((Clause(_COUNTS), shown_since(layer, historian)))


_NEWEST, _EVERY = "twin.observation_now", "twin.observation"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Writes columns of one layer, over its features `f` and observations `n`."""

    layer: Layer
    actor: Actor
    rows: SensingRows

    def of(self, column: str) -> Clause:
        layer = quote_literal(self.layer.id)
        if column in _OF_SERIES:
            return self._of_series(_OF_SERIES[column], layer)
        if column.startswith(PROPERTIES):
            return self._property(column.removeprefix(PROPERTIES))
        has_place = self.layer.definition.geometry_type != "None"
        written = {
            "layer": f"{layer}::text",
            "id": "f.id",
            "thing_key": f"{layer} || ':' || f.id",
            "name": self._name(),
            "about": f"{quote_literal(self.layer.definition.title_zh + ' ' + self.layer.definition.title_en)}::text",
            "geom": "f.geom" if has_place else "NULL::geometry",
            "shape": "ST_AsGeoJSON(f.geom, 7, 0)" if has_place else "NULL::text",
            "properties": self._properties(),
        }
        return Clause(written[column], reads_geometry=False)

    def _of_series(self, template: str, layer: str) -> Clause:
        text = template.replace("{layer}", layer).replace("{name}", self._name())
        values: list[object] = []
        for title in ("names", "abouts", "units"):
            if f"{{{title}}}" in text:
                text = text.replace(f"{{{title}}}", f"?{len(values)}::text")
                values.append(getattr(self.rows.titles, title))
        return Clause(text, tuple(values))

    def _visible(self) -> dict[str, VisibleField]:
        return {one.definition.name: one for one in visible_fields(self.layer, self.actor)}

    def _name(self) -> str:
        name = self._visible().get("name")
        return "f.id" if name is None or name.masked else f"coalesce({name.expression}, f.id)"

    def _property(self, name: str) -> Clause:
        field, kind = self._visible().get(name), self.rows.kinds[name]
        if field is None or field.masked or field.type != kind:
            return Clause(f"NULL::{COLUMN_TYPES[kind]}")
        return Clause(field.expression)

    def _properties(self) -> str:
        """Return the visible stored fields as one JSON object, without those that are null."""
        shown = [one for name, one in self._visible().items() if one.definition.live is None and name != "name"]
        pairs = [f"{quote_literal(one.definition.name)}, {one.expression}" for one in shown]
        groups = [pairs[at : at + _PAIRS_MAX] for at in range(0, len(pairs), _PAIRS_MAX)]
        built = [f"jsonb_build_object({', '.join(group)})" for group in groups] or ["'{}'::jsonb"]
        return f"jsonb_strip_nulls({' || '.join(built)})"


def of_values(values: Mapping[str, object]) -> dict[str, Clause]:
    """Return values of key columns as bound SQL."""
    return {name: bind(value, "timestamptz" if name == "time" else "text") for name, value in values.items()}

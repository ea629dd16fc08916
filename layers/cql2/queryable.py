"""The queryables of a layer: the properties an actor may search on, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from layers.actor import Actor
from layers.clause import Clause, quote_identifier
from layers.definition import FieldType, GeometryType, LayerDefinition
from layers.errors import BadFilter
from layers.layer_rights import rights_of


@dataclass(frozen=True, slots=True)
class Queryable:
    """A property that may stand in a filter.

    Attributes
    ----------
    name
        Its name in filters.
    column
        Its column in the layer's table.
    type
        The field's type, or ``geometry``.
    geometry_type
        The type of a geometry; points have a cheaper bbox test.
    moves
        Whether the place of a point is a pair of numbers, `_lon_now` and `_lat_now`.
    """

    name: str
    column: str
    type: FieldType | Literal["geometry"]
    geometry_type: GeometryType = "None"
    moves: bool = False

    @property
    def clause(self) -> Clause:
        """The column over the table's alias `f`."""
        return Clause(f"f.{quote_identifier(self.column)}", reads_geometry=self.type == "geometry")


def queryables_of(definition: LayerDefinition, actor: Actor) -> dict[str, Queryable]:
    """Return the properties the actor may search on: fields it sees unmasked, `id`, and the geometry.

    Fields that are hidden or masked in every row are left out, so that a search cannot reveal their values; of the
    other rows a search sees what the actor sees. The geometry is `geom`, and
    `geometry` too unless a field has that name; a layer without geometry has neither.
    """
    found = {"id": Queryable("id", "id", "string")}
    rights = rights_of(definition, actor)
    if definition.geometry_type != "None" and rights.shows_place:
        for name in ("geom", "geometry"):
            found[name] = Queryable(name, "geom", "geometry", definition.geometry_type, definition.motion is not None)
    visible = (field for field in definition.fields if rights.is_full(field.name))
    return found | {field.name: Queryable(field.name, field.name, field.type) for field in visible}


def find_queryable(name: object, queryables: Mapping[str, Queryable], parameter: str = "filter") -> Queryable:
    """Return the property of that name.

    Raises
    ------
    BadFilter
        When there is none that the actor may search on; the message lists those there are.
    """
    if isinstance(name, str) and name in queryables:
        return queryables[name]
    allowed = ", ".join(sorted(queryables))
    raise BadFilter(f"there is no property '{str(name)[:80]}' to search on; allowed are {allowed}", parameter=parameter)

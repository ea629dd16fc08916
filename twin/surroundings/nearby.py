"""The features around a place: of several layers in one response, each with its distance on the ground.

The one query builder reads every feature, so that the actor's scope and masks hold here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import asyncpg

from layers.actor import Actor
from layers.catalog import Catalog, Layer
from layers.clause import GEOMETRY, Clause, bind, compose, join, quote_identifier, quote_literal
from layers.definition import FieldDefinition
from layers.errors import BadInput, NotFound, TooMuch
from layers.read.query import ItemsQuery, feature_json
from layers.read.relation import relation
from layers.read.rights import SHOWN, scoped, visible_fields
from twin.surroundings.spot import Spot

RADIUS_M_MAX = 5_000.0
LAYERS_MAX = 20
DISTANCE = FieldDefinition(name="distance_m", title_zh="距离", title_en="Distance", type="number", unit="m")
LAYER = FieldDefinition(name="layer", title_zh="图层", title_en="Layer", type="string")


@dataclass(frozen=True, slots=True)
class NearbyFeatures:
    """Features of several layers.

    Attributes
    ----------
    features
        GeoJSON features as bytes, in the order of the response; each has the property `layer`.
    matched
        Number of matching features of each layer that the actor may see; above `returned` where the limit cut.
    returned
        Number of features of each layer in `features`.
    """

    features: tuple[bytes, ...]
    matched: dict[str, int]
    returned: dict[str, int]

    @property
    def is_whole(self) -> bool:
        """Whether no limit cut."""
        return self.matched == self.returned


def chosen_layers(catalog: Catalog, actor: Actor, names: Iterable[str]) -> list[Layer]:
    """Return the layers of some names, each once.

    Raises
    ------
    BadInput
        When one does not exist, is hidden from this actor, has no places, or none was named.
    TooMuch
        When there are more than `LAYERS_MAX`.
    """
    requested = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    allowed = ", ".join(n for n in catalog.visible_ids(actor) if catalog[n].definition.geometry_type != "None")
    if not requested:
        raise BadInput(f"layers names no layer; allowed are {allowed}, separated by commas", parameter="layers")
    if len(requested) > LAYERS_MAX:
        raise TooMuch(
            f"layers names {len(requested)} layers; at most {LAYERS_MAX} can be asked at once", parameter="layers"
        )
    try:
        found = [catalog.visible(name, actor) for name in requested]
    except NotFound as error:
        raise BadInput(error.message, parameter="layers") from error
    for layer in found:
        if layer.definition.geometry_type == "None":
            raise BadInput(f"'{layer.id}' has no places; allowed are {allowed}", parameter="layers")
    return found


async def nearby(
    connection: asyncpg.Connection, layers: Sequence[Layer], actor: Actor, spot: Spot, radius_m: float, limit: int
) -> NearbyFeatures:
    """Return the features within a geodesic distance of a place, nearest first, then by id; `limit` of each layer.

    Raises
    ------
    BadInput
        When the radius is not above 0.
    TooMuch
        When it is larger than `RADIUS_M_MAX`.
    """
    if not radius_m > 0:
        raise BadInput(
            f"radius_m is {radius_m:g}; allowed are more than 0 up to {RADIUS_M_MAX:g}", parameter="radius_m"
        )
    if radius_m > RADIUS_M_MAX:
        raise TooMuch(f"radius_m is {radius_m:g}; at most {RADIUS_M_MAX:g} is searched", parameter="radius_m")
    parts = [nearby_clause(layer, actor, spot, radius_m, limit) for layer in layers]
    return await gather(connection, layers, parts, "distance_m, id, layer")


def nearby_clause(layer: Layer, actor: Actor, spot: Spot, radius_m: float, limit: int) -> Clause:
    """Build one layer's part: a box in degrees for the index, then the exact distance on the ellipsoid.

    Distances are compared in whole millimetres, as they are shown.
    """
    distance = compose("round(ST_Distance(f.geom::geography, {}::geography)::numeric, 3)::float8", spot.geometry)
    box = compose("{} && onemap.box_around({}, {})", GEOMETRY, spot.geometry, bind(radius_m, "float8"))
    return selection(
        layer,
        actor,
        where=box,
        computed={DISTANCE: distance},
        kept=compose("f.distance_m <= {}", bind(radius_m, "float8")),
        order="f.distance_m, f.id",
        limit=limit,
    )


def selection(
    layer: Layer,
    actor: Actor,
    *,
    where: Clause,
    limit: int,
    order: str = "f.id",
    computed: dict[FieldDefinition, Clause] | None = None,
    kept: Clause | None = None,
) -> Clause:
    """Build the statement for features of one layer that have computed properties besides their own.

    Parameters
    ----------
    where
        The condition on rows, over alias `f`; the actor's scope is added here.
    computed
        Properties to add; they hide the layer's own of the same name.
    kept
        The condition on the computed properties, over alias `f`.

    Returns
    -------
    Clause
        Rows `layer, id, distance_m, matched, feature`; `distance_m` is null when it is not computed.
    """
    extra = {LAYER: bind(layer.id, "text"), **(computed or {})}
    widened = _with_fields(layer, tuple(extra))
    own = ["id", "geom", *(quote_identifier(f.name) for f in widened.definition.fields if f not in extra)]
    shown = {SHOWN.format(f.definition.name): f.expression for f in visible_fields(layer, actor)}
    own += [quote_identifier(name) for name, expression in shown.items() if name in expression]  # masks of another type
    columns = ", ".join([*(f"whole.{name}" for name in own), *(f"chosen.{f.name}" for f in extra)])
    added = join(", ", [compose(f"{{}} AS {f.name}", value) for f, value in extra.items()])
    distance = "f.distance_m" if DISTANCE in extra else "NULL::float8"
    return compose(  # whole rows are read only of the selected features
        f"""SELECT {quote_literal(layer.id)} AS layer, f.id, {distance} AS distance_m, f._matched AS matched,
            convert_to({{}}, 'UTF8') AS feature
        FROM (
            SELECT {columns}, chosen._matched
            FROM (
                SELECT f.*, count(*) OVER () AS _matched
                FROM (SELECT f.id, {{}} FROM {{}} WHERE {{}} OFFSET 0) AS f
                WHERE {{}} ORDER BY {order} LIMIT {int(limit)}
            ) AS chosen
            CROSS JOIN LATERAL (SELECT f.* FROM {{}} WHERE f.id = chosen.id LIMIT 1) AS whole
        ) AS f""",
        feature_json(ItemsQuery(widened, actor)),
        added,
        relation(layer, actor, where),
        scoped(layer, actor, where),
        kept or Clause("TRUE"),
        relation(layer, actor),
    )


def _with_fields(layer: Layer, extra: tuple[FieldDefinition, ...]) -> Layer:
    """Return the layer with extra fields, so that the builder writes them like its own."""
    names = {field.name for field in extra}
    fields = (*extra, *(f for f in layer.definition.fields if f.name not in names))
    return replace(layer, definition=layer.definition.with_fields(fields))


async def gather(
    connection: asyncpg.Connection, layers: Sequence[Layer], parts: Sequence[Clause], order: str
) -> NearbyFeatures:
    """Return the features of several layers' parts, run as one statement."""
    union = compose(" UNION ALL ".join("({})" for _ in parts), *parts)
    text, values = compose(f"SELECT * FROM ({{}}) AS found ORDER BY {order}", union).render()
    rows = await connection.fetch(text, *values)
    matched, returned = ({layer.id: 0 for layer in layers} for _ in range(2))
    for row in rows:
        matched[row["layer"]] = row["matched"]
        returned[row["layer"]] += 1
    return NearbyFeatures(tuple(row["feature"] for row in rows), matched, returned)

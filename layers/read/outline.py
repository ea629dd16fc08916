"""The outline of a layer's polygons, as one actor sees them: it frames the map."""

from __future__ import annotations

from layers.actor import Actor
from layers.catalog import Layer
from layers.clause import Clause, compose
from layers.read.relation import relation
from layers.read.rights import scoped

_TOLERANCE_DEG = 0.0001  # about 10 m: the outline is only a frame


def outline_of(layer: Layer, actor: Actor) -> Clause:
    """Build a statement of one row: `names` joined by ``、``, and `outline` as GeoJSON, degrees; NULLs for no rows."""
    return compose(
        f"""SELECT string_agg(f.name, '、' ORDER BY f.id) AS names,
            ST_AsGeoJSON(ST_SimplifyPreserveTopology(ST_Union(f.geom), {_TOLERANCE_DEG}), 5, 0) AS outline
        FROM {{}} WHERE {{}}""",
        relation(layer, actor),
        scoped(layer, actor),
    )

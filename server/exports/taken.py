"""Judging an answer of several layers whose features were counted when they were read."""

from __future__ import annotations

from collections.abc import Mapping

from layers.actor import Actor
from layers.catalog import Catalog
from layers.moment import Moment
from server.audit.touched import current_note, touch
from server.audit.watermark import Watermark
from server.exports.exports import Exports


async def judge_taken(
    exports: Exports, catalog: Catalog, actor: Actor, features: Mapping[str, int], moment: Moment | None = None
) -> Watermark | None:
    """Note the features of an answer by layer, and judge it.

    Parameters
    ----------
    moment
        As of which they were read; None is the present.

    Raises
    ------
    Forbidden, Unavailable
        As `Exports.judge`.
    """
    for layer_id in sorted(features):
        touch(catalog.visible(layer_id, actor).as_of(moment), actor, rows=features[layer_id])
    return await exports.judge(current_note())

"""Observations as arrays of values, grouped by datastream: `$resultFormat=dataArray`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from server.sensorthings.entity_documents import id_of, member_of, self_link
from twin.sensing.entities import EntityRow
from twin.sensing.entity_types import SETS

_OBSERVATION, _DATASTREAM = SETS["Observations"], SETS["Datastreams"]


def data_arrays(rows: Iterable[EntityRow], select: Sequence[str] | None, root: str) -> list[dict[str, Any]]:
    """Return observations by datastream: the link of each, the names of the values, and the values."""
    names = [name for name in select or ("id", *_OBSERVATION.members) if name not in {"@iot.id", "@iot.selfLink"}]
    names = [name for name in names if name not in _OBSERVATION.links]
    groups: dict[str, dict[str, Any]] = {}
    for row in rows:
        link = self_link(_DATASTREAM, row, root)
        group = groups.setdefault(
            link,
            {"Datastream@iot.navigationLink": link, "components": names, "dataArray@iot.count": 0, "dataArray": []},
        )
        group["dataArray"].append(
            [id_of(_OBSERVATION, row) if name == "id" else member_of(_OBSERVATION, row, name, "") for name in names]
        )
        group["dataArray@iot.count"] += 1
    return list(groups.values())

"""JSON Schemas of what streams say, made of the code that says it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from twin.live.change_batch import MERGED
from twin.live.visibility import field_names

type Schema = dict[str, Any]
_NUMBER = {"type": "integer", "minimum": 0, "description": "序号：从此之后续接 resume after this number"}
_BOX = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
_TYPES: dict[str, Schema] = {
    "lon": {"type": "number", "description": "CRS84, degrees"},
    "lat": {"type": "number", "description": "CRS84, degrees"},
    "phenomenon_time": {"type": "string", "format": "date-time"},
    "value": {"type": "number"},
    "speed_kmh": {"type": "number"},
    "heading_deg": {"type": "number"},
    "operation": {"enum": ["create", "update", "delete"]},
    "old": _BOX | {"description": "where it was"},
    "new": _BOX | {"description": "where it is"},
}


_COUNT = {"type": "integer", "minimum": 0}
_SET = {
    "type": "object",
    "required": ["zoom", "ranges"],
    "properties": {
        "zoom": _COUNT,
        "ranges": {
            "type": "array",
            "description": "first column, first row, last column, last row; of another zoom those tiles changed whose"
            " square, widened by an eighth of its side, meets one of them",
            "items": {"type": "array", "items": _COUNT, "minItems": 4, "maxItems": 4},
        },
    },
}
_TILES: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["layer", "since", "version", "sets"],
        "properties": {
            "layer": {"type": "string"},
            "since": _COUNT | {"description": "从此版本起 what changed after this version of the layer"},
            "version": _COUNT,
            "sets": {
                "description": "by tile matrix set; null: anywhere, empty: nowhere that you may see",
                "oneOf": [{"type": "null"}, {"type": "object", "additionalProperties": _SET}],
            },
        },
    },
}


def changes_schema() -> Schema:
    """Return the schema of an array of changes: one form a kind, with the fields of the layer beside those named."""
    return {"type": "array", "items": {"oneOf": [_change(kind, names) for kind, names in field_names().items()]}}


def _change(kind: str, names: frozenset[str]) -> Schema:
    known = {name: _TYPES.get(name, {"type": "string"}) for name in sorted(names)}
    merged = "只发最新 only the newest within a frame" if kind in MERGED else "逐条发送 every one"
    return {
        "type": "object",
        "title": kind,
        "description": merged,
        "required": ["kind", "layer", "id"],
        "properties": {**known, "kind": {"const": kind}, "layer": {"type": "string"}, "id": {"type": "string"}},
        "additionalProperties": True,
    }


def notices() -> dict[str, Schema]:
    """Return the messages that streams send, as events (`changes`) and as messages of a socket (`changesMessage`)."""
    said = {
        "ready": (_object(seq=_NUMBER), "此后不漏不重 nothing is missed or told twice from here on"),
        "resync": (
            _object(seq=_NUMBER, detail={"type": "string"}),
            "缺口：请重取状态 there is a gap: take the state anew",
        ),
        "snapshot": (
            _object(layer={"type": "string"}, features={"type": "array", "items": {"type": "object"}}),
            "一个图层的当前状态（GeoJSON 要素） the state of one layer, as GeoJSON features",
        ),
    }
    found = {name: _message(name, summary, payload) for name, (payload, summary) in said.items()}
    found["changes"] = _message(
        "changes", "变更；同一对象只发最新 changes in order", {"$ref": "#/components/schemas/changes"}
    )
    for name, (payload, summary) in said.items():
        found[f"{name}Message"] = _message(name, summary, _typed(name, payload))
    changes = _object(seq=_NUMBER, changes={"$ref": "#/components/schemas/changes"})
    found["changesMessage"] = _message("changes", "变更 changes in order", _typed("changes", changes))
    tiles = (
        "变化的瓦片：提示，不入日志，无序号。首条只说各图层版本；since 与所知版本不同，则视该图层全部瓦片为已变。"
        " Tiles that changed: hints that are not in the log and have no number. The first tells versions alone; where"
        " since is not the version that was heard last, every tile of the layer counts as changed"
    )
    found["tiles"] = _message("tiles", tiles, _TILES)
    found["tilesMessage"] = _message("tiles", tiles, _typed("tiles", _object(layers=_TILES)))
    found["heartbeatMessage"] = _message(
        "heartbeat", "心跳 a sign of life", _typed("heartbeat", _object(seq={"type": ["integer", "null"]}))
    )
    error = _object(status={"type": "integer"}, detail={"type": "string"})
    error["properties"]["parameter"] = {"type": "string"}
    found["errorMessage"] = _message(
        "error", "说明哪里不对 what was wrong; the connection goes on", _typed("error", error)
    )
    return found


def _message(name: str, summary: str, payload: Schema) -> Schema:
    return {"name": name, "contentType": "application/json", "summary": summary, "payload": payload}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _typed(name: str, payload: Schema) -> Schema:
    """Add the member that tells messages of a socket apart."""
    properties = {"type": {"const": name}, **payload["properties"]}
    return {**payload, "required": ["type", *payload["required"]], "properties": properties}


def cloud_event_schema(source: str, gap: str, *, timed: bool = True) -> Schema:
    """Return the schema of a change as a CloudEvent; those of the stream do not say when it was committed."""
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["specversion", "id", "source", "type", *(["time"] if timed else []), "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "description": "the number of the change"},
            "source": {"const": source},
            "type": {"type": "string", "pattern": r"^cn\.onemap\.", "examples": ["cn.onemap.event.changed", gap]},
            "subject": {"type": "string", "description": "layer/id"},
            "time": {"type": "string", "format": "date-time", "description": "when it was committed"},
            "sequence": text,
            "datacontenttype": {"const": "application/json"},
            "data": {"type": "object"},
        },
    }


def schema_of(model: type[BaseModel]) -> Schema:
    """Return the schema of a model."""
    return model.model_json_schema()

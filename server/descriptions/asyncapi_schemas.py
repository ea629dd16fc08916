"""JSON Schemas of the messages of streams, made from the types of the code that sends them."""

from __future__ import annotations

from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, TypeAliasType, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from twin.live.change_batch import MERGED
from twin.log.change import SENT_KINDS, FeatureReference, members

type Schema = dict[str, Any]
_NUMBER = {"type": "integer", "minimum": 0, "description": "序号：从此之后续接 resume after this number"}
_RIGHTS = {"type": "string", "description": "权限标记，续传时送回 a mark of your rights, to be sent back with since"}
_PLAIN: dict[Any, Schema] = {str: {"type": "string"}, datetime: {"type": "string"}, float: {"type": "number"}}
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
    """Return the schema of an array of changes: one form a kind, to which fields of the layer are added."""
    return {"type": "array", "items": {"oneOf": [_change(*kind) for kind in SENT_KINDS.items()]}}


def _change(kind: str, definition: type[FeatureReference]) -> Schema:
    hints = get_type_hints(definition, include_extras=True)
    known = {name: _member(hints[name]) for name in sorted(members(definition))}
    merged = "只发最新 only the newest within a frame" if kind in MERGED else "逐条发送 every one"
    return {
        "type": "object",
        "title": kind,
        "description": merged,
        "required": ["kind", "layer", "id"],
        "properties": known,
        "additionalProperties": True,
    }


def _member(hint: Any) -> Schema:
    """Return the schema of a member's type; a member is left out instead of being null."""
    if isinstance(hint, TypeAliasType):
        return _member(hint.__value__)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return {**_member(parts[0]), **parts[1]}
    if origin is Literal:
        return {"const": parts[0]} if len(parts) == 1 else {"enum": list(parts)}
    if origin is list:
        return {"type": "array", "items": _member(parts[0])}
    return _member(parts[0]) if origin in {NotRequired, Union, UnionType} else _PLAIN[hint]


def notices() -> dict[str, Schema]:
    """Return the messages that streams send, as events (`changes`) and as messages of a socket (`changesMessage`)."""
    resync = _object(detail={"type": "string"})
    resync["properties"] |= {"seq": _NUMBER, "rights": _RIGHTS}  # neither before a snapshot; no rights at the end
    described = {
        "ready": (_object(seq=_NUMBER, rights=_RIGHTS), "此后不漏不重 nothing is missed or told twice from here on"),
        "resync": (
            resync,
            "缺口：请重取状态 there is a gap: take the state anew",
        ),
        "snapshot": (
            _object(layer={"type": "string"}, features={"type": "array", "items": {"type": "object"}}),
            "一个图层的当前状态（GeoJSON 要素） the state of one layer, as GeoJSON features",
        ),
    }
    found = {name: _message(name, summary, payload) for name, (payload, summary) in described.items()}
    found["changes"] = _message(
        "changes", "变更；同一对象只发最新 changes in order", {"$ref": "#/components/schemas/changes"}
    )
    for name, (payload, summary) in described.items():
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
    notes = (
        "领导批示涉及的事件或区域：提示，无序号、无内容；空为有批示被移除。"
        " What leaders wrote about: hints without a number and without the words, to who may read notes and sees it;"
        " empty where notes were removed"
    )
    about = _object(layer={"type": "string"}, id={"type": "string"})
    written = {"type": "array", "items": about}
    found["notes"] = _message("notes", notes, written)
    found["notesMessage"] = _message("notes", notes, _typed("notes", _object(about=written)))
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
    """Return a payload with the member that names the type of a socket's message."""
    properties = {"type": {"const": name}, **payload["properties"]}
    return {**payload, "required": ["type", *payload["required"]], "properties": properties}


def cloud_event_schema(source: str, gap: str, *, timed: bool = True) -> Schema:
    """Return the schema of a change as a CloudEvent; `timed` ones have the time of the commit."""
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

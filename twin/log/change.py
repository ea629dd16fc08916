"""A change of the log, one type a kind: what writers append, and what rules, outlets and streams read.

Metadata of a member (`Annotated`) are keywords of JSON Schema: the AsyncAPI document is made from these types.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired, TypedDict, TypeGuard

type Instant = datetime | str  # written as a time; read from the log as ISO 8601 text
type BoxList = Annotated[list[float], {"minItems": 4, "maxItems": 4}]  # west, south, east, north, CRS84 degrees


class FeatureReference(TypedDict):
    """What every change has: its feature, the grade of that feature, and where and when it was so.

    `grade` decides who may see the change, and is never sent. Nor is `before`: what the change replaced, by which a
    feature that leaves a reader's rows is taken off his map. It has the former values of labels and members that
    differ, is None where the feature was not there, and is left out where nothing differs. `stored`, never sent
    either, has the labels of the row of what moves, where its place and its labels are those of its newest position.
    `row`, never sent, has the stored fields of the feature after the change, or of the last row before it was deleted:
    rules choose by them, and the table has others when the change is read late.
    """

    layer: str
    id: str
    grade: NotRequired[int]
    lon: NotRequired[Annotated[float | None, {"description": "CRS84, degrees"}]]
    lat: NotRequired[Annotated[float | None, {"description": "CRS84, degrees"}]]
    phenomenon_time: NotRequired[Annotated[Instant, {"format": "date-time"}]]
    grid_code: NotRequired[str | None]
    area_code: NotRequired[str | None]
    before: NotRequired[dict[str, Any] | None]
    stored: NotRequired[dict[str, Any]]
    row: NotRequired[dict[str, Any]]


class EventChange(FeatureReference):
    """The state of an event after a version of it; the fields of the layer `events` stand beside these members."""

    kind: Literal["event"]


class _PropertyChange(FeatureReference):
    """Any other change may name an observed property."""

    property: NotRequired[str]


class ObservationChange(_PropertyChange):
    """The newest value of a property of a device."""

    kind: Literal["observation"]
    value: NotRequired[float | None]
    value_text: NotRequired[str | None]
    unit: NotRequired[str | None]
    quality_flag: NotRequired[str | None]


class PositionChange(_PropertyChange):
    """The newest place of a moving thing."""

    kind: Literal["position"]
    speed_kmh: NotRequired[float | None]
    heading_deg: NotRequired[float | None]


class FeatureChange(_PropertyChange):
    """A row of a layer that a feed made, changed or removed; `old` and `new` are None where it had no geometry."""

    kind: Literal["feature"]
    operation: NotRequired[Literal["create", "update", "delete"]]
    old: NotRequired[Annotated[BoxList | None, {"description": "where it was"}]]
    new: NotRequired[Annotated[BoxList | None, {"description": "where it is"}]]


class FenceChange(_PropertyChange):
    """A mover's transition at an area of a fence."""

    kind: Literal["fence"]
    fence: NotRequired[str]
    action: NotRequired[str]
    since: NotRequired[Instant | None]
    area_layer: NotRequired[str]
    area_id: NotRequired[str]
    area_name: NotRequired[str]


class LayerChange(FeatureReference):
    """Many rows of a layer changed at once, of which none is told: its readers read it anew. The id is `*`."""

    kind: Literal["layer"]


class ElevationChange(FeatureReference):
    """A break-glass (`server/identity/break_glass.py`), sent by outlets that ask for it; it is of no layer."""

    kind: Literal["elevation"]
    operation: Literal["begin", "acknowledge", "end"]
    account: str
    role: str
    begins_at: Instant
    ends_at: Instant
    acknowledged_by: str | None


class ErasedChange(FeatureReference):
    """The place of a change that was erased; nobody may see it."""

    kind: Literal["erased"]


type Change = (
    EventChange
    | ObservationChange
    | PositionChange
    | FeatureChange
    | FenceChange
    | LayerChange
    | ElevationChange
    | ErasedChange
)

SENT_KINDS: Mapping[str, type[FeatureReference]] = {
    "event": EventChange,
    "observation": ObservationChange,
    "position": PositionChange,
    "feature": FeatureChange,
    "fence": FenceChange,
}
NOT_SENT = frozenset({"grade", "before", "stored", "row"})


def members(kind: type[FeatureReference]) -> frozenset[str]:
    """Return the names of the members of a kind of change that may be sent."""
    return frozenset(kind.__annotations__) - NOT_SENT


COMMON_MEMBERS = members(_PropertyChange) | {"kind"}


def is_whole(change: Mapping[str, Any]) -> bool:
    """Return whether a change names its kind, layer and feature; who shows features looks at no other."""
    kind, layer, feature = change.get("kind"), change.get("layer"), change.get("id")
    return isinstance(kind, str) and isinstance(layer, str) and isinstance(feature, str) and kind != "layer"


def is_elevation(change: Mapping[str, Any]) -> TypeGuard[ElevationChange]:
    """Return whether a change tells of a break-glass."""
    return change.get("kind") == "elevation"


def is_of_layer(change: Mapping[str, Any]) -> bool:
    """Return whether a change says that its layer is to be read anew."""
    return change.get("kind") == "layer" and isinstance(change.get("layer"), str)


def time_of(instant: Instant) -> datetime:
    """Return a time of a change, as it was written or as it is read."""
    return instant if isinstance(instant, datetime) else datetime.fromisoformat(instant)

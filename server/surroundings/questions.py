"""The parameters and bodies of questions about ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import shapely
from pydantic import BaseModel, ConfigDict, Field

from layers.coordinates.degrees import are_degrees
from layers.errors import BadGeometry, BadInput, TooMuch
from layers.moment import read_time
from layers.types import Json
from server.surroundings.datum_route import AnswerCrs
from twin.routing.arcs import Direction
from twin.routing.modes import TravelMode
from twin.surroundings.along_route import BESIDE_M_MAX
from twin.surroundings.cameras_seeing import SIGHT_M_MAX, Sight
from twin.surroundings.coverage import BUFFER_M_MAX, CoverageSpan
from twin.surroundings.ground import Ground, check_polygon, geojson_polygon
from twin.surroundings.reachable import REACHABLE_MAX
from twin.surroundings.resources import RESOURCES_MAX
from twin.surroundings.spot import Spot, read_spot, to_stored
from twin.surroundings.travel import Avoid
from twin.surroundings.waterway_stretch import FOLLOW_M_MAX, OFFSET_M_MAX, Follow

RESOURCES = "emergency_resources"
_AVOID_CHARACTERS = 20_000
_CRS = "经纬度的坐标系：OGC:CRS84、EPSG:4490、EPSG:4547、gcj02、bd09 the crs of places"
_P, _R2 = "113.3316634,23.1395597", "113.3350806,23.1395741"


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    answer_crs: AnswerCrs = "OGC:CRS84"


class WayParams(_Query):
    """How one travels, and what is closed."""

    crs: str = Field("OGC:CRS84", max_length=80, description=_CRS)
    mode: TravelMode = Field("car", description="出行方式：car 行车、walk 步行 how one travels")
    avoid: str = Field(
        "", max_length=_AVOID_CHARACTERS, description="不走的道路 id，逗号分隔 ids of roads, separated by commas"
    )
    closures: bool = Field(
        default=True,
        description="避开（此时刻）积水封闭的道路（以来者所能见为限） "
        "keep clear of roads that deep water closes, now or at that moment, as far as you may see it",
    )
    at: str | None = Field(
        None, max_length=60, description="此时刻的状态与封闭，须带时区 features, and what is closed, as of this moment"
    )

    @property
    def avoided(self) -> Avoid:
        """What routes keep clear of."""
        return Avoid(split(self.avoid), (), self.closures)


class RouteParams(WayParams):
    """The parameters of `/twin/route`."""

    start: str = Field(alias="from", max_length=80, description="起点 longitude,latitude", examples=[_P])
    end: str = Field(alias="to", max_length=80, description="终点 longitude,latitude", examples=[_R2])

    def places(self) -> tuple[Spot, Spot]:
        """Return both ends.

        Raises
        ------
        BadInput
            When one is no `longitude,latitude`.
        """
        return _place(self.start, self.crs, "from"), _place(self.end, self.crs, "to")


class _PlaceParams(WayParams):
    lon: float = Field(description="经度，或投影坐标的东坐标 longitude, or metres east", examples=[113.3316634])
    lat: float = Field(description="纬度，或投影坐标的北坐标 latitude, or metres north", examples=[23.1395597])
    layers: str = Field(RESOURCES, max_length=800, description="图层 id，逗号分隔 layer ids, separated by commas")
    types: str = Field(
        "",
        max_length=800,
        description="类型代码，逗号分隔；空为全部 codes of types (resource_type, vehicle_kind …); empty for all",
        examples=["warehouse,team,hospital"],
    )


class ResourcesParams(_PlaceParams):
    """The parameters of `/twin/nearest-resources`."""

    n: int = Field(3, ge=1, le=RESOURCES_MAX, description="个数 how many")
    direction: Direction = Field(
        "inbound",
        description="inbound 到此地来（默认） they come here (default); outbound 从此地去 one goes there",
    )


class ReachableParams(_PlaceParams):
    """The parameters of `/twin/reachable`."""

    minutes: float = Field(description="分钟，至多 60 more than 0, at most 60", examples=[5])
    limit: int = Field(100, ge=1, le=REACHABLE_MAX, description="要素个数 features of all layers")
    direction: Direction = Field(
        "outbound",
        description="outbound 从此地去（默认） one goes there (default); inbound 到此地来 they come here",
    )


class AvoidBody(BaseModel):
    """What routes keep clear of."""

    model_config = ConfigDict(extra="forbid")

    roads: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, description="道路 id ids of roads")
    polygons: list[dict[str, Any]] = Field(
        default_factory=list, description="GeoJSON 面，坐标系同 crs GeoJSON polygons, in the crs of the question"
    )
    closures: bool = Field(default=True, description="也避开积水封闭的道路 also roads that deep water closes")


class ResourcesBody(BaseModel):
    """A question for the nearest resources, with areas to avoid."""

    model_config = ConfigDict(extra="forbid")

    point: list[Annotated[float, Field(allow_inf_nan=False)]] = Field(
        min_length=2, max_length=2, description="经度、纬度 longitude, latitude", examples=[[113.3316634, 23.1395597]]
    )
    crs: str = Field("OGC:CRS84", max_length=80, description=_CRS)
    answer_crs: AnswerCrs = "OGC:CRS84"
    n: int = Field(3, ge=1, le=RESOURCES_MAX, description="个数 how many")
    layers: list[Annotated[str, Field(max_length=63)]] = Field(
        default=[RESOURCES], max_length=20, description="图层 id layer ids"
    )
    types: list[Annotated[str, Field(max_length=63)]] = Field(
        default_factory=list, max_length=40, description="类型代码；空为全部 codes of types; empty for all"
    )
    mode: TravelMode = Field("car", description="car 行车、walk 步行")
    direction: Direction = Field("inbound", description="inbound 到此地来、outbound 从此地去")
    avoid: AvoidBody = Field(default_factory=AvoidBody)
    at: str | None = Field(
        None, max_length=60, description="此时刻的资源与封闭 resources, and what is closed, as of this moment"
    )

    @property
    def spot(self) -> Spot:
        """The place of the question."""
        lon, lat = self.point
        return read_spot(lon, lat, self.crs)

    @property
    def avoided(self) -> Avoid:
        """What routes keep clear of."""
        polygons = [_polygon(one, self.crs) for one in self.avoid.polygons]
        return Avoid(self.avoid.roads, polygons, self.avoid.closures)


def split(text: str) -> list[str]:
    """Return the parts of a text between commas, each once."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _place(text: str, crs: str, parameter: str) -> Spot:
    parts: Sequence[str] = text.split(",")
    try:
        lon, lat = (float(part) for part in parts)
    except ValueError as error:
        allowed = "write longitude,latitude, as 113.33166,23.13956"
        raise BadInput(f"{parameter} is '{text[:40]}'; {allowed}", parameter=parameter) from error
    return read_spot(lon, lat, crs)


def _polygon(geojson: Json, crs: str, parameter: str = "avoid") -> shapely.Geometry:
    found = shapely.transform(geojson_polygon(geojson, parameter), lambda xy: to_stored(xy, crs))
    if not shapely.is_valid(found) or not are_degrees(shapely.get_coordinates(found)).all():
        raise BadGeometry("the area lies outside of its crs; longitude, or east, comes first", parameter=parameter)
    return found


class _Sees(BaseModel):
    """From how far cameras are sought, and what should be seen."""

    max_m: float = Field(300.0, description=f"距离上限，至多 {SIGHT_M_MAX:g} 米 within so many metres")
    occlusion: bool = Field(default=True, description="计建筑遮挡 whether buildings hide what should be seen")
    target_height_m: float = Field(1.0, description="目标离地高度 height of what should be seen, above the ground")

    @property
    def sight(self) -> Sight:
        """The question.

        Raises
        ------
        BadInput, TooMuch
            When a number is not within its limits.
        """
        return Sight(self.max_m, self.target_height_m, self.occlusion)


class SightParams(_Sees, _Query):
    """The parameters of `/twin/cameras-seeing`."""

    lon: float = Field(description="经度，或投影坐标的东坐标 longitude, or metres east", examples=[113.3316634])
    lat: float = Field(description="纬度，或投影坐标的北坐标 latitude, or metres north", examples=[23.1395597])
    crs: str = Field("OGC:CRS84", max_length=80, description=_CRS)
    at: str | None = Field(None, max_length=60, description="摄像机为此时刻的状态，须带时区 cameras as of this moment")


class StretchParams(_Query):
    """The parameters of `/twin/waterway-stretch-impact`."""

    waterway: str = Field(max_length=200, description="河涌 id 或河流代码 id or river code", examples=["W1"])
    chainage_from_m: float | None = Field(
        None, allow_inf_nan=False, description="起桩号；空为起点 from; the beginning by default"
    )
    chainage_to_m: float | None = Field(
        None, allow_inf_nan=False, description="止桩号；空为终点 to; the end by default"
    )
    offset_m: float = Field(
        100.0, description=f"离中心线距离，至多 {OFFSET_M_MAX:g} 米 metres from the centre line", examples=[120]
    )
    layers: str = Field(
        "flood_risk_points,video_points,water_facilities,emergency_resources",
        max_length=800,
        description="图层 id，逗号分隔 layer ids, separated by commas",
    )
    follow: Follow = Field("none", description="none；downstream 续至下游、upstream 续至上游 go on by downstream_code")
    follow_m: float = Field(2_000.0, ge=0, description=f"续至多少米，至多 {FOLLOW_M_MAX:g} go on for so many metres")
    at: str | None = Field(None, max_length=60, description="此时刻的状态，须带时区 features as of this moment")
    level_m: float | None = Field(
        None,
        allow_inf_nan=False,
        description="情景水位，以此判断避难场所 flood_safe of shelters: above this level of the scenario",
    )
    vertical_datum: str = Field(
        "1985", max_length=40, description="水位的高程基准；不同基准不比较 of level_m; other datums are not compared"
    )


class AlongRouteParams(_Sees, RouteParams):
    """The parameters of `/twin/cameras-along-route`."""

    max_m: float = Field(60.0, description=f"离路线的距离，至多 {BESIDE_M_MAX:g} 米 metres from the route")

    @property
    def sight(self) -> Sight:
        """How cameras are sought.

        Raises
        ------
        BadInput, TooMuch
            When a number is not within its limits.
        """
        if self.max_m > BESIDE_M_MAX:
            raise TooMuch(f"max_m is {self.max_m:g}; at most {BESIDE_M_MAX:g} beside a route", parameter="max_m")
        return super().sight


class CoverageParams(_Query):
    """The parameters of `/twin/coverage`."""

    layer: str = Field(
        "vehicles", max_length=63, description="移动对象图层 vehicles 或 grid_workers a layer that moves"
    )
    types: str = Field(
        "", max_length=400, description="类型代码，逗号分隔 codes of types", examples=["sanitation_sweep,sprinkler"]
    )
    area: str = Field(max_length=80, description="区划代码或城中村 id code of an area", examples=["440106011001"])
    road_class: str = Field("", max_length=400, description="道路等级，逗号分隔；空为全部 codes of road_class")
    start: str = Field(alias="from", max_length=60, description="起始时刻，须带时区 from this moment")
    end: str = Field(alias="to", max_length=60, description="终止时刻，须带时区 to this moment")
    buffer_m: float = Field(15.0, description=f"作业半宽，至多 {BUFFER_M_MAX:g} 米 metres to each side of the track")
    limit: int = Field(100, ge=1, le=1000, description="道路条数 roads in the answer")

    @property
    def span(self) -> CoverageSpan:
        """When, and how wide.

        Raises
        ------
        BadInput, TooMuch
            When a limit is passed.
        """
        return CoverageSpan(read_time(self.start, "from"), read_time(self.end, "to"), self.buffer_m)


class GroundParams(_Query):
    """An area, or where a warning holds."""

    area: str | None = Field(
        None, max_length=80, description="区划代码或城中村 id code of an area", examples=["440106011001"]
    )
    event: str | None = Field(
        None, max_length=200, description="预警等事件的 id，其 area 为范围 id of an event with an area, as a warning is"
    )
    at: str | None = Field(None, max_length=60, description="此时刻的状态，须带时区 as of this moment")


class GroundBody(BaseModel):
    """A polygon that is asked about."""

    model_config = ConfigDict(extra="forbid")

    polygon: dict[str, Any] = Field(
        description="GeoJSON 面，坐标系为 crs a GeoJSON Polygon or MultiPolygon, in the crs",
        examples=[
            {
                "type": "Polygon",
                "coordinates": [[[113.33, 23.13], [113.34, 23.13], [113.34, 23.14], [113.33, 23.14], [113.33, 23.13]]],
            }
        ],
    )
    crs: str = Field("OGC:CRS84", max_length=80, description=_CRS)
    answer_crs: AnswerCrs = "OGC:CRS84"
    at: str | None = Field(None, max_length=60, description="此时刻的状态，须带时区 as of this moment")

    @property
    def ground(self) -> Ground:
        """The polygon.

        Raises
        ------
        BadGeometry, TooMuch
            When it is none, or has too many vertices.
        """
        found = _polygon(self.polygon, self.crs, "polygon")
        check_polygon(found)
        return Ground(None, found)

"""Generated definitions of layers: live fields of every kind and type, stored or not."""

from __future__ import annotations

from hypothesis import strategies as st

from layers.live_source import Live, Motion

TYPES = ("string", "integer", "number", "boolean", "date", "datetime", "string_array", "json")
NAMES = (
    "name", "value", "place", "row_on_page", "lon_now", "distance_m", "layer", "features", "found", "last", "matched",
    "count", "kinds", "f", "t", "p", "seen", "air", "happened", "number", "select", "user", "limit", "order", "tile",
)  # fmt: skip
COMMON = (
    {"name": "data_grade", "type": "integer"},
    {"name": "area_code", "type": "string"},
    {"name": "grid_code", "type": "string"},
    {"name": "interval_s", "type": "integer"},
    {"name": "warning_m", "type": "number"},
    {"name": "station_level", "type": "string"},
    {"name": "status_since", "type": "datetime"},
)
CODES = st.sampled_from(["level_m", "online_status", "aqi"])
STEPS = st.lists(
    st.fixed_dictionaries({"code": st.sampled_from(["1", "2"]), "above": st.sampled_from([0.5, 3, "warning_m"])}),
    max_size=3,
).map(tuple)
SOURCES = st.one_of(
    st.fixed_dictionaries({"position": st.sampled_from(["speed_kmh", "heading_deg", "phenomenon_time", "stale"])}),
    st.fixed_dictionaries({"observation": CODES, "take": st.sampled_from(["value", "time", "quality"])}),
    st.fixed_dictionaries({"observation": CODES, "steps": STEPS, "otherwise": st.sampled_from(["0", None])}),
    st.fixed_dictionaries({"observation": CODES, "sum_s": st.just(3600), "steps": STEPS}),
    st.fixed_dictionaries({"observation": CODES, "over_s": st.just(60), "steps": STEPS}),
    st.fixed_dictionaries({"any_observation": st.just("time")}),
    st.fixed_dictionaries({"any_observation": st.just("stale"), "interval": st.just("interval_s")}),
    st.fixed_dictionaries({"status": CODES, "interval": st.sampled_from(["interval_s", None])}),
    st.fixed_dictionaries({"air": st.sampled_from(["index", "level", "primary", "time"])}),
    st.fixed_dictionaries({"events": st.sampled_from(["open", "overdue", "today"])}),
    st.fixed_dictionaries({"needs": st.just(value=True)}),
    st.fixed_dictionaries({"overdue": st.just(value=True)}),
)


@st.composite
def fields(draw, name):
    """Draw a field; a live field mostly has a type that can hold its value."""
    field = {"name": name, "title_zh": "字段", "title_en": "Field", "grade": draw(st.integers(1, 4))}
    if draw(st.booleans()):
        return field | {"type": draw(st.sampled_from(TYPES))}
    live = draw(SOURCES) | {"stored": draw(st.booleans())}
    fits = Live.model_validate(live).types
    kind = draw(st.sampled_from(fits if draw(st.integers(0, 9)) else TYPES))
    mask = draw(st.sampled_from(["absent", "name", "phone"])) if kind == "string" else "absent"
    return field | {"live": live, "type": kind, "mask": mask}


@st.composite
def definitions(draw):
    """Draw the content of a definition file; some are not valid."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=8))
    own = [draw(fields(name)) for name in names]
    left_out = draw(st.sets(st.sampled_from([one["name"] for one in COMMON]), max_size=2))
    common = [{"title_zh": "字段", "title_en": "Field", **one} for one in COMMON if one["name"] not in left_out]
    geometry = draw(st.sampled_from(["Point", "Point", "Point", "MultiPolygon", "LineString", "Geometry", "None"]))
    moves = geometry == "Point" and draw(st.booleans())
    everything = draw(st.permutations([*own, *common]))
    stamps = [one["name"] for one in everything if one["type"] in {"date", "datetime"}]
    return {
        "id": "generated",
        "title_zh": "层",
        "title_en": "Layer",
        "geometry_type": geometry,
        "grade": draw(st.integers(1, 2)),
        "time": draw(st.sampled_from([None, *stamps])),
        "motion": Motion(grade=draw(st.integers(1, 3))).model_dump() if moves else None,
        "map": {"tile_fields": draw(st.lists(st.sampled_from(names), unique=True)), "label": names[0]},
        "fields": everything,
    }

"""Definitions of layers: a layer is data, read from a file, and not code."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from layers.errors import BadInput
from layers.live_source import Live, Motion

FieldType = Literal["string", "integer", "number", "boolean", "date", "datetime", "string_array", "json"]
GeometryType = Literal["Point", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "Geometry", "None"]
Mask = Literal["absent", "name", "phone", "plate"]
Derivation = Literal[
    "area_of_point",  # area_code of the community (else street, else district) that holds the feature's point
    "grid_of_point",  # grid_code of the grid that holds the feature's point
    "area_m2",  # area in square metres, on EPSG:4547's ellipsoid
    "length_m",  # length in metres, geodesic
    "nearest_waterway",  # id of the nearest waterway within 500 m
    "chainage_m",  # metres along that waterway, growing downstream
    "bank",  # left, right or mid, looking downstream
    "building_count",  # buildings whose point is in the polygon
    "camera_count",  # video points in the polygon
]

DEFINITIONS = Path(__file__).parent / "definitions"
_SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the loader in C saves a tenth of the start-up time
IDENTIFIER = r"^[a-z][a-z0-9_]{0,62}$"
LayerId = Annotated[str, StringConstraints(pattern=IDENTIFIER)]
GRADE = "data_grade"  # the field that decides which actors see a row
SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})  # every table of PostgreSQL has them


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldDefinition(_Frozen):
    """One property of a layer.

    `grade` is the data grade 1 (public) to 4 (highly sensitive) of `domain.md` 7.1: an actor with less clearance does
    not receive the value; `mask` decides whether the property is then absent or shown in part.

    A reader who may not see a feature must not learn of it by another's reference (`refers_to`), and one who is shown
    a point only roughly must not learn it from a field beside it (`tells_place`); rights read both marks. A reference
    into another system (`one_time`) never leaves as it is stored: whoever may see it exchanges a ticket for it.
    """

    name: str = Field(pattern=IDENTIFIER)
    title_zh: str
    title_en: str
    type: FieldType
    unit: str | None = None  # UCUM, for example m, m2, deg, m3/s, mg/m3
    codes: str | None = None  # id of a code list in definitions/codes
    grade: int = Field(default=1, ge=1, le=4)
    mask: Mask = "absent"
    standard: str | None = None
    description: str | None = None
    max_length: int | None = None
    required: bool = False
    large: bool = False  # an integer that may have more than 32 bits
    derived: Derivation | None = None
    common: bool = False  # came from _common.yaml
    internal: bool = False  # in the table, never in any output
    live: Live | None = None  # computed when it is read, from the data of feeds
    refers_to: tuple[LayerId, ...] = ()  # its values are ids of features of these layers
    tells_place: bool = False  # gives the feature's place away more closely than its community does
    one_time: bool = False  # opens something elsewhere: outputs tell that there is one, and a ticket is exchanged

    @property
    def has_column(self) -> bool:
        """Whether the layer's table has a column of this name."""
        return self.live is None or self.live.stored


Pictogram = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,60}$")]


class MapHints(_Frozen):
    """How the map draws the layer, and the fields of its tiles."""

    group_zh: str = "其他"
    group_en: str = "Other"
    color: str = "#4aa3df"
    order: int = 50  # drawn from low to high
    min_zoom: int = Field(default=0, ge=0, le=22)
    visible: bool = True
    label: str | None = None  # field written on the map
    tile_fields: tuple[str, ...] = ()
    fields_from: dict[str, int] = Field(default_factory=dict)  # the first zoom at which tiles carry a field, if not all
    covers: bool = False  # areas that meet without gaps: none is left out for its small size
    merge_below: int | None = Field(default=None, ge=1, le=22)  # lines with equal values are merged at zooms below this
    gather_below: int | None = Field(default=None, ge=1, le=15)  # points are counted by cells at zooms below this one
    priority: str | None = None  # points with the lowest value of this field stay when a tile has too many
    count_by: str | None = None  # a code field: cells carry the counts of its values
    icon: Pictogram | None = None  # drawn on points at high zooms: a name of maki or temaki
    icon_by: str | None = None  # a code field whose values have pictograms of their own, `icons`
    icons: dict[str, Pictogram] = Field(default_factory=dict)
    faded: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # codes, by field, of what is over: drawn faintly
    ringed: str | None = None  # a boolean field: what it is true of has a ring in the colour of alarms


class LayerDefinition(_Frozen):
    """The definition of a layer: titles, geometry type, grade, standard, fields."""

    id: str = Field(pattern=IDENTIFIER)
    title_zh: str
    title_en: str
    description_zh: str = ""
    description_en: str = ""
    geometry_type: GeometryType
    grade: int = Field(default=2, ge=1, le=4)
    openness: Literal["unconditional", "conditional", "closed"] = "closed"
    standard: str | None = None
    source: str | None = None
    attribution: str | None = None
    synthetic: bool = False
    keywords: tuple[str, ...] = ()
    key: str | None = None  # the code field that identifies a feature: its value becomes the feature's id at loading
    time: str | None = None  # the date or datetime field that `datetime` filters on
    vertical_datum: str | None = None
    map: MapHints = MapHints()
    motion: Motion | None = None  # features move: their place is that of their newest position
    fields: tuple[FieldDefinition, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [f.name for f in self.fields]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise ValueError(f"layer {self.id}: field names given twice: {sorted(twice)}")
        reserved = {"id", "geom", *SYSTEM_COLUMNS} & set(names)
        if reserved:
            raise ValueError(f"layer {self.id}: {sorted(reserved)} are always there and must not be listed")
        hints = self.map
        for needed in (
            self.key,
            self.time,
            hints.label,
            hints.count_by,
            hints.priority,
            hints.icon_by,
            hints.ringed,
            *hints.tile_fields,
            *hints.fields_from,
            *hints.faded,
        ):
            if needed is not None and needed not in names:
                raise ValueError(f"layer {self.id}: '{needed}' is not one of its fields {names}")
        stored = {f.name for f in self.fields if f.has_column}
        if self.map.gather_below is not None and (self.geometry_type != "Point" or self.motion is not None):
            raise ValueError(f"layer {self.id}: only points that stay where they are can be gathered in cells")
        if hints.merge_below is not None and "LineString" not in self.geometry_type:
            raise ValueError(f"layer {self.id}: only lines can be merged")
        if self.map.count_by is not None and self.map.count_by not in stored:
            raise ValueError(f"layer {self.id}: cells can only be counted by a stored field, not {self.map.count_by}")
        self._check_types()
        return self

    def _check_types(self) -> None:
        """Raise for types that no statement could read: PostgreSQL would report them only to the first reader."""
        types = {f.name: f.type for f in self.fields}  # not `by_name`, which a changed copy would inherit
        columns = {f.name: f.type for f in self.fields if f.has_column}
        for field in self.fields:
            fault = field.live and field.live.fault(self.id, field.type, columns)
            if fault:
                raise ValueError(f"layer {self.id}: {field.name} {fault}")
            if field.refers_to and field.type not in {"string", "string_array"}:
                raise ValueError(f"layer {self.id}: {field.name} is of type {field.type}; only texts refer to features")
            if field.mask != "absent" and field.type != "string":
                raise ValueError(f"layer {self.id}: {field.name} is of type {field.type}; only texts can be masked")
        if self.time and types[self.time] not in {"date", "datetime"}:
            raise ValueError(f"layer {self.id}: time '{self.time}' is neither a date nor a datetime")
        required = {"data_grade": "integer"}
        if self.motion is not None:
            required |= {"area_code": "string", "grid_code": "string"}
            if self.geometry_type != "Point":
                raise ValueError(f"layer {self.id}: only points move, not {self.geometry_type}")
        for name, kind in required.items():
            if name in types and columns.get(name) != kind:
                raise ValueError(f"layer {self.id}: {name} must be a column of type {kind}")

    @cached_property
    def by_name(self) -> dict[str, FieldDefinition]:
        """Fields by name."""
        return {f.name: f for f in self.fields}

    def with_fields(self, fields: Iterable[FieldDefinition]) -> LayerDefinition:
        """Return the layer with other fields, unchecked; whatever follows from the fields is computed anew."""
        own = {name: getattr(self, name) for name in type(self).model_fields}
        return LayerDefinition.model_construct(**own | {"fields": tuple(fields)})

    @property
    def stored_fields(self) -> tuple[FieldDefinition, ...]:
        """The fields that have a column in the table."""
        return tuple(f for f in self.fields if f.has_column)

    @cached_property
    def is_live(self) -> bool:
        """Whether any value of a feature is computed when it is read."""
        return self.motion is not None or any(f.live for f in self.fields)

    @cached_property
    def observed_grades(self) -> dict[str, int]:
        """Data grade of each observed property that a field shows, by its code; the lowest of several fields.

        A field that shows a class of the number (running or not) tells less than the number: it counts where no other
        field shows the property.
        """
        shown = [(field.live.observed, field) for field in self.fields if field.live and field.live.observed]
        grades: dict[str, int] = {}
        for code, field in sorted(shown, key=lambda pair: bool(pair[1].live and pair[1].live.steps)):
            classed = field.live is not None and bool(field.live.steps)
            grades[code] = grades[code] if classed and code in grades else min(field.grade, grades.get(code, 4))
        return grades

    @cached_property
    def look_digest(self) -> str:
        """A fingerprint of the definition: it and the rows determine how the layer is drawn."""
        return blake2b(self.model_dump_json().encode(), digest_size=6).hexdigest()

    @cached_property
    def ages(self) -> bool:
        """Whether responses change with time alone."""
        return any(f.live and f.live.ages for f in self.fields)


class Code(_Frozen):
    """One value of a code list."""

    code: str
    label_zh: str
    label_en: str
    parent: str | None = None
    color: str | None = None


class CodeList(_Frozen):
    """A code list with its standard and edition."""

    id: str = Field(pattern=IDENTIFIER)
    title_zh: str
    title_en: str
    standard: str
    standard_version: str
    confidence: Literal["V", "K-H", "K-M", "K-L", "P"] = "P"
    codes: tuple[Code, ...]


def read_definitions(folder: Path = DEFINITIONS, own: Path | None = None) -> dict[str, LayerDefinition]:
    """Read every layer definition of a folder, and of a district's own.

    Parameters
    ----------
    folder
        Holds one YAML file for each layer, named after it, and `_common.yaml` with the fields of every layer whose
        file does not contain `common: false`.
    own
        A folder of the same form, which may be missing; its definitions replace those of the same id.

    Returns
    -------
    dict
        Definitions by id, in drawing order of their ids. Empty for an empty folder.

    Raises
    ------
    BadInput
        When a file is not a valid definition; the message names the file and the fault.
    """
    common = _yaml(folder / "_common.yaml")["fields"] if (folder / "_common.yaml").exists() else []
    found = (_read_one(path, common) for one in (folder, own) if one for path in sorted(one.glob("[!_.]*.yaml")))
    return {d.id: d for d in found}


def read_sound_definitions(own: Path) -> dict[str, LayerDefinition]:
    """Read the definitions as `read_definitions` does; without the district's own while one of them has a fault."""
    try:
        return read_definitions(own=own)
    except BadInput:
        return read_definitions()


def read_code_lists(folder: Path = DEFINITIONS / "codes", own: Path | None = None) -> dict[str, CodeList]:
    """Read every code list of a folder and of a district's own folder, by id; the own list replaces one of the same id.

    Raises
    ------
    BadInput
        When a file is not a valid code list; the message names the file and the fault.
    """
    lists = {}
    for path in (path for one in (folder, own) if one for path in sorted(one.glob("[!_.]*.yaml"))):
        try:
            code_list = CodeList.model_validate(_yaml(path))
        except ValueError as error:
            raise BadInput(f"{path.name} is not a code list: {error}", parameter=path.name) from error
        lists[code_list.id] = code_list
    return lists


def _read_one(path: Path, common: Iterable[dict[str, Any]]) -> LayerDefinition:
    raw = _yaml(path)
    own = {f["name"] for f in raw["fields"]}
    if raw.pop("common", True):
        raw["fields"] = [*raw["fields"], *({**f, "common": True} for f in common if f["name"] not in own)]
    try:
        definition = LayerDefinition.model_validate(raw)
    except ValueError as error:
        raise BadInput(f"{path.name} is not a layer definition: {error}", parameter=path.name) from error
    if definition.id != path.stem:
        raise BadInput(f"{path.name} defines '{definition.id}'; file and id must be named alike", parameter=path.name)
    return definition


def _yaml(path: Path) -> dict[str, Any]:
    try:
        raw: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=_SAFE_LOADER)  # noqa: S506  # safe
    except yaml.YAMLError as error:
        raise BadInput(f"{path.name} is not YAML: {error}", parameter=path.name) from error
    return raw

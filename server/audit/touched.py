"""What one request touched: filled where its answer is made, read when the answer begins.

The note of a request is found by the context of its task, so that no function passes it on; threads and tasks that a
request starts share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic

from layers.actor import Actor
from layers.audit.record import AuditAction
from layers.catalog import Layer
from server.audit.exposure import Exposure, Exposures
from server.audit.watermark import Watermark

_exposures = Exposures()


@dataclass(slots=True)
class LayerTaken:
    """What an answer takes of one layer: features, up to a grade."""

    layer: Layer
    grade: int
    features: int = 0


@dataclass(slots=True)
class Touched:
    """The note of one request.

    Attributes
    ----------
    actor
        Who asks, where data was touched.
    object
        The layers, by comma, and the id of a single feature.
    max_grade
        The highest grade of the data; 0 when none was touched.
    rows
        Number of features; None when it is not known.
    is_tile
        Whether the answer is one of the many that a map asks for.
    is_settled
        Whether the request is recorded already.
    taken
        The features of the answer by layer.
    asked
        The request, by which the same one is known again; None when it cannot be told from others.
    approval
        The number of the approval that the request names.
    is_judged, watermark
        Whether it is judged how much is taken, and the watermark of much.
    """

    actor: Actor | None = None
    action: AuditAction | None = None
    object: str = ""
    max_grade: int = 0
    fields: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    masked: bool = False
    rows: int | None = None
    is_tile: bool = False
    is_settled: bool = False
    taken: dict[str, LayerTaken] = field(default_factory=dict)
    asked: str | None = None
    approval: str | None = None
    is_judged: bool = False
    watermark: Watermark | None = None
    begun_at: float = field(default_factory=monotonic)

    def add(self, name: str, exposure: Exposure, *, fields: bool = True) -> None:
        """Add data of a layer or raster."""
        if name not in self.object.split(","):
            self.object = f"{self.object},{name}" if self.object else name
        self.max_grade = max(self.max_grade, exposure.grade if fields else exposure.row_grade)
        if fields:
            self.fields += exposure.fields
            self.masked = self.masked or exposure.masked
        self.rules += exposure.rules

    @property
    def duration_ms(self) -> int:
        """Milliseconds since the request began."""
        return round((monotonic() - self.begun_at) * 1000)


_NOTE: ContextVar[Touched | None] = ContextVar("touched", default=None)


def begin_note(asked: str | None = None, approval: str | None = None) -> Touched:
    """Begin the note of the request of this task."""
    note = Touched(asked=asked, approval=approval)
    _NOTE.set(note)
    return note


def current_note() -> Touched:
    """Return the note of the request of this task; outside of requests one that nobody reads."""
    return _NOTE.get() or Touched()


def touch(
    layer: Layer,
    actor: Actor,
    *,
    feature: str | None = None,
    rows: int | None = None,
    action: AuditAction | None = None,
    tile: bool = False,
    fields: bool = True,
    properties: Iterable[str] | None = None,
    computed: Iterable[str] = (),
) -> None:
    """Note that the answer to this request holds data of a layer.

    Parameters
    ----------
    feature
        The id of the only feature.
    rows
        Number of features, added to those of other layers.
    action
        What is done; by default it follows from the request.
    tile
        Whether the answer is a tile.
    fields
        False for counts, which show no fields.
    properties
        The fields that are shown; None is all of them.
    computed
        Without `fields`, those that sums and medians are made of: of one feature a sum is its value.
    """
    note, exposure, computed = current_note(), _exposures.of(layer, actor), tuple(computed)
    note.actor = actor
    note.add(layer.id if feature is None else f"{layer.id}/{feature}", exposure, fields=fields)
    if computed and not fields:
        note.max_grade = max(note.max_grade, exposure.grade_of(computed))
        note.fields += tuple(name for name in exposure.fields if name.removeprefix(f"{layer.id}.") in computed)
    taken = note.taken.setdefault(layer.id, LayerTaken(layer, 1))  # an answer may be told of in parts
    taken.grade = max(taken.grade, exposure.grade_of(properties if fields else computed))
    taken.features += rows or 0
    note.is_tile = tile
    note.action = action or note.action
    if rows is not None:
        note.rows = (note.rows or 0) + rows


def grade_shown(layer: Layer, actor: Actor, properties: Iterable[str] | None = None) -> int:
    """Return the highest grade of what an answer with some of a layer's fields, or all, can hold for an actor."""
    return _exposures.of(layer, actor).grade_of(properties)


def touch_graded(name: str, grade: int, actor: Actor, *, tile: bool = False) -> None:
    """Note that the answer holds data that is no layer and has one grade, such as a raster."""
    note = current_note()
    note.actor, note.is_tile = actor, tile
    note.add(name, Exposure(grade, grade, (), masked=False, rules=()))


def count_rows(rows: int, layer_id: str) -> None:
    """Add features of a layer to the number of the answer, when it is known only after `touch`."""
    note = current_note()
    note.rows = (note.rows or 0) + rows
    if layer_id in note.taken:
        note.taken[layer_id].features += rows

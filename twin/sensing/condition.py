"""The filter of a set of entities → one typed, allow-listed SQL condition over the rows behind them.

The filter is a tree in the form of CQL2 JSON; operands, comparisons, arithmetic and spatial tests are those of
`layers/cql2`. A property is a path: ``Thing/Locations/location``. Links of one row to one other lead to columns of the
same row; a link to many becomes a search among those, true when any of them matches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from layers.clause import Clause, compose, join
from layers.coordinates.crs import CRS84
from layers.cql2 import Queryable
from layers.cql2.comparison import OPERATORS, compare, is_null
from layers.cql2.functions import ARITHMETIC, arithmetic
from layers.cql2.limits import PARAMETER
from layers.cql2.operand import Operand, expect, of_boolean, of_number, of_property, of_string, truth
from layers.cql2.spatial import of_geometry
from layers.cql2.temporal import of_instant, of_interval
from layers.errors import BadFilter
from twin.sensing.entity_types import SensorEntity, linked_type
from twin.sensing.functions import apply_function
from twin.sensing.rows import PROPERTIES, SensingRows

_TEXT_RESULT = Queryable("result", "text", "string")
_ARITHMETIC_MAX = 64
_IDS = ("id", "@iot.id")

type Addressee = Queryable | tuple[SensorEntity, str]
"""A column of the row itself, or the type that a link to many leads to, with the rest of the path."""


def find_named(entity: SensorEntity, path: str, rows: SensingRows) -> Addressee:
    """Return what the path of a property stands for, from a type of entity.

    Raises
    ------
    BadFilter
        When there is nothing of that name; the message lists what there is.
    """
    at, rest = entity, path
    while True:
        if rest in _IDS:
            return Queryable(path, at.id_column, "string")
        if rest in at.properties:
            return at.properties[rest]
        if at.set == "Things" and rest.startswith(PROPERTIES) and rest.removeprefix(PROPERTIES) in rows.kinds:
            return Queryable(path, rest, rows.kinds[rest.removeprefix(PROPERTIES)])
        head, slash, rest = rest.partition("/")
        target = linked_type(at, head) if slash else None
        if target is None:
            raise _unknown(at, path, rows)
        if not at.holds(target):
            return target, rest
        at = target


def _unknown(at: SensorEntity, path: str, rows: SensingRows) -> BadFilter:
    own = [*_IDS[:1], *at.properties, *(f"{link}/…" for link in at.links)]
    own += [f"{PROPERTIES}{name}" for name in rows.kinds] if at.set == "Things" else []
    return BadFilter(f"there is no property '{path[:80]}'; of {at.set} there are {', '.join(own)}", parameter=PARAMETER)


def find_column(entity: SensorEntity, path: str, rows: SensingRows) -> Queryable:
    """Return the column of a property of one row, by which rows are ordered.

    Raises
    ------
    BadFilter
        As `find_named`; also for the properties of many.
    """
    found = find_named(entity, path, rows)
    if isinstance(found, Queryable):
        return found
    raise BadFilter(f"'{path[:80]}' are properties of many; rows are ordered by one of their own", parameter="$orderby")


@dataclass(slots=True)
class Condition:
    """Compiles filters of a type of entity.

    Attributes
    ----------
    reads
        The columns that compiled filters read.
    """

    entity: SensorEntity
    rows: SensingRows
    reads: set[str] = field(default_factory=set)
    arithmetic_left: int = _ARITHMETIC_MAX

    def of(self, tree: Any) -> Clause:
        """Return the condition over alias `f`, in parentheses.

        Raises
        ------
        BadFilter
            For an unknown property or function, wrong types, or a tree that is no condition.
        """
        operand = self._operand(tree)
        return compose("({})", expect(operand, {"boolean"}, "$filter").clause)

    def _operand(self, node: Any) -> Operand:
        if isinstance(node, bool):
            return of_boolean(node)
        if isinstance(node, str):
            return of_string(node)
        if not isinstance(node, dict):
            if node is None:
                raise BadFilter("null can be compared by eq and ne alone", parameter=PARAMETER)
            return of_number(node)
        makers: Mapping[str, Callable[[], Operand]] = {
            "op": lambda: self._operation(str(node["op"]), node["args"]),
            "property": lambda: self._property(node["property"]),
            "timestamp": lambda: of_instant(node["timestamp"]),
            "interval": lambda: of_interval(*map(of_instant, node["interval"])),
            "type": lambda: of_geometry(node, CRS84),
        }
        return next(make for member, make in makers.items() if member in node)()

    def _property(self, path: str) -> Operand:
        found = find_named(self.entity, path, self.rows)
        if not isinstance(found, Queryable):
            raise BadFilter(f"'{path[:80]}' is of many entities: compare it by itself", parameter=PARAMETER)
        return self._column(found)

    def _column(self, queryable: Queryable) -> Operand:
        self.reads.add(queryable.column)
        return of_property(queryable)

    def _operation(self, op: str, args: list[Any]) -> Operand:
        if op in {"and", "or"}:
            parts = (compose("({})", expect(self._operand(one), {"boolean"}, op).clause) for one in args)
            return truth(join(f" {op.upper()} ", parts), op)
        if op == "not":
            return truth(compose("NOT ({})", expect(self._operand(args[0]), {"boolean"}, op).clause), op)
        many = self._many({"op": op, "args": args})
        if many is not None:
            return many
        if op in OPERATORS:
            return self._compared(op, args)
        if op in ARITHMETIC:
            self.arithmetic_left -= 1
            if self.arithmetic_left < 0:
                raise BadFilter(f"the filter has more than {_ARITHMETIC_MAX} arithmetic operators", parameter=PARAMETER)
            return arithmetic(op, [self._operand(one) for one in args])
        return apply_function(op, [self._operand(one) for one in args])

    def _compared(self, op: str, args: list[Any]) -> Operand:
        if None in args:
            (other,) = (one for one in args if one is not None) if args != [None, None] else ("",)
            return self._is_null(op, other)
        left, right = (self._operand(one) for one in args)
        for own, other in ((left, right), (right, left)):
            if own.is_property and own.clause.text == 'f."value"' and other.kind == "string":
                text = self._column(_TEXT_RESULT)
                left, right = (text if one is own else one for one in (left, right))
        return compare(op, left, right)

    def _is_null(self, op: str, node: Any) -> Operand:
        if op not in {"=", "<>"}:
            raise BadFilter("null can be compared by eq and ne alone", parameter=PARAMETER)
        operand = self._operand(node)
        nothing = is_null(operand).clause
        if operand.is_property and operand.clause.text == 'f."value"':
            nothing = compose("({} AND {})", nothing, is_null(self._column(_TEXT_RESULT)).clause)
        return truth(compose("NOT {}", nothing) if op == "<>" else nothing, "null")

    def _many(self, node: dict[str, Any]) -> Operand | None:
        """Return the search among the many that an operation names; None when it names none.

        Raises
        ------
        BadFilter
            When it names many in several ways, or beside properties of the row itself.
        """
        paths = list(_paths(node))
        found = [(path, find_named(self.entity, path, self.rows)) for path in paths]
        targets = {
            (named[0].set, path[: len(path) - len(named[1])]) for path, named in found if isinstance(named, tuple)
        }
        if not targets:
            return None
        if len(targets) > 1 or any(isinstance(named, Queryable) for _, named in found):
            raise BadFilter(
                f"one comparison holds {', '.join(paths)[:120]}: compare properties of many entities with values alone",
                parameter=PARAMETER,
            )
        target = next(named[0] for _, named in found if isinstance(named, tuple))
        inner = Condition(target, self.rows)
        test = inner.of(_renamed(node, {path: named[1] for path, named in found if isinstance(named, tuple)}))
        shared = self.entity.shares(target)
        self.reads.update(shared)
        columns = ", ".join(f"f.{name}" for name in shared)
        parts = self.rows.parts(target, {}, {*inner.reads})
        searched = [compose(f"SELECT {columns} FROM {{}} WHERE {{}}", part, test) for part in parts]
        if not searched:
            return truth(Clause("FALSE"), "a search among many")
        return truth(compose(f"({columns}) IN ({{}})", join(" UNION ALL ", searched)), "a search among many")


def _paths(node: Any) -> list[str]:
    if isinstance(node, dict):
        if "property" in node:
            return [node["property"]]
        return [path for part in node.get("args", ()) for path in _paths(part)]
    return []


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(node, dict):
        return node
    if "property" in node:
        return {"property": names[node["property"]]}
    return {**node, "args": [_renamed(part, names) for part in node["args"]]} if "args" in node else node

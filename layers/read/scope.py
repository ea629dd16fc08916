"""The rows that hold for the cases of an actor, as SQL over alias `f`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace

from layers.actor import HIGHEST_GRADE, Actor
from layers.clause import EMPTY, Clause, bind, compose, join
from layers.definition import GRADE, LayerDefinition
from layers.layer_rights import Case, LayerRights
from layers.read.caller import compile_rows, properties_of, row_queryables
from layers.tiers import AREA_CODE, AREA_DIGITS, GRID_CODE, lying_in

type Columns = Mapping[str, str]  # from names of fields to the columns that hold them; what is not listed is its own

NOTHING = Clause("FALSE")
_OWN: Columns = {}
_RANGES_MAX = 4  # prefixes of codes: a test of more costs less as one list


def holds(case: Case, rights: LayerRights, known: Container[str], columns: Columns = _OWN) -> Clause:
    """Return the predicate of the rows of a case; empty when these are all rows of the table.

    Parameters
    ----------
    known
        Names of the fields that the table has; a case that needs another one holds for no row.
    columns
        Where fields are in columns of other names.
    """
    definition = rights.definition
    grade, rows = _up_to(case.grade, definition, known), EMPTY
    areas = EMPTY if case.prefixes is None else in_areas(case.prefixes, known, columns)
    if case.rows is not None:
        queryables = row_queryables(definition)
        if any(name in definition.by_name and name not in known for name in properties_of(case.rows)):
            return NOTHING
        moved = {name: replace(q, column=columns.get(q.column, q.column)) for name, q in queryables.items()}
        rows = compile_rows(case.rows, moved, rights.actor)
    parts = [part for part in (grade, areas, rows) if part]
    return NOTHING if NOTHING in parts else join(" AND ", parts)


def any_of(parts: Iterable[Clause]) -> Clause:
    """Return the `OR` of predicates: empty, which is every row, when one of them is; `FALSE` for none."""
    kept = [part for part in parts if part != NOTHING]
    if not all(kept):
        return EMPTY
    if len(kept) < 2:
        return kept[0] if kept else NOTHING
    return compose("({})", join(" OR ", (compose("({})", part) for part in kept)))


def scope_of(rights: LayerRights, known: Container[str]) -> Clause:
    """Return the predicate of the rows of any table with fields of a layer that an actor may read."""
    return any_of(holds(case, rights, known) for case in rights.widest)


def _up_to(grade: int, definition: LayerDefinition, known: Container[str]) -> Clause:
    if grade >= HIGHEST_GRADE:
        return EMPTY
    if GRADE in known:
        return Clause(f"f.{GRADE} <= ?0::smallint", (grade,))
    return EMPTY if definition.grade <= grade else NOTHING


def in_areas(prefixes: Sequence[str], known: Container[str], columns: Columns = _OWN) -> Clause:
    """Return the predicate over alias `f` of rows in any of some areas; `lies_in_areas` is the same in memory.

    A row without an area code lies in the area of its grid.

    Parameters
    ----------
    prefixes
        Of area codes, or of grid codes where they are longer than 12 digits; none means everywhere.
    known
        Names of the columns; without the column that a prefix is compared with, no row lies in that area.
    """
    if not prefixes:
        return EMPTY
    area, grid = (f"f.{columns.get(name, name)}::text" if name in known else None for name in (AREA_CODE, GRID_CODE))
    areas = [prefix for prefix in prefixes if len(prefix) <= AREA_DIGITS]
    grids = [prefix for prefix in prefixes if len(prefix) > AREA_DIGITS]
    parts = []
    if areas and (area or grid):
        parts.append(_begins(lying_in(area, grid), areas))
    if grids and grid:
        exact = Clause(f"{grid} ^@ ANY (?0::text[])", (grids,))  # not every database sorts these codes by bytes
        parts.append(compose("({}) AND {}", _begins(grid, grids), exact))
    return compose("({})", join(" OR ", parts)) if parts else NOTHING


def _begins(code: str, prefixes: Sequence[str]) -> Clause:
    """Return the predicate of codes that begin with any of some prefixes.

    Few prefixes of digits become ranges: an index on the code finds them, whatever the plan. They are exact where the
    code sorts by its bytes; elsewhere other digits (４) lie within them too.
    """
    if len(prefixes) > _RANGES_MAX or not all(prefix.isascii() and prefix.isdigit() for prefix in prefixes):
        return Clause(f"{code} ^@ ANY (?0::text[])", (list(prefixes),))
    in_range = f"{code} >= {{}} AND {code} < {{}}"
    ranges = [compose(in_range, bind(one, "text"), bind(one[:-1] + chr(ord(one[-1]) + 1), "text")) for one in prefixes]
    return join(" OR ", ranges)


def lies_in_areas(prefixes: Iterable[str], area_code: str, grid_code: str) -> bool:
    """Whether codes lie in any of some areas: `in_areas` in memory; an empty code lies nowhere."""
    area = area_code or grid_code[:AREA_DIGITS]
    return any((area if len(p) <= AREA_DIGITS else grid_code).startswith(p) for p in prefixes)


def unbound(actor: Actor) -> Actor:
    """Return the actor as if it were bound to no areas, for the names of areas; the rules of a policy decide alone."""
    return replace(actor, area_prefixes=()) if actor.policy is None else actor


def reaches_area(actor: Actor, code: str) -> bool:
    """Whether an area shares ground with the actor's own, by its unpadded code: one contains the other.

    With a policy every area is reached: rules say which rows are seen there.
    """
    own = actor.area_prefixes if is_kept_to_areas(actor) else ()
    return not own or any(code.startswith(prefix) or prefix.startswith(code) for prefix in own)


def is_kept_to_areas(actor: Actor) -> bool:
    """Whether the actor may ask for what lies in its own areas alone; with a policy, rules choose among the rows."""
    return actor.is_bound and actor.policy is None

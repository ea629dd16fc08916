"""Counts of a layer's points by cells: the triggers that keep `onemap.cell` (layers/schema/sql/080_cells.sql)."""

from __future__ import annotations

from layers.clause import quote_identifier, quote_literal
from layers.definition import LayerDefinition

CELL_LEVEL = 18  # a cell is a tile of this zoom


def has_cell_counts(definition: LayerDefinition) -> bool:
    """Whether the layer's points are counted by cells."""
    return definition.map.gather_below is not None


def cell_count_statements(definition: LayerDefinition, table: str) -> list[str]:
    """Return the idempotent statements that begin, change or end the counting of a layer.

    Parameters
    ----------
    table
        The layer's quoted table; it and the layer's row in the catalogue exist already.
    """
    if not has_cell_counts(definition):
        drops = [f"DROP TRIGGER IF EXISTS {name} ON {table}" for name in _NAMES]
        return [*drops, f"DELETE FROM onemap.cell WHERE layer = {quote_literal(definition.id)}"]
    arguments = ", ".join(quote_literal(expression) for expression in _expressions(definition))
    triggers = [
        f"CREATE OR REPLACE TRIGGER {name} AFTER {what.format(table=table)}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION onemap.gather({arguments})"
        for name, what in _NAMES.items()
    ]
    return [*triggers, f"SELECT onemap.gather_anew({quote_literal(definition.id)}, {arguments})"]


_NAMES = {
    "gather_insert": "INSERT ON {table} REFERENCING NEW TABLE AS new_rows",
    "gather_update": "UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "gather_delete": "DELETE ON {table} REFERENCING OLD TABLE AS old_rows",
    "gather_truncate": "TRUNCATE ON {table}",
}


def _expressions(definition: LayerDefinition) -> tuple[str, str, str]:
    """Return the SQL expressions of a row's grade, area and kind, by which it is counted."""
    known = definition.by_name
    grade = "r.data_grade" if "data_grade" in known else f"{definition.grade}::smallint"
    area = "r.area_code" if "area_code" in known else "''"
    kind = f"r.{quote_identifier(definition.map.count_by)}" if definition.map.count_by else "''"
    return grade, area, kind

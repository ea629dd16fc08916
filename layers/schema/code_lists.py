"""Code lists in the database: written from the files, and read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import asyncpg

from layers.definition import Code, CodeList, read_code_lists

_TITLE = """
INSERT INTO onemap.code_list_title (list_id, title_zh, title_en, confidence) VALUES ($1, $2, $3, $4)
ON CONFLICT (list_id) DO UPDATE SET title_zh = excluded.title_zh, title_en = excluded.title_en,
    confidence = excluded.confidence
"""
_CODE = """
INSERT INTO onemap.code_list
    (list_id, code, label_zh, label_en, parent_code, color, standard, standard_version, position)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (list_id, code) DO UPDATE SET label_zh = excluded.label_zh, label_en = excluded.label_en,
    parent_code = excluded.parent_code, color = excluded.color, standard = excluded.standard,
    standard_version = excluded.standard_version, position = excluded.position, valid_to = NULL
"""
_RETIRE = """
UPDATE onemap.code_list AS c SET valid_to = current_date
WHERE c.valid_to IS NULL AND NOT EXISTS (
    SELECT FROM unnest($1::text[], $2::text[]) AS kept (list_id, code)
    WHERE kept.list_id = c.list_id AND kept.code = c.code)
"""
_READ = """
SELECT t.list_id, t.title_zh, t.title_en, t.confidence, c.standard, c.standard_version,
    c.code, c.label_zh, c.label_en, c.parent_code, c.color
FROM onemap.code_list AS c INNER JOIN onemap.code_list_title AS t ON t.list_id = c.list_id
WHERE c.valid_to IS NULL
ORDER BY t.list_id COLLATE "C", c.position
"""


async def sync_code_lists(connection: asyncpg.Connection, lists: Mapping[str, CodeList] | None = None) -> int:
    """Write the code lists of the files into the database.

    A code that a list no longer has stays with `valid_to`, so that old rows keep their meaning.

    Parameters
    ----------
    connection
        In the owner's role; joins a transaction that is already open.
    lists
        Lists by id; the files of `definitions/codes` by default.

    Returns
    -------
    int
        Number of codes in force. Every process reads the lists anew when one has changed.
    """
    current = list((read_code_lists() if lists is None else lists).values())
    if await read_stored_code_lists(connection) == {one.id: one for one in current}:
        return sum(len(one.codes) for one in current)
    rows = [row for code_list in current for row in _rows(code_list)]
    async with connection.transaction():
        await connection.executemany(_TITLE, [(one.id, one.title_zh, one.title_en, one.confidence) for one in current])
        await connection.executemany(_CODE, rows)
        await connection.execute(_RETIRE, [row[0] for row in rows], [row[1] for row in rows])
        await connection.execute("SELECT pg_notify(onemap.channel('catalogue'), '')")
    return len(rows)


async def read_stored_code_lists(connection: asyncpg.Connection) -> dict[str, CodeList]:
    """Read the code lists in force from the database, by id; empty before the first `sync_code_lists`."""
    grouped: dict[str, list[asyncpg.Record]] = {}
    for row in await connection.fetch(_READ):
        grouped.setdefault(row["list_id"], []).append(row)
    return {list_id: _list(rows) for list_id, rows in grouped.items()}


def _rows(code_list: CodeList) -> Iterable[tuple[object, ...]]:
    edition = (code_list.standard, code_list.standard_version)
    for position, c in enumerate(code_list.codes):
        yield (code_list.id, c.code, c.label_zh, c.label_en, c.parent, c.color, *edition, position)


def _list(rows: list[asyncpg.Record]) -> CodeList:
    first = rows[0]
    return CodeList(
        id=first["list_id"],
        title_zh=first["title_zh"],
        title_en=first["title_en"],
        standard=first["standard"],
        standard_version=first["standard_version"],
        confidence=first["confidence"],
        codes=tuple(
            Code(
                code=row["code"],
                label_zh=row["label_zh"],
                label_en=row["label_en"],
                parent=row["parent_code"],
                color=row["color"],
            )
            for row in rows
        ),
    )

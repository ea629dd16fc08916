"""Items as files of columns, and whole layers as texts: counted and judged first, then sent as they are read.

::

    limit            columns                          texts
    none             all, sent while they are read    a page of the default size
    up to page_max   made whole, then sent            a page
    more             sent while they are read         clipped to page_max
    all              sent while they are read         sent while they are read

Number, end and features are read in one snapshot of the database, so that what was judged is what is sent. All that
match are counted for what is sent while it is read, which reads them anyway; a page tells their number where it is
known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import pyarrow as pa
from starlette.types import Receive, Scope, Send

from layers.audit.record import AuditAction
from layers.clause import Clause
from layers.columns.shape import shape_of
from layers.columns.statement import Portion, column_rows, end_of, following, matching, text_rows
from layers.read.counts import Matched
from server.audit.touched import count_rows, current_note, touch
from server.audit.watermark import Watermark
from server.bulk.about import about_layer
from server.bulk.desk import written
from server.bulk.reading import BulkReading
from server.bulk.sending import send_parts, watched
from server.bulk.workspace import workspace
from server.formats.columnar import ColumnFormat, ColumnHead
from server.formats.table import check_crs
from server.formats.written import PageHead, TextFormat
from server.http.compression import send_bytes
from server.http.parameters import read_number
from server.items.call import ItemsCall
from server.items.links import Paging, page_links, steps
from server.items.request import read_items_request, write_cursor
from server.settings import LimitSettings
from server.state import State

ALL = "all"
"""The value of `limit` that means every feature."""
_MARK = b"\x00features\x00"
_FEATURE = pa.schema([pa.field("feature", pa.string())])


@dataclass(frozen=True, slots=True)
class _Bulk:
    """What one answer holds.

    Attributes
    ----------
    part
        The features that were asked for.
    matched, returned
        Features that match, None where that is not known; and those of them that the answer holds.
    cursor
        Where the next part begins; None after the last one.
    """

    part: Portion
    matched: int | None
    returned: int
    cursor: str | None


def is_bulk(call: ItemsCall) -> bool:
    """Whether a request is answered here: for columns, or for all features as text; never one that only counts."""
    if call.feature_id is not None or call.given.get("resulttype") == "hits":
        return False
    return isinstance(call.media, ColumnFormat) or call.given.get("limit") == ALL


async def send_bulk(
    call: ItemsCall, scope: Scope, receive: Receive, send: Send, state: State, validated: dict[str, str]
) -> None:
    """Answer a request for many features.

    Parameters
    ----------
    validated
        Headers by which a client asks whether anything has changed.

    Raises
    ------
    BadInput
        For anything unknown or malformed, and for a format that the layer cannot have.
    TooOften
        When this worker sends enough already.
    Forbidden, TooMuch, Unavailable
        As the judge, the database and the format say.
    """
    part = read_part(call, state.settings.limits)
    query = part.query
    check_crs(call.media, query.crs)
    touch(query.layer, call.actor, action=AuditAction.EXPORT, properties=query.properties)
    is_page = part.limit is not None and part.limit <= state.settings.limits.page_max
    desk, lanes = state.bulk, state.bulk.lanes
    async with lanes.pages if is_page else lanes.streams, desk.reading() as reading:
        rows = _rows(call, part)
        statements = [following(part) if is_page else matching(query), rows] + (
            [] if part.limit is None else [end_of(part)]
        )
        texts = await written(state.pool, *statements)
        async with watched(receive, reading):
            found = await _count(reading, part, texts[0], texts[2] if len(texts) > 2 else None)
        count_rows(found.returned, query.layer.id)
        watermark = await state.exports.judge(current_note())
        headers = {**_headers(call, found, state, watermark), **validated}
        with workspace(desk.folder) as folder:
            reading.begin(_parts(call, found, reading, texts[1], folder, watermark))
            if is_page:
                async with watched(receive, reading):
                    content = b"" if scope["method"] == "HEAD" else await reading.rest()
            else:
                await reading.allow(reading.time_max_s)
                await send_parts(scope, receive, send, reading, call.media.type, headers)
    if is_page:
        await send_bytes(scope, send, content, call.media.type, headers, compress=_compresses(call))


def read_part(call: ItemsCall, limits: LimitSettings) -> Portion:
    """Read the parameters of a request.

    Raises
    ------
    BadInput
        As `read_items_request`, and for a limit that is no number and not ``all``.
    """
    given = {name: value for name, value in call.given.items() if name != "limit"}
    query = read_items_request(call.layer, call.actor, given, limits, call.body).query
    if call.given.get("limit", ALL) == ALL:
        return Portion(query)
    limit = read_number(call.given, "limit", limits.page_default, lowest=1)
    return Portion(replace(query, limit=limit), limit)


def _rows(call: ItemsCall, part: Portion) -> Clause:
    if isinstance(call.media, TextFormat):
        return text_rows(part, call.media.form)
    return column_rows(part, shape_of(part.query))


async def _count(reading: BulkReading, part: Portion, numbers: str, end: str | None) -> _Bulk:
    """Count by `matching`; or by `following`, which tells the number of all when the part is the first and the last."""
    *told, after = await reading.row(numbers)
    matched: int | None = told[0] if told else None
    query, limit = part.query, part.limit
    left = max(0, after - query.offset)
    if limit is None or end is None or left <= limit:
        is_first = query.after is None
        return _Bulk(part, after if is_first else matched, left, None)
    (last,) = await reading.row(end)
    return _Bulk(part, matched, limit, write_cursor(last))


def _headers(call: ItemsCall, found: _Bulk, state: State, watermark: Watermark | None) -> dict[str, str]:
    query = found.part.query
    known = state.counts.known(query) if found.matched is None else None
    matched = known.rows if known is not None and known.exact else found.matched
    paging = Paging(matched, found.returned, steps(call, query, found.cursor))
    headers = call.headers(query.crs, state.settings) | paging.headers({}, state.settings.limits)
    ending = call.media.ending if isinstance(call.media, ColumnFormat) else call.media.f
    name = watermark.file_name(call.layer.id, ending) if watermark else f"{call.layer.id}.{ending}"
    return headers | {"Content-Disposition": f'attachment; filename="{name}"'}


def _parts(
    call: ItemsCall, found: _Bulk, reading: BulkReading, rows: str, folder: Path, watermark: Watermark | None
) -> Iterator[bytes]:
    """Return the parts of the answer's body, each made when it is asked for.

    Raises
    ------
    BadInput, TooMuch
        When the answer cannot be had in this format.
    """
    marked = watermark.members if watermark else {}
    query = found.part.query
    if isinstance(call.media, TextFormat):
        links = orjson.Fragment(orjson.dumps(page_links(call, query, found.cursor)))
        matched = Matched(found.returned if found.matched is None else found.matched, exact=True)
        page = PageHead(query, matched, found.returned, lambda: links, marked or None)
        return _texts(call.media, page, reading.session.batches(rows, _FEATURE))
    if not isinstance(call.media, ColumnFormat):
        raise TypeError(f"{call.media.title} is not made of columns")
    shape = shape_of(query)
    call.media.check(call.layer.id, shape, found.returned)
    about = about_layer(call.layer.definition, query.crs)
    head = ColumnHead(call.layer.id, shape, folder, found.returned, about, marked)
    return call.media.write(head, reading.session.batches(rows, shape.schema))


def _texts(text: TextFormat, head: PageHead, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """Yield the envelope of a page around features that come batch by batch."""
    before, mark, after = text.page(_MARK if head.returned else b"", head).partition(_MARK)
    yield before
    separator, is_first = text.separator, True
    for batch in batches if mark else ():
        joined = separator.join(batch.columns[0].to_pylist())
        yield (joined if is_first else separator + joined).encode()
        is_first = False
    yield after


def _compresses(call: ItemsCall) -> bool:
    return not isinstance(call.media, ColumnFormat) or call.media.compresses

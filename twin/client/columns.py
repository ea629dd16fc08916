"""Arrow from the server's bytes, and frames from Arrow."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow as pa

if TYPE_CHECKING:
    import geopandas
    import pandas as pd

GEOMETRY = "geometry"
_PATIENCE_S = 1.0
_NEEDS = "{0} is not installed: pip install {0} (geopandas and anywidget come with onemap[notebook])"


class _Body(io.RawIOBase):
    """The body of an answer as a file that is read once, from its beginning to its end."""

    def __init__(self, response: httpx.Response) -> None:
        self._parts = response.iter_bytes()
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._left = memoryview(part)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count


def read_batches(response: httpx.Response) -> pa.RecordBatchReader:
    """Return the batches of an Arrow IPC stream as they arrive.

    Raises
    ------
    pyarrow.ArrowInvalid
        When the body is not a stream of Arrow.
    """
    return pa.ipc.open_stream(readable(response))


def readable(response: httpx.Response) -> io.BufferedReader:
    """Return the body of an answer as a file that is read as it comes."""
    return io.BufferedReader(_Body(response), 1 << 20)


def to_frame(table: pa.Table) -> pd.DataFrame | geopandas.GeoDataFrame:
    """Return a frame: of geopandas where the table has places, with their reference system, else of pandas.

    Raises
    ------
    ImportError
        When geopandas is not installed.
    """
    if any(is_geometry(field) for field in table.schema):
        return needed("geopandas").GeoDataFrame.from_arrow(table)
    return table.to_pandas()


def is_geometry(field: pa.Field) -> bool:
    """Whether a field holds places, by the extension types of GeoArrow."""
    named: str = (field.metadata or {}).get(b"ARROW:extension:name", b"").decode()
    return (named or str(getattr(field.type, "extension_name", ""))).startswith("geoarrow.")


def needed(module: str) -> Any:
    """Return an optional package.

    Raises
    ------
    ImportError
        When it is not installed; the message says how it is had.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise ImportError(_NEEDS.format(module)) from error


def counted(batches: Iterable[pa.RecordBatch], total: int | None, what: str) -> Iterator[pa.RecordBatch]:
    """Yield batches; what takes longer than a second gets a progress bar, where rich is installed.

    Parameters
    ----------
    total
        Number of rows; None when it is unknown.
    what
        The words beside the bar.
    """
    rows, began = 0, time.monotonic()
    with ExitStack() as shown:
        bar: Any = None
        for batch in batches:
            rows += batch.num_rows
            if bar is None and time.monotonic() - began > _PATIENCE_S and find_spec("rich"):
                bar = shown.enter_context(import_module("rich.progress").Progress(transient=True))
                bar.add_task(what, total=total)
            if bar is not None:
                bar.update(bar.task_ids[0], completed=rows)
            yield batch

"""OneMap in a notebook: layers as data frames, filtered and joined by the server, as of any moment, or live.

It speaks HTTP alone, and needs httpx, pyarrow and shapely; geopandas, pandas, polars, DuckDB and anywidget are used
where a call asks for them. Install it with ``pip install .`` in a clone; ``pip install '.[notebook]'`` brings frames
and the map widget.

Examples
--------
>>> from twin.client import Twin
>>> twin = Twin("http://127.0.0.1:8000")  # doctest: +SKIP
>>> twin["video_points"].to_geopandas(where="online_status = 'offline'")  # doctest: +SKIP
"""

from twin.client.errors import BadRequest, Gap, Missing, NotAvailable, NotYours, TwinError
from twin.client.selection import LayerSelection
from twin.client.twin import Twin

__all__ = ["BadRequest", "Gap", "LayerSelection", "Missing", "NotAvailable", "NotYours", "Twin", "TwinError"]

"""What features were and measured: series, tracks, and history as rows."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.csv as pa_csv

from twin.client.columns import needed, readable
from twin.client.question import Moment, instant
from twin.client.rows import Rows

if TYPE_CHECKING:
    import geopandas
    import pandas as pd

_TEXTS = ("id", "layer", "property", "text", "grid_code", "area_code", "unit")  # codes are no numbers


class FeatureHistory(Rows):
    """The history of a layer's features."""

    __slots__ = ()

    def series(
        self,
        feature_id: str,
        measured: str,
        begin: Moment | None = None,
        end: Moment | None = None,
        *,
        step: str = "raw",
        agg: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Return what a feature measured, by time; a time without a value is not there.

        Parameters
        ----------
        measured
            The observed property, for example ``level_m``.
        begin, end
            The last week when they are None.
        step
            ``raw``, ``5m``, ``1h`` or ``1d`` (days of the district).
        agg
            Statistics of a step: ``mean``, ``min``, ``max``, ``last``, ``count``, ``sum``.

        Raises
        ------
        BadRequest
            For a property, a step or a span that cannot be.
        ImportError
            When pandas is not installed.
        """
        pandas = needed("pandas")
        parameters = _span(begin, end) | {"property": measured, "step": step, "agg": ",".join(agg) or None}
        found = self._transport.json(self._of(feature_id, "observations"), parameters)
        frame: pd.DataFrame = pandas.DataFrame(found["observations"])
        if frame.empty:
            return frame
        frame["time"] = pandas.to_datetime(frame["time"], utc=True, format="ISO8601")
        frame.attrs |= {name: found[name] for name in ("title_zh", "title_en", "unit")}
        indexed: pd.DataFrame = frame.set_index("time")
        return indexed

    def track(
        self,
        feature_id: str,
        begin: Moment | None = None,
        end: Moment | None = None,
        *,
        simplify_m: float | None = None,
    ) -> geopandas.GeoDataFrame:
        """Return where a moving feature was: a point a row, by time; empty where it was nowhere.

        Parameters
        ----------
        begin, end
            The last day when they are None.
        simplify_m
            Leave points out; at every time the way is no farther than this from where the feature was.

        Raises
        ------
        BadRequest
            When nothing of this layer moves, or the span is too long.
        NotYours
            When the caller may not follow it.
        ImportError
            When geopandas is not installed.
        """
        geopandas = needed("geopandas")
        datum = self.question.datum
        parameters = _span(begin, end) | {"simplify_m": simplify_m, "f": "csv", "answer_crs": datum}
        table = _read_csv(self._transport.get(self._of(feature_id, "track"), parameters).content)
        frame = (table.drop_columns("datum") if datum else table).to_pandas()
        places = geopandas.points_from_xy(frame["lon"], frame["lat"])
        named = None if datum else "OGC:CRS84"
        return geopandas.GeoDataFrame(frame.drop(columns=["lon", "lat"]), geometry=places, crs=named)

    def positions(self, begin: Moment, end: Moment, *, ids: Sequence[str] = ()) -> pa.Table:
        """Return every position of a span, by feature and time; `where` and `bbox` hold.

        Raises
        ------
        BadRequest
            When nothing of this layer moves, or the span is too long.
        """
        return self._history("/twin/positions", {"layers": self.layer, **_span(begin, end)}, ids)

    def observations(
        self, begin: Moment, end: Moment, *, ids: Sequence[str] = (), measured: Sequence[str] = ()
    ) -> pa.Table:
        """Return every observation of a span, by feature and time; `where` and `bbox` hold.

        Raises
        ------
        BadRequest
            When nothing of this layer is measured, or the span is too long.
        """
        asked = {"layers": self.layer, "property": ",".join(measured) or None, **_span(begin, end)}
        return self._history("/twin/observations", asked, ids)

    def versions(self, begin: Moment, end: Moment, *, ids: Sequence[str] = ()) -> pa.Table:
        """Return every version of the events of a span, each with the event as it was after it.

        Raises
        ------
        ValueError
            For another layer than the events.
        BadRequest
            When the span is too long.
        """
        if self.layer != "events":
            raise ValueError(f"only events have versions as rows; this is {self.layer}")
        return self._history("/twin/events/versions", _span(begin, end), ids)

    def _history(self, path: str, asked: Mapping[str, Any], ids: Sequence[str]) -> pa.Table:
        given = self.question.parameters()
        narrowed = {name: given[name] for name in ("bbox", "bbox-crs", "at", "filter", "filter-crs")}
        of_all = {"ids": ",".join(ids) or None, "limit": "all", "f": "csv", "answer_crs": self.question.datum}
        with self._transport.stream(path, {**narrowed, **asked, **of_all}) as response:
            table = _read_csv(readable(response))
        return table.drop_columns("datum") if self.question.datum else table

    def _of(self, feature_id: str, what: str) -> str:
        return f"/twin/features/{self.layer}/{quote(feature_id, safe='')}/{what}"


def _span(begin: Moment | None, end: Moment | None) -> dict[str, Any]:
    return {"from": None if begin is None else instant(begin), "to": None if end is None else instant(end)}


def _read_csv(source: bytes | io.BufferedReader) -> pa.Table:
    """Return a table of CSV; times become times, codes stay texts."""
    types = dict.fromkeys(_TEXTS, pa.string())
    convert = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    return pa_csv.read_csv(io.BytesIO(source) if isinstance(source, bytes) else source, None, parse, convert)

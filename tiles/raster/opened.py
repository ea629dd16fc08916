"""Files of rasters, kept open between two reads.

GDAL may open these files and nothing else: no other driver, no side files, no network.
"""

from __future__ import annotations

import math
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

import pyproj
from rasterio._err import CPLE_BaseError  # GDAL's own errors reach us under no public name
from rasterio.crs import CRS
from rasterio.env import Env
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from layers.errors import Unavailable
from tiles.raster.members import Member

_SAFE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
    "GDAL_CACHEMAX": 64,  # MB
    "GDAL_NUM_THREADS": "1",
}
_OPEN_MAX = 32
_COARSER_MAX = 1.2  # an overview may have pixels this much wider than the image's

type _DatasetKey = tuple[str, int, int, int]  # path, time of change, size, overview


@lru_cache(maxsize=64)
def system_of(srid: int) -> CRS:
    """Return the reference system that rasters are read in: CGCS2000 is taken as WGS 84 (`layers.coordinates.crs`).

    PROJ would otherwise search for a transformation between the two datums for every tile, which costs ten times the
    tile, and find none.
    """
    system = pyproj.CRS.from_epsg(srid)
    if srid == 4490:
        return CRS.from_epsg(4326)
    if system.is_projected and system.geodetic_crs is not None and system.geodetic_crs.to_epsg() == 4490:
        with warnings.catch_warnings(action="ignore"):  # pyproj warns that the datum is lost, which is intended
            parameters = system.to_dict()
        plain = {name: value for name, value in parameters.items() if name not in {"ellps", "type", "no_defs"}}
        return CRS.from_dict({**plain, "datum": "WGS84"})
    return CRS.from_epsg(srid)


class _Dataset(DatasetReader):  # type: ignore[misc]  # rasterio has no types
    """A dataset whose reference system can be replaced."""

    read_as: CRS | None = None

    @property
    def crs(self) -> CRS:
        return self.read_as or super().crs


class OpenRasters:
    """A pool of open datasets; one thread at a time reads a dataset, as GDAL requires.

    Parameters
    ----------
    most
        The number of idle datasets that stay open.
    """

    def __init__(self, most: int = _OPEN_MAX) -> None:
        self._most = most
        self._lock = Lock()
        self._idle: OrderedDict[_DatasetKey, list[_Dataset]] = OrderedDict()

    @contextmanager
    def reading(self, member: Member, pixel_m: float = 0.0) -> Iterator[Any]:
        """Lend a dataset of a member.

        Parameters
        ----------
        pixel_m
            Width of the pixels to read; the coarsest overview that is fine enough is opened.

        Raises
        ------
        Unavailable
            When the file cannot be opened, or a read within the context fails.
        """
        try:
            with Env(**_SAFE):
                key, dataset = self._take(member, _overview(member, pixel_m))
                try:
                    yield dataset
                except BaseException:
                    dataset.close()
                    raise
                self._give_back(key, dataset)
        except (OSError, RasterioError, CPLE_BaseError) as error:
            raise Unavailable(f"a file of the raster cannot be read now; load '{member.path.name}' again") from error

    def close(self) -> None:
        """Close the idle datasets."""
        with self._lock:
            idle, self._idle = self._idle, OrderedDict()
        for datasets in idle.values():
            for dataset in datasets:
                dataset.close()

    def _take(self, member: Member, overview: int) -> tuple[_DatasetKey, _Dataset]:
        status = member.path.stat()
        key = str(member.path), status.st_mtime_ns, status.st_size, overview
        with self._lock:
            waiting = self._idle.get(key)
            if waiting:
                dataset = waiting.pop()
                if not waiting:
                    del self._idle[key]
                return key, dataset
        return key, _open(member, overview)

    def _give_back(self, key: _DatasetKey, dataset: _Dataset) -> None:
        surplus = []
        with self._lock:
            self._idle.setdefault(key, []).append(dataset)
            self._idle.move_to_end(key)
            while sum(map(len, self._idle.values())) > self._most:
                oldest = next(iter(self._idle))
                surplus.append(self._idle[oldest].pop())
                if not self._idle[oldest]:
                    del self._idle[oldest]
        for one in surplus:
            one.close()


def _overview(member: Member, pixel_m: float) -> int:
    """Return the number of times the resolution may be halved; 0 is the raster itself."""
    wider = pixel_m * _COARSER_MAX / member.pixel_m
    return max(0, math.floor(math.log2(wider))) if wider > 1 else 0


def _open(member: Member, overview: int) -> _Dataset:
    """Open a file at an overview, or at its coarsest if it has fewer."""
    dataset = _Dataset(str(member.path), driver="GTiff")
    if overview:
        levels = len(dataset.overviews(1))
        if levels:
            dataset.close()
            dataset = _Dataset(str(member.path), driver="GTiff", overview_level=min(overview, levels) - 1)
    dataset.read_as = system_of(member.srid)
    return dataset

"""Questions about a place: its areas, its neighbours, the way to it, and whom it reaches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely

from twin.client.features import to_geodataframe
from twin.client.question import Datum, Moment, instant
from twin.client.transport import Transport

if TYPE_CHECKING:
    import geopandas


class Operations:
    """The operations of a server.

    A place is given as longitude and latitude in degrees; `crs` names another system: ``gcj02`` and ``bd09`` are
    converted, in a projected system the numbers are metres east and north. Without `crs` it is in the client's own
    datum, and so is the answer always.
    """

    def __init__(self, transport: Transport, datum: Datum | None = None) -> None:
        self._transport, self._datum = transport, datum

    def locate(self, lon: float, lat: float, *, crs: str | None = None) -> dict[str, Any]:
        """Return the areas that hold a place, down to its grid, with its nearest building and waterway.

        Parameters
        ----------
        lon, lat
            Degrees, or metres east and north in a projected system.
        crs
            Of the place: ``gcj02`` and ``bd09`` are converted; None is the client's own, CRS84 by default.

        Raises
        ------
        BadRequest
            For a place or a system that cannot be.
        """
        found: dict[str, Any] = self._asked("/twin/locate", {"lon": lon, "lat": lat, "crs": crs or self._datum})
        return found

    def nearby(
        self,
        lon: float,
        lat: float,
        radius_m: float,
        *layers: str,
        limit: int = 1000,
        at: Moment | None = None,
        crs: str | None = None,
    ) -> geopandas.GeoDataFrame:
        """Return what lies within a distance on the ground, nearest first, as a GeoDataFrame.

        Parameters
        ----------
        limit
            Features of each layer at most.
        at
            As it was at this moment; None is now.

        Raises
        ------
        BadRequest
            For a distance above the server's limit, or a layer that is not there.
        ImportError
            When geopandas is not installed.
        """
        return self._frame(
            "/twin/nearby",
            {"lon": lon, "lat": lat, "radius_m": radius_m, "layers": ",".join(layers), "limit": limit}
            | {"at": _moment(at), "crs": crs or self._datum},
        )

    def area(self, code: str, *layers: str, limit: int = 1000, at: Moment | None = None) -> geopandas.GeoDataFrame:
        """Return what lies in a grid, community, street, district (by code) or urban village (by id): a GeoDataFrame.

        Parameters
        ----------
        limit
            Features of each layer at most.
        at
            What was there at this moment, in the area of today; None is now.

        Raises
        ------
        NotYours
            When the caller is bound to other areas.
        Missing
            When there is no such area.
        ImportError
            When geopandas is not installed.
        """
        parameters = {"layers": ",".join(layers), "limit": limit, "at": _moment(at)}
        return self._frame(f"/twin/areas/{code}/features", parameters)

    def nearest_resources(
        self,
        lon: float,
        lat: float,
        n: int = 3,
        *,
        types: Sequence[str] = (),
        mode: str = "car",
        avoid: Sequence[str] = (),
        at: Moment | None = None,
        crs: str | None = None,
    ) -> geopandas.GeoDataFrame:
        """Return the nearest resources by the time on the road, first those that are there first.

        Parameters
        ----------
        types
            Kinds of resources; none for all.
        mode
            ``car`` or ``walk``.
        avoid
            Ids of roads that are closed.

        Raises
        ------
        BadRequest
            For a place, a kind or a mode that cannot be.
        ImportError
            When geopandas is not installed.
        """
        travel = _travel(lon, lat, mode, avoid, at, crs or self._datum)
        parameters = travel | {"n": n, "types": ",".join(types) or None}
        return self._frame("/twin/nearest-resources", parameters)

    def route(
        self,
        begin: tuple[float, float],
        end: tuple[float, float],
        *,
        mode: str = "car",
        avoid: Sequence[str] = (),
        at: Moment | None = None,
        crs: str | None = None,
    ) -> geopandas.GeoDataFrame:
        """Return the quickest way between two places as one row: its line, time, length and roads.

        Parameters
        ----------
        begin, end
            Longitude and latitude.
        at
            Keep clear of what was closed at this moment; None is now.

        Raises
        ------
        BadRequest
            For a place or a mode that cannot be.
        ImportError
            When geopandas is not installed.
        """
        places = {"from": "{!r},{!r}".format(*map(float, begin)), "to": "{!r},{!r}".format(*map(float, end))}
        asked = places | {"mode": mode, "avoid": ",".join(avoid) or None, "at": _moment(at), "crs": crs or self._datum}
        return to_geodataframe({"features": [self._asked("/twin/route", asked)]}, self._datum)

    def reachable(
        self,
        lon: float,
        lat: float,
        minutes: float,
        *layers: str,
        mode: str = "car",
        avoid: Sequence[str] = (),
        limit: int = 500,
        at: Moment | None = None,
        crs: str | None = None,
    ) -> Reached:
        """Return what a road leads to within some minutes, and the area around those roads.

        Parameters
        ----------
        layers
            Layers that are looked through; the emergency resources when none is named.

        Raises
        ------
        BadRequest
            For a place, a layer or a time that cannot be.
        ImportError
            When geopandas is not installed.
        """
        chosen = {"minutes": minutes, "layers": ",".join(layers) or None, "limit": limit}
        found = self._asked("/twin/reachable", _travel(lon, lat, mode, avoid, at, crs or self._datum) | chosen)
        area = None if found["area"] is None else shapely.from_geojson(json.dumps(found["area"]))
        return Reached(to_geodataframe(found, self._datum), area)

    def _frame(self, path: str, parameters: dict[str, Any]) -> geopandas.GeoDataFrame:
        return to_geodataframe(self._asked(path, parameters), self._datum)

    def _asked(self, path: str, parameters: dict[str, Any]) -> Any:
        return self._transport.json(path, {**parameters, "answer_crs": self._datum})


@dataclass(frozen=True, slots=True)
class Reached:
    """What is reached within a time.

    Attributes
    ----------
    features
        A GeoDataFrame, those that are reached first before the others.
    area
        A polygon around the roads that are reached, in degrees of the client's datum; None when there is no road.
    """

    features: geopandas.GeoDataFrame
    area: shapely.Geometry | None


def _moment(at: Moment | None) -> str | None:
    return None if at is None else instant(at)


def _travel(
    lon: float, lat: float, mode: str, avoid: Sequence[str], at: Moment | None, crs: str | None
) -> dict[str, Any]:
    return {
        "lon": lon,
        "lat": lat,
        "mode": mode,
        "avoid": ",".join(avoid) or None,
        "at": _moment(at),
        "crs": crs,
    }

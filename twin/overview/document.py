"""An overview as a document: indicators with their words, the areas below, lists and trends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from layers.catalog import Catalog
from layers.types import Json
from twin.overview.figures import IndicatorValue, IndicatorValues
from twin.overview.overview import WEEK, Overview
from twin.overview.place import NamedArea, OverviewPlace


def overview_document(
    told: Overview, before: Mapping[str, IndicatorValue], catalog: Catalog, *, at: datetime, live: bool
) -> Json:
    """Return an overview as a document.

    Parameters
    ----------
    before
        The figures of the area a week before, by id of the indicator.
    at
        The moment of the numbers.
    """
    place = told.place
    main = {name: one for name, one in told.figures.items() if one.told.indicator.main}
    codes = {child.code for child in place.children}
    return {
        "at": at,
        "live": live,
        "area": _area(place),
        "below": place.below and place.below.name,
        "indicators": [_indicator(one, before.get(name), catalog, at) for name, one in told.figures.items()],
        "children": [_child(child, main) for child in place.children],
        "elsewhere": _elsewhere(main, codes) if place.children else {},
        "lists": {
            one.id: {
                "title_zh": one.title_zh,
                "title_en": one.title_en,
                "features": [asdict(feature) for feature in found],
            }
            for one, found in told.lists
        },
        "trends": {
            one.id: {
                "title_zh": one.title_zh,
                "title_en": one.title_en,
                "hours": [asdict(hour) for hour in found],
            }
            for one, found in told.trends
        },
    }


def _area(place: OverviewPlace) -> Json | None:
    """Return the area with its south-west and north-east corners, which `answer_crs` shifts."""
    area, tier = place.area, place.tier
    if area is None or tier is None:
        return None
    sides = area.bbox
    corners = [] if sides is None else [{"lon": sides[n], "lat": sides[n + 1]} for n in (0, 2)]
    return {"code": area.code, "id": area.id, "name": area.name, "tier": tier.name, "corners": corners}


def _indicator(one: IndicatorValues, before: IndicatorValue | None, catalog: Catalog, at: datetime) -> Json:
    indicator, total = one.told.indicator, one.total
    written = {
        "id": indicator.id,
        "title_zh": indicator.title_zh,
        "title_en": indicator.title_en,
        "unit": indicator.unit,
        "formula_zh": indicator.formula_zh,
        "formula_en": indicator.formula_en,
        "value": total.value,
        "additive": indicator.is_additive,
        "partial": one.partial,
        "observed_at": total.observed_at,  # None: as of the moment of the answer
        "compare": _compared(total, before, at),
        "by": {name: _by_code(one, name, catalog) for name in one.by},
    }
    return written | ({"part": total.part, "whole": total.whole} if total.whole is not None else {})


def _compared(now: IndicatorValue, before: IndicatorValue | None, at: datetime) -> Json | None:
    """Return the value of the same weekday and time a week before, and the difference; None where it is not known."""
    if before is None or not isinstance(before.value, int | float) or not isinstance(now.value, int | float):
        return None
    return {"at": at - WEEK, "value": before.value, "change": round(now.value - before.value, 3)}


def _by_code(one: IndicatorValues, name: str, catalog: Catalog) -> list[Json]:
    """Return the numbers of a field's codes in the order of the list, those without a code last; zeros left out."""
    codes = _labels(catalog, name, one)
    order = {code: place for place, code in enumerate(codes)}
    found = sorted(one.by[name].items(), key=lambda item: (order.get(item[0] or "", len(order)), item[0] or ""))
    rows = []
    for code, figure in found:
        if not figure.value and not figure.whole:
            continue
        label = codes.get(code or "", {"label_zh": code, "label_en": code})
        share = {"part": figure.part, "whole": figure.whole} if figure.whole is not None else {}
        rows.append({"code": code, **label, "value": figure.value, **share})
    return rows


def _labels(catalog: Catalog, name: str, one: IndicatorValues) -> dict[str, Json]:
    found = catalog.code_lists.get(one.codes.get(name, ""))
    listed = found.codes if found is not None else ()
    return {c.code: {"label_zh": c.label_zh, "label_en": c.label_en, "color": c.color} for c in listed}


def _child(child: NamedArea, main: Mapping[str, IndicatorValues]) -> Json:
    values: dict[str, Any] = {}
    for name, one in main.items():
        found = one.below.get(child.code)
        nothing = 0 if one.told.indicator.is_additive and one.below_is_known else None
        values[name] = nothing if found is None else found.value
    return {"code": child.code, "id": child.id, "name": child.name, "values": values}


def _elsewhere(main: Mapping[str, IndicatorValues], codes: set[str]) -> Json:
    """Return how many features lie in none of the areas below, for each number that sums up."""
    rest: Json = {}
    for name, one in main.items():
        if one.told.indicator.is_additive and one.below_is_known:
            rest[name] = sum(
                figure.value
                for code, figure in one.below.items()
                if code not in codes and isinstance(figure.value, int)
            )
    return rest

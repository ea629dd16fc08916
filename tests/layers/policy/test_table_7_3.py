"""Table 7.3 of the domain reference, cell by cell: what the shipped policy shows of real rows.

● full, ◐ masked or generalised, ○ absent, – not visible. A cell is checked for a feature by the reads of the server;
density and counts are what the role may count.
"""

from __future__ import annotations

import orjson
import pytest

from layers.layer_rights import rights_of
from layers.review.holders import holder_of
from tests.layers.policy.features import FEATURES, GRID, OTHER_GRID, SERVED, STREET

FULL, PART, NONE, HIDDEN = "●", "◐", "○", "–"
READERS = {
    "anonymous": {"role": "anonymous"},
    "grid": {"role": "grid_worker", "areas": [GRID], "attributes": [("worker_id", "W1")]},
    "community": {"role": "community_officer", "areas": [STREET + "001"]},
    "street": {"role": "street_dispatcher", "areas": [STREET]},
    "district": {"role": "district_dispatcher"},
    "district+purpose": {"role": "district_dispatcher", "purpose": "dispatch"},
    "water": {"role": "department_officer", "departments": ["water"]},
    "water+purpose": {"role": "department_officer", "departments": ["water"], "purpose": "emergency"},
    "health": {"role": "department_officer", "departments": ["health"]},
    "analyst": {"role": "analyst"},
    "leader": {"role": "leader"},
    "auditor": {"role": "auditor"},
    "public_user": {"role": "public_user"},
    "sysadmin": {"role": "sysadmin"},
    "security_admin": {"role": "security_admin"},
    "feed_client": {"role": "feed_client"},
}
NOBODY = dict.fromkeys(("anonymous", "public_user", "sysadmin", "security_admin", "feed_client"), HIDDEN)
"""Those who see of the table's rows what everybody sees: nothing, but for the cells that say otherwise."""


def cells(layer, field, feature, **by_reader):
    """Yield one case a reader; `field` is `geom` for the place."""
    for reader, mark in {**NOBODY, **{name.replace("_with_", "+"): mark for name, mark in by_reader.items()}}.items():
        yield pytest.param(layer, field, feature, reader, mark, id=f"{layer}.{field}[{feature}]-{reader}")


TABLE = [
    # event point
    *cells("events", "geom", "own", grid=FULL, community=FULL, street=FULL, district=FULL, water=FULL, health=NONE,
           analyst=PART, leader=FULL, auditor=NONE),
    *cells("events", "geom", "other", grid=NONE, community=NONE, street=NONE, district=FULL, water=NONE, analyst=PART,
           leader=FULL, auditor=NONE),
    *cells("events", "geom", "next-grid", grid=NONE, community=FULL, street=FULL),
    # event description
    *cells("events", "description", "own", grid=FULL, community=NONE, street=NONE, district=FULL, water=FULL,
           health=NONE, analyst=NONE, leader=NONE, auditor=NONE),
    *cells("events", "description_redacted", "own", grid=FULL, community=FULL, street=FULL, district=FULL, water=FULL,
           health=NONE, analyst=NONE, leader=FULL, auditor=NONE),
    *cells("events", "description", "own-other-task", grid=NONE, street=NONE, district=FULL, water=NONE),
    *cells("events", "description_redacted", "own-other-task", grid=NONE, street=FULL, leader=FULL, analyst=NONE),
    *cells("events", "description_redacted", "other", grid=NONE, street=NONE, district=FULL, leader=FULL),
    *cells("events", "title", "own", analyst=NONE),
    *cells("events", "event_class", "own", analyst=FULL, auditor=NONE),
    *cells("events", "address", "own", analyst=NONE, health=NONE, auditor=NONE),
    # complainant
    *cells("events", "complainant_name", "own", grid=NONE, community=NONE, street=NONE, district=PART, water=PART,
           health=NONE, analyst=NONE, leader=NONE, auditor=NONE),
    *cells("events", "complainant_phone", "own", grid=NONE, community=NONE, street=NONE, district=PART, water=PART,
           health=NONE, analyst=NONE, leader=NONE, auditor=NONE),
    *cells("events", "extra", "own", grid=NONE, community=NONE, street=NONE, district=NONE, water=NONE, analyst=NONE,
           leader=NONE, auditor=NONE),
    # worker name
    *cells("grid_workers", "name", "W2", grid=FULL, community=FULL, street=FULL, district=FULL, water=PART, health=PART,
           analyst=NONE, leader=PART, auditor=NONE),
    *cells("grid_workers", "name", "W9", grid=NONE, community=NONE, street=NONE, district=FULL, water=PART,
           analyst=NONE, leader=PART, auditor=NONE),
    *cells("grid_workers", "worker_id", "W2", auditor=FULL),
    # worker phone
    *cells("grid_workers", "phone", "W2", grid=PART, community=FULL, street=FULL, district=FULL, water=PART,
           analyst=NONE, leader=NONE, auditor=NONE),
    *cells("grid_workers", "phone", "W9", grid=NONE, community=NONE, street=NONE, district=FULL, water=PART),
    *cells("grid_workers", "phone", "W3", grid=PART, street=FULL, district=NONE, water=PART),
    # worker live position
    *cells("grid_workers", "geom", "W1", grid=FULL, community=FULL, street=FULL, district=FULL, water=NONE,
           analyst=NONE, leader=NONE, auditor=NONE),
    *cells("grid_workers", "geom", "W2", grid=NONE, community=FULL, street=FULL, district=FULL),
    *cells("grid_workers", "geom", "W3", grid=NONE, community=NONE, street=NONE, district=NONE),
    *cells("grid_workers", "position_at", "W3", grid=NONE, community=NONE, street=NONE, district=NONE, leader=NONE),
    *cells("grid_workers", "geom", "W9", grid=NONE, community=NONE, street=NONE, district=FULL),
    # vehicle plate and position
    *cells("vehicles", "plate_no", "own", grid=NONE, community=PART, street=PART, district=FULL, water=FULL,
           health=NONE, analyst=NONE, leader=PART, auditor=NONE),
    *cells("vehicles", "geom", "own", grid=NONE, community=FULL, street=FULL, district=FULL, water=FULL, health=NONE,
           analyst=NONE, leader=PART, auditor=NONE),
    *cells("vehicles", "plate_no", "other", grid=NONE, community=NONE, street=NONE, district=FULL, water=NONE,
           analyst=NONE, leader=PART),
    # camera position
    *cells("video_points", "geom", "shared", grid=NONE, community=FULL, street=FULL, district=FULL, water=FULL,
           health=NONE, analyst=PART, leader=NONE, auditor=NONE),
    *cells("video_points", "geom", "private", grid=NONE, community=NONE, street=NONE, district=FULL, water=NONE,
           analyst=PART, leader=NONE, auditor=NONE),
    *cells("video_points", "geom", "other", grid=NONE, community=NONE, street=NONE, district=FULL, water=FULL),
    # camera view; play_ref is shown as a one-time reference, which is exchanged for it
    *cells("video_points", "view_geom", "shared", grid=NONE, community=FULL, street=FULL, district=NONE,
           district_with_purpose=FULL, water=NONE, water_with_purpose=FULL, analyst=NONE, leader=NONE, auditor=NONE),
    *cells("video_points", "play_ref", "shared", grid=NONE, community=PART, street=PART, district=NONE,
           district_with_purpose=PART, water=NONE, water_with_purpose=PART, analyst=NONE, leader=NONE, auditor=NONE),
    *cells("video_points", "play_ref", "private", grid=NONE, community=NONE, street=NONE, district=NONE,
           district_with_purpose=PART, water=NONE, water_with_purpose=NONE, analyst=NONE, leader=NONE),
    *cells("video_points", "azimuth_deg", "shared", street=FULL, district=NONE, water=NONE, analyst=NONE),
    # resource contact
    *cells("emergency_resources", "contact_phone", "own", grid=NONE, community=FULL, street=FULL, district=FULL,
           water=FULL, analyst=NONE, leader=PART, auditor=NONE),
    *cells("emergency_resources", "contact_name", "own", grid=NONE, community=FULL, street=FULL, district=FULL,
           water=FULL, analyst=NONE, leader=PART, auditor=NONE),
    *cells("emergency_resources", "contact_phone", "other", grid=NONE, community=NONE, street=NONE, district=FULL,
           water=FULL, analyst=NONE, leader=PART),
    # resource stock: of public rows everybody is told whether there is any
    *cells("emergency_resources", "available_quantity", "own", grid=NONE, community=FULL, street=FULL, district=FULL,
           water=FULL, analyst=NONE, leader=FULL, auditor=NONE),
    *cells("emergency_resources", "available_quantity", "public", anonymous=PART, public_user=PART, sysadmin=PART,
           security_admin=PART, feed_client=PART, district=FULL, leader=FULL, auditor=PART),
    *cells("emergency_resources", "stock", "own", grid=NONE, street=FULL, district=FULL, water=FULL, analyst=NONE,
           leader=FULL, auditor=NONE),
    # pump and sluice state: whether it runs is `pump_state`, the numbers are the state
    *cells("water_facilities", "pumps_running", "own", grid=NONE, community=NONE, street=NONE, district=FULL,
           water=FULL, health=NONE, analyst=FULL, leader=FULL, auditor=NONE),
    *cells("water_facilities", "pump_state", "own", grid=FULL, community=FULL, street=FULL, district=FULL, water=FULL,
           health=FULL, analyst=FULL, leader=FULL, auditor=NONE),
    *cells("water_facilities", "pump_state", "public", anonymous=FULL, public_user=FULL, sysadmin=FULL,
           security_admin=FULL, feed_client=FULL, grid=FULL, auditor=FULL),
    *cells("water_facilities", "opening_m", "public", grid=NONE, district=FULL),
    # building population
    *cells("buildings", "population", "own", grid=NONE, community=FULL, street=FULL, district=FULL, water=NONE,
           analyst=NONE, leader=NONE, auditor=NONE),
    *cells("buildings", "population", "other", grid=NONE, community=NONE, street=NONE, district=FULL, water=NONE),
    *cells("grids", "population", GRID, grid=FULL, community=FULL, street=FULL, district=FULL),
    *cells("grids", "population", OTHER_GRID, grid=NONE, district=FULL),
]  # fmt: skip


def reader_of(policy, name):
    """Return the actor of a column of the table."""
    return holder_of(policy, **READERS[name])


def mark_of(district, actor, layer, field, feature):
    """Return how a field of a feature is shown, of a table's row that has a value for it."""
    found = district.feature(actor, layer, feature)
    if found is None:
        return HIDDEN
    _, place, stored = next(one for one in FEATURES[layer] if one[0] == feature)
    if field == "geom":
        exact = [float(number) for number in place.removeprefix("POINT(").removesuffix(")").split()]
        shown = found["geometry"] and found["geometry"]["coordinates"]
        return NONE if not shown else FULL if shown == exact else PART
    if field not in found["properties"]:
        return NONE
    value, true = found["properties"][field], stored.get(field, SERVED.get(field))
    if isinstance(true, str) and true[:1] in "[{":
        true = orjson.loads(true)
    assert true is not None, "nothing can be hidden of a field without a value"
    return NONE if value is None else FULL if str(value) == str(true) else PART


@pytest.mark.parametrize(("layer", "field", "feature", "reader", "mark"), TABLE)
def test_a_cell_of_the_table(district, policy, layer, field, feature, reader, mark):
    found = mark_of(district, reader_of(policy, reader), layer, field, feature)
    assert found == mark or {found, mark} == {NONE, HIDDEN}, "absent, be it the field alone or the whole feature"


@pytest.mark.parametrize("reader", READERS)
def test_masked_values_hold_nothing_more_than_their_mask(district, policy, reader):
    """张** and 138****1234, and nothing else of persons, for whoever is shown a mask."""
    actor = reader_of(policy, reader)
    marks = {"complainant_name": "张**", "complainant_phone": "138****1234", "name": "李**", "phone": "139****1234",
             "plate_no": "粤A**345", "contact_name": "王**", "contact_phone": "137****1234"}  # fmt: skip
    for layer, field, feature in (
        ("events", "complainant_name", "own"), ("events", "complainant_phone", "own"), ("grid_workers", "name", "W2"),
        ("grid_workers", "phone", "W2"), ("vehicles", "plate_no", "own"),
        ("emergency_resources", "contact_name", "own"), ("emergency_resources", "contact_phone", "own"),
    ):  # fmt: skip
        if mark_of(district, actor, layer, field, feature) == PART:
            shown = district.feature(actor, layer, feature)["properties"][field]
            assert shown == marks[field]


def test_a_public_warning_is_seen_by_everybody(district, policy):
    for name in READERS:
        actor = reader_of(policy, name)
        assert mark_of(district, actor, "events", "geom", "warning") == FULL, name
        assert mark_of(district, actor, "events", "title", "warning") == FULL, name
        assert mark_of(district, actor, "events", "description_redacted", "warning") == FULL, name


COUNTED = {
    ("anonymous", "events"): ({"communities"}, 5),
    ("public_user", "events"): ({"communities"}, 5),
    ("grid", "video_points"): ({"grids"}, 1),
    ("leader", "video_points"): ({"grids", "communities", "streets", "districts"}, 1),
    ("leader", "grid_workers"): ({"grids", "communities", "streets", "districts"}, 5),
    ("analyst", "grid_workers"): ({"grids", "communities", "streets", "districts"}, 5),
    ("analyst", "vehicles"): ({"grids", "communities", "streets", "districts"}, 5),
    ("analyst", "buildings"): ({"grids", "communities", "streets", "districts"}, 10),
    ("leader", "buildings"): ({"grids", "communities", "streets", "districts"}, 10),
}


@pytest.mark.parametrize(("reader", "layer"), COUNTED)
def test_density_and_counts_are_by_area_and_from_a_least_number(policy, definitions, reader, layer):
    actor = reader_of(policy, reader)
    counted = [case for case in rights_of(definitions[layer], actor).all_cases if case.operations == {"aggregate"}]
    assert [(set(case.count_by), case.least_count) for case in counted] == [COUNTED[reader, layer]]


def test_every_attribute_of_the_table_has_its_cells():
    asked = {(param.values[0], param.values[1]) for param in TABLE}
    assert len(TABLE) > 400
    assert asked >= {
        ("events", "geom"), ("events", "description"), ("events", "complainant_name"), ("events", "complainant_phone"),
        ("grid_workers", "name"), ("grid_workers", "phone"), ("grid_workers", "geom"), ("vehicles", "plate_no"),
        ("vehicles", "geom"), ("video_points", "geom"), ("video_points", "view_geom"), ("video_points", "play_ref"),
        ("emergency_resources", "contact_phone"), ("emergency_resources", "available_quantity"),
        ("water_facilities", "pumps_running"), ("buildings", "population"),
    }  # fmt: skip
    assert not [name for name in ("id_number", "health", "correction") if any(name in field for _, field in asked)]

"""Every role asks what is near: also where a field is shown as another type to some rows."""

from __future__ import annotations

from contextlib import ExitStack

from tests.databases import run_async, temporary_database
from tests.rights.roles import holder
from tests.rights.service import one_reader
from tests.rights.test_matrix import definitions, policy
from tests.rights.worlds import put, worlds

NEARBY = "/twin/nearby?lon=113.38&lat=23.11&radius_m=5000&layers=emergency_resources&limit=20"


def test_what_is_near_is_answered_where_masks_change_the_type(cluster, template):
    resources = {"emergency_resources": definitions()["emergency_resources"]}
    with ExitStack() as running:
        url = running.enter_context(temporary_database(cluster, template))
        run_async(put(url, resources, worlds(resources, holder(policy(), "analyst"))[0]))
        for role in ("analyst", "street_dispatcher"):
            with one_reader(url, holder(policy(), role)) as service:
                answer = service.ask(NEARBY)
                assert answer.status_code == 200, (role, answer.text)

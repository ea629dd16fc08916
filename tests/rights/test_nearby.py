"""What is near is answered where a mask shows a field as another type to some rows."""

from __future__ import annotations

import pytest

NEARBY = "/twin/nearby?lon=113.38&lat=23.11&radius_m=5000&layers=emergency_resources&limit=20"


@pytest.mark.parametrize("name", ["analyst", "street_dispatcher"])
def test_what_is_near_is_answered_where_masks_change_the_type(name, served):
    answer = served.ask(NEARBY, actor=name)
    assert answer.status_code == 200, answer.text

"""What is not allowed is refused, with the words of what is; what is large is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("path", "options", "words"),
    [
        ("Observations", {"filter": "result gt"}, "expected a property"),
        ("Observations", {"filter": "colour eq 1"}, "phenomenonTime"),
        ("Observations", {"filter": "shout(result) eq 1"}, "substringof"),
        ("Observations", {"filter": "result gt 'a' and (result"}, "')'"),
        ("Observations", {"filter": "result"}, "boolean"),
        ("Observations", {"filter": "phenomenonTime gt 2026-13-01T00:00:00Z"}, "timestamp"),
        ("Observations", {"filter": "st_within(FeatureOfInterest/feature, geography'POINT(x)')"}, "WKT"),
        ("Observations", {"filter": "st_within(FeatureOfInterest/feature, geography'SRID=3857;POINT(1 1)')"}, "4326"),
        ("Observations", {"filter": "(" * 50 + "true" + ")" * 50}, "nested deeper"),
        ("Observations", {"filter": " and ".join(["result gt 1"] * 700)}, "words"),
        ("Observations", {"filter": "result" + " add 1" * 70 + " gt 1"}, "arithmetic"),
        ("Observations", {"filter": "result gt " + "- " * 90 + "1"}, "arithmetic"),
        ("Observations", {"filter": "'" + "x" * 20_000 + "' eq '1'"}, "characters"),
        ("Observations", {"filter": "result eq 'x"}, "cannot be read"),
        ("Observations", {"orderby": "colour"}, "phenomenonTime"),
        ("Observations", {"orderby": "result sideways"}, "asc or desc"),
        ("Locations", {"orderby": "location"}, "no order"),
        ("Things", {"orderby": "Datastreams/name"}, "many"),
        ("Things", {"filter": "Datastreams/name eq name"}, "many"),
        ("Observations", {"select": "colour"}, "phenomenonTime"),
        ("Observations", {"expand": "Things"}, "Datastream, FeatureOfInterest"),
        ("Things", {"expand": "Datastreams($colour=1)"}, "$filter"),
        ("Things", {"expand": "Datastreams($top=1"}, "not closed"),
        ("Things", {"expand": "Datastreams,Datastreams"}, "twice"),
        ("Things", {"expand": "Datastreams/Thing/Datastreams/Thing/Datastreams"}, "nested deeper"),
        ("Observations", {"top": "-1"}, "whole numbers"),
        ("Observations", {"top": "1e3"}, "whole numbers"),
        ("Observations", {"skip": "100001"}, "narrow the set"),
        ("Observations", {"count": "yes"}, "true, false"),
        ("Observations", {"colour": "1"}, "$orderby"),
        ("Things", {"resultFormat": "dataArray"}, "Observations"),
        ("Things('rain_gauges:R1')", {"top": "1"}, "$expand"),
    ],
)
def test_bad_options_are_400_with_what_is_allowed(sensors, path, options, words):
    answer = sensors.get(path, **options)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Cats", "Things"),
        ("Things('x')", "none that you may see"),
        ("Things('rain_gauges:R1:')", "none that you may see"),
        ("Things('rain_gauges:R1')/Cats", "Datastreams"),
        ("Things/Datastreams", "name one of Things"),
        ("Things('rain_gauges:R1')/name/colour", "no 'colour'"),
        ("Things('rain_gauges:R1')/Datastreams/Datastreams", "name one of"),
        ("Things(1)", "Things('id')"),
        ("Observations('rain_gauges:R1:rain_mm:99999999999999999999999')", "none that you may see"),
        ("Observations('rain_gauges:R1:rain_mm:noon')", "none that you may see"),
        ("Things('rain_gauges:%00')", "none that you may see"),
        ("Things('rain_gauges:R1')/$value", "$value follows"),
        (
            "/".join(["Things('rain_gauges:R1')", *["Locations('rain_gauges:R1')/Things('rain_gauges:R1')"] * 4]),
            "steps",
        ),
    ],
)
def test_addresses_that_are_not_there_are_404_with_what_is(sensors, path, words):
    answer = sensors.get(path)
    assert answer.status_code == 404, answer.text
    assert words in answer.json()["detail"]


@settings(max_examples=12)
@given(st.text(alphabet="()'/,;=$ -+*0123456789eqTZandorxResult.é", max_size=60))
def test_no_text_is_a_fault_of_ours(sensors, text):
    for option in ("filter", "expand", "select", "orderby", "top", "skip", "count"):
        assert sensors.get("Observations", **{option: text}).status_code in {200, 400, 413}, (option, text)


def test_more_than_a_page_holds_is_a_page(sensors):
    found = sensors.found("Observations", top="100000")
    assert len(found["value"]) < 1001


def test_a_page_of_none_leads_nowhere(sensors):
    for options in ({"count": "true"}, {"resultFormat": "dataArray"}):
        found = sensors.found("Observations", top="0", **options)
        assert (found["value"], "@iot.nextLink" in found) == ([], False)
    (stream, *_) = sensors.found("Datastreams", expand="Observations($top=0)")["value"]
    assert (stream["Observations"], "Observations@iot.nextLink" in stream) == ([], False)

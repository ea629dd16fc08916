from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.catalog import Layer
from layers.errors import BadInput, OneMapError
from layers.read.query import page
from server.http.conditions import PARAMETERS
from server.http.parameters import parameters_of
from server.items.request import read_cursor, read_items_request, write_cursor
from server.settings import LimitSettings
from tests.layers.cameras import CAMERAS
from tests.readers import INSIDER

LIMITS = LimitSettings()
LAYER = Layer(CAMERAS, 1, datetime.now(UTC), lowest_grade=1)


_SPELT = {"bbox_crs": "bbox-crs", "filter_lang": "filter-lang", "filter_crs": "filter-crs"}


def read(**given_parameters):
    given_parameters = {_SPELT.get(name, name): value for name, value in given_parameters.items()}
    return read_items_request(LAYER, INSIDER, given_parameters, LIMITS)


@given(
    st.dictionaries(st.sampled_from([*PARAMETERS, "name", "height_m", "secret", "x"]), st.text(max_size=60), max_size=4)
)
def test_any_parameters_give_a_query_or_an_error_of_ours(given_parameters):
    try:
        request = read_items_request(LAYER, INSIDER, given_parameters, LIMITS)
    except OneMapError as error:
        assert error.message  # noqa: PT017  # only ours may come, and it says something
    else:
        page(request.query).render()


@given(st.text(max_size=200))
def test_any_query_string_gives_parameters_or_an_error_of_ours(query_string):
    try:
        assert isinstance(parameters_of(query_string, LIMITS), dict)
    except BadInput as error:
        assert error.message  # noqa: PT017


@given(
    st.lists(
        st.one_of(st.none(), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))), max_size=4
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
def test_a_cursor_comes_back_as_it_went(keys, last_id):
    token = write_cursor(orjson.dumps([*keys, last_id]).decode())
    assert read_cursor(token) == (*keys, last_id)


@given(st.text(max_size=80))
def test_any_cursor_text_is_read_or_refused(token):
    try:
        assert read_cursor(token)
    except BadInput as error:
        assert "next link" in error.message  # noqa: PT017


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"limitt": "3"}, "no parameter 'limitt'"),
        ({"limit": "0"}, "whole numbers from 1"),
        ({"limit": "ten"}, "whole numbers from 1"),
        ({"limit": "-1"}, "whole numbers from 1"),
        ({"offset": "-1"}, "whole numbers from 0"),
        ({"resulttype": "all"}, "results, hits"),
        ({"skipGeometry": "yes"}, "true, false"),
        ({"crs": "EPSG:1"}, "EPSG:4490"),
        ({"bbox": "1,2,3"}, "bbox"),
        ({"bbox_crs": "EPSG:4490"}, "without a bbox"),
        ({"properties": "play_ref"}, "allowed are"),
        ({"sortby": "play_ref"}, "allowed are"),
        ({"play_ref": "x"}, "no parameter 'play_ref'"),
        ({"filter": "play_ref = 'x'"}, "play_ref"),
        ({"filter": "height_m >"}, "filter"),
        ({"filter": "height_m > 3", "filter_lang": "sql"}, "cql2-text, cql2-json, cql-text"),
        ({"height_m": "tall"}, "height_m"),
        ({"datetime": "yesterday"}, "datetime"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(parameters, message):
    with pytest.raises(BadInput) as refused:
        read(**parameters)
    assert message in refused.value.message


def test_a_box_becomes_a_condition():
    assert "geom" in read(bbox="113.3,23.1,113.4,23.2").query.where.text


def test_more_than_the_largest_page_is_the_largest_page():
    assert read(limit="999999").query.limit == LIMITS.page_max


def test_a_filter_comes_as_parameter_or_as_body():
    body = orjson.dumps({"op": ">", "args": [{"property": "height_m"}, 3]}).decode()
    by_body = read_items_request(LAYER, INSIDER, {}, LIMITS, body)
    assert by_body.query.where == read(filter="height_m > 3").query.where
    with pytest.raises(BadInput, match="twice"):
        read_items_request(LAYER, INSIDER, {"filter": "height_m > 3"}, LIMITS, body)


@pytest.mark.parametrize(
    "query_string", ["a=1&a=2", "x=%ff", "a=%00", "&".join(f"p{i}=1" for i in range(101)), "a=" + "x" * 70_000]
)
def test_query_strings_nobody_should_send(query_string):
    with pytest.raises(BadInput):
        parameters_of(query_string, LIMITS)

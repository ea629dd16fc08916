from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.errors import BadInput
from server.formats.delimited import CSV
from server.formats.geojson import GEOJSON
from server.formats.geojsonl import GEOJSONL
from server.formats.jsonfg import JSONFG
from server.formats.pages import HTML
from server.formats.table import FORMATS, choose_format

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
GDAL = "application/geo+json, application/json"


@pytest.mark.parametrize(
    ("f", "accept", "media"),
    [
        (None, "", GEOJSON),
        (None, "*/*", GEOJSON),
        (None, CHROME, HTML),
        (None, GDAL, GEOJSON),
        (None, "text/html;q=0.1, application/geo+json", GEOJSON),
        (None, "application/vnd.ogc.fg+json", JSONFG),
        (None, "text/csv", CSV),
        (None, "application/x-ndjson", GEOJSONL),
        (None, "image/png", GEOJSON),
        (None, "application/json;q=0", GEOJSON),
        ("html", GDAL, HTML),
        ("geojson", CHROME, GEOJSON),
        ("json", "", GEOJSON),
    ],
)
def test_f_wins_then_the_heaviest_type_we_have(f, accept, media):
    assert choose_format(f, accept) is media


@given(st.text(max_size=200))
def test_any_accept_header_gets_an_answer(accept):
    assert choose_format(None, accept) in FORMATS


def test_an_unknown_f_names_the_known():
    with pytest.raises(BadInput, match="allowed are json"):
        choose_format("xml", "")

"""Warnings: CAP 1.2 and the national profile; chains, exercises, and XML that wants something else."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.crs import transform
from tests.twin.feeds.feeds import feed, only, take
from twin.envelope_refused import Reason, Refused
from twin.feeds.cap import NATIONAL_IDENTIFIER, read_cap
from twin.feeds.xml import DEPTH_MAX, read_xml

FIRST = "44010641600000_20260608093000_0"
SECOND = "44010641600000_20260608103000_0"
THIRD = "44010641600000_20260608113000_0"
SAMPLE = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{identifier}</identifier><sender>…</sender>
<sent>{sent}</sent><status>{status}</status><msgType>{kind}</msgType><scope>Public</scope>{references}
<info><language>zh-CN</language><category>Met</category><event>暴雨</event><urgency>Immediate</urgency><severity>{severity}</severity>
<certainty>Likely</certainty><effective>2026-06-08T09:30:00+08:00</effective><expires>2026-06-08T15:30:00+08:00</expires>
<area><areaDesc>天河区</areaDesc>{polygon}<geocode><valueName>area_code</valueName><value>440106000000</value></geocode></area></info></alert>"""


def sample(
    kind: str = "Alert", identifier: str = FIRST, sent: str = "2026-06-08T09:30:00+08:00", **other: str
) -> bytes:
    given = {"status": "Actual", "severity": "Orange", "references": "", "polygon": "", **other}
    if given["references"]:
        given["references"] = f"<references>{given['references']}</references>"
    return SAMPLE.format(kind=kind, identifier=identifier, sent=sent, **given).encode()


def warning(body: bytes, **delivery: object):
    return only(take(feed("warnings_cap"), body, **delivery))


def test_the_sample_of_the_domain():
    message = warning(sample())
    assert message.kind == "event"
    assert message.subject == f"events/warning-{FIRST}"
    assert message.phenomenon_time == datetime(2026, 6, 8, 1, 30, tzinfo=UTC)
    assert message.data["severity"] == "orange"
    assert message.data["title"] == "暴雨"
    assert message.data["area_codes"] == ["440106000000"]
    assert message.data["due_at"] == datetime(2026, 6, 8, 7, 30, tzinfo=UTC)
    assert message.data["cap"]["severity"] == "Orange"
    assert message.data["cap"]["is_national_identifier"] is True
    assert (message.mode, message.stage, message.lon) == ("actual", "dispatch", None)


@pytest.mark.parametrize(
    "identifier", [FIRST, "44010641600000_20260608093000_00", "4401064160000_20260608093000_0", ""]
)
def test_national_identifiers_have_31_characters(identifier):
    assert bool(NATIONAL_IDENTIFIER.fullmatch(identifier)) == (len(identifier) == 31)


@pytest.mark.parametrize(
    ("word", "code"),
    [("Red", "red"), ("Extreme", "red"), ("Severe", "orange"), ("MODERATE", "yellow"), ("Minor", "blue"),
     ("蓝色", "blue"), ("Unknown", None), ("Purple", None)],
)  # fmt: skip
def test_severity_is_normalised_and_the_word_is_kept(word, code):
    message = warning(sample(severity=word))
    assert message.data.get("severity") == code
    assert message.data["cap"]["severity"] == word


@pytest.mark.parametrize(("status", "mode"), [("Exercise", "exercise"), ("Test", "test")])
def test_exercises_and_tests_are_marked(status, mode):
    assert warning(sample(status=status)).mode == mode
    strict = feed("warnings_cap", exercises="refuse")
    (refused,) = take(strict, sample(status=status)).refused
    assert refused.reason == Reason.KIND_NOT_ALLOWED


@pytest.mark.parametrize("status", ["Draft", "System", "actual"])
def test_other_states_are_refused(status):
    (refused,) = take(feed("warnings_cap"), sample(status=status)).refused
    assert refused.reason == Reason.UNKNOWN_CODE


ALERT = sample()
UPDATE = sample(
    "Update", SECOND, "2026-06-08T10:30:00+08:00", references=f"…,{FIRST},2026-06-08T09:30:00+08:00", severity="Red"
)
CANCEL_ALL = sample(
    "Cancel", THIRD, "2026-06-08T11:30:00+08:00",
    references=f"…,{SECOND},2026-06-08T10:30:00+08:00 …,{FIRST},2026-06-08T09:30:00+08:00",
)  # fmt: skip
CANCEL_LAST = sample("Cancel", THIRD, "2026-06-08T11:30:00+08:00", references=f"…,{SECOND},2026-06-08T10:30:00+08:00")


def test_a_chain_is_versions_of_one_event():
    alert, update, cancel = (warning(body) for body in (ALERT, UPDATE, CANCEL_ALL))
    assert {m.feature_id for m in (alert, update, cancel)} == {f"warning-{FIRST}"}
    assert [m.id for m in (alert, update, cancel)] == [FIRST, SECOND, THIRD]
    assert alert.version < update.version < cancel.version
    assert update.data["severity"] == "red"
    assert cancel.stage == "closed"
    assert cancel.data["closed_at"] == datetime(2026, 6, 8, 3, 30, tzinfo=UTC)


def test_a_message_that_refers_to_the_last_one_only_names_that():
    assert warning(CANCEL_LAST).feature_id == f"warning-{SECOND}", "nothing else can be known from it alone"


def test_an_update_of_the_same_second_is_later():
    hurried = sample("Update", SECOND, references=f"…,{FIRST},2026-06-08T09:30:00+08:00")
    assert warning(hurried).phenomenon_time == warning(ALERT).phenomenon_time
    assert warning(hurried).version > warning(ALERT).version


def test_a_circle_is_a_polygon_of_its_radius():
    message = warning(sample(polygon="<circle>23.13,113.35 5</circle>"))
    (ring,) = message.data["area"]["coordinates"]
    assert ring[0] == ring[-1]
    shape = shapely.transform(shapely.Polygon(ring), lambda xy: transform(xy, 4490, 4547))
    assert shape.area == pytest.approx(np.pi * 5000**2, rel=0.01)


@pytest.mark.parametrize("circle", ["23.13,113.35", "23.13 113.35 5", "113.35,23.13 5", "23.13,113.35 -1", "1,1 nan"])
def test_bad_circles(circle):
    (refused,) = take(feed("warnings_cap"), sample(polygon=f"<circle>{circle}</circle>")).refused
    assert refused.reason in {Reason.BAD_TEXT, Reason.OUT_OF_RANGE}


def test_an_update_of_nothing_is_refused():
    (refused,) = take(feed("warnings_cap"), sample("Update")).refused
    assert refused.reason == Reason.MISSING


def test_polygons_are_lat_lon_and_are_closed():
    message = warning(sample(polygon="<polygon>23.1,113.3 23.1,113.4 23.2,113.4</polygon>"))
    ring = [[113.3, 23.1], [113.4, 23.1], [113.4, 23.2], [113.3, 23.1]]
    assert message.data["area"] == {"type": "Polygon", "coordinates": [ring]}
    both = "<polygon>23.1,113.3 23.1,113.4 23.2,113.4</polygon>" * 2
    assert warning(sample(polygon=both)).data["area"]["type"] == "MultiPolygon"


@pytest.mark.parametrize(
    ("polygon", "reason"),
    [("113.3,23.1 113.4,23.1 113.4,23.2", Reason.OUT_OF_RANGE), ("23.1,113.3 23.1", Reason.BAD_TEXT),
     ("23.1,113.3 23.2,113.3", Reason.BAD_TEXT), ("nan,1 2,nan 3,3", Reason.OUT_OF_RANGE),
     ("1,1 " * 10_000, Reason.TOO_MANY)],
)  # fmt: skip
def test_bad_polygons(polygon, reason):
    (refused,) = take(feed("warnings_cap"), sample(polygon=f"<polygon>{polygon}</polygon>")).refused
    assert refused.reason == reason


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>&b;</identifier></alert>"""
EXTERNAL = b"""<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><alert><identifier>&x;</identifier></alert>"""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BOMB, Reason.XML_DECLARATIONS),
        (EXTERNAL, Reason.XML_DECLARATIONS),
        (b"<!DOCTYPE alert SYSTEM 'http://example.com/a.dtd'><alert/>", Reason.XML_DECLARATIONS),
        (b"<alert>&undeclared;</alert>", Reason.NOT_XML),
        (b"", Reason.NOT_XML),
        (b"{}", Reason.NOT_XML),
        (b"<alert>", Reason.NOT_XML),
        (b"<a>" * (DEPTH_MAX + 1), Reason.TOO_DEEP),
        (b"<a>" + b"<b/>" * 20_001 + b"</a>", Reason.TOO_MANY),
        (b"<a>" + b"x" * 1024 * 1024 + b"</a>", Reason.TOO_LARGE),
        (b"<?xml version='1.0' encoding='gbk'?><a>\xff\xff</a>", Reason.BAD_ENCODING),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", Reason.NOT_XML),
    ],
)
def test_xml_that_is_not_taken(body, reason):
    with pytest.raises(Refused) as refused:
        read_xml(body)
    assert refused.value.reason == reason


def test_gbk_is_read():
    body = b"<?xml version='1.0' encoding='GB2312'?>" + ALERT
    assert warning(body.decode().encode("gbk", errors="ignore")).data["title"] == "暴雨"


@pytest.mark.parametrize("part", ["identifier", "sender", "sent", "status", "msgType", "info"])
def test_every_needed_part(part):
    body = ALERT.decode().replace(f"<{part}>", "<other>").replace(f"</{part}>", "</other>")
    with pytest.raises(Refused) as refused:
        read_cap(body.encode())
    assert refused.value.reason == Reason.MISSING


def test_another_namespace_is_not_cap():
    with pytest.raises(Refused, match=r"CAP 1\.2"):
        read_cap(ALERT.replace(b"cap:1.2", b"cap:1.1"))


@given(data=st.data())
def test_a_damaged_message_is_read_or_refused(data):
    body = bytearray(UPDATE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    reading = take(feed_once, bytes(body))
    assert reading.received == 1


feed_once = feed("warnings_cap")

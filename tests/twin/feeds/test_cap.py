"""Warnings: CAP 1.2 and the national profile; chains, exercises, and XML that wants something else."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from layers.coordinates.crs import transform
from tests.twin.feeds.feeds import feed, only, take
from twin.envelope.refused import Reason, Refused
from twin.feeds.cap import NATIONAL_IDENTIFIER, SEVERITY, read_cap
from twin.feeds.xml import DEPTH_MAX, read_xml

FIRST = "44010641600000_20260608093000_0"
SECOND = "44010641600000_20260608103000_0"
THIRD = "44010641600000_20260608113000_0"
SAMPLE = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{identifier}</identifier><sender>…</sender>
<sent>{sent}</sent><status>{status}</status><msgType>{kind}</msgType><scope>{scope}</scope>{references}
<info><language>zh-CN</language><category>Met</category><event>暴雨</event><urgency>Immediate</urgency><severity>{severity}</severity>
<certainty>Likely</certainty><effective>2026-06-08T09:30:00+08:00</effective><expires>2026-06-08T15:30:00+08:00</expires>
<area><areaDesc>天河区</areaDesc>{polygon}<geocode><valueName>area_code</valueName><value>440106000000</value></geocode></area></info></alert>"""


def sample(
    kind: str = "Alert", identifier: str = FIRST, sent: str = "2026-06-08T09:30:00+08:00", **other: str
) -> bytes:
    given = {"status": "Actual", "severity": "Orange", "references": "", "polygon": "", "scope": "Public", **other}
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


GOOD = "<polygon>23.1,113.3 23.1,113.4 23.2,113.4</polygon>"
BAD = [
    *(f"<circle>{c}</circle>" for c in ("23.13,113.35", "23.13 113.35 5", "113.35,23.13 5", "1,1 -1")),
    *(f"<circle>{c}</circle>" for c in ("23.13,113.35 1001", "inf,1 1", "89,1 1", "x", "1,1 nan")),
    *(f"<polygon>{p}</polygon>" for p in ("113,23 114,23 114,24", "23,113 23", "23,113 24,113")),
    *(f"<polygon>{p}</polygon>" for p in ("nan,1 2,nan 3,3", "1,1 " * 10_000, "1e400,1 2,2 3,3", "1;2 3;4 5;6")),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_bad_shape_costs_only_itself_and_is_told(bad):
    expected = warning(sample(polygon=GOOD))
    message = warning(sample(polygon=bad + GOOD))
    assert message.data["area"] == expected.data["area"]
    assert message.data["place_fault"] == "bad_shape"
    assert len(message.data["cap"]["bad_shapes"]) == 1
    alone = warning(sample(polygon=bad))
    assert "area" not in alone.data
    assert alone.data["area_codes"] == ["440106000000"]


def test_the_noise_of_sums_at_the_limits_of_a_shape_is_the_limit():
    message = warning(sample(polygon="<polygon>23.1,113.3 23.1,180.00000000000006 90.00000000000003,113.4</polygon>"))
    assert message.data["area"]["coordinates"][0][1:3] == [[180.0, 23.1], [113.4, 90.0]]
    assert warning(sample(polygon="<circle>23.1,-180.00000000000006 0</circle>")).lon == -180.0


def test_a_circle_without_a_radius_is_a_point():
    point = warning(sample(polygon="<circle>23.13,113.35 0</circle>"))
    assert (point.lon, point.lat, "area" in point.data) == (113.35, 23.13, False)
    both = warning(sample(polygon="<circle>23.13,113.35 0.0</circle>" + GOOD))
    assert (both.lon, both.lat) == (113.35, 23.13)
    assert both.data["area"] == warning(sample(polygon=GOOD)).data["area"]
    several = warning(sample(polygon="<circle>23.13,113.35 0</circle><circle>23.14,113.36 0</circle>"))
    assert (several.lon, several.lat) == (113.35, 23.13)
    assert shapely.Polygon(several.data["area"]["coordinates"][0]).contains(shapely.Point(113.36, 23.14))


def test_shapes_beyond_the_limit_are_left_out_and_told():
    rings = "".join(f"<polygon>{n / 100},1 {n / 100},2 {n / 100 + 0.01},2</polygon>" for n in range(103))
    message = warning(sample(polygon=rings))
    assert len(message.data["area"]["coordinates"]) == 100
    assert "103" in message.data["cap"]["bad_shapes"][0]


AREAS = {
    "A": "<area><areaDesc>甲</areaDesc><polygon>23.1,113.3 23.1,113.4 23.2,113.4</polygon></area>",
    "B": "<area><areaDesc>乙</areaDesc><geocode><valueName>c</valueName><value>440106011000</value></geocode></area>",
    "": "",
}


def info(language="zh-CN", severity="Minor", area="A", event="暴雨", expires="2026-06-08T15:30:00+08:00"):
    return f"""<info><language>{language}</language><category>Met</category><event>{event}</event>
<severity>{severity}</severity><expires>{expires}</expires>{AREAS[area]}</info>"""


def alert(*infos):
    head, _, rest = sample().decode().partition("<info>")
    return warning((head + "".join(infos) + rest.partition("</info>")[2]).encode())


def test_several_infos_are_one_warning_with_the_highest_severity_and_all_areas():
    message = alert(info(), info(severity="Extreme", area="B", event="山洪", expires="2026-06-08T18:30:00+08:00"))
    assert (message.data["severity"], message.data["title"]) == ("red", "山洪")
    assert (message.data["address"], message.data["area_codes"]) == ("甲；乙", ["440106011000"])
    assert message.data["area"]["type"] == "Polygon"
    assert message.data["due_at"] == datetime(2026, 6, 8, 10, 30, tzinfo=UTC), "it is over when all of it is"
    assert message.data["cap"]["severity"] == "Extreme"
    assert [one["event"] for one in message.data["cap"]["infos"]] == ["暴雨"]


def test_what_is_said_in_another_language_counts_and_what_is_shown_is_chinese():
    english = info("en-US", "Severe", "B", "Rainstorm")
    for infos in ((english, info(area="")), (info(area=""), english)):
        message = alert(*infos)
        assert (message.data["title"], message.data["severity"]) == ("暴雨", "orange")
        assert message.data["area_codes"] == ["440106011000"]
    assert alert(info("en-US", event="Rainstorm"), info(area="A")).data["address"] == "甲"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["zh-CN", "en-US"]),
            st.sampled_from(["Minor", "Moderate", "Severe", "Extreme", "Unknown", "蓝色", "红色"]),
            st.sampled_from([*AREAS]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.randoms(),
)
def test_the_order_of_infos_hides_no_severity_and_no_area(parts, order):
    message = alert(*(info(*part) for part in parts))
    colours = ["blue", "yellow", "orange", "red"]
    worst = max((colours.index(SEVERITY[s.lower()]) for _, s, _ in parts if s.lower() in SEVERITY), default=None)
    assert message.data.get("severity") == (None if worst is None else colours[worst])
    assert ("area" in message.data) == any(area == "A" for *_, area in parts)
    assert ("area_codes" in message.data) == any(area == "B" for *_, area in parts)
    order.shuffle(parts)
    other = alert(*(info(*part) for part in parts))
    for name in ("severity", "area", "area_codes", "due_at"):
        assert other.data.get(name) == message.data.get(name)


def test_an_update_of_nothing_is_refused():
    (refused,) = take(feed("warnings_cap"), sample("Update")).refused
    assert refused.reason == Reason.MISSING


def test_polygons_are_lat_lon_and_are_closed():
    message = warning(sample(polygon="<polygon>23.1,113.3 23.1,113.4 23.2,113.4</polygon>"))
    ring = [[113.3, 23.1], [113.4, 23.1], [113.4, 23.2], [113.3, 23.1]]
    assert message.data["area"] == {"type": "Polygon", "coordinates": [ring]}
    both = GOOD + GOOD.replace("23.2,", "23.3,")
    assert warning(sample(polygon=both)).data["area"]["type"] == "MultiPolygon"


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

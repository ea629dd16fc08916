"""SensorThings, NGSI-LD and dropped files, through the feeds that read them."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.loaders import workbook as workbooks
from tests.twin.feeds.feeds import NOW, feed, only, take
from tests.workbooks import workbook
from twin.connectors.drop_whole import gone
from twin.connectors.protocols import parse_feed
from twin.envelope.refused import Reason, Refused
from twin.feeds import table
from twin.feeds.decode import decode_again
from twin.feeds.table import read_rows

BASE = {"title_zh": "测", "title_en": "Test", "crs_source": "WGS84", "kinds": ["observation"]}
THINGS = parse_feed(
    BASE
    | {
        "name": "things",
        "protocol": "sensorthings",
        "supplies": ["water_level_stations", "rain_gauges"],
        "datastreams": {
            "1": {"subject": "water_level_stations/ST-1", "property": "level_m", "unit": "m", "scale": 0.01},
            "rain-7": {"subject": "rain_gauges/R-7", "property": "rain_mm", "unit": "mm"},
        },
    }
)
BROKER = parse_feed(
    BASE
    | {
        "name": "broker",
        "protocol": "ngsi",
        "supplies": ["water_level_stations"],
        "entity_types": {
            "WaterObserved": {
                "layer": "water_level_stations",
                "id_prefix": "urn:ngsi-ld:WaterObserved:",
                "properties": {
                    "level": {"property": "level_m", "unit": "m"},
                    "flow": {"property": "flow_m3s", "unit": "m3/s"},
                },
            }
        },
    }
)
AT_0158 = datetime(2026, 6, 8, 1, 58, tzinfo=UTC)
TOPIC = "v1.1/Datastreams(1)/Observations"
OBSERVATION = {
    "@iot.id": 99,
    "phenomenonTime": "2026-06-08T01:58:00Z",
    "resultTime": "2026-06-08T01:59:00Z",
    "result": 183,
}


def things(payload: object, **delivery: object):
    return take(THINGS, orjson.dumps(payload), **delivery)


def test_an_observation_by_mqtt():
    message = only(things(OBSERVATION, topic=TOPIC))
    assert (message.subject, message.property_code, message.unit) == ("water_level_stations/ST-1", "level_m", "m")
    assert message.value == pytest.approx(1.83)
    assert message.phenomenon_time == AT_0158


@pytest.mark.parametrize(
    "link",
    [
        {"Datastream": {"@iot.id": 1}},
        {"Datastream": {"@iot.id": "1"}},
        {"Datastream@iot.navigationLink": "https://sta.example.org/v1.1/Datastreams(1)"},
        {"Datastream@iot.navigationLink": "https://sta.example.org/v1.1/Datastreams('1')"},
    ],
)
def test_a_page_by_rest(link):
    reading = things({"value": [OBSERVATION | link, OBSERVATION | link | {"@iot.id": 100, "result": 184}]})
    assert [m.value for m in reading.messages] == pytest.approx([1.83, 1.84])


def test_an_observation_of_a_time_span_is_of_its_end_and_one_without_an_id_is_known_by_its_time():
    span = {"phenomenonTime": "2026-06-08T01:53:00Z/2026-06-08T01:58:00Z", "result": 2.5}
    message = only(things(span, topic="v1.1/Datastreams('rain-7')/Observations"))
    assert message.phenomenon_time == AT_0158
    assert message.id.startswith("rain-7@20260608T015800.000000#")


@pytest.mark.parametrize(
    ("result", "value", "text", "quality"),
    [(True, 1.0, None, None), (None, None, None, "missing"), ("rising", None, "rising", None), (5, 0.05, None, None)],
)
def test_results_of_every_type(result, value, text, quality):
    message = only(things(OBSERVATION | {"result": result}, topic=TOPIC))
    assert (message.value, message.value_text, message.quality) == (value, text, quality)


SENT = {"result": 1.26, "resultTime": "2026-06-08T01:58:00-00:00"}
NORMALISED = {
    "phenomenonTime": "2026-06-08T01:58:01.583Z", "resultTime": "2026-06-08T01:58:00.000Z", "result": 1.26,
    "Datastream@iot.navigationLink": "https://h/v1.0/Observations(47352)/Datastream", "@iot.id": 47352,
}  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (SENT, NORMALISED),
        ({"result": 1.26, "phenomenonTime": "2026-06-08T01:58:00Z"}, OBSERVATION | {"result": 1.26}),
        ({"result": 1.26, "phenomenonTime": "2026-06-08T09:58:00+08"}, OBSERVATION | {"result": 1.26}),
        ({"result": 1.26, "phenomenonTime": {"start": "2026-06-08T01:58:00Z"}, "id": 3}, SENT),
        (
            {"components": ["phenomenonTime", "result"], "dataArray": [["2026-06-08T01:58:00Z", 1.26]]},
            {"value": [OBSERVATION | {"result": 1.26}]},
        ),
    ],
    ids=["as sent and normalised", "without an id", "another offset", "2.0", "data array"],
)
def test_an_observation_in_two_forms_is_one_message(first, second):
    one, other = only(things(first, topic=TOPIC)), only(things(second, topic=TOPIC))
    assert (one.identity, one.phenomenon_time, one.value) == (other.identity, other.phenomenon_time, other.value)


@pytest.mark.parametrize("none", [{}, {"phenomenonTime": None}, {"phenomenonTime": "", "resultTime": ""}])
def test_an_observation_without_any_time_waits_for_the_service_to_say_it_again(none):
    """Its time of arrival would make it another message than its echo, and than itself delivered again."""
    (refused,) = things({"result": 1.26} | none, topic=TOPIC).refused
    assert refused.reason is Reason.MISSING
    assert "neither phenomenonTime nor resultTime" in refused.detail
    assert only(things(NORMALISED, topic=TOPIC)).value == pytest.approx(0.0126)


def test_a_corrected_observation_is_another_message():
    first, corrected = (only(things(OBSERVATION | {"result": r}, topic=TOPIC)) for r in (110, 990))
    assert first.identity != corrected.identity
    assert first.phenomenon_time == corrected.phenomenon_time


def test_data_arrays_are_read_and_a_row_that_does_not_fit_is_kept():
    stream = {"Datastream@iot.navigationLink": "http://h/v1.1/Datastreams(1)"}
    rows = [[1, "2026-06-08T01:00:00Z", 110], [2, "2026-06-08T01:58:00Z"], [3, "2026-06-08T01:05:00Z", 120], 7]
    array = stream | {"components": ["id", "phenomenonTime", "result"], "dataArray@iot.count": 4, "dataArray": rows}
    for page in ({"value": [array]}, [array], array):
        reading = things(page)
        assert [m.value for m in reading.messages] == pytest.approx([1.1, 1.2])
        assert [r.reason for r in reading.refused] == [Reason.MISSING] * 2
    mended = reading.refused[0].raw.replace(b'"row":', b'"phenomenonTime":"2026-06-08T01:58:00Z","result":115,"row":')
    assert only(decode_again(THINGS, mended, now=NOW)).value == pytest.approx(1.15)


def test_a_multi_datastream_is_no_datastream_of_that_number():
    reading = things(OBSERVATION | {"Datastream@iot.navigationLink": "http://h/v1.1/MultiDatastreams(1)"})
    assert [r.reason for r in reading.refused] == [Reason.MISSING]


def test_an_unknown_datastream_is_counted_and_a_bad_one_kept():
    bad = OBSERVATION | {"Datastream": {"@iot.id": 1}, "result": {"a": 1}}
    unknown = OBSERVATION | {"Datastream": {"@iot.id": 5}}
    reading = things({"value": [unknown, bad, OBSERVATION]})
    assert reading.ignored == 1
    assert [r.reason for r in reading.refused] == [Reason.WRONG_TYPE, Reason.MISSING]


def test_what_was_refused_can_be_mended_and_read_again():
    (refused,) = things(OBSERVATION | {"phenomenonTime": "soon"}, topic=TOPIC).refused
    mended = refused.raw.replace(b"soon", b"2026-06-08T01:58:00Z")
    assert decode_again(THINGS, mended, now=NOW).messages == things(OBSERVATION, topic=TOPIC).messages


ENTITY = {
    "id": "urn:ngsi-ld:WaterObserved:ST-1",
    "type": "WaterObserved",
    "level": {"type": "Property", "value": 1.83, "unitCode": "MTR", "observedAt": "2026-06-08T01:58:00Z"},
    "colour": {"type": "Property", "value": "brown"},
}


def notify(*entities: object):
    notification = {"id": "urn:ngsi-ld:Notification:1", "type": "Notification", "notifiedAt": "2026-06-08T01:59:00Z"}
    return take(BROKER, orjson.dumps(notification | {"data": list(entities)}))


def test_a_notification():
    message = only(notify(ENTITY))
    assert (message.subject, message.property_code, message.value) == ("water_level_stations/ST-1", "level_m", 1.83)
    assert message.phenomenon_time == AT_0158
    assert message.sent_time == AT_0158.replace(minute=59)


def test_several_properties_are_several_messages():
    reading = notify(ENTITY | {"flow": {"type": "Property", "value": 12}})
    assert {m.property_code: m.phenomenon_time.minute for m in reading.messages} == {"level_m": 58, "flow_m3s": 59}
    assert len({m.identity for m in reading.messages}) == 2


def test_the_simplified_form_and_full_uris():
    simple = {"id": ENTITY["id"], "type": ["https://uri.etsi.org/x#WaterObserved"], "level": 1.83}
    simple["dateObserved"] = {"type": "Property", "value": {"@type": "DateTime", "@value": "2026-06-08T01:58:00Z"}}
    assert only(notify(simple)).identity == only(notify(ENTITY)).identity


OF_THE_CONTEXT = "https://uri.etsi.org/ngsi-ld/default-context/"
XSD = "http://www.w3.org/2001/XMLSchema#"
AT = {"observedAt": "2026-06-08T01:58:00Z"}
FORMS = {
    "expanded": {OF_THE_CONTEXT + "level": ENTITY["level"], "type": OF_THE_CONTEXT + "WaterObserved"},
    "hash": {"https://models.org/water#level": ENTITY["level"]},
    "concise": {"level": {"value": 1.83} | AT},
    "value object": {"level": {"type": "Property", "value": {"@type": "xsd:float", "@value": 1.83}} | AT},
    "value object of text": {"level": {"value": {"@type": XSD + "double", "@value": "1.83"}} | AT},
    "list of one": {"level": [ENTITY["level"]]},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_property_in_another_form_is_the_same_message(form):
    entity = {"id": ENTITY["id"], "type": "WaterObserved", **form}
    assert only(notify(entity)) == only(notify(ENTITY))


def test_a_value_notified_again_counts_once_and_a_corrected_one_again():
    again, corrected = (only(notify(ENTITY | {"level": ENTITY["level"] | {"value": v}})) for v in (1.83, 1.38))
    assert again.identity == only(notify(ENTITY)).identity != corrected.identity
    assert corrected.phenomenon_time == again.phenomenon_time


def test_one_entity_alone_and_the_geojson_form():
    plain = only(notify(ENTITY))
    body = {"type": "Notification", "notifiedAt": "2026-06-08T01:59:00Z"}
    properties = {name: value for name, value in ENTITY.items() if name != "id"}
    feature = {"id": ENTITY["id"], "type": "Feature", "properties": properties, "geometry": None}
    for data in (ENTITY, {"type": "FeatureCollection", "features": [feature]}):
        assert only(take(BROKER, orjson.dumps(body | {"data": data}))) == plain


@pytest.mark.parametrize(
    "gone_", ["urn:ngsi-ld:null", {"type": "Property", "value": "urn:ngsi-ld:null"}, {"@value": "urn:ngsi-ld:null"}]
)
def test_what_is_deleted_has_no_value_and_no_text(gone_):
    message = only(notify(ENTITY | {"level": gone_}))
    assert (message.value, message.value_text, message.quality) == (None, None, "missing")


@pytest.mark.parametrize("given_", [{"@type": "xsd:float", "@value": "much"}, {"@type": "xsd:float"}, [1, 2]])
def test_a_value_that_is_none_is_refused(given_):
    assert [r.reason for r in notify(ENTITY | {"level": {"value": given_}}).refused] == [Reason.WRONG_TYPE]


def test_instances_of_several_data_sets_are_several_messages():
    instances = [{"type": "Property", "value": v, "datasetId": f"urn:{v}"} | AT for v in (21.5, 33.0)]
    listed = notify(ENTITY | {"level": instances}).messages
    assert [m.value for m in listed] == [21.5, 33.0]
    assert len({m.identity for m in listed}) == 2
    short = {"level": {"dataset": {"urn:21.5": 21.5, "urn:33.0": 33.0}}, "dateObserved": AT["observedAt"]}
    assert notify({"id": ENTITY["id"], "type": "WaterObserved"} | short).messages == listed


NORMAL = {
    "level": [{"value": 1.5} | AT, {"value": 2.5, "datasetId": "urn:b"} | AT, {"value": 3.5, "datasetId": "urn:c"} | AT]
}
SHORT = {"level": {"dataset": {"@none": 1.5, "urn:b": 2.5, "urn:c": 3.5}}, "dateObserved": AT["observedAt"]}


@pytest.mark.parametrize("form", [NORMAL, SHORT], ids=["normalised", "short"])
@pytest.mark.parametrize(
    ("dataset", "values"), [(None, [1.5, 2.5, 3.5]), ("@none", [1.5]), ("urn:b", [2.5]), ("urn:d", [])]
)
def test_a_feed_says_which_instance_is_the_property(form, dataset, values):
    every = BROKER.model_dump(by_alias=True, exclude_none=True)
    every["entity_types"]["WaterObserved"]["properties"]["level"]["dataset"] = dataset
    notification = {"type": "Notification", "notifiedAt": "2026-06-08T01:59:00Z"}
    entity = {"id": ENTITY["id"], "type": "WaterObserved"} | form
    body = orjson.dumps(notification | {"data": [entity]})
    reading = take(parse_feed(every), body)
    assert [m.value for m in reading.messages] == values
    assert reading.ignored == (not values)
    all_of_them = take(BROKER, orjson.dumps(notification | {"data": [{**entity, **NORMAL}]})).messages
    assert {m.identity for m in reading.messages} <= {m.identity for m in all_of_them}


@given(
    st.lists(st.text("ab", max_size=4), min_size=2, max_size=2, unique=True),
    st.integers(0, 190),
    st.sampled_from(["id", "datasetId"]),
)
def test_long_names_never_collide(tails, padding, where):
    names = ["urn:ngsi-ld:WaterObserved:" + "x" * padding + tail for tail in tails]
    made = []
    for name in names:
        level = ENTITY["level"] | ({"datasetId": name} if where == "datasetId" else {})
        reading = notify(ENTITY | {"level": level} | ({"id": name} if where == "id" else {}))
        made += [m.identity for m in reading.messages] + [r.detail for r in reading.refused]
    assert len(set(made)) == 2 or all("subject" in one or "characters" in one for one in made if type(one) is str)
    assert all(len(one[1]) <= 200 for one in made if type(one) is tuple)


def test_unknown_types_are_counted():
    assert notify(ENTITY | {"type": "Rumour"}).ignored == 1


def test_a_refused_entity_is_read_again():
    broken = ENTITY | {"level": {"type": "Property", "value": 1.83, "observedAt": "soon"}}
    (refused,) = notify(broken).refused
    assert decode_again(BROKER, refused.raw.replace(b"soon", b"2026-06-08T01:58:00Z"), now=NOW).messages == notify(ENTITY).messages  # fmt: skip  # noqa: E501


HEADER = "国标编码,在线状态,变更时间\n"
ROWS = "34020000001320000101,在线,2026/6/8 9:58\n34020000001320000102,故障,2026年6月8日9时58分\n"
STATUS = feed("video_status")


def assert_statuses(reading):
    assert not reading.refused
    assert [(m.feature_id, m.data["properties"]["online_status"]) for m in reading.messages] == [
        ("34020000001320000101", "online"),
        ("34020000001320000102", "fault"),
    ]
    assert {m.phenomenon_time for m in reading.messages} == {AT_0158}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_every_encoding(encoding, delimiter):
    body = (HEADER + ROWS).replace(",", delimiter).replace("\n", "\r\n").encode(encoding)
    assert_statuses(take(STATUS, body, file_name="video_status_1.csv"))


def test_xlsx_with_dates_as_dates():
    moment = datetime(2026, 6, 8, 9, 58)  # noqa: DTZ001 - a spreadsheet knows no zone
    rows = [["34020000001320000101", "在线", moment], [None, None, None], ["34020000001320000102", "故障", moment]]
    assert_statuses(take(STATUS, workbook(["国标编码", "在线状态", "变更时间"], *rows), file_name="a.XLSX"))


def test_ndjson_rows():
    names = HEADER.strip().split(",")
    lines = [orjson.dumps(dict(zip(names, row.split(","), strict=True))) for row in ROWS.splitlines()]
    assert_statuses(take(STATUS, b"\n".join(lines), file_name="a.ndjson"))


def test_a_bad_row_is_kept_with_its_line_and_read_again():
    body = (HEADER + ROWS + "34020000001320000103,在线,昨天\n").encode()
    reading = take(STATUS, body, file_name="a.csv")
    assert len(reading.messages) == 2
    (refused,) = reading.refused
    assert (refused.index, refused.reason) == (4, Reason.BAD_TIME)
    mended = refused.raw.decode().replace("昨天", "2026-06-08 09:58:00").encode()
    assert decode_again(STATUS, mended, now=NOW).messages[0].feature_id == "34020000001320000103"


def test_a_row_with_too_many_cells():
    rows, refused = read_rows(b"a,b\n1,2\n1,2,3\n1,2,\n", "a.csv")
    assert rows == [(2, {"a": "1", "b": "2"}), (4, {"a": "1", "b": "2"})]
    assert [r.index for r in refused] == [3]


@pytest.mark.parametrize(
    ("body", "name", "reason"),
    [
        (b"", "a.csv", Reason.NOT_A_TABLE),
        (b"a,a\n1,2", "a.csv", Reason.NOT_A_TABLE),
        (b'a,b\n"1,2', "a.csv", Reason.NOT_A_TABLE),
        (b"a\0,b\n", "a.csv", Reason.BAD_ENCODING),
        (b"\xef\xbb\xbf\xff", "a.csv", Reason.BAD_ENCODING),
        (b"PK\x03\x04", "a.xlsx", Reason.NOT_A_TABLE),
        (b"<html>", "a.xlsx", Reason.NOT_A_TABLE),
        (b"a," * 501 + b"a\n", "a.csv", Reason.NOT_A_TABLE),
    ],
)
def test_a_file_that_is_no_table(body, name, reason):
    with pytest.raises(Refused) as refused:
        read_rows(body, name)
    assert refused.value.reason == reason


WORKBOOK = workbook(["a", "b"], [1, "x"])


@given(data=st.data())
def test_a_damaged_workbook_is_read_or_refused(data):
    body = bytearray(WORKBOOK)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        rows, _ = read_rows(bytes(body), "a.xlsx")
    except Refused as error:
        assert error.reason in Reason  # noqa: PT017 - not every damage shows
    else:
        assert len(rows) <= 2


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["value", "result", "type", "data", "id", "level", "Datastream", "@iot.id", "phenomenonTime"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(payload=JSON, entity=st.booleans())
def test_any_json_is_read_or_refused(payload, entity):
    for definition, wrapped in (
        (THINGS, OBSERVATION | {"Datastream": {"@iot.id": 1}, "result": payload, "phenomenonTime": payload}),
        (THINGS, payload),
        (BROKER, {"type": "Notification", "data": [ENTITY | {"level": payload}]}),
        (BROKER, {"type": "Notification", "data": payload}),
    ):
        try:
            reading = take(definition, orjson.dumps(wrapped), topic=TOPIC if entity else None)
        except Refused as error:
            assert error.reason in Reason  # noqa: PT017 - some of it is good
        else:
            assert all(m.kind == "observation" for m in reading.messages)


WHOLE = feed("video_status", connection={"pattern": "*.csv", "whole": True})
KNOWN = ["34020000001320000101", "34020000001320000102", "34020000001320000100"]


def held(definition, rows):
    return [message.feature_id for message in take(definition, (HEADER + rows).encode(), file_name="a.csv").messages]


def test_what_a_whole_file_no_longer_holds_is_gone():
    (deletion,) = gone(WHOLE, held(WHOLE, ROWS), KNOWN, now=NOW)
    assert (deletion.subject, deletion.data["change"]) == ("video_points/34020000001320000100", "delete")
    (again,) = gone(WHOLE, held(WHOLE, ROWS), KNOWN, now=NOW)
    assert again.identity == deletion.identity


def test_half_a_file_removes_nothing():
    assert gone(WHOLE, held(WHOLE, ""), KNOWN, now=NOW) == []


def test_a_file_of_changes_removes_nothing():
    with pytest.raises(ValueError, match="whole"):
        gone(STATUS, held(STATUS, ROWS), KNOWN, now=NOW)


def test_a_workbook_that_unpacks_to_too_much(monkeypatch):
    monkeypatch.setattr(workbooks, "WORKBOOK_BYTES_MAX", 1000)
    with pytest.raises(Refused) as refused:
        read_rows(WORKBOOK, "a.xlsx")
    assert refused.value.reason == Reason.TOO_LARGE


@pytest.mark.parametrize(("name", "body"), [("a.csv", b"a\n" + b"1\n" * 11), ("a.ndjson", b'{"a":1}\n' * 11)])
def test_a_file_of_too_many_rows(monkeypatch, name, body):
    monkeypatch.setattr(table, "ROWS_MAX", 10)
    with pytest.raises(Refused) as refused:
        read_rows(body, name)
    assert refused.value.reason == Reason.TOO_MANY

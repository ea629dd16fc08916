"""References of cameras and events into other systems (`domain.md` 7.4 no. 10)."""

from __future__ import annotations

import re
from contextlib import ExitStack

import httpx
import pytest

from layers.database.connection import Role, connect
from layers.identity.labels import IdentityLabels
from layers.identity.tokens import add_token
from server.settings import load_settings
from tests.databases import run_async, temporary_database
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_app

STORED = "ref-of-the-platform"
PICTURES = ["picture-1", "picture-2"]
ROLES = {
    "district": IdentityLabels(("district_dispatcher",), (), (), 4),
    "second": IdentityLabels(("district_dispatcher",), (), (), 4),
    "leader": IdentityLabels(("leader",), (), (), 3),
    "one_seat": IdentityLabels(("operator",), (), (), 4),
}
CAMERA = "/ogc/collections/video_points/items/C1"
TICKET = re.compile(r"http://[^/]+/references/([A-Za-z0-9_-]{43})")
PURPOSE = {"X-Purpose": "emergency"}
_FILL = """
INSERT INTO layer.video_points (id, geom, name, play_ref, data_grade)
    VALUES ('C1', ST_SetSRID(ST_MakePoint(113.33, 23.13), 4490), '门口', $1, 3);
"""
_EVENT = """
INSERT INTO layer.events (id, geom, title, source, snapshot_refs, data_grade)
    VALUES ('E1', ST_SetSRID(ST_MakePoint(113.33, 23.13), 4490), '积水', 'grid', $1, 2)
"""


async def owned(url, *statement, role=Role.OWNER, fetch=False):
    connection = await connect(url, role)
    try:
        return await (connection.fetch if fetch else connection.execute)(*statement)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def url(cluster, layers_template):
    with temporary_database(cluster, layers_template) as made:
        run_async(owned(made, _FILL, STORED))
        run_async(owned(made, _EVENT, PICTURES))
        yield made


@pytest.fixture(scope="module")
def clients(url, tmp_path_factory):
    async def make():
        connection = await connect(url)
        try:
            return {name: await add_token(connection, name, labels, 1, replace=True) for name, labels in ROLES.items()}
        finally:
            await connection.close()

    tokens = run_async(make())
    settings = load_settings(
        home=tmp_path_factory.mktemp("home"), database={"url": url}, policy={"folder": SHIPPED_POLICY}
    )
    with running_app(settings) as address, ExitStack() as opened:
        yield {
            name: opened.enter_context(
                httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}", **PURPOSE}, timeout=120)
            )
            for name, token in tokens.items()
        }


def shown(client, address=CAMERA, field="play_ref"):
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert "etag" not in answer.headers
    return answer.json()["properties"][field]


def ticket(client):
    found = TICKET.fullmatch(shown(client))
    assert found
    return found[1]


def test_path_10_a_reference_is_shown_once_for_minutes_to_its_subject(url, clients):
    district, second = clients["district"], clients["second"]
    first, other = ticket(district), ticket(district)
    assert first != other
    address = f"/references/{first}"
    assert second.post(address).status_code == 404, "bound to the subject, whatever its rights"
    assert httpx.post(f"{district.base_url}{address}", headers=PURPOSE).status_code == 404
    answer = district.post(address)
    assert (answer.status_code, answer.json()) == (
        200, {"layer": "video_points", "feature": "C1", "field": "play_ref", "value": STORED},
    )  # fmt: skip
    assert answer.headers["cache-control"] == "no-store"
    assert district.post(address).status_code == 404, "once"
    run_async(owned(url, "UPDATE identity.reference_ticket SET expires_at = now() - interval '1 microsecond'"))
    assert district.post(f"/references/{other}").status_code == 404, "five minutes"
    assert district.post(f"/references/{'A' * 43}").status_code == 404


def test_a_ticket_lives_five_minutes_at_most_and_is_stored_as_a_digest(url, clients):
    made = ticket(clients["district"])
    (row,) = run_async(
        owned(
            url,
            "SELECT extract(epoch FROM max(expires_at) - now()) AS left_s, string_agg(t::text, ' ') AS all_rows"
            " FROM identity.reference_ticket AS t WHERE expires_at > now()",
            fetch=True,
        )
    )
    assert 240 < row["left_s"] <= 300
    assert made not in row["all_rows"]


def test_an_exchange_states_a_purpose_and_is_recorded(url, clients):
    district = clients["district"]
    made = ticket(district)
    without = {"X-Purpose": ""}
    assert district.post(f"/references/{made}", headers=without).status_code == 400
    assert district.post(f"/references/{made}", headers={"X-Purpose": "curiosity"}).status_code == 400
    assert district.post(f"/references/{made}").status_code == 200, "what was refused has not used it up"
    found = run_async(
        owned(
            url,
            "SELECT body AS text FROM audit.record WHERE body::json->>'action' = 'reference'",
            role=Role.AUDITOR,
            fetch=True,
        )
    )
    assert any("emergency" in row["text"] and "video_points/C1" in row["text"] for row in found)
    assert not any(STORED in row["text"] for row in found)


def test_rights_count_at_the_exchange_too(clients):
    made = ticket(clients["district"])
    elsewhere = clients["district"].post(f"/references/{made}", headers={"X-Purpose": "flood_control"})
    assert elsewhere.status_code == 200, "another purpose of the rule"
    assert clients["leader"].get(CAMERA).status_code == 404


def test_lists_have_a_ticket_for_each_and_the_operator_no_short_cut(clients):
    operator = clients["one_seat"]
    tickets = [
        TICKET.fullmatch(text)[1] for text in shown(operator, "/ogc/collections/events/items/E1", "snapshot_refs")
    ]
    assert [operator.post(f"/references/{one}").json()["value"] for one in reversed(tickets)] == PICTURES[::-1]


@pytest.mark.parametrize("form", ["json", "jsonfg", "csv", "geojsonl", "html", "jsonld"])
def test_no_output_holds_what_is_stored_and_no_filter_finds_it(clients, form):
    for name in ("district", "one_seat"):
        client = clients[name]
        page = client.get("/ogc/collections/video_points/items", params={"f": form})
        assert page.status_code == 200
        assert STORED not in page.text
        assert "/references/" not in page.text
        if form not in {"html", "jsonld"}:
            assert "one-time" in page.text, "it tells that there is one"
        guess = client.get("/ogc/collections/video_points/items", params={"filter": f"play_ref = '{STORED}'"})
        assert guess.status_code == 400
    for address in (
        "/twin/snapshot?layers=video_points",
        "/tiles/video_points/16/53411/28413.mvt",
        f"{CAMERA}?f=html",
    ):
        answer = clients["one_seat"].get(address)
        assert answer.status_code in {200, 204}, address
        assert STORED.encode() not in answer.content

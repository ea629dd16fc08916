"""Who takes much home: the allowance, the operation of the policy, the approval, and the watermark, in every output."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.sync.client import connect as connect_socket

from layers.audit.record import AuditAction
from layers.database.connection import Role, connect, create_pool
from layers.identity.accounts import add_account
from layers.identity.approvals import ApprovalRequest, approve
from layers.identity.labels import IdentityLabels
from layers.identity.passwords import hash_password
from layers.identity.tokens import add_token
from server.exports.allowance import CREDIT_PART, Allowance
from server.settings import load_settings
from tests.databases import count_rows, run_async, temporary_database
from tests.ogc.service import fill
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_app

PASSWORD = "Tianhe-Map-2026"
ROLES = {
    "analyst": IdentityLabels(("analyst",), (), (), 3),
    "other": IdentityLabels(("analyst",), (), (), 3),
    "leader": IdentityLabels(("leader",), (), (), 3),
    "district": IdentityLabels(("district_dispatcher",), (), (), 4),
    "operator2": IdentityLabels(("operator",), (), (), 4),
}
LIMITS = {
    "answer_features": 40,
    "hour_features": 100,
    "sensitive_answer_features": 20,
    "sensitive_hour_features": 30,
}
ITEMS = "/ogc/collections/points/items"
_NUMBERS = count(1)
BEGUN = datetime.now(UTC)
LATER = datetime.now(UTC) + timedelta(days=9)


@pytest.fixture(scope="module")
def url(cluster, template):
    with temporary_database(cluster, template) as made:
        fill(made, 200)
        yield made


def in_database(url, work, role=Role.OWNER):
    async def run():
        connection = await connect(url, role)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return run_async(run())


@pytest.fixture(scope="module")
def address(url, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    named = {"policy": {"folder": SHIPPED_POLICY}, "export": LIMITS, "identity": {"totp_roles": []}}
    with running_app(load_settings(home=home, database={"url": url}, **named)) as at:
        yield at


class Taker(httpx.Client):
    """A client with a token, or with none."""

    def __init__(self, address, name="", token="") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        super().__init__(base_url=address, headers=headers, timeout=120)
        self.subject = f"token:{name}"


@pytest.fixture
def clients(url, address):
    """Return a client for each role, with a token of its own: none has taken anything yet."""
    names = {role: f"{role}{next(_NUMBERS)}" for role in ROLES}

    async def make(connection):
        return {role: await add_token(connection, name, ROLES[role], 1) for role, name in names.items()}

    with ExitStack() as opened:
        tokens = in_database(url, make) | {"anonymous": ""}
        yield {role: opened.enter_context(Taker(address, names.get(role, ""), token)) for role, token in tokens.items()}


def approval(url, client, layers=("points",), grade=2, until=LATER):
    asked = ApprovalRequest(client.subject, tuple(layers), grade, "年度统计 statistics of the year", until)
    return in_database(url, lambda connection: approve(connection, asked, "account:security"))


def named(number):
    return {"OneMap-Approval": number}


def exports(url):
    async def read(connection):
        found = await connection.fetch("SELECT body FROM audit.record WHERE body::json->>'action' = 'export'")
        return [row["body"] for row in found]

    return in_database(url, read, Role.AUDITOR)


@pytest.mark.parametrize("role", ["anonymous", "analyst", "district", "operator2"])
def test_the_map_knows_how_much_of_a_layer_may_be_taken_at_once(clients, role):
    client = clients[role]
    layers = {layer["id"]: layer for layer in client.get("/map.json").json()["layers"]}
    if "points" not in layers:
        assert role == "anonymous"
        return
    most, fields = layers["points"]["most_at_once"], ",".join(layers["points"]["tile_fields"]) or "name"
    asked = {"properties": fields, "limit": most or 200}
    assert client.get(ITEMS, params=asked).status_code == 200
    more = client.get(ITEMS, params=asked | {"limit": (most or 200) + 1})
    assert more.status_code == (403 if most else 200), more.text


def test_more_than_the_allowance_needs_the_operation_and_an_approval(url, clients):
    analyst = clients["analyst"]
    assert "onemap-watermark" not in analyst.get(ITEMS, params={"limit": 40}).headers
    refused = analyst.get(ITEMS, params={"limit": 41})
    assert refused.status_code == 403
    assert "OneMap-Approval" in refused.text
    assert "40 features an answer and 100 an hour" in refused.text
    number = approval(url, analyst)
    answer = analyst.get(ITEMS, params={"limit": 200}, headers=named(number))
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["features"]) == 100, "grades 1 and 2 of 200"
    mark = answer.json()["watermark"]
    assert mark | {"at": ""} == {
        "subject": analyst.subject, "approval": number, "at": "", "request_id": answer.headers["x-request-id"],
    }  # fmt: skip
    assert abs(datetime.fromisoformat(mark["at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert f'approval="{number}"' in answer.headers["onemap-watermark"]
    leader = clients["leader"].get(ITEMS, params={"limit": 41}, headers=named(approval(url, clients["leader"])))
    assert (leader.status_code, "may not export" in leader.text) == (403, True)


def test_everybody_takes_what_is_public_and_the_operator_all_of_it(clients):
    public = clients["anonymous"].get(ITEMS, params={"limit": 200})
    assert (public.status_code, len(public.json()["features"])) == (200, 50), "more than 40"
    assert "onemap-watermark" not in public.headers
    operator = clients["operator2"].get(ITEMS, params={"limit": 200})
    assert len(operator.json()["features"]) == 200
    assert operator.json()["watermark"]["subject"] == clients["operator2"].subject
    assert "approval" not in operator.json()["watermark"]


def test_what_is_sensitive_has_a_smaller_allowance_unless_it_is_left_out(url, clients):
    district = clients["district"]
    assert district.get(ITEMS, params={"limit": 20}).status_code == 200
    assert district.get(ITEMS, params={"limit": 21}).status_code == 403
    plain = district.get(ITEMS, params={"limit": 50, "properties": "name", "filter": "data_grade <= 2"})
    assert plain.status_code == 403, "rows of grade 3 could be among them, for all that a filter says"
    number = approval(url, district, grade=2)
    assert "up to grade 2" in district.get(ITEMS, params={"limit": 21}, headers=named(number)).text
    number = approval(url, district, grade=3)
    assert district.get(ITEMS, params={"limit": 200}, headers=named(number)).status_code == 200


@pytest.mark.parametrize("form", ["json", "jsonfg", "csv", "geojsonl", "html", "jsonld"])
def test_every_form_is_judged_and_marked(url, clients, form):
    analyst = clients["analyst"]
    number = approval(url, analyst)
    assert analyst.get(ITEMS, params={"limit": 200, "f": form}).status_code == 403
    answer = analyst.get(ITEMS, params={"limit": 200, "f": form, "approval": number})
    assert answer.status_code == 200, answer.text[:300]
    assert f'approval="{number}"' in answer.headers["onemap-watermark"]
    assert "approval=" not in answer.text.replace("onemap-watermark", "")
    if form == "csv":
        assert f"points_{number}_" in answer.headers["content-disposition"]


def test_many_small_pages_are_bulk_and_the_same_page_again_is_not(clients):
    analyst = clients["analyst"]
    for _ in range(9):
        assert analyst.get(ITEMS, params={"limit": 40}).status_code == 200, "a page that is shown again and again"
    for offset, returned in ((40, 40), (80, 20)):
        walked = analyst.get(ITEMS, params={"limit": 40, "offset": offset})
        assert (walked.status_code, walked.json()["numberReturned"]) == (200, returned)
    one = analyst.get(f"{ITEMS}/r0001")
    assert (one.status_code, "100 an hour" in one.text) == (403, True)
    assert analyst.get("/ogc/collections/lines/items").status_code == 200, "each layer has its own"
    assert clients["other"].get(f"{ITEMS}/r0001").status_code == 200, "and so has everybody"


def test_snapshots_surroundings_and_streams_are_judged_alike(url, clients):
    analyst = clients["analyst"]
    number = approval(url, analyst)
    for address in (
        "/twin/snapshot?layers=points",
        "/twin/nearby?lon=113.35&lat=23.12&radius_m=5000&layers=points&limit=200",
        "/live?layers=points&snapshot=true",
    ):
        with analyst.stream("GET", address) as answer:
            assert answer.status_code == 403, address
        with analyst.stream("GET", address, headers=named(number)) as answer:
            assert answer.status_code == 200, address
            assert number in answer.headers["onemap-watermark"]
    assert analyst.get("/twin/snapshot?layers=points", headers=named(number)).json()["watermark"]["approval"] == number


def test_every_frame_of_a_replay_counts(url, clients):
    analyst = clients["analyst"]
    begin, end = BEGUN - timedelta(hours=1), datetime.now(UTC)
    asked = {"layers": "points", "from": begin.isoformat(), "to": end.isoformat(), "step": f"{(end - begin).seconds}s"}
    answer = analyst.get("/twin/replay", params=asked)
    assert answer.status_code == 200, answer.text
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[0]["layers"] == {}
    assert "40 features an answer" in lines[-1]["error"]
    assert all(line["layers"] == {} for line in lines), "a hundred at once, in a later frame"
    whole = analyst.get("/twin/replay", params=asked, headers=named(approval(url, analyst, grade=3)))
    assert "error" not in whole.text
    assert whole.text.count('"Feature"') >= 100


@pytest.mark.parametrize("since", ["0-0000000000000000", "999999999"])
def test_a_stream_that_begins_anew_is_judged_like_one_without_a_number(url, clients, since):
    analyst = clients["analyst"]
    number = approval(url, analyst)
    address = f"/live?layers=points&snapshot=true&since={since}"
    with analyst.stream("GET", address) as answer:
        assert answer.status_code == 403
    with analyst.stream("GET", address, headers=named(number)) as answer:
        assert answer.status_code == 200
        assert number in answer.headers["onemap-watermark"]
    where = str(analyst.base_url).replace("http", "ws").rstrip("/") + "/live/ws"
    seq, _, rights = since.partition("-")
    wanted = {"type": "subscribe", "layers": ["points"], "snapshot": True, "since": int(seq), "rights": rights}
    with connect_socket(where, additional_headers={"Authorization": analyst.headers["Authorization"]}) as socket:
        socket.send(json.dumps(wanted))
        refused = json.loads(socket.recv(timeout=60))
        assert (refused["type"], refused["status"], refused["parameter"]) == ("error", 403, "approval")


def test_the_snapshot_of_a_socket_is_judged_too(url, clients):
    analyst = clients["analyst"]
    number = approval(url, analyst)
    where = str(analyst.base_url).replace("http", "ws").rstrip("/") + "/live/ws"
    token = {"Authorization": analyst.headers["Authorization"]}
    wanted = json.dumps({"type": "subscribe", "layers": ["points"], "snapshot": True})
    with connect_socket(where, additional_headers=token) as socket:
        socket.send(wanted)
        refused = json.loads(socket.recv(timeout=60))
        assert (refused["type"], refused["status"], refused["parameter"]) == ("error", 403, "approval")
        socket.send(json.dumps({"type": "subscribe", "layers": ["points"]}))
        assert json.loads(socket.recv(timeout=60))["type"] == "ready", "changes alone need none"
    with connect_socket(f"{where}?approval={number}", additional_headers=token) as socket:
        socket.send(wanted)
        assert json.loads(socket.recv(timeout=60))["type"] == "snapshot"


def test_only_an_approval_that_fits_counts(url, clients):
    soon = datetime.now(UTC) + timedelta(seconds=1)
    analyst, ended = clients["analyst"], approval(url, clients["analyst"], until=soon)
    while datetime.now(UTC) <= soon:
        assert analyst.get(ITEMS, params={"limit": 1}, headers=named(approval(url, analyst))).status_code == 200
    for number, words in {
        "2026-9999": "does not exist",
        "x' OR 1=1": "does not exist",
        ended: "ended at",
        approval(url, clients["other"]): "somebody else",
        approval(url, analyst, layers=["lines"]): "is not for 'points'",
    }.items():
        answer = analyst.get(ITEMS, params={"limit": 2}, headers=named(number))
        assert (answer.status_code, words in answer.text) == (403, True), answer.text
    assert (
        analyst.get(ITEMS, params={"limit": 200}, headers=named(approval(url, analyst, layers=["*"]))).status_code
        == 200
    )


def test_an_export_is_recorded_with_its_approval_before_it_leaves(url, clients):
    analyst = clients["analyst"]
    number = approval(url, analyst)
    analyst.get(ITEMS, params={"limit": 200, "approval": number})
    found = [str(record) for record in exports(url) if number in str(record)]
    assert len(found) == 1
    assert analyst.subject in found[0]


def test_the_security_administrator_approves_and_revokes_and_nobody_else(url, address, clients):
    hashed = hash_password(PASSWORD)

    async def make(connection):
        await add_account(connection, "zhou", IdentityLabels(("security_admin",)), password_hash=hashed)

    in_database(url, make)
    wanted = {
        "subject": clients["analyst"].subject, "layers": ["points"], "purpose": "年度统计", "until": LATER.isoformat(),
    }  # fmt: skip
    assert clients["operator2"].post("/approvals", json=wanted).status_code == 403
    with httpx.Client(base_url=address, headers={"Origin": address}, timeout=120) as zhou:
        assert zhou.post("/login", json={"name": "zhou", "password": PASSWORD}).status_code == 200
        assert zhou.post("/approvals", json=wanted | {"subject": "account:zhou"}).status_code == 403
        assert zhou.post("/approvals", json=wanted | {"layers": ["nowhere"]}).status_code == 400
        assert zhou.post("/approvals", json=wanted | {"until": "2020-01-01T00:00:00Z"}).status_code == 400
        number = zhou.post("/approvals", json=wanted).json()["number"]
        assert zhou.get("/approvals").json()[0]["approved_by"] == "account:zhou"
        assert clients["analyst"].get(ITEMS, params={"limit": 200, "approval": number}).status_code == 200
        assert zhou.delete(f"/approvals/{number}").status_code == 204
        assert zhou.delete(f"/approvals/{number}").status_code == 404
    assert "revoked" in clients["analyst"].get(ITEMS, params={"limit": 200, "approval": number}).text
    assert AuditAction.APPROVAL == "approval"


TAKEN = st.tuples(st.integers(0, 1), st.sampled_from(["a", "b", None]), st.integers(1, 60))


@asynccontextmanager
async def two_workers(url):
    """The allowances of two workers, with connections of their own."""
    pools = [await create_pool(url, Role.IDENTITY, size=3) for _ in range(2)]
    try:
        yield [Allowance(pool) for pool in pools]
    finally:
        for pool in pools:
            await pool.close()


def counted(asked, granted):
    """How many features were taken: of the same request the most that it gave."""
    largest = {}
    for number, ((_, request, features), is_granted) in enumerate(zip(asked, granted, strict=True)):
        if is_granted:
            name = request or number
            largest[name] = max(features, largest.get(name, 0))
    return sum(largest.values())


@settings(max_examples=25, deadline=None)
@given(st.lists(TAKEN, max_size=12), st.lists(TAKEN, max_size=8))
def test_an_hour_is_one_for_all_workers_also_at_once(url, asked, at_once):
    async def run():
        subject, granted = f"s{next(_NUMBERS)}", []

        async def take(one):
            worker, request, features = one
            return await workers[worker].take(subject, "l", request, features, 100)

        async with two_workers(url) as workers:
            for one in asked:
                is_granted = await take(one)
                assert is_granted == (counted([*asked[: len(granted)], one], [*granted, True]) <= 100)
                granted.append(is_granted)
            granted += await asyncio.gather(*map(take, at_once))
            rest = 100 - counted([*asked, *at_once], granted)
            assert rest >= 0
            assert await take((0, None, rest)), "not one too many was counted"
            assert not await take((1, None, 1))

    run_async(run())


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([1, 2, 90])), min_size=20, max_size=60))
def test_small_answers_are_paid_in_advance_and_nobody_takes_more_for_it(url, asked):
    most, credit = 1_000, 1_000 // CREDIT_PART

    async def run():
        subject, taken = f"small{next(_NUMBERS)}", 0
        owner = await connect(url)
        async with two_workers(url) as workers:
            for worker, features in asked * 2:
                is_granted = await workers[worker].take(subject, "l", None, features, most)
                assert is_granted or taken + features > most - 2 * credit
                taken += features if is_granted else 0
            assert taken <= most
            counted = await owner.fetchval("SELECT features FROM identity.export_hour WHERE subject = $1", subject)
            assert taken <= counted <= min(most, taken + 2 * credit)
        await owner.close()

    run_async(run())


def test_an_hour_ends_and_goes(url):
    async def run():
        owner = await connect(url)
        async with two_workers(url) as (one, other):
            assert await one.take("hour", "l", "a", 60, 100)
            assert await other.take("hour", "l", "a", 60, 100)
            assert await one.take("hour", "l", "b", 40, 100)
            assert not await other.take("hour", "l", None, 1, 100)
            await owner.execute("UPDATE identity.export_hour SET began = began - interval '1 hour'")
            assert await other.take("hour", "l", "a", 100, 100)
            assert not await one.take("hour", "l", "c", 1, 100)
            await owner.execute("UPDATE identity.export_hour SET began = began - interval '1 hour'")
            assert await other.take("another", "l", None, 1, 100)
        left = await owner.fetch("SELECT subject, layer FROM identity.export_hour")
        asked = await count_rows(owner, "identity.export_request")
        await owner.close()
        assert ([tuple(row) for row in left], asked) == ([("another", "l")], 0)

    run_async(run())


def test_what_was_asked_before_and_what_is_public_is_counted_without_the_database(url, clients):
    analyst, public = clients["analyst"], clients["anonymous"]

    analyst.get(ITEMS, params={"limit": 7})

    async def hours(connection):
        return await connection.fetch(
            "SELECT subject, layer, features, xmin::text FROM identity.export_hour ORDER BY 1"
        )

    before = in_database(url, hours)
    assert any((row["subject"], row["features"]) == (analyst.subject, 7) for row in before)
    assert analyst.get(ITEMS, params={"limit": 7}).status_code == 200
    assert public.get(ITEMS, params={"limit": 200}).status_code == 200
    assert in_database(url, hours) == before, "no row was written"

"""A feed client writes the messages of its own feed, and nothing else."""

from __future__ import annotations

import httpx
import pytest

from layers.database.connection import connect
from layers.errors import Forbidden
from layers.identity.labels import IdentityLabels
from layers.identity.tokens import add_token
from server.feeds.client import may_write_as
from server.identity.subject import ANONYMOUS_SUBJECT, OPERATOR_SUBJECT, AuthMethod, Subject
from server.settings import load_settings
from tests.databases import run_async
from tests.running_app import running_app
from tests.twin.feeds.test_exposure import OPEN
from tests.twin.feeds.test_feeds import BATCH, cloudevent
from tests.twin.named import put_named


def client_of(*feeds: str) -> Subject:
    return Subject(
        f"token:{feeds}", "a feed", roles=("feed_client",), attributes=(("feed", ",".join(feeds)),),
        method=AuthMethod.TOKEN,
    )  # fmt: skip


def test_who_may_write_as_a_feed():
    assert may_write_as(client_of("demo", "hotline"), "demo")
    assert not may_write_as(ANONYMOUS_SUBJECT, "demo")
    assert not may_write_as(OPERATOR_SUBJECT, "demo")
    for feeds in ((), ("hotline",)):
        with pytest.raises(Forbidden, match="not 'demo'"):
            may_write_as(client_of(*feeds), "demo")


@pytest.fixture
def token(district_url):
    """Return a function that makes a token of a feed client."""

    async def make(feed):
        owner = await connect(district_url)
        try:
            labels = IdentityLabels(roles=("feed_client",), attributes={"feed": feed} if feed else {})
            return await add_token(owner, f"of-{feed}", labels, 1)
        finally:
            await owner.close()

    return lambda feed: run_async(make(feed))


@pytest.fixture
def address(district_url, tmp_path):
    """A server that the network reaches, with feeds that have a secret and feeds that have none."""
    run_async(put_named(district_url))
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "demo.yaml").write_text(OPEN.format(name="demo") + "secret: demo\n", encoding="utf-8")
    (feeds / "bare.yaml").write_text(OPEN.format(name="bare"), encoding="utf-8")
    settings = load_settings(
        home=tmp_path,
        database={"url": district_url},
        feeds={"folder": str(feeds)},
        server={"host": "0.0.0.0"},  # noqa: S104
    )
    with running_app(settings) as address:
        yield address


def test_a_token_writes_its_feed_with_its_source_and_no_other(address, token):
    own, another, none = token("demo"), token("hotline"), token("")
    with httpx.Client(base_url=address, timeout=60) as client:

        def post(feed, token, **changed):
            headers = {"content-type": BATCH} | ({"authorization": f"Bearer {token}"} if token else {})
            body = [cloudevent(1, "vehicles/v1") | {"source": "/feeds/demo"} | changed]
            return client.post(f"/feeds/{feed}", json=body, headers=headers)

        assert post("demo", own).status_code == 200
        foreign = post("demo", own, source="/feeds/hotline")
        assert (foreign.status_code, "writes as" in foreign.text) == (400, True)
        assert post("demo", None).status_code == 401
        assert post("bare", None).status_code == 403
        for feed, foreign_token in (("demo", another), ("demo", none), ("bare", own)):
            assert post(feed, foreign_token).status_code == 403
        assert post("demo", "a token that nobody made").status_code == 401
        lines = client.post(
            "/feeds/demo",
            content=b"",
            headers={"content-type": "application/x-ndjson", "authorization": f"Bearer {own}"},
        )
        assert (lines.status_code, lines.json()["lines"]) == (200, 0)
        assert client.get("/twin/refused", headers={"authorization": f"Bearer {own}"}).status_code == 403

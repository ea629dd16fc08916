"""A feed client writes the messages of its own feed, and nothing else."""

from __future__ import annotations

import httpx
import pytest

from layers.errors import Forbidden
from server.feeds.client import may_write_as
from server.identity import auth
from server.identity.subject import ANONYMOUS_SUBJECT, OPERATOR_SUBJECT, AuthMethod, Subject
from server.settings import load_settings
from tests.databases import run_async
from tests.running_app import running_app
from tests.twin.feeds.test_exposure import OPEN
from tests.twin.feeds.test_feeds import BATCH, cloudevent
from tests.twin.named import put_named

TOKENS = {"token of demo": ("demo",), "token of another": ("hotline",), "token of none": ()}


def client_of(*feeds: str) -> Subject:
    return Subject(
        f"token:{feeds}", "a feed", roles=("feed_client",), attributes=tuple(("feed", one) for one in feeds),
        method=AuthMethod.TOKEN,
    )  # fmt: skip


class Tokens:
    """Access tokens of the tests' feed clients."""

    def accepts(self, token: str) -> bool:
        return token in TOKENS

    async def find(self, token: str) -> Subject:
        return client_of(*TOKENS[token])


def test_who_may_write_as_a_feed():
    assert may_write_as(client_of("demo", "hotline"), "demo")
    assert not may_write_as(ANONYMOUS_SUBJECT, "demo")
    assert not may_write_as(OPERATOR_SUBJECT, "demo")
    for feeds in ((), ("hotline",)):
        with pytest.raises(Forbidden, match="not 'demo'"):
            may_write_as(client_of(*feeds), "demo")


@pytest.fixture
def address(district_url, tmp_path, monkeypatch):
    """A server that the network reaches, with feeds that have a secret and feeds that have none."""
    run_async(put_named(district_url))
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "demo.yaml").write_text(OPEN.format(name="demo") + "secret: demo\n", encoding="utf-8")
    (feeds / "bare.yaml").write_text(OPEN.format(name="bare"), encoding="utf-8")
    monkeypatch.setattr(
        "server.app.Authenticator",
        lambda ways, *further, **named: auth.Authenticator([Tokens(), *ways], *further, **named),
    )
    settings = load_settings(
        home=tmp_path,
        database={"url": district_url},
        feeds={"folder": str(feeds)},
        server={"host": "0.0.0.0"},  # noqa: S104
    )
    with running_app(settings) as address:
        yield address


def test_a_token_writes_its_feed_with_its_source_and_no_other(address):
    with httpx.Client(base_url=address, timeout=60) as client:

        def post(feed, token, **changed):
            headers = {"content-type": BATCH} | ({"authorization": f"Bearer {token}"} if token else {})
            body = [cloudevent(1, "vehicles/v1") | {"source": "/feeds/demo"} | changed]
            return client.post(f"/feeds/{feed}", json=body, headers=headers)

        assert post("demo", "token of demo").status_code == 200
        foreign = post("demo", "token of demo", source="/feeds/hotline")
        assert (foreign.status_code, "writes as" in foreign.text) == (400, True)
        assert post("demo", None).status_code == 401
        assert post("bare", None).status_code == 403
        for feed, token in (("demo", "token of another"), ("demo", "token of none"), ("bare", "token of demo")):
            assert post(feed, token).status_code == 403
        assert post("demo", "a token that nobody made").status_code == 401
        lines = client.post(
            "/feeds/demo",
            content=b"",
            headers={"content-type": "application/x-ndjson", "authorization": "Bearer token of demo"},
        )
        assert (lines.status_code, lines.json()["lines"]) == (200, 0)
        assert client.get("/twin/refused", headers={"authorization": "Bearer token of demo"}).status_code == 403

"""The outlets API for operators, with a running ingest process."""

from __future__ import annotations

import httpx
import pytest

from server.identity.operator_token import TOKEN_FILE
from server.installation import PROJECT
from server.settings import load_settings
from tests.twin.change_log import DEADLINE_SECONDS, happened, write
from tests.twin.ingest_process import working
from tests.twin.outlets.test_webhook import begun
from tests.twin.waiting import until
from twin.outlets.definition import read_outlet

pytestmark = pytest.mark.anyio
TOKEN = "a-token-that-is-long-enough"


async def test_an_operator_sees_how_outlets_do_and_resumes_a_parked_one(house, receiver, live_server):
    (house.home / TOKEN_FILE).write_text(TOKEN, encoding="ascii")
    receiver.be("gone")
    house.write("centre", kind="webhook", url=receiver.url)
    house.write("off", kind="mqtt", url="mqtt://127.0.0.1:1", enabled=False)
    house.write("wrong", kind="webhook", url="ftp://somewhere")
    ours = {"home": house.home, "outlets": {"folder": house.folder}}
    address = live_server(house.url, **ours)
    settings = load_settings(database={"url": house.url}, **ours)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=DEADLINE_SECONDS) as client:

        async def states():
            answer = (await client.get("/twin/outlets")).json()
            assert "wrong.yaml" in answer["faults"]
            return {outlet["name"]: outlet["state"] for outlet in answer["outlets"]}

        async def centre_is(state):
            return (await states())["centre"] == state

        assert await states() == {"centre": "new", "off": "off"}
        async with working(settings):
            await begun(house, "centre")
            await write(house.url, happened("e1"))
            await until(lambda: centre_is("parked"))
            assert "410" in (await client.get("/twin/outlets")).json()["outlets"][0]["fault"]
            receiver.be("well")
            assert (await client.post("/twin/outlets/centre/resume")).json() == {"name": "centre", "seq": 0}
            await until(lambda: centre_is("working"))
            await until(receiver.changes)
        assert (await client.post("/twin/outlets/nobody/resume")).status_code == 404
    async with httpx.AsyncClient(base_url=address, timeout=DEADLINE_SECONDS) as public:
        assert (await public.get("/twin/outlets")).status_code == 403
        assert (await public.post("/twin/outlets/centre/resume")).status_code == 403


def test_the_example_is_an_outlet(tmp_path):
    text = (PROJECT / "config" / "outlets" / "_example.yaml").read_text(encoding="utf-8")
    (tmp_path / "example.yaml").write_text(text, encoding="utf-8")
    assert read_outlet(tmp_path / "example.yaml").name == "example"

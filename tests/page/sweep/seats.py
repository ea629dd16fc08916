"""Who sits down at the page: an account for each role over a district in which much happens, sizes and languages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from playwright.sync_api import Page

from layers.database.connection import connect
from layers.demo.accounts import make_demo_accounts
from layers.policy.read import read_policy
from tests.databases import run_async, temporary_database
from tests.page.conftest import PHONE, Visitor
from tests.page.laws import CHINESE, ENGLISH
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_for_operator
from tests.twin.overview.events import put_events

DESK, LOW, WALL = (1920, 1080), (1366, 768), (3840, 1080)
SIZES = (LOW, DESK, WALL, PHONE)
LANGUAGES = (CHINESE, ENGLISH)
VERY_COARSE = 0.1
"""Device pixels per pixel: nobody looks at the map."""
ROLES = (
    *("public", "grid_worker", "community_officer", "street_dispatcher", "district_dispatcher", "department_officer"),
    *("leader", "analyst", "data_steward", "sysadmin", "security_admin", "auditor"),
)
FACE = {"leader": {DESK: "board", WALL: "board"}, "grid_worker": {PHONE: "phone"}}
"""The face on which a role lands at a size; the desk where none is named."""
_CHOOSE_FACE = "dispatchEvent(new HashChangeEvent('hashchange', {newURL: location.href}))"
_TEXTS = Path(__file__).parents[3] / "server" / "web" / "text"


@contextmanager
def a_busy_district(cluster: str, template: str, home: Path) -> Iterator[str]:
    """Serve a district in which much happens, with an account for each role; yield the address."""
    with temporary_database(cluster, template) as url:
        run_async(put_events(url))
        run_async(_make_accounts(url))
        named = {"policy": {"folder": SHIPPED_POLICY}, "identity": {"totp_roles": []}}
        with running_for_operator(home, url, **named) as address:
            yield address


async def _make_accounts(url: str) -> None:
    connection = await connect(url)
    try:
        await make_demo_accounts(connection, read_policy(SHIPPED_POLICY).roles)
    finally:
        await connection.close()


@cache
def _texts(language: str) -> dict[str, str]:
    return json.loads((_TEXTS / f"{language}.json").read_text(encoding="utf-8"))


def said(language: str, key: str) -> str:
    """Return the words of the page for a key."""
    return _texts(language)[key]


def shown_at(page: Page, size: tuple[int, int]) -> None:
    """Give the window a size, and let the page choose its face anew, as it does when it is opened."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_function("width => innerWidth === width", arg=size[0])
    page.evaluate(_CHOOSE_FACE)


def sits_down(seat: Visitor, role: str, link: str, language: str = CHINESE, size: tuple[int, int] = LOW) -> Page:
    """Open the page as somebody, at a place; nobody is the public."""
    page = seat.page
    page.goto(f"{seat.address}/catalog")  # the map of who sat here asks for nothing more
    page.context.clear_cookies()
    seat.forget()
    if role != "public":
        login = {"data": {"role": role}, "headers": {"Origin": seat.address}}
        answer = page.context.request.post(f"{seat.address}/login/demo", **login)
        assert answer.ok, answer.text()
    shown_at(page, size)
    page.goto(f"{seat.address}/?lang={language}{link}")
    return page

"""People in the field, for tests of what they do: two workers of two grids, and an officer of the street."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from layers.database.connection import connect
from layers.identity.accounts import add_account
from layers.identity.labels import IdentityLabels
from layers.identity.passwords import hash_password
from layers.identity.tokens import add_token
from server.installation import PROJECT
from tests.readers import SHIPPED_POLICY
from tests.running_app import running_for_operator

PASSWORD = "Walks-the-grid-2026"
TICKETS = """
name: tickets
title_zh: 工单
title_en: Tickets
protocol: http
crs_source: WGS84
kinds: [event]
supplies: [events]
source: /feeds/tickets
"""
_TWO = """
SELECT w.worker_id AS worker, g.grid_code AS grid, ST_X(p.at) AS lon, ST_Y(p.at) AS lat
FROM layer.grid_workers AS w JOIN layer.grids AS g ON g.grid_code = w.grid_codes[1]
CROSS JOIN LATERAL (SELECT ST_PointOnSurface(g.geom) AS at) AS p
ORDER BY w.worker_id
"""


@dataclass(frozen=True)
class Somebody:
    """Somebody with an account and a token: the number of the worker, the grid, and a place in it."""

    name: str
    token: str
    worker: str
    grid: str
    lonlat: tuple[float, float]

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def make_people(url: str) -> list[Somebody]:
    """Make the accounts and tokens of two workers of different grids, and of an officer of the first one's street."""
    owner = await connect(url)
    try:
        rows = await owner.fetch(_TWO)
        first = rows[0]
        second = next(row for row in rows if row["grid"] != first["grid"])
        hashed = hash_password(PASSWORD)
        people = []
        for name, role, row, area in (
            ("wang", "grid_worker", first, first["grid"]),
            ("zhao", "grid_worker", second, second["grid"]),
            ("chen", "street_dispatcher", first, first["grid"][:9]),
        ):
            attributes = {"worker_id": row["worker"]} if role == "grid_worker" else {}
            labels = IdentityLabels((role,), (area,), (), 4, attributes)
            token = await add_token(owner, f"of-{name}", labels, 1)
            await add_account(owner, name, labels, password_hash=hashed, must_change=False)
            people.append(Somebody(name, token, row["worker"], row["grid"], (row["lon"], row["lat"])))
        return people
    finally:
        await owner.close()


@contextmanager
def serving(home: Path, url: str):
    """Serve the application under the shipped policy with the feed of the phones and an open one; yield its address."""
    feeds = home / "feeds"
    feeds.mkdir()
    shipped = (PROJECT / "config" / "feeds" / "grid_phones.yaml").read_text(encoding="utf-8")
    (feeds / "grid_phones.yaml").write_text(shipped, encoding="utf-8")
    (feeds / "tickets.yaml").write_text(TICKETS, encoding="utf-8")
    named = {"policy": {"folder": SHIPPED_POLICY}, "feeds": {"folder": str(feeds)}, "identity": {"totp_roles": []}}
    with running_for_operator(home, url, **named) as address:
        yield address


def send_ticket(address: str, number: str, stage: str, lonlat: tuple[float, float], **data: object) -> None:
    """Send a ticket of the city as its own system would."""
    envelope = {
        "specversion": "1.0",
        "id": number,
        "source": "/feeds/tickets",
        "type": "cn.gov.district.event.created",
        "subject": f"events/{number}",
        "time": data.pop("time", "2026-06-08T02:00:00Z"),
        "version": data.pop("version", 1),
        "data": {"source": "hotline", "stage": stage, "lon": lonlat[0], "lat": lonlat[1], **data},
    }
    media = {"content-type": "application/cloudevents+json"}
    answer = httpx.post(f"{address}/feeds/tickets", json=envelope, headers=media, timeout=120)
    assert answer.status_code == 200, answer.text

"""Phones of grid workers: their messages come by routes of the page, which know who sends; nothing is fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Literal, override

from twin.connectors.connector import FetchedFeed, Status
from twin.jobs.jobs import Parts


class PhonesFeed(FetchedFeed):
    """Reports and positions that people send in their own names; nobody may push to it as a feed."""

    protocol: Literal["phones"]

    @override
    def how_to_send(self) -> Iterator[str]:
        yield "登录后在网格员页面上报 send as a person who is logged in: POST /twin/reports, POST /twin/patrol"

    @override
    async def run(self, parts: Parts, status: Status) -> None:
        await status.working("POST /twin/reports, POST /twin/patrol")
        await asyncio.Event().wait()

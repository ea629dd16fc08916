"""Feeds that senders push over HTTP; the protocols differ in the format of a body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, override

from twin.feeds.definition import FeedDefinition, FeedFormat


class PushedFeed(FeedDefinition):
    """A feed that senders push to ``POST /feeds/{name}``."""

    is_pushed: ClassVar[bool] = True

    @override
    def how_to_send(self) -> Iterator[str]:
        yield f"发送 send: ./onemap feed send {self.name} FILE   (POST /feeds/{self.name})"


class HttpFeed(PushedFeed):
    """CloudEvents, or records of the sender's own that the file maps."""

    protocol: Literal["http"]


class CapFeed(PushedFeed):
    """Warnings: CAP 1.2."""

    usual_format: ClassVar[FeedFormat] = "cap"
    protocol: Literal["cap"]


class SensorThingsFeed(PushedFeed):
    """Observations of a SensorThings service."""

    usual_format: ClassVar[FeedFormat] = "sensorthings"
    protocol: Literal["sensorthings"]


class NgsiFeed(PushedFeed):
    """Notifications of an NGSI-LD context broker."""

    usual_format: ClassVar[FeedFormat] = "ngsi"
    protocol: Literal["ngsi"]

"""Whole files, which have all features of a collection: a feature that is no longer in the file is deleted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from twin.connectors.drop_folder import DropConnection
from twin.envelope.message import Message
from twin.envelope.read import read_structured
from twin.feeds.definition import FeedDefinition

GONE_SHARE_MAX = 0.5  # a file that would delete more than half of the known features is probably incomplete


def gone(definition: FeedDefinition, held: Iterable[str], known_ids: Iterable[str], *, now: datetime) -> list[Message]:
    """Make the deletions of a whole file. The file has no refused row, because that might be of any feature.

    Parameters
    ----------
    held
        Ids of the features in the file.
    known_ids
        Ids of the features of the feed's only collection that this feed has sent.
    now
        Time of the file; part of the deletions' ids, so that the same file gives the same messages.

    Returns
    -------
    list
        Messages of kind ``feature_change``, in the order of the ids; empty when more than half would be deleted.

    Raises
    ------
    ValueError
        When the feed does not supply exactly one collection, or its files are not whole.
    """
    connection = definition.connection
    if len(definition.supplies) != 1 or not (isinstance(connection, DropConnection) and connection.whole):
        raise ValueError(f"{definition.name} is no feed of whole files of one collection")
    known = set(known_ids)
    missing = sorted(known - set(held))
    if len(missing) > GONE_SHARE_MAX * len(known):
        return []
    return [
        read_structured(
            {
                "specversion": "1.0",
                "id": f"gone:{feature_id[:150]}@{now:%Y%m%dT%H%M%S%f}",
                "source": definition.source,
                "type": "cn.gov.district.feature_change.gone",
                "subject": f"{definition.supplies[0]}/{feature_id}",
                "time": now,
                "data": {"change": "delete"},
            },
            now=now,
        )
        for feature_id in missing
    ]

"""Messages about features that do not exist: refused, held until the feature appears, or the feature is made.

Otherwise they would be accepted and change nothing: no map shows the status of a camera that does not exist.
"""

from __future__ import annotations

from layers.catalog import Catalog
from twin.envelope.message import FeatureKey, Message, Reading, message_without_measurement
from twin.envelope.refused import Reason, Refusal, raw_of
from twin.envelope.write import write_structured
from twin.feeds.definition import Unknown
from twin.store.features.check import check_changes
from twin.store.known import KnownFeatures

_DETAILS = {
    "refuse": "send it again when it is there, or take it again 该要素存在后可重收",
    "hold": "held, and taken by itself when it is there 已暂存，该要素出现后自动入图",
    "create": "no place within the district, or other fields are needed to make it 无法新建：缺少区内位置或必填字段",
}


async def set_apart(reading: Reading, policy: Unknown, known: KnownFeatures, catalog: Catalog) -> list[Message]:
    """Move messages about missing features, and positions of things that do not move, out of the messages.

    Returns
    -------
    list
        Changes that make features, to be written first; none unless the policy is `create`.
    """
    _refuse_immobile(reading, catalog)
    made = {(m.layer, m.feature_id) for m in reading.messages if _makes(m)}
    absent = await known.absent({(m.layer, m.feature_id) for m in reading.messages if _needs_feature(m)} - made)
    if not absent:
        return []
    creations = _creations(reading, absent, catalog) if policy == "create" else {}
    kept: list[Message] = []
    for index, message in enumerate(reading.messages):
        subject = message.layer, message.feature_id
        if subject not in absent or subject in creations or not _needs_feature(message):
            kept.append(message)
        else:
            refusal = _refusal(reading.place(index), message, policy)
            (reading.held if policy == "hold" else reading.refused).append(refusal)
    reading.messages[:] = kept
    return list(creations.values())


def _makes(message: Message) -> bool:
    return message.kind == "feature_change" and message.data["change"] == "upsert"


def _needs_feature(message: Message) -> bool:
    """Return whether a message needs its feature; exercises and deletes do not."""
    if message.kind == "event" or message.mode != "actual":
        return False
    return message.kind != "feature_change" or message.data["change"] == "patch"


def _refusal(index: int, message: Message, policy: Unknown) -> Refusal:
    detail = f"there is no {message.layer}/{message.feature_id[:80]} 没有这个要素: {_DETAILS[policy]}"
    raw = raw_of(write_structured(message))
    subject = message.layer, message.feature_id
    return Refusal(index, Reason.UNKNOWN_FEATURE, detail, raw, canonical=True, subject=subject)


def _creations(reading: Reading, absent: set[FeatureKey], catalog: Catalog) -> dict[FeatureKey, Message]:
    """Return a change for each missing feature whose place a message has, and whose layer accepts it."""
    newest: dict[FeatureKey, Message] = {}
    for message in reading.messages:
        subject = message.layer, message.feature_id
        is_placed = message.lon is not None or "geometry" in message.data
        if subject in absent and is_placed and _needs_feature(message):
            known = newest.setdefault(subject, message)
            if message.phenomenon_time < known.phenomenon_time:
                newest[subject] = message
    made = Reading([_creation(message) for message in newest.values()])
    check_changes(made, catalog)
    return {(message.layer, message.feature_id): message for message in made.messages}


def _creation(message: Message) -> Message:
    """Return the change that makes a feature at the place of the first message about it."""
    shape = {"geometry": message.data["geometry"]} if "geometry" in message.data else {}
    return message_without_measurement(
        "feature_change",
        message.source,
        f"made by {message.id}",
        "cn.gov.district.feature_change.created",
        layer=message.layer,
        feature_id=message.feature_id,
        phenomenon_time=message.phenomenon_time,
        data={"change": "upsert", "properties": {}, **shape},
        version=message.version,
        sent_time=message.sent_time,
        mode=message.mode,
        suspect=message.suspect,
        lonlat=(message.lon, message.lat),
        stage=message.stage,
    )


def _refuse_immobile(reading: Reading, catalog: Catalog) -> None:
    """Refuse positions of things that do not move: the map shows the place in their layer."""
    immobile = {m.layer for m in reading.messages if m.kind == "position" and not _moves(catalog, m.layer)}
    if not immobile:
        return
    wrong = [index for index, m in enumerate(reading.messages) if m.kind == "position" and m.layer in immobile]
    for index in wrong:
        message = reading.messages[index]
        detail = f"features of {message.layer} do not move; their place is changed by a feature_change"
        raw = raw_of(write_structured(message))
        reading.refused.append(Refusal(reading.place(index), Reason.NOT_SUPPLIED, detail, raw, canonical=True))
    for index in reversed(wrong):
        del reading.messages[index]


def _moves(catalog: Catalog, layer_id: str) -> bool:
    layer = catalog.get(layer_id)
    return layer is None or layer.definition.motion is not None

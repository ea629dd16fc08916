"""The AsyncAPI 3 document: every way messages come in and changes go out, made from the code of each way."""

from __future__ import annotations

from typing import Any

from server.descriptions.asyncapi_schemas import changes_schema, cloud_event_schema, notices, schema_of
from server.live.frames import CLOUD_SOURCE
from server.live.socket import MESSAGE_BYTES_MAX, MESSAGES_PER_SECOND, PROTOCOL, Ping, Subscribe
from twin.feeds.signature import NONCE, SIGNATURE, TIMESTAMP
from twin.outlets.webhook import GAP, MEDIA_TYPE, SOURCE

type AsyncApiDocument = dict[str, Any]
MEDIA = "application/asyncapi+json;version=3.0.0"
_JSON = "application/json"
_DESCRIPTION = (
    "事件、观测、位置的接入与变更推送。 Events, observations and positions in; changes out, numbered in one log:"
    " resume after any number, and nothing is missed or told twice."
)
_QUERY = {
    "layers": "图层，逗号分隔 collection ids, by comma",
    "areas": "网格或区划代码前缀 prefixes of area or grid codes, by comma",
    "bbox": "west,south,east,north",
    "bbox-crs": "bbox 的坐标系，含 gcj02、bd09 of bbox; OGC:CRS84 by default",
    "filter": "CQL2；须指定图层 CQL2; needs layers",
    "filter-lang": "cql2-text, cql2-json",
    "filter-crs": "filter 的坐标系 of places in filter",
    "crs": "输出坐标 of what is sent: OGC:CRS84, gcj02, bd09",
    "since": "从此序号之后 after this number",
    "snapshot": "true: 先发当前状态 the state first",
    "tiles": "true: 也通知哪些瓦片变了 also which tiles changed",
    "notes": "true: 也通知新的批示 also what leaders wrote about",
    "f": "cloudevents: 每条变更为一个 CloudEvent  each change is a CloudEvent of its own",
}


def asyncapi(base: str, version: str) -> AsyncApiDocument:
    """Return the document for clients that reach this server at `base`, an address without a slash at the end."""
    scheme, _, place = base.partition("://")
    host, slash, path = place.partition("/")
    where = {"host": host, **({"pathname": slash + path} if path else {})}
    socket = {**where, "protocol": "wss" if scheme == "https" else "ws", "security": _secured(_BEARER)}
    return {
        "asyncapi": "3.0.0",
        "id": f"{base}/asyncapi.json",
        "info": {
            "title": "OneMap 全区一张图",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {
            "http": {**where, "protocol": scheme, "security": _secured(_BEARER)},
            "socket": socket,
            "broker": {
                "host": "{broker}",
                "protocol": "mqtt",
                "description": "由出口文件指定 named by the file of an outlet",
                "variables": {"broker": {"default": "broker.example.gov.cn:1883"}},
            },
        },
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "messages": _messages(base),
            "schemas": {"changes": changes_schema(), "change": changes_schema()["items"]},
            "securitySchemes": {
                _BEARER: {"type": "http", "scheme": "bearer", "description": "可选；无令牌即公众 none is the public"}
            },
        },
    }


_BEARER = "token"


def _secured(name: str) -> list[AsyncApiDocument]:
    return [{"$ref": f"#/components/securitySchemes/{name}"}]


def _channel(address: str | None, servers: list[str], title: str, messages: list[str], **more: Any) -> AsyncApiDocument:
    return {
        "address": address,
        "title": title,
        "servers": [{"$ref": f"#/servers/{server}"} for server in servers],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        **more,
    }


def _channels() -> AsyncApiDocument:
    sent = ["snapshot", "ready", "changes", "resync", "tiles", "notes"]
    feed = {"name": {"description": "数据源名称，见 GET /twin/feeds  name of a feed, see GET /twin/feeds"}}
    feature = {"layer": {"description": "图层 collection id"}, "id": {"description": "要素标识 id in it, escaped"}}
    socket = {"ws": {"method": "GET", "bindingVersion": "0.1.0"}}
    return {
        "live": _channel(
            "/live", ["http"], "变更（服务器推送事件） Changes as server-sent events", [*sent, "cloudEvent"]
        ),
        "liveSocket": _channel(
            "/live/ws",
            ["socket"],
            "变更（WebSocket） Changes over a WebSocket",
            ["subscribe", "ping", *(f"{name}Message" for name in sent), "heartbeatMessage", "errorMessage"],
            bindings=socket,
            description=f"Sub-protocol {PROTOCOL}; a token may be offered beside it as bearer.<token>. A message has at"
            f" most {MESSAGE_BYTES_MAX} bytes, and {MESSAGES_PER_SECOND} a second are read.",
        ),
        "feed": _channel("/feeds/{name}", ["http"], "接入 Messages in", ["event", "events"], parameters=feed),
        "webhook": _channel(
            None,
            ["http"],
            "网络回调 Changes to a webhook",
            ["cloudEvents"],
            description="POST to the address that an operator has written into the file of an outlet.",
        ),
        "broker": _channel(
            "onemap/{layer}/{id}", ["broker"], "消息代理 Changes to a broker", ["change"], parameters=feature
        ),
    }


def _operations() -> AsyncApiDocument:
    query = {"type": "object", "properties": {n: {"type": "string", "description": d} for n, d in _QUERY.items()}}
    http = {"http": {"method": "GET", "query": query, "bindingVersion": "0.3.0"}}
    post = {"http": {"method": "POST", "bindingVersion": "0.3.0"}}
    qos = {"mqtt": {"qos": 1, "retain": True, "bindingVersion": "0.2.0"}}

    def operation(action: str, channel: str, messages: list[str], **more: Any) -> AsyncApiDocument:
        refs = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages]
        return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "messages": refs, **more}

    channels = _channels()
    received = ["subscribe", "ping"]
    sent = [name for name in channels["liveSocket"]["messages"] if name not in received]
    return {
        "hearChanges": operation("send", "live", list(channels["live"]["messages"]), bindings=http),
        "askOverSocket": operation("receive", "liveSocket", received),
        "hearOverSocket": operation("send", "liveSocket", sent),
        "deliver": operation("receive", "feed", ["event", "events"], bindings=post),
        "callWebhook": operation("send", "webhook", ["cloudEvents"], bindings=post),
        "publish": operation("send", "broker", ["change"], bindings=qos),
    }


def _messages(base: str) -> AsyncApiDocument:
    envelope = {"$ref": f"{base}/schemas/envelope.json"}
    signature = {
        "type": "object",
        "properties": {
            TIMESTAMP: {"type": "string", "description": "seconds since 1970"},
            NONCE: {"type": "string", "description": "16 to 64 characters of A-Za-z0-9_-, used once"},
            SIGNATURE: {
                "type": "string",
                "description": "sha256= and the HMAC-SHA256 of name, timestamp, nonce and body, joined by line feeds; "
                "in binary mode binary= and that of a text with the content type and the ce- headers too",
            },
        },
    }
    events = {"type": "array", "items": cloud_event_schema(SOURCE, GAP)}
    return {
        **notices(),
        "subscribe": {"contentType": _JSON, "payload": schema_of(Subscribe)},
        "ping": {"contentType": _JSON, "payload": schema_of(Ping)},
        "change": {
            "contentType": _JSON,
            "summary": "a change with its number as `seq`; the broker keeps the newest of each topic",
            "payload": {"$ref": "#/components/schemas/change"},
        },
        "event": {
            "contentType": "application/cloudevents+json",
            "summary": "one CloudEvent: an event, observation, position or change of a feature",
            "headers": signature,
            "payload": envelope,
        },
        "events": {
            "contentType": "application/cloudevents-batch+json",
            "summary": "many CloudEvents; also as lines of application/x-ndjson",
            "headers": signature,
            "payload": {"type": "array", "items": envelope},
        },
        "cloudEvent": {
            "name": "cloudevent",
            "contentType": "application/cloudevents+json",
            "summary": "with f=cloudevents: one change; its id is the same for everybody who is told of it",
            "payload": cloud_event_schema(CLOUD_SOURCE, GAP, timed=False),
        },
        "cloudEvents": {
            "contentType": MEDIA_TYPE,
            "summary": "changes in order; an event's id is the number of its change: what comes twice is known by it",
            "headers": signature,
            "payload": events,
        },
    }

"""What a person reads first in the API's documentation: an introduction, and groups with titles."""

from __future__ import annotations

from layers.types import Json

DESCRIPTION = """
全区一张图的接口：查要素、按位置提问、看历史、听变化。
不带令牌即以公众身份读取公开数据；带 `Authorization: Bearer <令牌>` 按本人权限读取。
时间不带时区即北京时间；坐标默认经度、纬度（CRS84），`crs` 可另指定。
出错时 `detail` 说明给了什么、允许什么。

The interface of the one map: features, questions about places, history, changes. Without a token one reads as the
public; `Authorization: Bearer <token>` reads with one's own rights. A time without an offset is Beijing time. Places
are longitude and latitude (CRS84) unless `crs` says otherwise. An error's `detail` says what was given and what is
allowed.

- 要素、瓦片与地图 Features, tiles and maps: [OGC API](ogc?f=html), [/ogc/openapi](ogc/openapi?f=html)
- 推送与 WebSocket Streams: [/asyncapi.json](asyncapi.json)
- 每个数据集的字段与示例代码 Fields and code for each collection: [/catalog](catalog)
- 使用指南 Guides: [/guide](guide)
"""
_GROUPS = {
    "map": ("地图", "the map, its pages and this document"),
    "twin": ("位置与事件查询", "questions about places, areas and events"),
    "history": ("历史", "series, tracks and rows of the past"),
    "live": ("实时推送", "changes as they happen"),
    "tiles": ("矢量瓦片", "vector tiles"),
    "raster": ("栅格", "rasters: relief, rain"),
    "styles": ("地图样式", "styles, legends, pictograms"),
    "service": ("底图与服务", "basemaps of others"),
    "sensorthings": ("传感器 SensorThings", "OGC SensorThings 1.1"),
    "processes": ("过程", "OGC API - Processes: operations as jobs"),
    "feeds": ("数据源", "deliver messages, and how feeds do"),
    "rules": ("规则", "rules, fences, exercises"),
    "outlets": ("对外推送", "webhooks and brokers"),
    "identity": ("登录与身份", "logging in, accounts, sessions, tokens, approvals"),
    "layers": ("图层管理", "layers as those who keep them see them"),
    "policy": ("权限策略", "the policy in force"),
    "audit": ("审计", "who read what"),
    "schemas": ("消息模式", "schemas of messages"),
    "health": ("运行状况", "health and metrics"),
}
"""Titles and descriptions of the groups, in the order in which they are shown; routes name them by their keys."""


def name_groups(document: Json) -> None:
    """Give the groups of a document titles in both languages, in the order of their importance."""
    used = {tag for operation in _operations(document) for tag in operation.get("tags", ())}
    document["tags"] = [
        {"name": f"{title} {key}", "description": about} for key, (title, about) in _GROUPS.items() if key in used
    ]
    for operation in _operations(document):
        operation["tags"] = [f"{_GROUPS[tag][0]} {tag}" if tag in _GROUPS else tag for tag in operation.get("tags", ())]


def _operations(document: Json) -> list[Json]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]

"""Chinese titles for pygeoapi's links; it comes without a translation."""

from __future__ import annotations

from server.ogc.visit import Language

_CHINESE = {
    "This document as JSON": "本文档（JSON）",
    "This document as HTML": "本文档（HTML）",
    "This document as RDF (JSON-LD)": "本文档（JSON-LD）",
    "The OpenAPI definition as JSON": "接口定义 OpenAPI（JSON）",
    "The OpenAPI definition as HTML": "接口定义 OpenAPI（HTML）",
    "Conformance": "符合性声明",
    "Collections": "图层集合",
    "The list of supported tiling schemes as JSON": "瓦片矩阵集列表（JSON）",
    "The list of supported tiling schemes as HTML": "瓦片矩阵集列表（HTML）",
    "The landing page of this server as JSON": "服务首页（JSON）",
    "The landing page of this server as HTML": "服务首页（HTML）",
    "Schema of collection in JSON": "图层结构（JSON）",
    "Schema of collection in HTML": "图层结构（HTML）",
    "Queryables for this collection as JSON": "可查询属性（JSON）",
    "Queryables for this collection as HTML": "可查询属性（HTML）",
}


def in_language(title: str, language: Language) -> str:
    """Return a link's title in a language; unchanged when there is no translation."""
    return _CHINESE.get(title, title) if language == "zh-CN" else title

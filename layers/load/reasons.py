"""The reasons of refused rows and the repairs of loaded ones: their codes in words."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "already_there": "编号已存在 the id is there already",
    "altered_value": "类型会改变该值 its type would alter the value",
    "bad_coordinate": "坐标无法读取 a coordinate cannot be read",
    "bad_encoding": "文字编码有误 text that cannot be decoded",
    "bad_geometry": "几何无法读取 the geometry cannot be read",
    "bad_value": "值无法读取 a value cannot be read",
    "broken_line": "行不完整 the line is broken",
    "collapsed": "修复后几何为空 nothing is left of the geometry",
    "duplicate": "编号重复 the id stands twice",
    "missing_value": "缺少必填字段 a required field is empty",
    "no_geometry": "没有几何 no geometry",
    "no_id": "没有编号 no id",
    "not_degrees": "不是经纬度 these are no degrees",
    "not_metres": "不是米制坐标 these are no metres",
    "not_repairable": "几何无法修复 the geometry cannot be repaired",
    "not_transformable": "超出坐标系范围 outside the coordinate system",
    "other_crs": "几何注明了另一坐标系 the geometry names another system",
    "outside_district": "在区外 outside the district",
    "scaled": "坐标放大了一百万倍 degrees times a million",
    "several_parts": "含多个部分 several parts",
    "swapped": "经纬度颠倒 latitude and longitude exchanged",
    "too_long": "文字过长 the text is too long",
    "too_many_vertices": "顶点过多 too many vertices",
    "unknown_code": "不在代码表中 not in the code list",
    "wrong_type": "几何类型不符 the geometry is of another type",
    "zero": "坐标为 0,0 the position is 0, 0",
    "zone_prefixed": "带带号 the zone stands before the easting",
}
REPAIRS: dict[str, str] = {
    "cut_character": "去除被截断的半个字 half a character removed",
    "label_to_code": "名称换为代码 labels became codes",
    "made_valid": "几何已修复 geometry made valid",
    "nul_character": "去除空字符 NUL characters removed",
    "null_word": "“无”视为空 words for nothing became null",
    "ring_order": "环方向已改 ring order put right",
    "unclosed_ring": "环已闭合 ring closed",
}


def in_words(code: str) -> str:
    """Return the code of a reason or repair with its words, for example ``zero 坐标为 0,0 the position is 0, 0``."""
    words = REASONS.get(code) or REPAIRS.get(code)
    return f"{code} {words}" if words else code

"""Synthetic names of places, roads and people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SURNAMES = tuple("陈李黄梁林张吴刘何郭王冯罗谭潘钟简区卢麦苏邓叶冼莫曾徐杨谢彭")
GIVEN_NAMES = tuple("志伟丽华国强秀英建军美玲俊杰晓燕永康佩珊家豪婉仪文辉淑芬嘉欣子健雅诗明德慧敏浩然")
TOWN_NAMES = (
    "中山", "人民", "东风", "新华", "和平", "朝阳", "滨河", "金沙", "桥东", "城南", "永安", "太平",
    "沙头", "石井", "龙门", "凤岗", "大塘", "北亭", "长岭", "白石", "云山", "南坑", "水口", "平洲",
    "莲塘", "鹿湖", "西樵", "罗村",
)  # fmt: skip
COMMUNITY_NAMES = (
    "龙口", "华景", "天润", "翠园", "金燕", "东逸", "侨林", "晴川", "紫荆", "穗园", "丽景", "绿荷",
    "朝晖", "南国", "汇景", "怡乐", "育蕾", "天誉", "荷光", "骏景", "东晖", "西苑", "春晓", "秋月",
    "松岗", "榕景", "棉岗", "桂园", "石溪", "沙太", "银利", "金田", "科苑", "创意", "学苑", "云溪",
    "河水", "桥头", "北社", "南社", "新墟", "祠堂",
)  # fmt: skip
LANE_WORDS = (
    "仁和", "福安", "永兴", "同德", "聚贤", "文昌", "登云", "沙浦", "榕树", "荔苑", "水荫", "龙腾",
    "盛景", "德政", "兴业", "育才", "建业", "翰景", "云景", "荷塘", "桃园", "竹韵", "松鹤", "雁栖",
    "金穗", "银河", "星海", "启智", "致远", "博学",
)  # fmt: skip
ROAD_TAILS = ("路", "大道", "东路", "西路", "南路", "北路", "中路", "一路", "二路", "三路", "四路")
LANE_TAILS = ("街", "巷", "横路", "里", "一街", "二街", "三巷", "东街", "西街", "南街", "北街", "新街", "直街")


def road_names(rng: np.random.Generator, count: int) -> list[str]:
    """Return names for main roads, all different up to some eight hundred."""
    names = [f"{stem}{tail}" for tail in ROAD_TAILS for stem in rng.permutation(LANE_WORDS + COMMUNITY_NAMES).tolist()]
    return [names[i % len(names)] for i in range(count)]


def lane_names(rng: np.random.Generator, count: int) -> list[str]:
    """Return names for lanes, with repeats, as in a real city."""
    stems = rng.choice(np.array(LANE_WORDS), count)
    tails = rng.choice(np.array(LANE_TAILS), count)
    return [f"{stem}{tail}" for stem, tail in zip(stems, tails, strict=True)]


def person_names(rng: np.random.Generator, count: int) -> list[str]:
    """Return obviously synthetic names of people: 示例, a surname and a given name."""
    surnames = rng.choice(np.array(SURNAMES), count)
    given = rng.choice(np.array(GIVEN_NAMES), (count, 2))
    return [f"示例{s}{g[0]}{g[1]}" for s, g in zip(surnames, given, strict=True)]


def phones(rng: np.random.Generator, count: int) -> list[str]:
    """Return telephone numbers outside the numbering plan: mobile numbers begin with 13 to 19, these with 100."""
    return [f"100{n:08d}" for n in rng.integers(0, 10**8, count)]


def community_names(rng: np.random.Generator, count: int) -> list[str]:
    """Return names for the communities of one street, all different, without 社区."""
    names: NDArray[np.str_] = rng.permutation(np.array(COMMUNITY_NAMES))
    return [f"{names[i % len(names)]}{'' if i < len(names) else '第' + str(i // len(names) + 1)}" for i in range(count)]

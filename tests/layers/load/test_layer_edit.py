"""A layer made from a file gets its title, style, grade and name by commands, and is dropped with its past."""

from __future__ import annotations

import pytest

from layers.catalog import read_catalog
from layers.errors import BadInput, Conflict, NotFound
from layers.load import LoadOptions, load_file
from layers.schema.layer_edit import LayerEdit, count_layer, edit_layer, remove_layer, rename_layer
from layers.schema.tables import create_layer
from tests.readers import INSIDER

pytestmark = pytest.mark.anyio
SHOPS = "id,name,kind,lon,lat\n{}1,甲,online,113.33,23.13\n{}2,乙,offline,113.34,23.14\n"


@pytest.fixture
async def shops(layers_url, db, tmp_path):
    file = tmp_path / "shops.csv"
    for first in ("a", "b"):  # the second load replaces the first, which becomes the past
        file.write_text(SHOPS.format(first, first), encoding="utf-8")
        await load_file(layers_url, file, "shops", LoadOptions(grade=2), mode="replace")
    return db


async def test_what_is_set_is_in_the_catalogue_and_the_rest_stays(shops):
    before = (await read_catalog(shops))["shops"].definition
    edit = LayerEdit("商铺", "Shops", {"group_zh": "民生", "icon": "shop", "visible": False, "label": "name"})
    await edit_layer(shops, "shops", edit)
    after = (await read_catalog(shops))["shops"].definition
    assert (after.title_zh, after.title_en, after.map.group_zh, after.map.icon) == ("商铺", "Shops", "民生", "shop")
    assert (after.map.visible, after.map.label) == (False, "name")
    assert [f.name for f in after.fields] == [f.name for f in before.fields]
    assert after.map.color == before.map.color


async def test_a_grade_that_is_set_hides_the_rows_that_are_there(shops):
    assert (await read_catalog(shops))["shops"].visible_to(INSIDER)
    await edit_layer(shops, "shops", LayerEdit(grade=4))
    layer = (await read_catalog(shops))["shops"]
    assert not layer.visible_to(INSIDER)


async def test_a_code_list_is_given_and_taken_away(shops):
    await edit_layer(shops, "shops", LayerEdit(codes={"kind": "online_status"}))
    assert (await read_catalog(shops))["shops"].definition.by_name["kind"].codes == "online_status"
    await edit_layer(shops, "shops", LayerEdit(codes={"kind": ""}))
    assert (await read_catalog(shops))["shops"].definition.by_name["kind"].codes is None


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (LayerEdit(codes={"nothing": "online_status"}), "no field of shops"),
        (LayerEdit(codes={"kind": "nothing"}), "no code list 'nothing'"),
        (LayerEdit(hints={"icon": "../../etc/passwd"}), "icon"),
        (LayerEdit(grade=9), "grade"),
    ],
)
async def test_what_is_not_allowed_is_refused_in_words_and_changes_nothing(shops, edit, words):
    before = (await read_catalog(shops))["shops"].definition
    with pytest.raises(BadInput, match=words):
        await edit_layer(shops, "shops", edit)
    assert (await read_catalog(shops))["shops"].definition == before


async def test_a_renamed_layer_takes_rows_past_and_indexes_along_and_loads_again(shops, layers_url, tmp_path):
    was = await count_layer(shops, "shops")
    assert was == (2, 2)
    await rename_layer(shops, "shops", "stores")
    assert "shops" not in await read_catalog(shops)
    assert await count_layer(shops, "stores") == was
    indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'layer' AND tablename = 'stores'"
    there = await shops.fetchval(indexes)
    await create_layer(shops, (await read_catalog(shops))["stores"].definition)
    assert await shops.fetchval(indexes) == there
    summary = await load_file(layers_url, tmp_path / "shops.csv", "stores", mode="replace")
    assert summary.loaded == 2
    assert await count_layer(shops, "stores") == (2, 4)


async def test_a_dropped_layer_is_gone_with_its_past_and_its_name_is_free(shops, layers_url, tmp_path):
    await remove_layer(shops, "shops")
    assert "shops" not in await read_catalog(shops)
    assert await shops.fetchval("SELECT to_regclass('past.shops') IS NULL")
    assert (await load_file(layers_url, tmp_path / "shops.csv", "shops")).loaded == 2


async def test_a_declared_layer_and_one_that_is_not_there_are_refused(shops):
    for change in (edit_layer(shops, "grids", LayerEdit("x")), rename_layer(shops, "grids", "g")):
        with pytest.raises(Conflict, match="definition file"):
            await change
    with pytest.raises(NotFound, match="no layer 'nothing'"):
        await remove_layer(shops, "nothing")
    with pytest.raises(Conflict, match="already"):
        await rename_layer(shops, "shops", "grids")
    for bad in ("Shops", "a b", "a\n", "1a", "x" * 64):
        with pytest.raises(BadInput, match="no id"):
            await rename_layer(shops, "shops", bad)

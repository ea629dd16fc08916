"""The law of streams: whatever is written, by whom, and however a subscriber listens, he holds what he may read now."""

from __future__ import annotations

import asyncio
import random

import orjson
import pytest

from layers.actor import Actor
from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.errors import NotFound
from layers.load import LoadOptions, load_file
from layers.policy.policy import Policy
from layers.schema.tables import create_layer, refresh_statistics
from tests.databases import count_rows
from tests.layers.cameras import CAMERAS, ROWS
from tests.layers.read.policies import actor_of, role, rule
from tests.twin.change_log import DEADLINE_SECONDS, newest, tails, written
from twin.live.interest import Interest
from twin.live.snapshot import take_snapshot
from twin.log.changes import Forgotten

pytestmark = pytest.mark.anyio
AREA = "440106010"
POLICY = Policy(
    (role("anonymous", 1), role("officer", 3), role("worker", 3), role("surveyor", 3)),
    (
        rule("public", "anonymous", "cameras"),
        rule("own", "officer", "cameras", areas="own"),
        rule("low", "worker", "cameras", rows="height_m < 5 AND name = '甲'", grade=3),
        rule("west", "surveyor", "cameras", rows="S_INTERSECTS(geom, BBOX(113, 23, 113.305, 23.2))", grade=3),
    ),
)
READERS = {
    "public": Actor("public", 1),
    "internal": Actor("internal", 2),
    "bound": Actor("bound", 3, (AREA,)),
    "everything": Actor("everything", 4),
    "officer": actor_of(POLICY, "officer", areas=(AREA,)),
    "worker": actor_of(POLICY, "worker"),
    "surveyor": actor_of(POLICY, "surveyor"),
}
INTEREST = Interest(frozenset({"cameras"}))
ROW_COUNT = 40


@pytest.fixture
async def cameras_url(database_url):
    owner = await connect(database_url)
    await create_layer(owner, CAMERAS)
    await owner.execute("SET onemap.tells_log = 'on'")  # the log begins empty
    await owner.execute(ROWS, ROW_COUNT)
    await refresh_statistics(owner, CAMERAS)
    await owner.close()
    return database_url


class Picture:
    """What a subscriber has on his map, who listens at several processes and is cut between."""

    def __init__(self, actor, held, seq) -> None:
        self.actor, self.held, self.seq = actor, held, seq

    async def hear(self, url, tail, pool, until):
        """Listen at a process until a number; after a gap, read the state again."""
        watcher = tail.watch(INTEREST, self.actor, self.seq)
        while watcher.seq < until:
            try:
                batch = await tail.take(watcher, pool, 0.05)
            except Forgotten:
                tail.leave(watcher)
                self.held, self.seq = await read_now(url, pool, self.actor)
                watcher = tail.watch(INTEREST, self.actor, self.seq)
                continue
            if batch:
                self.take(orjson.loads(batch.body))
        self.seq = watcher.seq
        tail.leave(watcher)

    def take(self, changes):
        for change in changes:
            assert change["kind"] == "feature"
            assert not change.keys() & {"grade", "before", "row", "stored"}
            (self.held.discard if change["operation"] == "delete" else self.held.add)(change["id"])


async def read_now(url, pool, actor):
    """The ids that a fresh read shows, and the number of the log that they have."""
    owner = await connect(url)
    catalog = await read_catalog(owner)
    await owner.close()
    try:
        state = await take_snapshot(pool, catalog, actor, INTEREST)
    except NotFound:
        return set(), await newest(url)
    return {feature["id"] for feature in orjson.loads(b"[%s]" % state.layers["cameras"])}, state.seq


STATEMENTS = (
    "UPDATE layer.cameras SET data_grade = 1 + {number} % 4, height_m = height_m WHERE {some}",
    "UPDATE layer.cameras SET area_code = '44010601{number}001' WHERE {some}",
    "UPDATE layer.cameras SET height_m = {number} WHERE {some}",
    "UPDATE layer.cameras SET name = CASE {number} % 2 WHEN 0 THEN '甲' ELSE '乙' END WHERE {some}",
    "UPDATE layer.cameras SET geom = ST_Translate(geom, 0.01, 0) WHERE {some}",
    "DELETE FROM layer.cameras WHERE {some} AND {number} < 3",
    """WITH first AS (SELECT id FROM layer.cameras ORDER BY id LIMIT 3),
        gone AS (DELETE FROM layer.cameras AS c USING first WHERE c.id = first.id RETURNING c.*)
    INSERT INTO layer.cameras (id, geom, name, height_m, area_code, data_grade)
    SELECT 'n' || id, geom, name, height_m, area_code, data_grade FROM gone""",
    """CREATE TEMP TABLE held ON COMMIT DROP AS SELECT * FROM layer.cameras WHERE {some};
    DELETE FROM layer.cameras WHERE {some}; INSERT INTO layer.cameras SELECT * FROM held; DROP TABLE held""",
    """INSERT INTO layer.cameras (id, geom, name, height_m, area_code, data_grade)
    SELECT DISTINCT ON (right(id, 2)) 'm{number}' || right(id, 2), geom, name, height_m, area_code, 1 + {number} % 4
    FROM layer.cameras WHERE {some}
    ON CONFLICT (id) DO UPDATE SET data_grade = excluded.data_grade, area_code = '440106010001'""",
)


async def by_hand(url, numbers, _file):
    """Change or delete some rows, in one statement or in several of a transaction, of which some is undone."""
    owner = await connect(url, None)  # whoever is at the database's own console
    async with owner.transaction():
        for _ in range(numbers.randint(1, 3)):
            some = f"right(id, 2)::int % {numbers.randint(1, 7)} = 0"
            text = numbers.choice(STATEMENTS).format(number=numbers.randint(0, 9), some=some)
            undone = owner.transaction()
            await undone.start()
            await owner.execute(text)
            await (undone.rollback if numbers.random() < 0.2 else undone.commit)()
    await owner.close()


async def by_load(url, numbers, file):
    """Load some rows and new ones, or all of them in the place of all, with other grades."""
    owner = await connect(url)
    rows = await owner.fetch(
        "SELECT id, name, height_m, area_code, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM layer.cameras ORDER BY id"
    )
    await owner.close()
    if not rows:
        return
    mode = numbers.choice(["upsert", "replace"])
    rows = [[*row] for row in numbers.sample(rows, min(15, len(rows)))]
    for row in rows[:4]:
        row[0] = f"n{numbers.randint(10, 99)}{row[0][-2:]}"
    rows = list({row[0]: row for row in rows}.values())
    lines = [",".join("" if v is None else str(v) for v in row) + f",{numbers.randint(1, 4)}" for row in rows]
    file.write_text("\n".join(["id,name,height_m,area_code,lon,lat,data_grade", *lines]), encoding="utf-8")
    summary = await load_file(url, file, "cameras", LoadOptions(lower_grades=numbers.random() < 0.7), mode=mode)
    assert summary.loaded == len(rows)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_after_any_writes_by_hand_everybody_holds_what_he_may_read(cameras_url, tmp_path, seed):
    url, numbers = cameras_url, random.Random(seed)

    async def judge(name, one):
        assert one.held == (await read_now(url, pool, one.actor))[0], name

    async with tails(url, 2) as (running, pool), asyncio.timeout(DEADLINE_SECONDS):
        pictures = {name: Picture(actor, *await read_now(url, pool, actor)) for name, actor in READERS.items()}
        for _ in range(12):
            await numbers.choice([by_hand, by_hand, by_load])(url, numbers, tmp_path / "cameras.csv")
            tail, end = numbers.choice(running), await newest(url)
            listening = {name: one for name, one in pictures.items() if numbers.random() < 0.7}  # others come late
            await asyncio.gather(*(one.hear(url, tail, pool, end) for one in listening.values()))
            for name, one in listening.items():
                await judge(name, one)
        for name, one in pictures.items():
            await one.hear(url, running[0], pool, await newest(url))
            await judge(name, one)


async def test_a_member_of_a_channel_hears_it_at_once(cameras_url):
    async with tails(cameras_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        watcher = tail.watch(INTEREST, READERS["internal"])
        assert await tail.take(watcher, pool, 0) is None  # it is a member now
        owner = await connect(cameras_url)
        await owner.execute("UPDATE layer.cameras SET data_grade = 3 WHERE id IN ('c0001', 'c0003')")
        await owner.close()
        batch = None
        while batch is None:
            batch = await tail.take(watcher, pool, 1)
        removed = {"kind": "feature", "layer": "cameras", "id": "c0001", "operation": "delete"}
        assert orjson.loads(batch.body) == [removed]  # c0003 had grade 4: its id is nobody's business


async def test_a_new_row_is_told_as_its_transaction_leaves_it_and_nothing_of_what_was_undone(cameras_url):
    owner = await connect(cameras_url, Role.INGEST)
    async with owner.transaction():
        await owner.execute(
            "INSERT INTO layer.cameras (id, geom, data_grade) SELECT 'new', geom, 1 FROM layer.cameras LIMIT 1"
        )
        await owner.execute("UPDATE layer.cameras SET data_grade = 4, name = '甲' WHERE id = 'new'")
    ((seq, told),) = await written(cameras_url)
    assert (told["operation"], told["id"], told["grade"], told["before"]) == ("create", "new", 4, None)
    assert told["row"]["name"] == "甲"
    assert told["old"] is None
    async with owner.transaction():
        await owner.execute("INSERT INTO layer.cameras (id, data_grade) VALUES ('passing', 1)")
        await owner.execute("DELETE FROM layer.cameras WHERE id = 'passing'")
    await owner.execute("UPDATE layer.cameras SET name = name, data_grade = data_grade")
    async with owner.transaction():
        await owner.execute("UPDATE layer.cameras SET height_m = height_m + 1")
        await owner.execute("UPDATE layer.cameras SET height_m = height_m - 1")
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute("DELETE FROM layer.cameras")
    await transaction.rollback()
    await owner.close()
    assert await written(cameras_url) == [(seq, told)]


async def silence(tail, watcher, pool):
    """Listen until the stream cannot go on; nothing is told meanwhile."""
    while True:
        assert await tail.take(watcher, pool, 1) is None


async def test_a_write_of_many_rows_ends_in_one_notice_of_the_layer(cameras_url, tmp_path):
    """Who may see of it reads the layer again; nobody else is told."""
    owner = await connect(cameras_url)
    await owner.execute(
        "INSERT INTO layer.cameras (id, data_grade) SELECT 'n' || i, 3 FROM generate_series(1, 9000) AS i"
    )
    assert len(await written(cameras_url)) == 1
    async with tails(cameras_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        watchers = {name: tail.watch(INTEREST, READERS[name]) for name in ("public", "everything")}
        for watcher in watchers.values():
            assert await tail.take(watcher, pool, 0) is None  # it is a member now
        begun = await newest(cameras_url)
        await owner.execute("UPDATE layer.cameras SET name = 'c' WHERE id ^@ 'n'")
        ((_, notice),) = await written(cameras_url, begun)
        assert notice == {"kind": "layer", "layer": "cameras", "id": "*", "grade": 3}
        with pytest.raises(Forgotten, match="read the layer again"):
            await silence(tail, watchers["everything"], pool)
        with pytest.raises(Forgotten):  # who was away is told when he comes
            await tail.take(tail.watch(INTEREST, READERS["everything"], begun), pool, 1)
        while watchers["public"].seq < begun + 1:
            assert await tail.take(watchers["public"], pool, 0.05) is None
        await owner.execute("TRUNCATE layer.cameras")
        with pytest.raises(Forgotten):
            await silence(tail, watchers["public"], pool)
        begun = await newest(cameras_url)
        many = "id,lon,lat,data_grade\n" + "".join(f"m{i},113.3,23.1,{2 + i % 2}\n" for i in range(12_000))
        (tmp_path / "many.csv").write_text(many, encoding="utf-8")
        await load_file(cameras_url, tmp_path / "many.csv", "cameras")  # the table is exchanged for a new one
        assert await written(cameras_url, begun) == [(begun + 1, {**notice, "grade": 2})]
    assert await count_rows(owner, "onemap.untold_layer") == 0
    await owner.close()


async def test_many_rows_are_told_in_frames_that_leave_the_log_free_while_it_lasts(cameras_url):
    owner, other = await connect(cameras_url), await connect(cameras_url)
    await owner.execute("UPDATE layer.cameras SET data_grade = data_grade WHERE id = 'c0001'")  # plans for one row
    await owner.execute(
        "INSERT INTO layer.cameras (id, data_grade) SELECT 'n' || i, 2 FROM generate_series(1, 2500) AS i"
    )
    made = await newest(cameras_url)
    async with owner.transaction():
        await owner.execute("UPDATE layer.cameras SET data_grade = 3 WHERE id ^@ 'n'")
        locked = await other.fetchval("SELECT NOT pg_try_advisory_lock(440107)")
        assert not locked
        await other.execute("SELECT pg_advisory_unlock_all()")
    frames = await owner.fetch("SELECT last_seq - first_seq + 1 AS number FROM twin.change ORDER BY last_seq")
    assert [frame["number"] for frame in frames] == [1000, 1000, 500] * 2
    assert await count_rows(owner, "onemap.untold_row") == 0
    numbered = await written(cameras_url)
    assert {change["id"] for _, change in numbered} == {f"n{i}" for i in range(1, 2501)}
    assert all(change["before"] is None and change["grade"] == 2 for seq, change in numbered if seq <= made)
    assert all(change["before"]["grade"] == 2 and change["grade"] == 3 for seq, change in numbered if seq > made)
    await owner.close()
    await other.close()


async def test_a_grade_is_told_of_a_row_that_came_while_its_transaction_lasted(cameras_url):
    owner, other = await connect(cameras_url), await connect(cameras_url)
    async with owner.transaction():
        await owner.fetchval("SELECT now()")
        await other.execute("INSERT INTO layer.cameras (id, data_grade) VALUES ('late', 1)")
        await owner.execute("UPDATE layer.cameras SET data_grade = 4 WHERE id = 'late'")
    (_, made), (_, raised) = await written(cameras_url)
    assert (made["id"], made["operation"], made["grade"]) == ("late", "create", 1)
    assert (raised["id"], raised["operation"], raised["before"]["grade"]) == ("late", "update", 1)
    await owner.close()
    await other.close()


HERE, ELSEWHERE = "440106011001001", "440106012001001"


async def test_what_moves_is_told_where_it_is_and_to_who_sees_no_positions_where_it_belongs(database_url):
    """A worker belongs to one area and is in another: each reader is told who had him on the map."""
    owner = await connect(database_url)
    await owner.execute(
        "INSERT INTO layer.grid_workers (id, worker_id, data_grade, area_code, grid_code) VALUES ('w', 'w', 1, $1, $2)",
        HERE[:12],
        HERE,
    )
    await owner.execute(
        "INSERT INTO twin.position_now (layer, id, phenomenon_time, lon, lat, grid_code, area_code)"
        " VALUES ('grid_workers', 'w', now(), 113.3, 23.1, $1, $2)",
        ELSEWHERE,
        ELSEWHERE[:12],
    )
    readers = {
        (seen, area[:9]): actor_of(
            Policy(
                (role("anonymous", 1), role("officer", 3)),
                (rule("own", "officer", "grid_workers", areas="own", geometry="full" if seen else "absent"),),
            ),
            "officer",
            areas=(area[:9],),
        )
        for seen in (True, False)
        for area in (HERE, ELSEWHERE)
    }
    interest = Interest(frozenset({"grid_workers"}))
    async with tails(database_url) as ((tail,), pool), asyncio.timeout(DEADLINE_SECONDS):
        watchers = {name: tail.watch(interest, actor) for name, actor in readers.items()}
        for watcher in watchers.values():
            assert await tail.take(watcher, pool, 0) is None
        begun = await newest(database_url)
        await owner.execute("UPDATE layer.grid_workers SET data_grade = 4")
        end = await newest(database_url)
        removed, late = set(), set()
        for name, watcher in watchers.items():
            while watcher.seq < end:
                if batch := await tail.take(watcher, pool, 0.05):
                    assert [change["operation"] for change in orjson.loads(batch.body)] == ["delete"]
                    removed.add(name)
            again = tail.watch(interest, readers[name], begun)
            while again.seq < end:
                if await tail.take(again, pool, 0.05):
                    late.add(name)
    await owner.close()
    assert removed == late == {(True, ELSEWHERE[:9]), (False, HERE[:9])}

"""Where a rule shows the hour or the day of a position, neither order nor cursor nor a narrow question tells more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from layers.catalog import read_catalog
from layers.database.connection import Role, connect
from layers.policy.policy import Policy
from layers.read.facts import observed_fields, throughout
from tests.databases import run_async
from tests.layers.read.policies import actor_of, role, rule
from tests.twin.history.conftest import DAY, drive
from twin.history.question import RowsQuestion, rows_of
from twin.history.rows import read_cursor, rows_statement, write_cursor
from twin.history.span import HistorySpan

SPAN = HistorySpan(DAY, DAY + timedelta(days=1))
FOLLOWED = {"operations": ("read", "history"), "layers": "grid_workers"}
SLOW = {"speed_kmh": "absent"}  # in these positions it grows with the time
POLICY = Policy(
    (role("anonymous", 1), *(role(name) for name in ("full", "hour", "day", "mixed", "coarse"))),
    (
        rule("all", "full", **FOLLOWED),
        rule("hours", "hour coarse", **FOLLOWED, fields={"position_at": "hour", **SLOW}),
        rule("days", "day mixed", **FOLLOWED, fields={"position_at": "day", **SLOW}),
        rule("duty", "mixed", **FOLLOWED, rows="on_duty = TRUE AND name <> 'W1'"),
        rule("cells", "coarse", **FOLLOWED, geometry="cell_500", fields={"position_at": "day", **SLOW}),
    ),
)
ROLES = ["full", "hour", "day", "mixed", "coarse"]


def ask(history, work):
    async def run():
        connection = await connect(history.url, Role.READ)
        try:
            layer = (await read_catalog(connection))["grid_workers"]
            async with connection.transaction(readonly=True):
                return await work(connection, layer)
        finally:
            await connection.close()

    return run_async(run())


async def pages(connection, layer, name, limit):
    """Return the rows of all pages, with the cursors between them."""
    question = RowsQuestion("position", [layer], actor_of(POLICY, name), SPAN)
    found, cursors, after = [], [], None
    while True:
        page = [pair async for pair in rows_of(connection, question.queries(after), limit)]
        found += [row for row, _ in page]
        if limit is None or len(page) < limit:
            return found, cursors
        cursors.append(after := read_cursor(write_cursor(page[-1][1])))


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("limit", [3, 50])
def test_pages_hold_each_row_once_and_their_cursors_what_is_shown(history, name, limit):
    async def work(connection, layer):
        return await pages(connection, layer, name, None), await pages(connection, layer, name, limit)

    (whole, _), (paged, cursors) = ask(history, work)
    assert len(whole) == 50
    assert paged == whole
    assert [cursor.time for cursor in cursors] == [row["time"] for row in whole[limit - 1 :: limit]]


@pytest.mark.parametrize(("name", "times"), [("full", 50), ("hour", 2), ("day", 1), ("mixed", 1), ("coarse", 2)])
def test_rows_of_a_time_that_is_shown_alike_come_by_nothing_that_is_hidden(history, name, times):
    rows, _ = ask(history, lambda connection, layer: pages(connection, layer, name, None))
    assert len({row["time"] for row in rows}) == times
    shown = [[(value is None, value) for value in row.values()] for row in rows]
    order = sorted(shown, key=lambda row: (row[1], row[2], row))  # by id and time, and then by whatever is shown
    assert shown == order
    driven = [round(row[3], 7) for row in drive("W1", "grid_workers", number=50)]
    assert name == "full" or [row["lon"] for row in rows] != driven, "they were driven in another order"


@pytest.mark.parametrize("others", [{}, {"*": "absent"}])
def test_a_time_that_is_not_shown_breaks_no_cursor(history, others):
    fields = {"stage": "full", **others}
    named = rule("named", "full", "events", operations=("read", "history"), fields=fields)
    actor = actor_of(Policy(POLICY.roles.values(), (named,)), "full")
    stages = ["collect", "accept", "file", "dispatch"]

    async def run():
        connection = await connect(history.url)
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("INSERT INTO layer.events (id, data_grade) VALUES ('e1', 1)")
            for n, stage in enumerate(stages):
                await connection.execute(
                    "INSERT INTO twin.event_version (event_id, phenomenon_time, source_version, stage, record)"
                    " VALUES ('e1', $1, $2, $3, $4)",
                    DAY + timedelta(minutes=n), n, stage, f'{{"stage": "{stage}"}}',
                )  # fmt: skip
            layer = (await read_catalog(connection))["events"]
            question = RowsQuestion("version", [layer], actor, SPAN)
            found, after = [], None
            while page := [pair async for pair in rows_of(connection, question.queries(after), 1)]:
                found += [row for row, _ in page]
                after = read_cursor(write_cursor(page[-1][1]))
            return found
        finally:
            await transaction.rollback()
            await connection.close()

    rows = run_async(run())
    assert {row["time"] is None for row in rows} == {bool(others)}
    expected = sorted(stages) if others else stages
    assert [row["stage"] for row in rows] == expected, "by their times, where these are shown"


@pytest.mark.parametrize(("others", "codes"), [({}, {"level_m", "turbidity"}), ({"*": "absent"}, {"level_m"})])
def test_an_observation_is_seen_by_the_fields_that_it_feeds(history, others, codes):
    async def work(connection, _):
        layer = (await read_catalog(connection))["water_level_stations"]
        fed = dict.fromkeys(observed_fields(layer.definition)["level_m"], "full")
        one = rule("fed", "full", layer.id, operations=("read", "history"), fields=fed | others)
        actor = actor_of(Policy(POLICY.roles.values(), (one,)), "full")
        question = RowsQuestion("observation", [layer], actor, SPAN, ids=("S1",), codes=("level_m", "turbidity"))
        return [row async for row, _ in rows_of(connection, question.queries(None), None)]

    rows = ask(history, work)
    assert {row["property"] for row in rows} == codes
    assert all(row["time"] and row["value"] and row["unit"] for row in rows)


@pytest.mark.parametrize("name", ROLES[1:])
def test_a_narrow_question_is_one_of_days(history, name):
    async def work(_, layer):
        at = DAY + timedelta(hours=8, seconds=30)
        return throughout(layer, actor_of(POLICY, name), "position", at, at + timedelta(seconds=1), at).moment

    moment = ask(history, work)
    days = DAY, DAY + timedelta(days=1)
    assert (moment.start, moment.at, moment.known_at) == (days[0], days[1], days[1])


def test_a_page_of_times_that_are_shown_in_full_goes_by_the_index(history):
    async def work(connection, layer):
        await connection.execute(
            "SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"
        )
        question = RowsQuestion("position", [layer], actor_of(POLICY, "full"), SPAN)
        first = [pair async for pair in rows_of(connection, question.queries(None), 3)]
        text, values = rows_statement(question.queries(first[-1][1])[0], 100).render()
        return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *values))

    told = ask(history, work)
    assert "_id_phenomenon_time_idx" in told
    assert "Presorted Key" in told, "the index gives the order of the key; equals alone are sorted"

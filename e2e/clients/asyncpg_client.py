"""What people do with asyncpg. `work` prints what it sees, to be compared between the server and a gateway in front of
it; `gated` talks to a gateway that denies, holds and is told to cancel. Where to connect stands in PGHOST and its like.
"""

import asyncio
import datetime as dt
import sys
import uuid
from decimal import Decimal

import asyncpg

COLUMNS = "id, big, exact, words, truth, bytes, at, day, uid, doc, docb, ints, texts"
VALUES = (
    1, -(2**62), Decimal("12345678901234567890.000123"), "žluťoučký 🐎 \\ ' \"", True, b"\0\1\xff",
    dt.datetime(2024, 2, 29, 23, 59, 59, 123456, dt.timezone.utc), dt.date(1999, 12, 31),
    uuid.UUID("0b0e7a8e-64e5-4b0f-9d0a-0f6a1c2d3e4f"), '{"a": [1, null]}', '{"ž": true}', [1, None, 3],
    ["a,b", '"', None],
)


async def work():
    connection = await asyncpg.connect()
    connection.add_log_listener(lambda _, notice: print("notice", notice.severity, notice.message))
    for step in (types, repeated, transactions, errors, many, rows, large, notices, timeout):
        print("#", step.__name__)
        await step(connection)
    await connection.close()
    connection = await asyncpg.connect(statement_cache_size=0)
    print(await connection.fetch("SELECT id, words FROM things WHERE id = ANY($1) ORDER BY id", [1, 2]))
    await connection.close()
    print("done")


async def types(connection):
    marks = ", ".join(f"${number}" for number in range(1, len(VALUES) + 1))
    insert = f"INSERT INTO things ({COLUMNS}) VALUES ({marks})"
    print(await connection.execute(insert, *VALUES))
    print(await connection.execute(insert, 2, *[None] * (len(VALUES) - 1)))
    row = await connection.fetchrow(f"SELECT {COLUMNS} FROM things WHERE id = $1", 1)
    assert tuple(row) == VALUES, row
    print(await connection.fetch(f"SELECT {COLUMNS} FROM things ORDER BY id"))
    statement = await connection.prepare(f"SELECT {COLUMNS} FROM things WHERE id = $1")
    print(statement.get_parameters(), statement.get_attributes())
    print(await statement.fetchrow(2))


async def repeated(connection):
    statement = await connection.prepare("SELECT $1::int8 * 2, $2::text")
    for number in range(8):
        print(await statement.fetchrow(number, str(number)))
    for number in range(200):  # More statements than the driver keeps: it closes the oldest.
        assert await connection.fetchval(f"SELECT $1::int + {number}", 1) == number + 1


async def transactions(connection):
    async with connection.transaction():
        await connection.execute("INSERT INTO things (id) VALUES (10)")
        try:
            async with connection.transaction():  # A savepoint, to which this goes back:
                await connection.execute("INSERT INTO things (id) VALUES ($1)", 11)
                raise KeyError
        except KeyError:
            print("back at the savepoint")
    rolled_back = connection.transaction()
    await rolled_back.start()
    await connection.execute("INSERT INTO things (id) VALUES (12)")
    await rolled_back.rollback()
    print(await connection.fetch("SELECT id FROM things WHERE id >= 10 ORDER BY id"))
    async with connection.transaction(isolation="serializable", readonly=True, deferrable=True):
        print(await connection.fetchval("SHOW transaction_isolation"))
    try:
        async with connection.transaction(readonly=True):
            await connection.execute("DELETE FROM things WHERE id = 10")
    except asyncpg.PostgresError as error:
        print(error.sqlstate, error)


async def errors(connection):
    for wrong in ("SELECT 1 / 0", "SELECT nothing FROM things", "INSERT INTO things (id) VALUES (1)"):
        for run in (connection.execute, connection.fetch):
            transaction = connection.transaction()
            await transaction.start()
            await told(run(wrong))
            await told(connection.fetch("SELECT 1"))
            await transaction.rollback()
            await told(run(wrong))
            print(await connection.fetchval("SELECT $1::int", 2))


async def many(connection):
    rows = [(number, f"row {number}") for number in range(100, 1100)]
    await connection.executemany("INSERT INTO things (id, words) VALUES ($1, $2)", rows)
    print(await connection.fetchrow("SELECT count(*), sum(id) FROM things WHERE id >= 100"))
    twice = [(2000, "fine"), (2001, "fine"), (100, "is there already")]
    await told(connection.executemany("INSERT INTO things (id, words) VALUES ($1, $2)", twice))
    print(await connection.fetchval("SELECT count(*) FROM things WHERE id >= 2000"))


async def rows(connection):
    async with connection.transaction():
        total = 0
        async for row in connection.cursor("SELECT g, g::text AS text FROM generate_series(1, $1) g", 5000, prefetch=100):
            total += row["g"]
        print(total)
        cursor = await connection.cursor("SELECT id FROM things ORDER BY id")
        print(await cursor.fetch(3), await cursor.fetchrow(), len(await cursor.fetch(500)))
    print(len(await connection.fetch("SELECT id, words FROM things CROSS JOIN generate_series(1, 5) g")))


async def large(connection):
    text = "ž" * 500_000
    await connection.execute("INSERT INTO things (id, words) VALUES (3, $1)", text)
    assert await connection.fetchval("SELECT words FROM things WHERE id = 3") == text
    print(await connection.fetchrow("SELECT length(words), octet_length(words) FROM things WHERE id = 3"))


async def notices(connection):
    await connection.execute("DO $$ BEGIN RAISE NOTICE 'it happens'; RAISE WARNING 'really'; END $$")
    await connection.execute("DROP TABLE IF EXISTS nothing_of_that_name")


async def timeout(connection):
    try:
        await connection.fetch("SELECT pg_sleep(60)", timeout=0.2)
    except asyncio.TimeoutError:
        print("timed out")
    print(await connection.fetchval("SELECT 3"))
    connection.add_log_listener(lambda *_: running.cancel())
    running = asyncio.ensure_future(
        connection.execute("DO $$ BEGIN RAISE NOTICE 'it waits'; PERFORM pg_sleep(60); END $$")
    )
    try:
        await running
    except asyncio.CancelledError:
        print("cancelled")
    print(await connection.fetchval("SELECT 4"))


async def gated():
    connection = await asyncpg.connect()
    print("denied", await state(connection.fetch("SELECT leaves_an_effect('denied')")))
    print("held", (await connection.execute("INSERT INTO effects VALUES ('approved')")).split()[-1])
    print("cancelled", await state(connection.execute("INSERT INTO effects VALUES ('cancelled')", timeout=0.5)))
    print("still", await connection.fetchval("SELECT note FROM orders WHERE id = $1", 1))
    transaction = connection.transaction()
    await transaction.start()
    print("inside", await state(connection.execute("INSERT INTO effects VALUES ('inside')")))
    await transaction.rollback()
    await connection.close()
    connection = await asyncpg.connect()
    print("again", await connection.fetchval("SELECT note FROM orders WHERE id = 2"))
    await connection.close()


async def told(run):
    try:
        print("no error", await run)
    except asyncpg.PostgresError as error:
        print(type(error).__name__, error.sqlstate, error.message, error.position)


async def state(run):
    try:
        await run
    except asyncpg.PostgresError as error:
        return error.sqlstate
    except asyncio.TimeoutError:  # The driver has sent a cancel request, and does not hand on what was answered.
        return "57014"


if __name__ == "__main__":
    asyncio.run({"work": work, "gated": gated}[sys.argv[1]]())

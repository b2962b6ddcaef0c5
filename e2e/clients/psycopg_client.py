"""What people do with psycopg 3. `work` prints what it sees, to be compared between the server and a gateway in front
of it; `gated` talks to a gateway that denies, holds and is told to cancel. Where to connect stands in PGHOST and its like.
"""

import datetime as dt
import sys
import uuid
from decimal import Decimal

import psycopg
from psycopg.types.json import Json, Jsonb

COLUMNS = "id, big, exact, words, truth, bytes, at, day, uid, doc, docb, ints, texts"
VALUES = (
    1, -(2**62), Decimal("12345678901234567890.000123"), "žluťoučký 🐎 \\ ' \"", True, b"\0\1\xff",
    dt.datetime(2024, 2, 29, 23, 59, 59, 123456, dt.timezone.utc), dt.date(1999, 12, 31),
    uuid.UUID("0b0e7a8e-64e5-4b0f-9d0a-0f6a1c2d3e4f"), {"a": [1, None]}, {"ž": True}, [1, None, 3], ["a,b", '"', None],
)


def work():
    with psycopg.connect() as connection:
        connection.add_notice_handler(lambda notice: print("notice", notice.severity, notice.message_primary))
        for step in (types, repeated, transactions, errors, many, pipeline, rows, large, notices):
            print("#", step.__name__)
            step(connection)
            connection.commit()
    with psycopg.connect(autocommit=True) as connection:
        print("#", timeout.__name__)
        timeout(connection)
    print("done")


def types(connection):
    marks = ", ".join(["%s"] * len(VALUES))
    values = [Json(value) if i == 9 else Jsonb(value) if i == 10 else value for i, value in enumerate(VALUES)]
    connection.execute(f"INSERT INTO things ({COLUMNS}) VALUES ({marks})", values)
    connection.execute(f"INSERT INTO things ({COLUMNS}) VALUES ({marks})", [2] + [None] * (len(VALUES) - 1))
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        cursor.execute(f"SELECT {COLUMNS} FROM things WHERE id = %s", (1,))
        assert cursor.fetchone() == VALUES
        print([(column.name, column.type_code, column.internal_size) for column in cursor.description])
        print(cursor.execute(f"SELECT {COLUMNS} FROM things ORDER BY id").fetchall())


def repeated(connection):
    for number in range(8):
        print(connection.execute("SELECT %s::int8 * 2, %s::text", (number, str(number)), prepare=True).fetchone())
    for number in range(8):  # Prepared by itself once it ran five times.
        connection.execute("SELECT words FROM things WHERE id = %s", (number,)).fetchone()


def transactions(connection):
    with connection.transaction():
        connection.execute("INSERT INTO things (id) VALUES (10)")
        with connection.transaction():  # A savepoint, to which this goes back:
            connection.execute("INSERT INTO things (id) VALUES (11)")
            raise psycopg.Rollback()
    connection.execute("INSERT INTO things (id) VALUES (12)")
    connection.rollback()
    print(connection.execute("SELECT id FROM things WHERE id >= 10 ORDER BY id").fetchall())
    connection.commit()
    with psycopg.connect() as reader:
        reader.isolation_level, reader.read_only = psycopg.IsolationLevel.SERIALIZABLE, True
        print(reader.execute("SHOW transaction_isolation").fetchone())
        told(lambda: reader.execute("DELETE FROM things WHERE id = 10"))
        reader.rollback()


def errors(connection):
    for wrong in ("SELECT 1 / 0", "SELECT nothing FROM things", "INSERT INTO things (id) VALUES (1)"):
        told(lambda: connection.execute(wrong))
        told(lambda: connection.execute("SELECT 1"))
        print(connection.info.transaction_status.name)
        connection.rollback()
        print(connection.execute("SELECT 2").fetchone())
    told(lambda: connection.execute("SELECT %s::int", ("no number",)))
    connection.rollback()


def many(connection):
    with connection.cursor() as cursor:
        rows = [(number, f"row {number}") for number in range(100, 1100)]
        cursor.executemany("INSERT INTO things (id, words) VALUES (%s, %s)", rows)
        print(cursor.rowcount)
        cursor.executemany("SELECT %s::int", [(1,), (2,)], returning=True)
        print(cursor.fetchone(), cursor.nextset(), cursor.fetchone())
        print(cursor.execute("SELECT count(*), sum(id) FROM things WHERE id >= 100").fetchone())


def pipeline(connection):
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int", (number,)) for number in range(50)]
        connection.execute("UPDATE things SET truth = false WHERE id = %s", (100,))
    print([cursor.fetchone()[0] for cursor in cursors])
    try:
        with connection.pipeline():
            connection.execute("SELECT 1")
            connection.execute("SELECT 1 / 0")
            connection.execute("UPDATE things SET truth = true WHERE id = 100")
    except psycopg.Error as error:
        print(error.sqlstate)
    connection.rollback()
    print(connection.execute("SELECT truth FROM things WHERE id = 100").fetchone())


def rows(connection):
    with connection.cursor() as cursor:  # One row at a time, as they come.
        total = sum(number for number, _ in cursor.stream("SELECT g, g::text FROM generate_series(1, 5000) g"))
    print(total)
    print(len(connection.execute("SELECT id, words FROM things CROSS JOIN generate_series(1, 5) g").fetchall()))


def large(connection):
    text = "ž" * 500_000
    connection.execute("INSERT INTO things (id, words) VALUES (3, %s)", (text,))
    assert connection.execute("SELECT words FROM things WHERE id = 3").fetchone() == (text,)
    print(connection.execute("SELECT length(words), octet_length(words) FROM things WHERE id = 3").fetchone())


def notices(connection):
    connection.execute("DO $$ BEGIN RAISE NOTICE 'it happens'; RAISE WARNING 'really'; END $$")
    connection.execute("DROP TABLE IF EXISTS nothing_of_that_name")


def timeout(connection):
    connection.execute("SET statement_timeout = 100")
    told(lambda: connection.execute("SELECT pg_sleep(60)"))
    connection.execute("RESET statement_timeout")
    cancelled = "DO $$ BEGIN RAISE NOTICE 'it waits'; PERFORM pg_sleep(60); END $$"
    connection.add_notice_handler(lambda _: connection.cancel())
    told(lambda: connection.execute(cancelled))
    print(connection.execute("SELECT 3").fetchone())


def gated():
    with psycopg.connect(autocommit=True) as connection:
        print("denied", told_state(lambda: connection.execute("SELECT leaves_an_effect('denied')")))
        print("held", connection.execute("INSERT INTO effects VALUES (%s)", ("approved",)).rowcount)
        connection.add_notice_handler(lambda _: connection.cancel())
        refused = told_state(lambda: connection.execute("INSERT INTO effects VALUES (%s)", ("cancelled",)))
        print("cancelled", refused)
        print("still", connection.execute("SELECT note FROM orders WHERE id = %s", (1,)).fetchone()[0])
    with psycopg.connect() as connection:
        print("inside", told_state(lambda: connection.execute("INSERT INTO effects VALUES ('inside')")))
        connection.rollback()
        print("again", connection.execute("SELECT note FROM orders WHERE id = 2").fetchone()[0])


def told(run):
    try:
        print("no error", run())
    except psycopg.Error as error:
        diag = error.diag
        print(type(error).__name__, error.sqlstate, diag.message_primary, diag.statement_position)


def told_state(run):
    try:
        run()
    except psycopg.Error as error:
        return error.sqlstate


if __name__ == "__main__":
    {"work": work, "gated": gated}[sys.argv[1]]()

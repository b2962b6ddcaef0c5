-- What people do with psql. Its output is compared between the server and a gateway in front of it.

\set ON_ERROR_STOP 0
\echo # types
INSERT INTO things VALUES (1, -4611686018427387904, 12345678901234567890.000123, 'žluťoučký 🐎 \ '' "', true,
    '\x0001ff', '2024-02-29 23:59:59.123456+00', '1999-12-31', '0b0e7a8e-64e5-4b0f-9d0a-0f6a1c2d3e4f',
    '{"a": [1, null]}', '{"ž": true}', '{1,NULL,3}', '{"a,b","\"",NULL}');
INSERT INTO things (id) VALUES (2);
\pset null '(null)'
\x on
SELECT * FROM things ORDER BY id;
\x off
SELECT * FROM things \gdesc
SELECT id, words FROM things WHERE id = 1 \gset row_
\echo :row_id :row_words
SELECT format('SELECT %s AS number', n) FROM generate_series(1, 3) n \gexec
SELECT id, truth, count(*) FROM things GROUP BY 1, 2 ORDER BY 1 \crosstabview

\echo # transactions
BEGIN;
INSERT INTO things (id) VALUES (10);
SAVEPOINT one;
INSERT INTO things (id) VALUES (11);
ROLLBACK TO SAVEPOINT one;
COMMIT;
BEGIN;
INSERT INTO things (id) VALUES (12);
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SHOW transaction_isolation;
DELETE FROM things WHERE id = 10;
ROLLBACK;
COMMIT;
SELECT id FROM things WHERE id >= 10;

\echo # errors
BEGIN;
SELECT 1 / 0;
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
ROLLBACK;
SELECT nothing FROM things;
INSERT INTO things (id) VALUES (1);
\errverbose
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT nothing FROM things;
INSERT INTO things (id) VALUES (13);
COMMIT;
SELECT 1 / 0\; SELECT 1;
SELECT 'one'\; SELECT 'two';

\echo # large
INSERT INTO things (id, words) SELECT 3, repeat('ž', 500000);
SELECT words FROM things WHERE id = 3 \g | wc -c
SELECT g FROM generate_series(1, 5000) g \g | wc -l

\echo # notices
DO $$ BEGIN RAISE NOTICE 'it happens'; RAISE WARNING 'really' USING HINT = 'look'; END $$;
DROP TABLE IF EXISTS nothing_of_that_name;
SET statement_timeout = 100;
SELECT pg_sleep(60);
RESET statement_timeout;

\echo # about
\d things
\d+ orders
\dt
\df leaves*
\sf leaves_an_effect
\dn
\du gateway
\echo done

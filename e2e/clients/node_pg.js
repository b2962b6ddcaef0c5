// What people do with node's pg. `work` prints what it sees, to be compared between the server and a gateway in front
// of it; `gated` talks to a gateway that denies, holds and is told to cancel. Where to connect stands in PGHOST and its
// like.

const assert = require('node:assert');
const { Client, Pool } = require('pg');
const Cursor = require('pg-cursor');

const COLUMNS = 'id, big, exact, words, truth, bytes, at, day, uid, doc, docb, ints, texts';
const VALUES = [
  1, '-4611686018427387904', '12345678901234567890.000123', 'žluťoučký 🐎 \\ \' "', true, Buffer.from([0, 1, 255]),
  new Date('2024-02-29T23:59:59.123Z'), '1999-12-31', '0b0e7a8e-64e5-4b0f-9d0a-0f6a1c2d3e4f', { a: [1, null] },
  { ž: true }, [1, null, 3], ['a,b', '"', null],
];

async function work() {
  await connected(async (client) => {
    client.on('notice', (notice) => print('notice', notice.severity, notice.message));
    for (const step of [types, repeated, transactions, errors, batches, rows, large, notices, timeouts]) {
      print('#', step.name);
      await step(client);
    }
  });
  await pool();
  print('done');
}

async function types(client) {
  const marks = VALUES.map((_, index) => `$${index + 1}`).join(', ');
  const insert = `INSERT INTO things (${COLUMNS}) VALUES (${marks})`;
  print((await client.query(insert, VALUES)).rowCount);
  print((await client.query(insert, VALUES.map((_, index) => (index === 0 ? 2 : null)))).command);
  const select = `SELECT ${COLUMNS} FROM things ORDER BY id`;
  const result = await client.query(select);
  print(result.fields.map((field) => [field.name, field.dataTypeID, field.columnID, field.format]));
  assert.strictEqual(result.rows[0].words, VALUES[3]);
  assert.deepStrictEqual(result.rows[0].bytes, VALUES[5]);
  print(result.rows);
  print((await client.query({ text: select, rowMode: 'array' })).rows);
  print((await client.query({ text: `SELECT big, at FROM things WHERE id = $1`, values: [1], binary: true })).rows);
}

async function repeated(client) {
  for (let number = 0; number < 8; number++) {
    const named = { name: 'double', text: 'SELECT $1::int8 * 2 AS twice, $2::text AS same', values: [number, `${number}`] };
    print((await client.query(named)).rows);
  }
}

async function transactions(client) {
  await client.query('BEGIN');
  await client.query('INSERT INTO things (id) VALUES (10)');
  await client.query('SAVEPOINT one');
  await client.query('INSERT INTO things (id) VALUES ($1)', [11]);
  await client.query('ROLLBACK TO SAVEPOINT one');
  await client.query('COMMIT');
  await client.query('BEGIN');
  await client.query('INSERT INTO things (id) VALUES (12)');
  await client.query('ROLLBACK');
  print((await client.query('SELECT id FROM things WHERE id >= 10 ORDER BY id')).rows);
  await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY');
  print((await client.query('SHOW transaction_isolation')).rows);
  await told(client.query('DELETE FROM things WHERE id = 10'));
  await client.query('ROLLBACK');
}

async function errors(client) {
  for (const wrong of ['SELECT 1 / 0', 'SELECT nothing FROM things', 'INSERT INTO things (id) VALUES (1)']) {
    for (const values of [undefined, []]) {
      await client.query('BEGIN');
      await told(client.query(wrong, values));
      await told(client.query('SELECT 1', values));
      await client.query('ROLLBACK');
      await told(client.query({ text: wrong, values, name: values && wrong.slice(0, 12) }));
      print((await client.query('SELECT $1::int AS two', [2])).rows);
    }
  }
  await told(client.query('SELECT $1::int', ['no number']));
}

async function batches(client) {
  await client.query('BEGIN');
  for (let number = 100; number < 400; number++) {
    await client.query('INSERT INTO things (id, words) VALUES ($1, $2)', [number, `row ${number}`]);
  }
  await client.query('COMMIT');
  const several = await client.query('SELECT count(*) FROM things; SELECT sum(id) FROM things WHERE id >= 100');
  print(several.map((result) => result.rows));
}

async function rows(client) {
  const cursor = client.query(new Cursor('SELECT g, g::text AS text FROM generate_series(1, $1::int) g', [5000]));
  let total = 0;
  for (let read = await cursor.read(100); read.length > 0; read = await cursor.read(100)) {
    total += read.reduce((sum, row) => sum + row.g, 0);
  }
  await cursor.close();
  print(total);
  const early = client.query(new Cursor('SELECT id FROM things ORDER BY id'));
  print(await early.read(3));
  await early.close();
  print((await client.query('SELECT g FROM generate_series(1, 5000) g')).rows.length);
}

async function large(client) {
  const text = 'ž'.repeat(500_000);
  await client.query('INSERT INTO things (id, words) VALUES (3, $1)', [text]);
  assert.strictEqual((await client.query('SELECT words FROM things WHERE id = 3')).rows[0].words, text);
  print((await client.query('SELECT length(words), octet_length(words) FROM things WHERE id = 3')).rows);
}

async function notices(client) {
  await client.query("DO $$ BEGIN RAISE NOTICE 'it happens'; RAISE WARNING 'really'; END $$");
  await client.query('DROP TABLE IF EXISTS nothing_of_that_name');
}

async function timeouts(client) {
  await client.query('SET statement_timeout = 100');
  await told(client.query('SELECT pg_sleep(60)'));
  await client.query('RESET statement_timeout');
  await told(cancelled(client, "DO $$ BEGIN RAISE NOTICE 'it waits'; PERFORM pg_sleep(60); END $$"));
  print((await client.query('SELECT 3 AS three')).rows);
}

async function pool() {
  const pool = new Pool({ max: 3, application_name: 'pool', statement_timeout: 30_000 });
  const numbers = Array.from({ length: 20 }, (_, number) => pool.query('SELECT $1::int AS n', [number]));
  print((await Promise.all(numbers)).map((result) => result.rows[0].n));
  print((await pool.query("SELECT current_setting('application_name') AS name")).rows);
  await pool.end();
}

async function gated() {
  await connected(async (client) => {
    print('denied', await state(client.query("SELECT leaves_an_effect('denied')")));
    print('held', (await client.query('INSERT INTO effects VALUES ($1)', ['approved'])).rowCount);
    print('cancelled', await state(cancelled(client, 'INSERT INTO effects VALUES ($1)', ['cancelled'])));
    print('still', (await client.query('SELECT note FROM orders WHERE id = $1', [1])).rows[0].note);
    await client.query('BEGIN');
    print('inside', await state(client.query("INSERT INTO effects VALUES ('inside')")));
    await client.query('ROLLBACK');
  });
  await connected(async (client) => {
    print('again', (await client.query('SELECT note FROM orders WHERE id = 2')).rows[0].note);
  });
}

async function connected(run) {
  const client = new Client();
  await client.connect();
  await run(client);
  await client.end();
}

// Runs a query, and sends a cancel request from another connection once a notice tells that it waits.
function cancelled(client, text, values) {
  client.once('notice', () => {
    const other = new Client();
    other.connection.once('connect', () => other.connection.cancel(client.processID, client.secretKey));
    other.connection.on('error', () => {});
    other.connection.connect(Number(process.env.PGPORT), process.env.PGHOST);
  });
  return client.query(text, values);
}

async function told(run) {
  try {
    print('no error', (await run).rows);
  } catch (error) {
    print(error.code, error.message, error.position, error.severity);
  }
}

async function state(run) {
  return run.then(() => 'no error', (error) => error.code);
}

function print(...values) {
  console.log(values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(' '));
}

({ work, gated })[process.argv[2]]().catch((error) => {
  console.error(error);
  process.exit(1);
});

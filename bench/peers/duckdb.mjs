// Runs SQL files in a DuckDB, in the folder of the CSVs, and says what it took.
//
//   node duckdb.mjs SQL_FILE... DATA_DIR [--threads N] [--database FILE] [--compare OUT_DIR]
//
// The DuckDB is in memory, or in FILE, which is then brought up to date (CHECKPOINT).
//
// One JSON object goes to stdout. With --compare the models are then compared with
// OUT_DIR/<model>.csv, which `medallion build --out` wrote: row counts and every column but the
// doubles exactly, as a multiset of rows; doubles row by row within a relative tolerance. The exit
// status is 1 when anything differs.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';

const KEYS = {
  dim_users: ['user_id'],
  dim_movies: ['movie_id', 'genre'],
  fact_ratings: ['user_id', 'movie_id', 'created_at'],
  fact_tags: ['user_id', 'movie_id', 'tag', 'created_at'],
  fact_movie_genre_ratings: ['movie_id', 'genre'],
  mart_movie_analytics: ['movie_id'],
  mart_user_behavior: ['user_id'],
  mart_genre_performance: ['genres'],
};

// An average is one division of a sum that a double holds exactly. DuckDB's own standard deviation
// runs in doubles over up to millions of rows, so its last digits depend on their order.
const TOLERANCES = { average: 1e-12, stddev: 1e-9 };

const N_SAMPLE_ROWS = 2;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '2' },
    database: { type: 'string', default: ':memory:' },
    compare: { type: 'string' },
  },
});
const sqlFiles = positionals.map((path) => resolve(path));
const dataFolder = sqlFiles.pop();
const compareFolder = options.compare && resolve(options.compare);
const database = options.database === ':memory:' ? options.database : resolve(options.database);
process.chdir(dataFolder);

const instance = await DuckDBInstance.create(database, { threads: options.threads });
const connection = await instance.connect();

/** Rows of a query; 64-bit integers, decimals and timestamps come as text. */
async function rows(sql) {
  return (await connection.runAndReadAll(sql)).getRowsJson();
}

function secondsSince(start) {
  return Number(((performance.now() - start) / 1000).toFixed(3));
}

/** Seconds per statement, each under the name of what it creates where it creates something. */
async function runFile(path) {
  const text = readFileSync(path, 'utf8');
  const statements = await connection.extractStatements(text);
  const names = text.match(
    /^(CREATE (OR REPLACE )?(TEMP )?(TABLE|VIEW|MACRO)|SET VARIABLE|INSERT INTO|DELETE FROM) \w+/gm);
  const seconds = {};
  for (let index = 0; index < statements.count; index++) {
    const start = performance.now();
    const statement = await statements.prepare(index);
    await statement.run();
    seconds[names?.[index]?.split(' ').at(-1) ?? `statement ${index + 1}`] = secondsSince(start);
  }
  return seconds;
}

function firstLine(path) {
  const file = openSync(path);
  const buffer = Buffer.alloc(4096);
  const nRead = readSync(file, buffer);
  closeSync(file);
  return buffer.toString('utf8', 0, nRead).split('\n', 1)[0];
}

/** [name, DuckDB's type] of the CSV's columns; DuckDB's table may have helpers beside them. */
async function columnsOf(model, csv) {
  const found = await rows(
    `SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '${model}'`);
  const types = new Map(found);
  return firstLine(csv).split(',').map((name) => {
    if (!types.has(name)) {
      throw new Error(`${csv}: DuckDB's table has no column ${name}`);
    }
    return [name, types.get(name)];
  });
}

async function exactDifferences(model, columns) {
  const list = columns.join(', ');
  const fingerprint = `SELECT count(*), sum(hash(${list})::HUGEINT)::VARCHAR`;
  const [[nOurs, ours]] = await rows(`${fingerprint} FROM written`);
  const [[nTheirs, theirs]] = await rows(`${fingerprint} FROM ${model}`);
  if (nOurs === nTheirs && ours === theirs) {
    return [];
  }
  const only = async (whose, inside, outside) => {
    const sample = await rows(`SELECT ${list} FROM ${inside} EXCEPT SELECT ${list} FROM ${outside}
                               ORDER BY ALL LIMIT ${N_SAMPLE_ROWS}`);
    return sample.map((row) => `  only ${whose}: ${row.join(' · ')}`);
  };
  return [
    `${model}: rows differ (${nOurs} ours, ${nTheirs} DuckDB's)`,
    ...(await only('ours', 'written', model)),
    ...(await only("DuckDB's", model, 'written')),
  ];
}

async function doubleDifferences(model, name) {
  const tolerance = name.startsWith('stddev') ? TOLERANCES.stddev : TOLERANCES.average;
  const keys = KEYS[model].join(', ');
  const sample = await rows(`
    SELECT ${keys}, a.${name}, b.${name}
    FROM written a JOIN ${model} b USING (${keys})
    WHERE (a.${name} IS NULL) <> (b.${name} IS NULL)
       OR abs(a.${name} - b.${name}) > ${tolerance} * greatest(abs(a.${name}), abs(b.${name}))
    ORDER BY ALL LIMIT ${N_SAMPLE_ROWS}`);
  return sample.map((row) => `${model}.${name}: over ${tolerance}: ${row.join(' · ')}`);
}

/** What differs between DuckDB's table and the CSV of a model, as lines of text. */
async function differences(model, folder) {
  const csv = `${folder}/${model}.csv`;
  const columns = await columnsOf(model, csv);
  const types = columns.map(([name, type]) => `'${name}': '${type}'`).join(', ');
  await connection.run(`
    CREATE OR REPLACE VIEW written AS
    FROM read_csv('${csv}', header = true, auto_detect = false, delim = ',', quote = '"',
                  escape = '"', allow_quoted_nulls = false, columns = {${types}})`);
  const named = (isDouble) =>
    columns.filter(([, type]) => (type === 'DOUBLE') === isDouble).map(([name]) => name);
  const found = await exactDifferences(model, named(false));
  for (const name of named(true)) {
    found.push(...(await doubleDifferences(model, name)));
  }
  return found;
}

const start = performance.now();
const statements = {};
for (const sqlFile of sqlFiles) {
  Object.assign(statements, await runFile(sqlFile));
}
if (database !== ':memory:') {
  await connection.run('CHECKPOINT');
}
const result = { seconds: secondsSince(start), statements };
[[result.duckdb]] = await rows('SELECT version()');
result.node = process.version;
if (compareFolder) {
  result.differences = [];
  for (const model of Object.keys(KEYS)) {
    result.differences.push(...(await differences(model, compareFolder)));
  }
  process.exitCode = result.differences.length > 0 ? 1 : 0;
}
console.log(JSON.stringify(result));

// What the gateway needs to know of a database where columns are masked: the labelled columns by OID and number, with
// those of tables that inherit them or that they inherit from (a query on either shows the same rows) and those that are
// generated from them, the views that read their tables, and what else there is by name.

import { Failure } from '../../../base/errors.ts';
import type { LabelledColumn, MaskCatalog } from '../../contract.ts';
import { type Connection, type PostgresClient, withDatabase } from './client.ts';
import { number, text } from './row.ts';

const MOST_RELATIONS = 20_000;
export const MOST_COLUMN_NAMES = 50_000;
export const OWN_SCHEMAS =
  "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'";

const FAMILY = `labelled (schema, relation, col) AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[])),
  roots AS (
    SELECT c.oid, l.col FROM labelled l JOIN pg_namespace n ON n.nspname = l.schema
      JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = l.relation),
  family (oid, col) AS (
    SELECT oid, col FROM roots
    UNION
    SELECT CASE WHEN i.inhparent = f.oid THEN i.inhrelid ELSE i.inhparent END, f.col
      FROM family f JOIN pg_inherits i ON f.oid IN (i.inhparent, i.inhrelid))`;

// A column that is generated from such a one holds its values too; none is generated from a generated one.
const COLUMNS = `WITH RECURSIVE ${FAMILY},
  own AS (
    SELECT a.attrelid, a.attnum FROM family f JOIN pg_attribute a ON a.attrelid = f.oid AND a.attname = f.col
      AND a.attnum > 0 AND NOT a.attisdropped),
  masked AS (
    SELECT attrelid, attnum FROM own
    UNION
    SELECT a.attrelid, a.attnum FROM own o JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass
        AND d.refobjid = o.attrelid AND d.refobjsubid = o.attnum AND d.classid = 'pg_attrdef'::regclass
      JOIN pg_attrdef e ON e.oid = d.objid
      JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum AND a.attgenerated <> '')
  SELECT n.nspname AS schema, c.relname AS relation, c.oid::int8 AS oid, a.attname AS col, a.attnum AS number
  FROM masked m JOIN pg_class c ON c.oid = m.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = m.attrelid AND a.attnum = m.attnum`;

const VIEWS = `WITH RECURSIVE ${FAMILY},
  readers (oid) AS (
    SELECT r.ev_class FROM family f JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = f.oid
      JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND r.ev_class <> f.oid
    UNION
    SELECT r.ev_class FROM readers v JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = v.oid
      JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND r.ev_class <> v.oid)
  SELECT n.nspname AS schema, c.relname AS relation
  FROM readers v JOIN pg_class c ON c.oid = v.oid JOIN pg_namespace n ON n.oid = c.relnamespace`;

const RELATIONS = `SELECT n.nspname AS schema, c.relname AS relation FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${OWN_SCHEMAS} LIMIT ${MOST_RELATIONS + 1}`;

const COLUMN_NAMES = `SELECT DISTINCT a.attname AS col FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND ${OWN_SCHEMAS}
  LIMIT ${MOST_COLUMN_NAMES + 1}`;

/** `Connector.maskCatalog`. Errors: `label-without-column`, `catalog-too-large`, and those of the target. */
export function maskCatalog(
  client: PostgresClient,
  database: string,
  labelled: LabelledColumn[],
  signal: AbortSignal,
): Promise<MaskCatalog> {
  return withDatabase(client, database, signal, async (connection) => {
    const given = [
      labelled.map((one) => one.schema),
      labelled.map((one) => one.table),
      labelled.map((one) => one.column),
    ];
    const columns = (await connection.rows(COLUMNS, given)).map((row) => ({
      schema: text(row, 'schema'),
      table: text(row, 'relation'),
      oid: number(row, 'oid'),
      column: text(row, 'col'),
      number: number(row, 'number'),
    }));
    const missing = labelled.find(
      (one) =>
        !columns.some((c) => c.schema === one.schema && c.table === one.table && c.column === one.column),
    );
    if (missing !== undefined) throw outdated(missing);
    const relations = await relationsBy(connection, RELATIONS, []);
    const names = await connection.rows(COLUMN_NAMES, []);
    if (relations.length > MOST_RELATIONS || names.length > MOST_COLUMN_NAMES) throw tooLarge();
    return {
      columns,
      views: await relationsBy(connection, VIEWS, given),
      relations,
      columnNames: names.map((row) => text(row, 'col')),
    };
  });
}

async function relationsBy(connection: Connection, sql: string, values: unknown[]) {
  const rows = await connection.rows(sql, values);
  return rows.map((row) => ({ schema: text(row, 'schema'), name: text(row, 'relation') }));
}

/** Renamed or dropped: what is there now under another name would come out as it is. */
function outdated({ schema, table, column }: LabelledColumn): Failure {
  return new Failure(
    'denied',
    'label-without-column',
    `The column ${schema}.${table}.${column} is labelled, and is not there.`,
    { hint: 'Label the column that took its place, or remove the label: sally target label --help.' },
  );
}

function tooLarge(): Failure {
  return new Failure(
    'limit',
    'catalog-too-large',
    `Data is masked in databases of up to ${MOST_RELATIONS} relations and ${MOST_COLUMN_NAMES} names of columns.`,
  );
}

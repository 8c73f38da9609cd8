// Columns that look as if they held personal data: by their names, and by a bounded sample of their values. The sample
// is read with the administrator's rights and never leaves this file: what goes out is a verdict and two counts.
//
// Reading a table must not run anything of its owner's with our rights: so row security is off (a table that has it for
// us is an error, and counts as unread), only columns of PostgreSQL's own types are read, none that is computed when
// read, and no view and no foreign table.

import { foundIn } from '../../../base/data-patterns.ts';
import type { LabelSuggestions, SuggestedLabel } from '../../contract.ts';
import { MOST_COLUMN_NAMES, OWN_SCHEMAS } from './catalog.ts';
import { type Connection, type PostgresClient, type Row, withDatabase } from './client.ts';
import { quoteName } from './names.ts';
import { flag, number, text } from './row.ts';

const NAMES: readonly (readonly [label: string, name: RegExp])[] = [
  ['pii', /(^|_)(e?mail|mail_address|phone|mobile|fax|tel|telephone)(_|$)|^e?mail|phone/],
  ['pii', /(^|_)(first|last|full|family|given|middle|sur)_?name(_|$)|^surname$|(^|_)(birth|born|dob)/],
  ['pii', /(^|_)(street|address|zip|postal|postcode|passport|ssn|national_id|tax_id|nif|pesel|bsn)(_|$)/],
  ['pii', /(^|_)(ip|ip_address|latitude|longitude|gender|religion|nationality)$/],
  ['cards', /(^|_)(card|pan|cvv|cvc|card_?number|iban|bic|account_?number|sort_code)(_|$)/],
  ['secrets', /(^|_)(password|passwd|pwd|secret|token|api_?key|private_?key|hash|salt|otp|totp)(_|$)/],
];

/**
 * What a sample looks like, and how much of it must: `least` values, and this part of all that are not null. A checksum
 * of one digit holds by chance for one number in ten, so numbers need more; a mail address among remarks is one.
 */
const LOOKS: Readonly<Record<string, { label: string; least: number; part: number }>> = {
  mail: { label: 'pii', least: 1, part: 0.01 },
  iban: { label: 'cards', least: 1, part: 0.01 },
  phone: { label: 'pii', least: 2, part: 0.02 },
  cards: { label: 'cards', least: 10, part: 0.5 },
  'national-ids': { label: 'pii', least: 10, part: 0.5 },
};

const MOST_SUGGESTED = 2_000;
const MOST_TABLES_SAMPLED = 300;
const MOST_COLUMNS_OF_A_TABLE = 100;
const ROWS_OF_A_SAMPLE = 200;
const LONGEST_VALUE_CHARACTERS = 500;
/** Larger tables are sampled by block; a small one is read from its beginning. */
const SMALL_TABLE_ROWS = 10_000;
const STATEMENT_TIMEOUT_MS = 1_000;
const LOCK_TIMEOUT_MS = 200;
/** All samples together; tables that are left then count as unread. */
const SAMPLING_MS = 10_000;

const COLUMNS = `SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS relation, a.attname AS col,
    greatest(c.reltuples, 0)::int8 AS estimate,
    c.relkind <> 'f' AND t.typnamespace = 'pg_catalog'::regnamespace AND a.attgenerated <> 'v'
      AND t.typname IN ('text', 'varchar', 'bpchar', 'json', 'jsonb', 'int8', 'numeric') AS samplable,
    has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid
  WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped AND ${OWN_SCHEMAS}
  ORDER BY 2, 3, a.attnum LIMIT ${MOST_COLUMN_NAMES}`;

interface Column {
  schema: string;
  table: string;
  column: string;
  samplable: boolean;
  readable: boolean;
}

interface Table {
  name: string;
  estimate: number;
  columns: Column[];
}

/** `Connector.suggestLabels`. */
export function suggestLabels(
  client: PostgresClient,
  database: string,
  sample: boolean,
  signal: AbortSignal,
): Promise<LabelSuggestions> {
  return withDatabase(client, database, signal, async (connection) => {
    const tables = tablesOf(await connection.rows(COLUMNS, []));
    const counted = { sampled: 0, unread: 0 };
    const until = Date.now() + SAMPLING_MS;
    const columns: SuggestedLabel[] = [];
    for (const table of tables) {
      let values: Row[] | null = null;
      if (sample && table.columns.some((one) => one.samplable)) {
        const wanted = table.columns.filter((one) => one.samplable && one.readable);
        const mayRead = wanted.length > 0 && Date.now() < until && counted.sampled < MOST_TABLES_SAMPLED;
        values = mayRead ? await sampleOf(connection, table, wanted.slice(0, MOST_COLUMNS_OF_A_TABLE)) : null;
        counted[values === null ? 'unread' : 'sampled']++;
      }
      columns.push(...table.columns.flatMap((one) => suggestion(one, values ?? [])));
    }
    return { columns: columns.slice(0, MOST_SUGGESTED), tables: counted };
  });
}

function tablesOf(rows: Row[]): Table[] {
  const tables = new Map<number, Table>();
  for (const row of rows) {
    const [schema, relation] = [text(row, 'schema'), text(row, 'relation')];
    const oid = number(row, 'oid');
    const table = tables.get(oid) ?? {
      name: `${quoteName(schema)}.${quoteName(relation)}`,
      estimate: number(row, 'estimate'),
      columns: [],
    };
    table.columns.push({
      schema,
      table: relation,
      column: text(row, 'col'),
      samplable: flag(row, 'samplable'),
      readable: flag(row, 'readable'),
    });
    tables.set(oid, table);
  }
  return [...tables.values()];
}

/** Null: it could not be read, whatever the reason. */
async function sampleOf(connection: Connection, table: Table, columns: Column[]): Promise<Row[] | null> {
  const percent = (100 * 4 * ROWS_OF_A_SAMPLE) / Math.max(table.estimate, 1);
  const clauses =
    table.estimate > SMALL_TABLE_ROWS ? [`TABLESAMPLE SYSTEM (${percent.toFixed(6)})`, ''] : [''];
  try {
    for (const clause of clauses) {
      const [rows = []] = await connection.results(sampleSql(table, columns, clause));
      // By block, a table of few pages may give nothing.
      if (rows.length > 0) return rows;
    }
    return [];
  } catch {
    // Left open by what failed; when the connection is gone or the caller gave up, this fails too, and says so.
    await connection.results('ROLLBACK');
    return null;
  }
}

function sampleSql(table: Table, columns: Column[], clause: string): string {
  const list = columns.map(
    ({ column }) => `left(${quoteName(column)}::text, ${LONGEST_VALUE_CHARACTERS}) AS ${quoteName(column)}`,
  );
  return `BEGIN READ ONLY; SET LOCAL row_security = off; SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MS};
    SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS};
    SELECT ${list.join(', ')} FROM ${table.name} ${clause} LIMIT ${ROWS_OF_A_SAMPLE}; ROLLBACK`;
}

function suggestion({ schema, table, column }: Column, rows: Row[]): SuggestedLabel[] {
  const named = NAMES.find(([, name]) => name.test(column.toLowerCase()))?.[0];
  const values = rows.map((row) => row[column]).filter((value) => typeof value === 'string');
  const counts = new Map<string, number>();
  for (const value of values)
    for (const name of foundIn(value)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const looks = Object.entries(LOOKS).find(([name, { least, part }]) => {
    const count = counts.get(name) ?? 0;
    return count >= least && count >= part * values.length;
  });
  const label = named ?? looks?.[1].label;
  if (label === undefined) return [];
  return [
    {
      ...{ schema, table, column, label },
      because: [
        ...(named === undefined ? [] : ['name' as const]),
        ...(looks === undefined ? [] : ['data' as const]),
      ],
      looksLike: looks?.[0] ?? null,
      sampled: values.length,
      matching: looks === undefined ? 0 : (counts.get(looks[0]) ?? 0),
    },
  ];
}

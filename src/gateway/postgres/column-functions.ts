// Which functions of the target can be called in the form of a column (guard/column-calls.ts): asked once, on the
// session's own connection before the client has it, where a task's lists or a mask must know. What is made later is
// known to the next session.

import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { Frame, FrameReader } from '../../pg-wire/frame-reader.ts';
import { FROM_CLIENT, FROM_SERVER, message, readSqlFields } from '../../pg-wire/frames.ts';
import { ProtocolError } from '../../pg-wire/protocol-error.ts';
import { ANY_ROW, type ColumnFunctions } from './guard/column-calls.ts';

const MOST_FUNCTIONS = 20_000;
const LARGEST_MESSAGE_BYTES = 64 * 1024;
/** Two names, their lengths, and the count of both. */
const LARGEST_ROW_BYTES = 200;
const PG_CATALOG = 11;

// Operators and types by schema: the client may have chosen the search path. Pseudo-types take any row; a function of a
// table's row takes those of tables that inherit from it, one of a composite type those of tables of that type. Where the
// relation has a column of the function's name, the column is meant.
const FUNCTIONS = `SELECT DISTINCT
    CASE WHEN t.typtype OPERATOR(pg_catalog.=) 'p'::pg_catalog."char" OR c.relhassubclass
        OR EXISTS (SELECT FROM pg_catalog.pg_class o WHERE o.reloftype OPERATOR(pg_catalog.=) t.oid) THEN '${ANY_ROW}'
      WHEN c.relkind OPERATOR(pg_catalog.<>) 'c'::pg_catalog."char" THEN c.relname::pg_catalog.text
      ELSE '' END,
    p.proname
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) p.proargtypes[0]
    LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.typrelid
  WHERE p.pronamespace OPERATOR(pg_catalog.<>) ${PG_CATALOG}::pg_catalog.oid
    AND p.prokind OPERATOR(pg_catalog.<>) 'p'::pg_catalog."char" AND p.pronargs OPERATOR(pg_catalog.>=) 1
    AND (p.pronargs OPERATOR(pg_catalog.-) p.pronargdefaults) OPERATOR(pg_catalog.<=) 1
    AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid
      AND a.attname OPERATOR(pg_catalog.=) p.proname AND NOT a.attisdropped)
  LIMIT ${MOST_FUNCTIONS + 1}`;

/** `met`: takes what the target says besides (settings, notices). Errors: ProtocolError `target`. */
export async function readColumnFunctions(
  stream: Duplex,
  reader: FrameReader,
  target: string,
  met: (frame: Frame) => void,
): Promise<ColumnFunctions> {
  stream.write(message(FROM_CLIENT.query, `${FUNCTIONS}\0`));
  const found: [string, string][] = [];
  // Each function is a message; besides them come a handful.
  for (let count = 0; count < MOST_FUNCTIONS + 200; count++) {
    const frame = await reader.frame(LARGEST_MESSAGE_BYTES);
    if (frame.type === FROM_SERVER.dataRow) found.push(rowOf(frame.body, target));
    else if (frame.type === FROM_SERVER.ready) return functionsOf(found, target);
    else if (frame.type === FROM_SERVER.error) throw unreadable(frame.body, target);
    else if (frame.type !== FROM_SERVER.rowDescription && frame.type !== FROM_SERVER.commandComplete)
      met(frame);
  }
  throw new ProtocolError('target', `The target "${target}" does not say which functions it has.`);
}

function functionsOf(found: [string, string][], target: string): ColumnFunctions {
  if (found.length > MOST_FUNCTIONS)
    throw new ProtocolError(
      'target',
      `The target "${target}" has more than ${MOST_FUNCTIONS} functions of one argument: a task's lists cannot be held.`,
    );
  const value = new Set<string>();
  const row = new Map<string, Set<string>>();
  for (const [relation, name] of found) {
    if (relation === '') value.add(name);
    else row.set(name, (row.get(name) ?? new Set()).add(relation));
  }
  const all = found.map((one) => JSON.stringify(one)).toSorted();
  return { key: createHash('sha256').update(all.join('\n')).digest('base64'), value, row };
}

/** Both columns of the answer, which are text: the relation (nothing: a value), the function. */
function rowOf(body: Buffer, target: string): [string, string] {
  const texts: string[] = [];
  for (let at = 2; body.length <= LARGEST_ROW_BYTES && at + 4 <= body.length && texts.length < 2; ) {
    const length = body.readInt32BE(at);
    if (length < 0 || at + 4 + length > body.length) break;
    texts.push(body.toString('utf8', at + 4, at + 4 + length));
    at += 4 + length;
  }
  const [relation, name] = texts;
  if (relation !== undefined && name !== undefined) return [relation, name];
  throw new ProtocolError('target', `The target "${target}" answered with a row that cannot be read.`);
}

function unreadable(body: Buffer, target: string): ProtocolError {
  const fields = readSqlFields(body);
  const code = /^[0-9A-Z]{5}$/.exec(fields.get('C') ?? '')?.[0] ?? 'XX000';
  return new ProtocolError(
    'target',
    `The target "${target}" did not say which functions it has (${code}), and the task's lists need to know.`,
    fields.get('M'),
    code,
  );
}

// What one session's mask is, made of its ticket: by name, for the guard that reads statements; by OID and number, for
// the rows that come out; and the keys of its tokens.

import { type PatternClass, patternsOf } from '../../../base/data-patterns.ts';
import type { SessionTicket } from '../../../grants/session-ticket.ts';
import type { MaskedRelations } from './judge.ts';
import { createMasker, type Masker } from './token.ts';

export interface SessionMask {
  relations: MaskedRelations;
  /** Table OID → numbers of its masked columns. */
  byOid: ReadonlyMap<number, ReadonlySet<number>>;
  /** Names of all masked columns: what comes without an origin under such a name is masked too. */
  names: ReadonlySet<string>;
  masker: Masker;
  patterns: readonly PatternClass[];
}

export function sessionMask(given: NonNullable<SessionTicket['mask']>): SessionMask {
  const columns = new Map<string, Set<string>>();
  const byOid = new Map<number, Set<number>>();
  for (const { schema, table, oid, column, number } of given.columns) {
    for (const key of [`${schema}.${table}`, `.${table}`])
      columns.set(key, (columns.get(key) ?? new Set()).add(column));
    byOid.set(oid, (byOid.get(oid) ?? new Set()).add(number));
  }
  const views = new Set(given.views.flatMap(({ schema, name }) => [`${schema}.${name}`, `.${name}`]));
  const known = new Set(given.relations.flatMap(({ schema, name }) => [`${schema}.${name}`, `.${name}`]));
  return {
    relations: { columns, views, known, columnNames: new Set(given.columnNames) },
    byOid,
    names: new Set(given.columns.map(({ column }) => column)),
    masker: createMasker(Buffer.from(given.key.reveal(), 'base64')),
    patterns: patternsOf(given.classes),
  };
}

// What a grant's sessions did, held against what its task allows: which rights were used, how often, which were not.

import { sql } from 'kysely';
import type { Right } from '../connectors/contract.ts';
import type { Db } from '../db/client.ts';

export interface Use {
  verb: string;
  object: string;
  statements: number;
  rows: number;
}

/** What all sessions of the grant did, by verb and object. */
export async function grantUse(db: Db, grantId: string): Promise<Use[]> {
  return db
    .selectFrom('session_use as u')
    .innerJoin('sessions as s', 's.id', 'u.session_id')
    .select([
      'u.verb',
      'u.object',
      sql<number>`sum(u.statements)::int`.as('statements'),
      sql<number>`sum(u.rows)::bigint`.as('rows'),
    ])
    .where('s.grant_id', '=', grantId)
    .where('u.statements', '>', 0)
    .groupBy(['u.verb', 'u.object'])
    .orderBy('u.verb')
    .orderBy('u.object')
    .execute();
}

/** A statement may name an object without its schema; it then counts for the right whose object ends so. */
export function rightIsUsed(right: Right, use: Pick<Use, 'verb' | 'object'>): boolean {
  if (right.verb !== use.verb) return false;
  return right.object === use.object || right.object.endsWith(`.${use.object}`);
}

export interface RightUse {
  right: Right;
  statements: number;
  rows: number;
}

export function rightsInUse(rights: Right[], uses: Use[]): { used: RightUse[]; unused: Right[] } {
  const used: RightUse[] = [];
  const unused: Right[] = [];
  for (const right of rights) {
    const hits = uses.filter((use) => rightIsUsed(right, use));
    if (hits.length === 0) unused.push(right);
    else {
      used.push({
        right,
        statements: hits.reduce((sum, use) => sum + use.statements, 0),
        rows: hits.reduce((sum, use) => sum + use.rows, 0),
      });
    }
  }
  return { used, unused };
}

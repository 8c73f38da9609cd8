// Uses of tokens that were refused, for the log: somebody tries a token from elsewhere, for more than it is for, or
// after its end. One entry a minute for each token and reason (audit/seldom.ts).

import { append } from '../audit/append.ts';
import { createSeldom } from '../audit/seldom.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import type { Db } from '../db/client.ts';
import { deadToken } from './tokens.ts';

export type WhyRefused = 'address' | 'scope' | 'expired' | 'revoked' | 'disabled';

export interface RefusedUse {
  tokenId: string;
  holder: Actor;
  why: WhyRefused;
  /** `GET /api/grants/:id`: never the path as it came, which may hold anything. */
  route: string;
  sourceAddress: string;
}

export interface RefusedUses {
  note(use: RefusedUse): Promise<void>;
  /** Notes it if `token` is one that was valid once; a token that never was leaves nothing. */
  noteDead(token: string, route: string, sourceAddress: string): Promise<void>;
}

export function createRefusedUses(ctx: { db: Db }): RefusedUses {
  const seldom = createSeldom();

  async function note(use: RefusedUse): Promise<void> {
    const unsaid = seldom.due(`${use.tokenId} ${use.why}`);
    if (unsaid === null) return;
    await ctx.db.transaction().execute((trx) =>
      append(trx, {
        kind: 'token.refused',
        actor: use.holder,
        sourceAddress: use.sourceAddress,
        detail: { tokenId: use.tokenId, why: use.why, route: use.route, unsaidBefore: unsaid },
      }),
    );
  }

  return {
    note,
    async noteDead(token, route, sourceAddress) {
      const dead = await deadToken(ctx.db, token);
      if (dead !== null) await note({ ...dead, route, sourceAddress });
    },
  };
}

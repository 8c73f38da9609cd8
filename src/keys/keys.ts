// Every key that can be changed while Sallyport runs, by its name: master, log, target-passwords,
// host-authority, admin:<target>.

import type { KeysAnswer } from '../api/keys.ts';
import { append } from '../audit/append.ts';
import { announceLogKey, type LogKeysContext } from '../audit/log-keys.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { invalid } from '../base/errors.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { Turns } from '../jobs/turns.ts';
import { rotateHostAuthority } from '../targets/host-authority.ts';
import type { Targets } from '../targets/targets.ts';
import {
  beginMasterRotation,
  createMasterRotation,
  type MasterKeyContext,
  masterKeyStatus,
} from './master.ts';

const MEND_EVERY_MS = 15_000;
/** Longer than a rotation of an administrator's password takes. */
const ADMIN_TURN_SECONDS = 60;
const ADMIN = 'admin:';

export interface KeysContext extends MasterKeyContext {
  logKeys: LogKeysContext;
  targets: Targets;
  turns: Turns;
  /** The log is to look at its keys now. */
  onLogKey: () => void;
  /** Null: administrators' passwords may be changed; else why not. */
  adminRefused: string | null;
}

export interface Keys {
  status(): Promise<KeysAnswer>;
  /** Errors: `invalid-input` naming `what`, `rotation-under-way`, `unknown-target`; the target's. */
  rotate(what: string, by: { actor: Actor; sourceAddress: string }): Promise<KeysAnswer>;
  start(): void;
  stop(): Promise<void>;
}

export function createKeys(ctx: KeysContext): Keys {
  const jobs: Repeating[] = [
    createMasterRotation(ctx),
    repeat(ctx, 'administrators of targets', MEND_EVERY_MS, async () => {
      for (const id of await ctx.targets.halfRotated())
        if (await ctx.turns.take(`admin ${id}`, ADMIN_TURN_SECONDS)) await ctx.targets.settleAdmin(id);
      return undefined;
    }),
  ];

  async function status(): Promise<KeysAnswer> {
    const [master, keys, installed] = await Promise.all([
      masterKeyStatus(ctx),
      ctx.db.selectFrom('log_keys').select(['verifier_key', 'from_size']).orderBy('number').execute(),
      ctx.db.selectFrom('installation').select('password_generation').executeTakeFirstOrThrow(),
    ]);
    return {
      master,
      log: {
        verifierKey: keys.filter((key) => key.from_size !== null).at(-1)?.verifier_key ?? '',
        announced: keys.find((key) => key.from_size === null)?.verifier_key ?? null,
        count: keys.length,
      },
      passwordGeneration: installed.password_generation,
    };
  }

  async function rotatePasswords(by: { actor: Actor; sourceAddress: string }): Promise<void> {
    await ctx.db.transaction().execute(async (trx) => {
      const row = await trx
        .updateTable('installation')
        .set((eb) => ({ password_generation: eb('password_generation', '+', 1) }))
        .returning('password_generation')
        .executeTakeFirstOrThrow();
      await append(trx, {
        kind: 'keys.rotated',
        actor: by.actor,
        sourceAddress: by.sourceAddress,
        detail: { key: 'the passwords of grants on targets', generation: row.password_generation },
      });
    });
  }

  return {
    status,
    async rotate(what, by) {
      if (what === 'master') await beginMasterRotation(ctx, by);
      else if (what === 'log') {
        await announceLogKey(ctx.logKeys, by);
        ctx.onLogKey();
      } else if (what === 'host-authority')
        await rotateHostAuthority({ db: ctx.db, masterKey: ctx.ring }, by);
      else if (what === 'target-passwords') await rotatePasswords(by);
      else if (what.startsWith(ADMIN)) {
        if (ctx.adminRefused !== null) throw invalid('what', ctx.adminRefused);
        const target = await ctx.targets.byName(what.slice(ADMIN.length));
        await ctx.turns.take(`admin ${target.id}`, ADMIN_TURN_SECONDS);
        await ctx.targets.rotateAdmin(target, by);
      } else {
        throw invalid(
          'what',
          'There is no key of that name.',
          'One of master, log, target-passwords, host-authority, admin:<target>.',
        );
      }
      return status();
    },
    start() {
      for (const job of jobs) job.start();
    },
    async stop() {
      await Promise.all(jobs.map((job) => job.stop()));
    },
  };
}

// The keys that sign the log, one after another. They are in the store, sealed under the master key, so that every
// replica has them and nobody who holds the store alone does. A new key is announced by an entry of the log; the old
// one signs a checkpoint over that entry; from the next checkpoint on only the new one signs. So whoever trusts the
// first key can follow, offline too.

import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { sql } from 'kysely';
import { conflict, Failure } from '../base/errors.ts';
import type { MasterKey } from '../base/master-key.ts';
import { Secret } from '../base/secret.ts';
import type { Db, Trx } from '../db/client.ts';
import { append } from './append.ts';
import { logKeyFile, logOrigin, openLogKey } from './keys.ts';
import type { Actor } from './verify/leaf.ts';
import { type NoteSigner, type NoteVerifier, noteSigner, verifierKeyText } from './verify/note.ts';
import { KEY_ANNOUNCED } from './verify/verify-log.ts';

export interface LogKeys {
  /** The log's name. */
  readonly origin: string;
  /** What signs now. */
  signer(): NoteSigner;
  /** The key that a checkpoint for `size` entries must be signed with. */
  verifierFor(size: number): NoteVerifier;
  /** The key that the log began with: whoever trusts it can follow to the present one. */
  first(): NoteVerifier;
  /** The last size that each key but the present one signed: a reader needs those checkpoints to follow. */
  handovers(): number[];
  /** Reads what other replicas have changed. */
  refresh(): Promise<void>;
  /** Lets a key that was announced sign from here on, once the old one has signed for its announcement. */
  advance(): Promise<void>;
  /** Whether `trx` may write a checkpoint of `signer` now; it stays so until `trx` ends. */
  maySign(trx: Trx, signer: NoteSigner): Promise<boolean>;
}

interface Kept {
  signer: NoteSigner;
  fromSize: number | null;
}

const sealContext = (verifierKey: string) => `log key ${verifierKey}`;

/** One key that never changes: for a log that nobody rotates. */
export function oneKey(signer: NoteSigner): LogKeys {
  return {
    origin: signer.name,
    signer: () => signer,
    verifierFor: () => signer,
    first: () => signer,
    handovers: () => [],
    refresh: async () => undefined,
    advance: async () => undefined,
    maySign: async () => true,
  };
}

export interface LogKeysContext {
  db: Db;
  dataFolder: string;
  installationId: string;
  masterKey: Pick<MasterKey, 'seal' | 'open'>;
}

/**
 * The keys in the store; in a new one, the key of the data folder's file, or one made there.
 * Errors: `log-key-differs` when the data folder holds a key that never was this log's; `unsealing-failed`.
 */
export async function openLogKeys(ctx: LogKeysContext): Promise<LogKeys> {
  await keepFirst(ctx);
  const keys = new StoredKeys(ctx);
  await keys.refresh();
  if (existsSync(logKeyFile(ctx.dataFolder))) {
    const own = verifierKeyText(await openLogKey(ctx.dataFolder, ctx.installationId));
    if (!keys.knows(own)) {
      throw new Failure(
        'unavailable',
        'log-key-differs',
        `${logKeyFile(ctx.dataFolder)} is not a key of this installation's audit log.`,
        { hint: 'Remove the file: the log keys of an installation are in its store, sealed.' },
      );
    }
  }
  return keys;
}

/** Announces a new key; it signs once the old one has signed for that. Errors: `rotation-under-way`. */
export async function announceLogKey(
  ctx: LogKeysContext,
  by: { actor: Actor; sourceAddress: string },
): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const signer = noteSigner(logOrigin(ctx.installationId), privateKey);
  const verifierKey = verifierKeyText(signer);
  await ctx.db.transaction().execute(async (trx) => {
    await sql`lock table log_keys in share row exclusive mode`.execute(trx);
    const announced = await trx
      .selectFrom('log_keys')
      .select('number')
      .where('from_size', 'is', null)
      .executeTakeFirst();
    if (announced !== undefined) {
      throw conflict('rotation-under-way', 'A new log key is announced already and has not signed yet.', {
        hint: 'It takes a second or two; look again.',
      });
    }
    await trx
      .insertInto('log_keys')
      .values(row(ctx, signer, null))
      .execute();
    await append(trx, {
      kind: KEY_ANNOUNCED,
      actor: by.actor,
      sourceAddress: by.sourceAddress,
      detail: { verifierKey },
    });
  });
  return verifierKey;
}

async function keepFirst(ctx: LogKeysContext): Promise<void> {
  const there = async (db: Db | Trx) =>
    (await db.selectFrom('log_keys').select('number').limit(1).executeTakeFirst()) !== undefined;
  if (await there(ctx.db)) return;
  const first = await openLogKey(ctx.dataFolder, ctx.installationId);
  await ctx.db.transaction().execute(async (trx) => {
    await sql`lock table log_keys in share row exclusive mode`.execute(trx);
    if (!(await there(trx)))
      await trx
        .insertInto('log_keys')
        .values(row(ctx, first, 0))
        .execute();
  });
}

function row(ctx: LogKeysContext, signer: NoteSigner, fromSize: number | null) {
  const verifierKey = verifierKeyText(signer);
  const pem = signer.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return {
    verifier_key: verifierKey,
    sealed: ctx.masterKey.seal(new Secret(pem), sealContext(verifierKey)),
    from_size: fromSize,
  };
}

/** Seals all of them again, with the master key that seals now. */
export async function resealLogKeys(trx: Trx, masterKey: Pick<MasterKey, 'seal' | 'open'>): Promise<void> {
  for (const key of await trx.selectFrom('log_keys').select(['number', 'verifier_key', 'sealed']).execute()) {
    const context = sealContext(key.verifier_key);
    await trx
      .updateTable('log_keys')
      .set({ sealed: masterKey.seal(masterKey.open(key.sealed, context), context) })
      .where('number', '=', key.number)
      .execute();
  }
}

class StoredKeys implements LogKeys {
  readonly origin: string;
  readonly #ctx: LogKeysContext;
  #keys: Kept[] = [];

  constructor(ctx: LogKeysContext) {
    this.#ctx = ctx;
    this.origin = logOrigin(ctx.installationId);
  }

  knows(verifierKey: string): boolean {
    return this.#keys.some((key) => verifierKeyText(key.signer) === verifierKey);
  }

  signer(): NoteSigner {
    const signing = this.#keys.filter((key) => key.fromSize !== null).at(-1);
    if (signing === undefined) throw new Error('The log has no key that signs.');
    return signing.signer;
  }

  verifierFor(size: number): NoteVerifier {
    const fitting = this.#keys.filter((key) => key.fromSize !== null && key.fromSize <= size).at(-1);
    return fitting?.signer ?? this.signer();
  }

  first(): NoteVerifier {
    return this.#keys[0]?.signer ?? this.signer();
  }

  handovers(): number[] {
    return this.#keys.slice(1).flatMap((key) => (key.fromSize === null ? [] : [key.fromSize - 1]));
  }

  async refresh(): Promise<void> {
    const { db, masterKey } = this.#ctx;
    const rows = await db
      .selectFrom('log_keys')
      .select(['verifier_key', 'sealed', 'from_size'])
      .orderBy('number')
      .execute();
    this.#keys = rows.map((stored) => {
      const known = this.#keys.find((key) => verifierKeyText(key.signer) === stored.verifier_key);
      return { signer: known?.signer ?? this.#unseal(stored, masterKey), fromSize: stored.from_size };
    });
  }

  // That it opens shows that it is one of ours: whoever holds the store alone cannot seal one.
  #unseal(
    stored: { verifier_key: string; sealed: Buffer },
    masterKey: LogKeysContext['masterKey'],
  ): NoteSigner {
    const pem = masterKey.open(stored.sealed, sealContext(stored.verifier_key));
    return noteSigner(this.origin, createPrivateKey(pem.reveal()));
  }

  async advance(): Promise<void> {
    if (this.#keys.at(-1)?.fromSize !== null) return;
    const advanced = await this.#ctx.db.transaction().execute(async (trx) => {
      const keys = await trx
        .selectFrom('log_keys')
        .select(['number', 'verifier_key', 'from_size'])
        .orderBy('number')
        .forUpdate()
        .execute();
      const next = keys.at(-1);
      if (next === undefined || next.from_size !== null) return true;
      const { rows } = await sql<{ signed: number }>`
        select max(c.size) as signed from audit_checkpoints c
        where c.size > (select e.index from audit_entries e where e.kind = ${KEY_ANNOUNCED} order by e.seq desc limit 1)
      `.execute(trx);
      const signed = rows[0]?.signed ?? null;
      if (signed === null) return false;
      await trx
        .updateTable('log_keys')
        .set({ from_size: signed + 1 })
        .where('number', '=', next.number)
        .execute();
      return true;
    });
    if (advanced) await this.refresh();
  }

  async maySign(trx: Trx, signer: NoteSigner): Promise<boolean> {
    const present = await trx
      .selectFrom('log_keys')
      .select('verifier_key')
      .where('from_size', 'is not', null)
      .orderBy('number', 'desc')
      .limit(1)
      .forShare()
      .executeTakeFirst();
    return present?.verifier_key === verifierKeyText(signer);
  }
}

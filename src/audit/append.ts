// The one way into the log: an INSERT in the transaction of the act, so that "no entry, no act" holds by type.
// It is on the hot path of every request and grant, so it is one statement and takes no lock that another writer
// wants; the entry's place in the tree is given afterwards (sequence.ts). It throws where the log cannot be
// written, and the act fails with it. Not built yet: the signed spool for revocations and break-glass while the
// log cannot be written, witnesses, tiles.

import { CompiledQuery, type RawBuilder, sql } from 'kysely';
import { canonicalJson } from '../base/canonical-json.ts';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import type { Trx } from '../db/client.ts';
import { type Actor, LARGEST_LEAF_BYTES, type Leaf } from './verify/leaf.ts';

/** One event, before it has a time and a place. `detail` holds what the kind's sentence and an auditor need. */
export interface Entry {
  kind: string;
  actor: Actor;
  requestId?: string | undefined;
  grantId?: string | undefined;
  sessionId?: string | undefined;
  targetId?: string | undefined;
  sourceAddress?: string | undefined;
  policyDigest?: string | undefined;
  detail: Record<string, unknown>;
}

/** Sallyport itself as an actor: expiry, reconcile, start and stop. */
export const SYSTEM_ACTOR: Actor = { id: 'system', name: 'sallyport', kind: 'system' };

/** Nesting of `detail`; deeper is a mistake, and a bound for the walk. */
const DEEPEST_DETAIL = 12;

const SECRET_NAMES = new Set([
  'password',
  'passwd',
  'passphrase',
  'secret',
  'token',
  'dsn',
  'authorization',
  'cookie',
  'credential',
  'privatekey',
  'masterkey',
  'clientkey',
  'storedkey',
  'serverkey',
  'verifier',
]);

const INSERT = `insert into audit_entries (leaf, kind, actor_id, request_id, grant_id, session_id, target_id)
values ($1, $2, $3, $4, $5, $6, $7)`;

/**
 * Writes one entry in `trx`: it exists exactly when the act does.
 * Errors: `too-large` above 64 KiB; TypeError where `detail` holds a secret, bytes or what JSON cannot hold
 * (a mistake in the caller); any error of the store. All of them must fail the act.
 */
export async function append(trx: Trx, entry: Entry): Promise<void> {
  const text = leafText(entry);
  await trx.executeQuery(
    CompiledQuery.raw(INSERT, [
      text,
      entry.kind,
      entry.actor.id,
      entry.requestId ?? null,
      entry.grantId ?? null,
      entry.sessionId ?? null,
      entry.targetId ?? null,
    ]),
  );
}

/**
 * The same as a part of one larger statement, for acts that are a single one: `with <source> as (<the act> returning …)`
 * and then this. The entries are written for each row of `source`, so that there are none where the act changed nothing.
 */
export function appendFor(source: string, entries: readonly Entry[]): RawBuilder<unknown> {
  const rows = entries.map(
    (entry) => sql`select ${leafText(entry)}, ${entry.kind}, ${entry.actor.id}, ${entry.requestId ?? null},
      ${entry.grantId ?? null}, ${entry.sessionId ?? null}, ${entry.targetId ?? null} from ${sql.ref(source)}`,
  );
  return sql`insert into audit_entries (leaf, kind, actor_id, request_id, grant_id, session_id, target_id)
    ${sql.join(rows, sql` union all `)}`;
}

/**
 * The same for many acts in one statement: each entry is written where `source` has a row whose `id` is the entry's
 * grant.
 */
export function appendForGrants(source: string, entries: readonly Entry[]): RawBuilder<unknown> {
  const column = (pick: (entry: Entry) => string | null | undefined) =>
    sql`${entries.map((entry) => pick(entry) ?? null)}::text[]`;
  return sql`insert into audit_entries (leaf, kind, actor_id, request_id, grant_id, session_id, target_id)
    select e.* from unnest(${column((entry) => leafText(entry))}, ${column((entry) => entry.kind)},
      ${column((entry) => entry.actor.id)}, ${column((entry) => entry.requestId)}, ${column((entry) => entry.grantId)},
      ${column((entry) => entry.sessionId)}, ${column((entry) => entry.targetId)})
      as e (leaf, kind, actor_id, request_id, grant_id, session_id, target_id)
    join ${sql.ref(source)} on ${sql.ref(`${source}.id`)} = e.grant_id`;
}

/** The canonical text of an entry's leaf. Errors as `append`. */
export function leafText(entry: Entry, now: Date = new Date()): string {
  const { actor, kind } = entry;
  const walk: Walk = { numericKey: false };
  // In the order of RFC 8785: undefined fields are left out of the text.
  const leaf: Record<keyof Leaf, unknown> = {
    actor: { id: wellFormed(actor.id), kind: actor.kind, name: wellFormed(actor.name) },
    at: now.toISOString(),
    detail: plainRecord(entry.detail, 'detail', 0, walk),
    grantId: entry.grantId,
    kind,
    policyDigest: entry.policyDigest,
    requestId: entry.requestId,
    sessionId: entry.sessionId,
    sourceAddress: entry.sourceAddress === undefined ? undefined : wellFormed(entry.sourceAddress),
    targetId: entry.targetId,
    v: 1,
  };
  const text = walk.numericKey ? canonicalJson(leaf) : JSON.stringify(leaf);
  // A UTF-16 unit is at most three bytes, so short texts need no counting.
  if (text.length * 3 > LARGEST_LEAF_BYTES && Buffer.byteLength(text) > LARGEST_LEAF_BYTES) {
    throw new Failure(
      'too-large',
      'audit-entry-too-large',
      'What this would write into the audit log is too long.',
      {
        hint: `An audit entry holds at most ${LARGEST_LEAF_BYTES / 1024} KiB: shorten the texts of the request.`,
        facts: { kind, bytes: Buffer.byteLength(text) },
      },
    );
  }
  return text;
}

/** What the walk finds out on its way: JavaScript itself puts keys like "7" first, whatever order they are set in. */
interface Walk {
  numericKey: boolean;
}

// Copies what an entry may hold, its keys in order, so that JSON.stringify gives the canonical text: measured
// three times faster than canonicalJson. It refuses what an entry must not hold: a secret by type, by name, or as
// bytes (which would slip through any check of texts).
function plain(value: unknown, path: string, depth: number, walk: Walk): unknown {
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (value instanceof Date) return value.toISOString();
  if (depth > DEEPEST_DETAIL) throw new TypeError(`An audit entry is nested too deep at ${path}.`);
  if (Array.isArray(value)) {
    return value.map((item, at) => plain(item ?? null, `${path}[${at}]`, depth + 1, walk));
  }
  if (typeof value !== 'object')
    throw new TypeError(`An audit entry cannot hold ${String(value)} (${path}).`);
  return plainRecord(value, path, depth, walk);
}

function plainRecord(value: object, path: string, depth: number, walk: Walk): Record<string, unknown> {
  if (value instanceof Secret) throw new TypeError(`An audit entry must not hold a secret (${path}).`);
  if (ArrayBuffer.isView(value)) throw new TypeError(`An audit entry must not hold bytes (${path}).`);
  // Without a prototype, so that a key named __proto__ is kept like any other.
  const copy: Record<string, unknown> = Object.create(null);
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record).sort()) {
    const item = record[key];
    if (item === undefined) continue;
    if (isSecretName(key)) throw new TypeError(`An audit entry must not hold a secret (${path}.${key}).`);
    const code = key.charCodeAt(0);
    if (code >= ZERO && code <= NINE) walk.numericKey = true;
    copy[wellFormed(key)] = plain(item, `${path}.${key}`, depth + 1, walk);
  }
  return copy;
}

const ZERO = 48;
const NINE = 57;

const judgedNames = new Map<string, boolean>();
/** Names are few: they come from our own code, save inside settings and handles. */
const MOST_JUDGED_NAMES = 1_000;

function isSecretName(name: string): boolean {
  let judged = judgedNames.get(name);
  if (judged === undefined) {
    judged = SECRET_NAMES.has(name.toLowerCase().replaceAll(/[_-]/g, ''));
    if (judgedNames.size < MOST_JUDGED_NAMES) judgedNames.set(name, judged);
  }
  return judged;
}

// RFC 8785 has no form for a lone surrogate; a client that sends one must not be able to stop its own entry.
// A URL that carries a password loses it: people paste such things into reasons.
function wellFormed(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('://') ? whole.replaceAll(/(:\/\/[^\s:/@]*):[^\s/@]+@/g, '$1:[secret]@') : whole;
}

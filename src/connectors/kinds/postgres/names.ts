// Names and marks that Sallyport gives on a PostgreSQL server, and how they are put into SQL. The mark is the role's
// comment, so that anyone who looks at the server sees whose it is; its first part is fixed text, so that SQL can
// tell ours without parsing JSON (which PostgreSQL 15 cannot do without risking an error).

import { createHash } from 'node:crypto';
import pg from 'pg';
import { z } from 'zod';
import { Failure } from '../../../base/errors.ts';
import type { Handle, Mark } from '../../contract.ts';

const LOGIN = /^[a-z0-9_]{1,63}$/;
const MARK_PREFIX = 'sallyport:';

export const quoteName = (name: string): string => pg.escapeIdentifier(name);
export const quoteText = (text: string): string => pg.escapeLiteral(text);
/** `schema.name` with both parts quoted. */
export const quoteQualified = (text: string): string =>
  text
    .split('.')
    .map((part) => quoteName(part))
    .join('.');

/** A PL/pgSQL block. Its body goes in as a quoted literal: nothing inside can end the quoting. */
export const block = (body: string): string => `DO ${quoteText(body)}`;

const markText = z.object({
  installation: z.string(),
  epoch: z.number().int(),
  grant: z.string().optional(),
  task: z.string().optional(),
  /** Of the dormant login of an emergency kit; it is no grant, and no orphan. */
  kit: z.string().optional(),
  digest: z.string().optional(),
  label: z.string().optional(),
  /** Of the installation's own mark (fence.ts). */
  fence: z.object({ number: z.int(), nonce: z.string(), logSize: z.int() }).optional(),
});
export type RoleMark = z.infer<typeof markText>;

/** The comment of a role of ours. The installation comes first: `ownMarkPrefix` relies on it. */
export function writeMark(mark: Mark, rest: Omit<RoleMark, 'installation' | 'epoch'>): string {
  return `${MARK_PREFIX}${JSON.stringify({ installation: mark.installation, epoch: mark.epoch, ...rest })}`;
}

/** How every comment of this installation begins, whatever its epoch. */
export function ownMarkPrefix(mark: Mark): string {
  return `${MARK_PREFIX}{"installation":${JSON.stringify(mark.installation)},`;
}

/** How every mark begins, whoever set it. */
export const ANY_MARK_PREFIX = MARK_PREFIX;

/** The mark in a role's comment, or null when it carries none. */
export function readMark(comment: string | null): RoleMark | null {
  if (comment === null || !comment.startsWith(MARK_PREFIX)) return null;
  try {
    return markText.parse(JSON.parse(comment.slice(MARK_PREFIX.length)));
  } catch {
    return null;
  }
}

/** Ours: this installation's, of an epoch that we know (operate.md, "Restore and clones"). */
export function isOurs(found: RoleMark | null, mark: Mark): boolean {
  return found !== null && found.installation === mark.installation && found.epoch <= mark.epoch;
}

/** The group role of one task in one database: rights in one database are none in the next. */
export function taskRoleName(taskId: string, database: string): string {
  const task = /^tsk_([0-9a-z]{26})$/.exec(taskId)?.[1] ?? shortHash(taskId, 26);
  return `sp_task_${task}_${shortHash(database, 8)}`;
}

/** The role that objects are handed to that a grant leaves behind: no login, no rights, one an installation. */
export function quarantineName(mark: Mark): string {
  return `sp_quarantine_${shortHash(mark.installation, 8)}`;
}

/**
 * The role whose comment is the installation's own mark: no login, no rights. One a target: several may be databases of
 * one server.
 */
export function fenceName(mark: Mark, targetId: string): string {
  return `sp_mark_${shortHash(`${mark.installation} ${targetId}`, 16)}`;
}

function shortHash(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}

const handleShape = z.object({
  login: z.string().regex(LOGIN),
  grantId: z.string().max(200).optional(),
  kitId: z.string().max(200).optional(),
  oid: z.int().positive().optional(),
  /** The system identifier of the cluster that the OID belongs to: in another one it means somebody else's role. */
  cluster: z.string().max(40).optional(),
  /** The task's group role and, for `actAs`, the owner: what the login is a member of. */
  group: z.string().max(63).optional(),
  owner: z.string().max(63).optional(),
  database: z.string().max(63).optional(),
  /** Hashes of the owner's rights before the grant (owner-rights.ts); null when there were too many. */
  before: z.array(z.string()).nullable().optional(),
  /** What earlier calls already moved to quarantine. */
  leftBehind: z.array(z.string()).optional(),
});
export type GrantHandle = z.infer<typeof handleShape>;

/** A stored handle as this connector reads it; it begins as `{ login, grantId }`. Errors: `invalid-handle`. */
export function readHandle(handle: Handle): GrantHandle {
  const parsed = handleShape.safeParse(handle);
  if (parsed.success) return parsed.data;
  throw new Failure(
    'invalid',
    'invalid-handle',
    'The handle of this grant does not name a login on PostgreSQL.',
    {
      cause: parsed.error,
    },
  );
}

/** Errors: Failure `invalid-login`. */
export function requireLogin(login: string): string {
  if (LOGIN.test(login)) return login;
  throw new Failure('invalid', 'invalid-login', 'A login on PostgreSQL has only a-z, 0-9 and _, at most 63.');
}

// What policy holds the sessions of a grant to, as policies write it: `@maxRows("10000")`, `@maxBytes("100MB")`. They
// are merged with what the request was decided with, so a permit for `connect` may carry them as well as one for
// `request`; the strictest holds.

import { parseDuration } from '../../base/duration.ts';
import { messageOf } from '../../base/errors.ts';
import type { Obligations, StatementKind } from './facts.ts';
import { mergeStages, readStages } from './stages.ts';

export type SessionControls = Pick<
  Obligations,
  'maxRows' | 'maxBytes' | 'approveStatements' | 'literals' | 'keepRecordingSeconds'
>;

const KINDS: readonly StatementKind[] = ['all', 'write', 'insert', 'update', 'delete', 'merge', 'truncate'];

const MOST_ROWS = 1_000_000_000_000;
const MOST_BYTES = 1_000_000_000_000_000;
const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** The controls, or what is wrong in words. */
export function readMaxRows(value: string): SessionControls | string {
  const rows = /^[1-9][0-9]{0,12}$/.test(value) ? Number(value) : Number.NaN;
  return rows <= MOST_ROWS
    ? { maxRows: rows }
    : `@maxRows must be a whole number of rows from 1 to ${MOST_ROWS}, such as "10000".`;
}

export function readMaxBytes(value: string): SessionControls | string {
  const [, amount = '', unit = ''] = /^([1-9][0-9]{0,14}) ?(B|kB|MB|GB|TB)$/.exec(value) ?? [];
  const bytes = Number(amount) * (UNITS[unit] ?? Number.NaN);
  return bytes <= MOST_BYTES
    ? { maxBytes: bytes }
    : '@maxBytes must be a whole number of B, kB, MB, GB or TB (of 1,000), at most 1000 TB, such as "100MB".';
}

/** `named`: the policy names stages by @approvals, which then hold for statements too. */
export function readApproveStatements(value: string, named: boolean): SessionControls | string {
  const [listed = '', ...rest] = value.split(' by ');
  const kinds = listed.split(',').flatMap((name) => KINDS.find((kind) => kind === name.trim()) ?? []);
  if (kinds.length !== listed.split(',').length)
    return `@approveStatements must name statements: ${KINDS.join(', ')}, such as "write by 1 of Group::\\"dba\\"".`;
  const by = rest.length === 0 ? [] : readStages(rest.join(' by '));
  if (typeof by === 'string') return by.replace('@approvals', '@approveStatements');
  return by.length === 0 && !named
    ? '@approveStatements must say who: "write by 1 of Group::\\"dba\\"", or @approvals beside it.'
    : { approveStatements: { kinds: [...new Set(kinds)].sort(), by } };
}

export function readLiterals(value: string): SessionControls | string {
  if (value === 'keep') return {};
  return value === 'hash' || value === 'drop'
    ? { literals: value }
    : '@literals must be "keep", "hash" or "drop".';
}

/** A hundred years: what is to be kept longer is kept for ever. */
export const LONGEST_KEEP_SECONDS = 36_500 * 86_400;

export function readKeepRecording(value: string): SessionControls | string {
  if (value === 'forever') return { keepRecordingSeconds: null };
  try {
    return { keepRecordingSeconds: parseDuration(value, '@keepRecording', LONGEST_KEEP_SECONDS) };
  } catch (error) {
    return `@keepRecording must be a duration such as "365d", or "forever": ${messageOf(error)}`;
  }
}

export function mergeSessionControls(all: readonly SessionControls[]): SessionControls {
  const merged: SessionControls = {};
  const maxRows = smallest(all.map((one) => one.maxRows));
  if (maxRows !== undefined) merged.maxRows = maxRows;
  const maxBytes = smallest(all.map((one) => one.maxBytes));
  if (maxBytes !== undefined) merged.maxBytes = maxBytes;
  const approved = all.flatMap((one) => one.approveStatements ?? []);
  if (approved.length > 0)
    merged.approveStatements = {
      kinds: [...new Set(approved.flatMap((one) => one.kinds))].sort(),
      by: mergeStages(approved.map((one) => one.by)),
    };
  const literals = all.flatMap((one) => one.literals ?? []);
  if (literals.length > 0) merged.literals = literals.includes('drop') ? 'drop' : 'hash';
  // To keep longer is the stricter; null is for ever.
  const kept = all.flatMap(({ keepRecordingSeconds: seconds }) => (seconds === undefined ? [] : [seconds]));
  if (kept.length > 0)
    merged.keepRecordingSeconds = kept.reduce((a, b) => (a === null || b === null ? null : Math.max(a, b)));
  return merged;
}

function smallest(all: readonly (number | undefined)[]): number | undefined {
  const known = all.flatMap((one) => one ?? []);
  return known.length === 0 ? undefined : Math.min(...known);
}

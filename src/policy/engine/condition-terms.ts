// The ends of a condition: what it speaks of (`the duration`, `their account type`) and the values that it names.

import { describeDuration } from '../../base/duration.ts';
import { isRecord, literalOf, parseCedarDurationMs } from './expressions.ts';

export const CONTEXT: Record<string, string> = {
  duration: 'the duration',
  sourceIp: 'the source address',
  localTime: 'the local time',
  dayOfWeek: 'the day',
  now: 'the time',
  task: 'the task',
  purpose: 'the reason',
  ticket: 'the ticket',
  mfaAge: 'their last strong sign-in',
};
export const OF_PRINCIPAL: Record<string, string> = {
  id: 'id',
  name: 'name',
  kind: 'kind',
  accountType: 'account type',
  title: 'title',
  managerId: 'manager',
  sponsorId: 'sponsor',
};
export const OF_TARGET: Record<string, string> = { kind: 'kind', sensitivity: 'sensitivity', owner: 'owner' };
const DAYS: Record<string, string> = {
  mon: 'Monday',
  tue: 'Tuesday',
  wed: 'Wednesday',
  thu: 'Thursday',
  fri: 'Friday',
  sat: 'Saturday',
  sun: 'Sunday',
};
export interface Attribute {
  owner: 'principal' | 'target' | 'requester' | 'context';
  attr: string;
}

// `context.requester.managerId == principal.id`
export function relationOf(one: Attribute | null, other: Attribute | null): string | null {
  if (one?.owner !== 'requester' || other?.owner !== 'principal' || other.attr !== 'id') return null;
  if (one.attr === 'managerId') return 'the requester’s manager';
  if (one.attr === 'sponsorId') return 'the requester’s sponsor';
  return one.attr === 'id' ? 'the requester' : null;
}

export function subjectOf(node: unknown): string | null {
  const of = attributeOf(node);
  if (of === null) return null;
  if (of.owner === 'context') return CONTEXT[of.attr] ?? null;
  const name = (of.owner === 'target' ? OF_TARGET : OF_PRINCIPAL)[of.attr];
  if (name === undefined) return null;
  return of.owner === 'principal' ? `their ${name}` : `the ${of.owner}’s ${name}`;
}

export function attributeOf(node: unknown): Attribute | null {
  if (!isRecord(node) || !isRecord(node['.'])) return null;
  const { left, attr } = node['.'];
  const owner = ownerOf(left);
  return owner === null || typeof attr !== 'string' ? null : { owner, attr };
}

export function ownerOf(node: unknown): Attribute['owner'] | null {
  if (isVar(node, 'principal')) return 'principal';
  if (isVar(node, 'resource')) return 'target';
  if (isVar(node, 'context')) return 'context';
  return contextName(node) === 'requester' ? 'requester' : null;
}

export function contextName(node: unknown): string | null {
  if (!isRecord(node) || !isRecord(node['.'])) return null;
  const { left, attr } = node['.'];
  return isVar(left, 'context') && typeof attr === 'string' ? attr : null;
}

export function isVar(node: unknown, name: string): boolean {
  return isRecord(node) && node.Var === name;
}

export function setOf(node: unknown): unknown[] | null {
  return isRecord(node) && Array.isArray(node.Set) ? node.Set : null;
}

export function entityOf(node: unknown): { type: string; id: string } | null {
  if (!isRecord(node) || !isRecord(node.Value) || !isRecord(node.Value.__entity)) return null;
  const { type, id } = node.Value.__entity;
  return { type: String(type), id: String(id) };
}

/** `describeDuration` rounds to two units; a sentence that stands for a policy must not. */
export function exactDuration(seconds: number): string {
  const [d, h, m, s] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const units = [d, h, m, s].filter((count) => count > 0).length;
  return units <= 2 ? describeDuration(seconds) : `${seconds.toLocaleString('en')} s`;
}

export function dayName(id: string): string {
  return DAYS[id] ?? id;
}

export function literalText(node: unknown): string | null {
  if (!isRecord(node)) return null;
  const named = entityOf(node);
  if (named !== null) return named.type === 'Day' ? dayName(named.id) : named.id;
  if (typeof node.Value === 'string') return JSON.stringify(node.Value);
  if (typeof node.Value === 'number') return String(node.Value);
  const ms = parseCedarDurationMs(node);
  if (ms !== null) return ms >= 0 && ms % 1000 === 0 ? exactDuration(ms / 1000) : null;
  return literalOf(node, 'ip') ?? literalOf(node, 'datetime');
}

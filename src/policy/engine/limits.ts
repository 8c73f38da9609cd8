// How much anybody may hold, as policies write it: `3 active per person in prod; 8h a week per person`. What is held
// already is a fact of the decision, so that a replay comes to the same.

import { describeDuration, formatDuration, parseDuration } from '../../base/duration.ts';
import { messageOf } from '../../base/errors.ts';
import type { Limit, LimitUse } from './facts.ts';

const MOST_LIMITS = 10;
const MOST_ACTIVE = 100_000;

const PLACE = '( per person)?(?: in ([a-z0-9][a-z0-9-]{0,62}(?:/[a-z0-9][a-z0-9-]{0,62}){0,9}))?';
const ACTIVE = new RegExp(`^(\\d{1,6}) active${PLACE}$`);
const WEEKLY = new RegExp(`^(\\S{1,20}) a week${PLACE}$`);

/** The limits in a fixed order, or what is wrong in words. */
export function readLimits(value: string): Limit[] | string {
  const limits: Limit[] = [];
  for (const part of value.split(';')) {
    const limit = readLimit(part.trim());
    if (typeof limit === 'string') return limit;
    if (limits.some((one) => limitKey(one) === limitKey(limit)))
      return `@limits names "${limitKey(limit)}" twice.`;
    limits.push(limit);
  }
  return limits.length > MOST_LIMITS ? `@limits has more than ${MOST_LIMITS} limits.` : mergeLimits([limits]);
}

function readLimit(text: string): Limit | string {
  const active = ACTIVE.exec(text);
  const found = active ?? WEEKLY.exec(text);
  if (found === null) {
    return `@limits: "${text}" is not a limit. Write: 3 active per person in prod; 40h a week in prod/eu.`;
  }
  const [, amount = '', perPerson, segment = null] = found;
  const where = { perPerson: perPerson !== undefined, segment };
  if (active !== null) {
    const most = Number(amount);
    return most >= 1 && most <= MOST_ACTIVE
      ? { kind: 'active', ...where, most }
      : `@limits: 1 to ${MOST_ACTIVE} grants; to allow none, write a forbid.`;
  }
  try {
    return { kind: 'weekly', ...where, most: parseDuration(amount, '@limits') };
  } catch (error) {
    return `@limits: ${messageOf(error)}`;
  }
}

/** All limits of all lists; of those that count the same, the smallest. */
export function mergeLimits(lists: readonly (readonly Limit[])[]): Limit[] {
  const merged = new Map<string, Limit>();
  for (const limit of lists.flat()) {
    const known = merged.get(limitKey(limit));
    if (known === undefined || limit.most < known.most) merged.set(limitKey(limit), limit);
  }
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, limit]) => limit);
}

/** What a limit counts, without how much: `active per person in prod`. */
export function limitKey({ kind, perPerson, segment }: Limit): string {
  return `${kind === 'active' ? 'active' : 'a week'}${perPerson ? ' per person' : ''}${segment === null ? '' : ` in ${segment}`}`;
}

/** `3 active per person in prod`, as it is written. */
export function limitText(limit: Limit): string {
  return `${limit.kind === 'active' ? limit.most : formatDuration(limit.most)} ${limitKey(limit)}`;
}

/** `2 of 3 active per person in prod`, `1 h of 8 h a week`; what is not known counts as nothing. */
export function usedText(limit: Limit, use: readonly LimitUse[]): string {
  const used = usedOf(limit, use);
  return limit.kind === 'active'
    ? `${used} of ${limit.most} ${limitKey(limit)}`
    : `${describeDuration(used)} of ${describeDuration(limit.most)} ${limitKey(limit)}`;
}

export function usedOf(limit: Limit, use: readonly LimitUse[]): number {
  return use.find((one) => one.limit === limitKey(limit))?.used ?? 0;
}

/** Seconds that would still fit under a weekly limit; null for the other kind, or where the use is not known. */
export function leftOf(limit: Limit, use: readonly LimitUse[]): number | null {
  const known = limit.kind === 'weekly' && use.some((one) => one.limit === limitKey(limit));
  return known ? Math.max(0, limit.most - usedOf(limit, use)) : null;
}

/** Those that a further grant of `durationSeconds` would break. */
export function brokenLimits(
  limits: readonly Limit[],
  use: readonly LimitUse[],
  durationSeconds: number,
): Limit[] {
  return limits.filter((limit) => {
    if (!use.some((one) => one.limit === limitKey(limit))) return false;
    return usedOf(limit, use) + (limit.kind === 'active' ? 1 : durationSeconds) > limit.most;
  });
}

/** One sentence on a limit that is reached. */
export function brokenText(limit: Limit, use: readonly LimitUse[], durationSeconds: number): string {
  const asked = limit.kind === 'active' ? 'one more' : describeDuration(durationSeconds);
  return `The limit is reached: ${usedText(limit, use)} ${limit.kind === 'active' ? 'are held' : 'is taken'} already, and this asks for ${asked}.`;
}

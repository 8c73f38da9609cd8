// A pack is the files of one segment, `packs/prod/eu/orders/….cedar`, kept by the group that owns the segment. Nothing in
// it may reach outside: that is checked on each policy's scope, where conditions can only make it narrower.

import { type Action, PLATFORM_ACTIONS } from './facts.ts';

const PACK_FILE =
  /^packs\/([a-z0-9][a-z0-9-]{0,62}(?:\/[a-z0-9][a-z0-9-]{0,62}){0,9})\/[a-z0-9][a-z0-9._-]{0,99}\.cedar$/;
const PLAIN_FILE = /^[a-z0-9][a-z0-9._-]{0,99}\.cedar$/;

/** The segment whose pack the file is of; null for a file of the whole installation. */
export function packOf(file: string): string | null {
  return PACK_FILE.exec(file)?.[1] ?? null;
}

export function isPolicyFileName(file: string): boolean {
  return PLAIN_FILE.test(file) || PACK_FILE.test(file);
}

/** Why a policy may not stand in the pack of `segment`, in words; empty when it may. */
export function packProblems(
  segment: string,
  rule: { actions: readonly Action[]; resource: { key: string } },
): string[] {
  const { key } = rule.resource;
  const inside = key === `Segment::${segment}` || key.startsWith(`Segment::${segment}/`);
  const platform = PLATFORM_ACTIONS.filter((action) => rule.actions.includes(action));
  return [
    ...(inside
      ? []
      : [
          `A policy of this pack must be about resource in Segment::"${segment}" or below, in its scope and not only in a condition.`,
        ]),
    ...(platform.length === 0
      ? []
      : [`A policy of a pack must name its actions, and none on Sallyport itself (${platform.join(', ')}).`]),
  ];
}
